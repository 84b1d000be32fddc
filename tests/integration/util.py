# SPDX-License-Identifier: Apache-2.0
"""What the tests are written with: waiting, commands, and system calls in child processes."""

import contextlib
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 15  # seconds after which something that must happen has not


def wait_until(predicate, timeout=PATIENCE, what=None):
    """Polls until `predicate()` is true and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what or predicate}")
        time.sleep(0.002)


def run(*command, timeout=PATIENCE, **options):
    """Runs a command to its end, or kills it and fails; never waits for what cannot be killed."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    process = subprocess.Popen([str(word) for word in command], **options)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=2)
        raise AssertionError(f"not within {timeout} s: {command}") from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def children(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text(encoding="utf-8").split()]


def run_read(path, timeout=PATIENCE):
    return run("cat", path, timeout=timeout)


@contextlib.contextmanager
def readers(*paths):
    """A `cat` for each path, running; killed at the end."""
    started = [subprocess.Popen(["cat", str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE) for path in paths]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=5)


class FsError(Exception):
    """A system call failed; `errno` is the name, "ENOENT"."""

    def __init__(self, errno, what):
        super().__init__(f"{what}: {errno}")
        self.errno = errno


class Worker:
    """System calls in a child process (worker.py), by default as the user who runs the tests."""

    def __init__(self, uid=None, gid=None):
        ids = {} if uid is None else {"user": uid, "group": gid if gid is not None else uid, "extra_groups": []}
        self.process = subprocess.Popen([sys.executable, "-I", "-S", str(HERE / "worker.py")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, cwd="/", env={"LC_ALL": "C.UTF-8"}, **ids)

    def call(self, function, *args):
        """A function of os or worker.py; raises FsError, and fails when it does not return in time."""
        request = json.dumps([function, [str(arg) if isinstance(arg, pathlib.Path) else arg for arg in args]])
        try:
            self.process.stdin.write(request.encode() + b"\n")
            self.process.stdin.flush()
            if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise AssertionError(f"not within {PATIENCE} s: {request}")
            answer = json.loads(self.process.stdout.readline())
        except BaseException:  # also when the test is broken off: the answer must not be taken for that of the next
            self.close()
            raise
        if "errno" in answer:
            raise FsError(answer["errno"], request)
        return answer["value"]

    def errno(self, function, *args):
        """Name of the errno with which the call fails, or None when it succeeds."""
        try:
            self.call(function, *args)
        except FsError as error:
            return error.errno
        return None

    def read(self, path):
        return self.call("read_file", path).encode("latin-1")

    def read_errno(self, path):
        return self.errno("read_file", path)

    def list(self, path):
        """Names in a directory, without those that secretsfs itself adds."""
        own = {".secretsfs", ".versions"}
        return sorted(name for name in self.call("listdir", path) if name not in own and not name.startswith(".."))

    def stat(self, path):
        return self.call("stat_of", path)

    def tree(self, top):
        """{path below top: bytes} of all files, found by walking, without what secretsfs itself adds."""
        found, todo = {}, [""]
        while todo:
            below = todo.pop()
            assert below.count("/") < 100, "the tree has no end"
            for name in self.list(os.path.join(top, below)):
                path = os.path.join(below, name)
                kind = self.stat(os.path.join(top, path))["st_mode"] & 0o170000
                if kind == 0o040000 or kind == 0o120000 and not self.errno("listdir", os.path.join(top, path)):
                    todo.append(path)
                else:
                    found[path] = self.read(os.path.join(top, path))
        return found

    def close(self):
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        self.process.stdin.close()
        self.process.stdout.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(directory):
    """A certificate for localhost (and not for 127.0.0.1) and its key, as PEM files; it is its own authority."""
    certificate, key = pathlib.Path(directory) / "certificate.pem", pathlib.Path(directory) / "key.pem"
    done = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
               "-keyout", key, "-out", certificate)
    assert done.returncode == 0, done.stderr.decode()
    return str(certificate), str(key)


def time_to_end(process, number):
    """Seconds from a signal to the end of a process."""
    begin = time.monotonic()
    process.send_signal(number)
    process.wait(PATIENCE)
    return time.monotonic() - begin
