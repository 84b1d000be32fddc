"""What the benches need around them: a fake Secrets Manager in a process of its own, mounts, a tmpfs."""

import json
import os
import re
import select
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PATIENCE = 30


def wait_until(predicate, timeout=PATIENCE):
    end = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout} s")
        time.sleep(0.01)


class Server:
    """tests/fake/server.py in a process, without checks of signatures, which would cost more than the rest of it."""

    def __init__(self):
        command = [sys.executable, TESTS / "fake/server.py", "--no-verify"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.environment = dict(self.process.stdout.readline().strip().split("=", 1) for _ in range(4))
        self.url = self.environment["AWS_ENDPOINT_URL"]

    def control(self, **calls):
        """Calls methods of FakeServer: control(put={"name": …, "value": …})."""
        request = urllib.request.Request(self.url + "/_control", json.dumps(calls).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def latency(self, seconds):
        self.control(clear={}, fault={"kind": "latency", "action": "GetSecretValue", "seconds": seconds})

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Mount:
    """A secretsfs in the foreground; after creation it has said that it is ready, `ready_seconds` after its start."""

    def __init__(self, binary, folder, server, *options):
        self.binary, self.path = binary, folder / "mount"
        self.path.mkdir(exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **server.environment}
        notify_path = folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(folder / "log", "ab") as log:
            notify.bind(str(notify_path))
            command = [binary, "mount", "-f", *options, self.path]
            begin = time.monotonic()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**environment, "NOTIFY_SOCKET": str(notify_path)})
            try:
                self._wait_ready(notify)
                self.ready_seconds = time.monotonic() - begin
            except BaseException:
                self.process.kill()
                sys.stderr.write((folder / "log").read_text())
                raise
            finally:
                notify_path.unlink()

    def _wait_ready(self, notify):
        while select.select([notify], [], [], PATIENCE)[0]:
            if b"READY=1" in notify.recv(4096):
                return
        raise TimeoutError("the mount is not ready")

    def status(self):
        return json.loads((self.path / ".secretsfs/status.json").read_bytes())

    def wait_names(self, timeout):
        wait_until(lambda: self.status()["names"]["state"] == "complete", timeout)

    def memory(self, field):
        """VmRSS, VmHWM or RssAnon of the daemon in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE).group(1)) * 1024

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            if os.path.ismount(self.path):
                subprocess.run(["umount", "-l", self.path], check=False)


class Tmpfs:
    """A tmpfs beside the mount, so that paths into both have the same depth."""

    def __init__(self, folder):
        self.path = folder / "tmpfs"
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec", "tmpfs", self.path], check=True)

    def write(self, name, value):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value)
        return path

    def stop(self):
        subprocess.run(["umount", self.path], check=True)
