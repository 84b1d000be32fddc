# SPDX-License-Identifier: Apache-2.0
"""`secretsfs exec` as the tests run it: by whom, from what source, and what may not be left of it."""

import contextlib
import os
import pathlib
import re
import select
import subprocess

from mounting import BINARY, SANITIZER
from server import FakeServer
from util import PATIENCE, wait_until


def field(pid, name):
    """Of /proc/PID/status."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return re.search(rf"^{name}:\s*(.*)$", text, re.MULTILINE).group(1)


def children(pid):
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(child) for child in text.split()]


def read_line(process):
    """One line of its output, in time."""
    assert select.select([process.stdout], [], [], PATIENCE)[0], "no line came"
    line = process.stdout.readline().decode()
    assert line, process.communicate(timeout=PATIENCE)[1].decode()
    return line.strip()


class Execs:
    """Runs commands by `secretsfs exec`; at the end nothing may be left."""

    def __init__(self, place, user, fake_environment):
        self.place, self.user, self.fake_environment = place, user, fake_environment
        self.runtime = place.home / "run"
        self.runtime.mkdir(0o700)
        self.started = []
        if user is not None:
            os.chown(self.runtime, user, user)
            place.give_to(user)

    def environment(self, source):
        environment = self.place.environment(XDG_RUNTIME_DIR=str(self.runtime), PATH="/usr/bin:/bin")
        # LeakSanitizer cannot trace a process that is not dumpable, unless root runs it.
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        return {**environment, **(self.fake_environment(source) if isinstance(source, FakeServer) else {})}

    def write_local(self, secrets):
        path = self.place.write_local(secrets)
        if self.user is not None:
            os.chown(path, self.user, self.user)
        return path

    def start(self, source, *words, env=None, before=(), **popen):
        """`words`: options, "--", the command. `before`: a command that runs all this."""
        options = ()
        if not isinstance(source, FakeServer):
            options = ("--local", self.write_local(source))
        ids = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        popen = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0, **ids,
                 **popen}
        environment = {**self.environment(source), **(env or {})}
        process = subprocess.Popen([str(word) for word in (*before, BINARY, "exec", *options, *words)],
                                   env=environment, cwd="/", **popen)
        self.started.append(process)
        return process

    def run(self, source, *words, stdin=b"", **more):
        process = self.start(source, *words, **more)
        out, err = process.communicate(stdin, timeout=PATIENCE)
        assert not SANITIZER.search(err.decode(errors="replace")), err.decode()
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    @staticmethod
    def supervisor(pid):
        """Of the daemon: a child of `secretsfs exec`, as the command is."""
        return wait_until(lambda: next((child for child in children(pid) if field(child, "Name") == "secretsfs"
                                        and children(child)), None))

    def inside(self):
        """Processes that have a mount of ours below the home of this test."""
        found = []
        for table in pathlib.Path("/proc").glob("[0-9]*/mountinfo"):
            with contextlib.suppress(OSError):
                lines = table.read_text(encoding="utf-8").splitlines()
                if any(str(self.place.home) in line and "secretsfs" in line.split(" - ")[1] for line in lines):
                    found.append(int(table.parent.name))
        return found

    def finish(self):
        for process in self.started:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=2)
        wait_until(lambda: not self.inside(), what="the processes have ended")
        wait_until(lambda: not os.listdir(self.runtime), what="the directory is gone")
