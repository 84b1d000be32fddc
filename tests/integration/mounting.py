# SPDX-License-Identifier: Apache-2.0
"""secretsfs as the tests run it: a place to mount at, a daemon in the foreground, and what its log must not hold."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

from util import HERE, PATIENCE, run, run_read, wait_until

BINARY = os.environ.get("SECRETSFS_BIN", str(HERE.parents[1] / "build/cli/secretsfs"))
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|runtime error:")


def mounts():
    """{mountpoint: type} of this mount namespace."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return {line.split(" ")[4]: line.split(" - ")[1].split(" ")[0] for line in lines}


def daemons(mountpoint):
    """Process ids of secretsfs daemons on a mountpoint."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes().split(b"\0")
            if b"secretsfs" in words[0] and os.fsencode(mountpoint) in words:
                found.append(int(entry.parent.name))
    return found


@contextlib.contextmanager
def device_for_all(device="/dev/fuse"):
    """Makes /dev/fuse everybody's as long as any test wants it, of those that run at the same time: the last one
    restores the mode. Locks are used, since they end with a process that is killed."""
    folder = pathlib.Path(BINARY).parents[1]
    with open(folder / "fuse-turn", "a", encoding="utf-8") as turn, \
            open(folder / "fuse-users", "a+", encoding="utf-8") as users:
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        mode = stat.S_IMODE(os.stat(device).st_mode)
        if mode != 0o666:
            users.truncate(0)
            print(mode, file=users, flush=True)
            os.chmod(device, 0o666)
        fcntl.flock(turn, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(turn, fcntl.LOCK_EX)
            with contextlib.suppress(BlockingIOError):  # others still want it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                users.seek(0)
                saved = users.read()
                if saved:
                    os.chmod(device, int(saved))
                users.truncate(0)


class Place:
    """A directory of its own with a mountpoint in it, for one secretsfs."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="secretsfs-"))  # short: the path of a socket has to fit
        self.home.chmod(0o755)  # other users may try
        self.mountpoint = self.home / "secrets"
        self.mountpoint.mkdir()

    def give_to(self, user):
        for path in (self.home, self.mountpoint):
            os.chown(path, user, user)

    def clear(self):
        """Whatever is left there goes."""
        for daemon in daemons(self.mountpoint):
            os.kill(daemon, signal.SIGKILL)
        while str(self.mountpoint) in mounts() and run("umount", "-l", self.mountpoint).returncode == 0:
            pass
        shutil.rmtree(self.home, ignore_errors=True)

    def environment(self, **extra):
        """One without any AWS_* of the caller, with a home of its own."""
        kept = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")
        return {**{name: os.environ[name] for name in kept if name in os.environ}, "HOME": str(self.home),
                "LC_ALL": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true", **extra}

    def write_local(self, secrets):
        """The file of a local backend, written anew."""
        path = self.home / "local.json"
        text = secrets if isinstance(secrets, str) else json.dumps(secrets)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Mount:
    """A secretsfs in the foreground on a mountpoint of its own."""

    def __init__(self, place, options, environment, user=None):
        self.place, self.path = place, place.mountpoint
        self.log_path = place.home / "log"
        self.ended = False  # as a test wanted
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify_path = str(place.home / "notify")
        self.notify.bind(notify_path)
        os.chmod(notify_path, 0o666)
        ids = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [BINARY, *self.command(list(map(str, options)))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env={**environment, "NOTIFY_SOCKET": notify_path}, **ids)

    def command(self, options):
        return ["mount", "-f", "--log-level", "debug", *options, str(self.path)]

    def wait_ready(self):
        """Until READY=1 has come; fails at once when the process ends."""
        death = os.pidfd_open(self.process.pid)
        try:
            while True:
                readable = select.select([self.notify, death], [], [], PATIENCE)[0]
                if self.notify not in readable:
                    raise AssertionError(f"secretsfs {'ended' if readable else 'is not ready'}:\n{self.log()}")
                if b"READY=1" in self.notify.recv(4096).split(b"\n"):
                    return self
        finally:
            os.close(death)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_log(self, *words):
        """Until one line of the log has all the words; returns it."""
        def line():
            return next((line for line in self.log().splitlines() if all(word in line for word in words)), None)
        try:
            return wait_until(line)
        except AssertionError:
            raise AssertionError(f"no line with {words} in the log:\n{self.log()}") from None

    def __truediv__(self, path):
        return self.path / path

    def status(self):
        return json.loads(run_read(self.path / ".secretsfs/status.json").stdout)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self):
        """The exit code, of a daemon that is to end."""
        self.ended = True
        return self.process.wait(PATIENCE)

    def unmount(self):
        """As a user does; the daemon must end well."""
        done = run(BINARY, "unmount", self.path)
        assert done.returncode == 0, done.stderr.decode()
        assert self.wait() == 0, self.log()
        assert str(self.path) not in mounts()

    def kill(self):
        """Whatever state it is in."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self.notify.close()

    def check_log(self, secrets):
        """No secret at any level, and no complaint of a sanitizer."""
        log = self.log_path.read_bytes()
        for secret in secrets:
            assert secret not in log, f"a secret is in the log: {secret[:12]!r}..."
        assert not SANITIZER.search(self.log()), self.log()


def leaves(value):
    """What must never be logged of a value: the whole, and each string in it that is long enough to tell."""
    if isinstance(value, str):
        yield value.encode()
        with contextlib.suppress(ValueError):
            value = json.loads(value)
            if not isinstance(value, str):
                yield from leaves(value)
    elif isinstance(value, bytes):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
