# SPDX-License-Identifier: Apache-2.0
"""`secretsfs sync` as the tests run it: on a tmpfs of its own."""

import contextlib
import os
import signal

import pytest

import mounting
from util import run, wait_until

QUICK = ("--poll", "100ms")
DB = {"password": "not rotated yet", "user": "app", "pool": {"limit": 20}}
DB_PATHS = [".raw", "password", "pool", "pool/.raw", "pool/limit", "user"]
BOTH = pytest.mark.parametrize("how", [(), ("--atomic",)], ids=["one by one", "atomic"])


def in_db(paths=DB_PATHS):
    return ["prod", "prod/db", *(f"prod/db/{path}" for path in paths)]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def eventually(path, expected):
    """Until the file has these bytes (None: until there is none)."""
    def found():
        try:
            return read(path) == expected
        except OSError:
            return expected is None
    wait_until(found, what=f"{path} is {expected!r}")


class Sync(mounting.Mount):
    """A sync that goes on until it is stopped. Other than a mount it needs its own end to leave nothing behind."""

    def __init__(self, place, options, environment, user=None):
        owner = f"uid={user},gid={user}," if user is not None else ""
        if str(place.mountpoint) not in mounting.mounts():
            done = run("mount", "-t", "tmpfs", "-o", f"{owner}mode=0755,size=8m", "tmpfs", place.mountpoint)
            assert done.returncode == 0, done.stderr.decode()
        self.environment = environment
        self.keeps = "--keep" in options or "--once" in options
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place.home / "notify")  # of the one before
        super().__init__(place, options, environment, user)

    def command(self, options):
        return ["sync", "--to", str(self.path), "--log-level", "debug", *options]

    def unmount(self):
        self.signal(signal.SIGTERM)
        assert self.wait() == 0, self.log()
        assert self.keeps or os.listdir(self.path) == [], self.log()


def paths(top):
    """All that is below a directory but what marks it."""
    return sorted(os.path.relpath(os.path.join(folder, name), top) for folder, folders, files in os.walk(top)
                  for name in folders + files if ".secretsfs" not in os.path.join(folder, name).split(os.sep))
