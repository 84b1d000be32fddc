# SPDX-License-Identifier: Apache-2.0
"""What the kernel does by itself: warm reads that cost the daemon nothing, and writes that nobody may make."""

import os
import pathlib
import re

import pytest

import util

SECRETS = {"prod/db": {"user": "the user", "password": "the password", "nested": {"deep": "value"}}, "plain": "text"}
FILES = ["prod/db/user", "prod/db/password", "prod/db/nested/deep", "prod/db/.raw", "plain/value"]


@pytest.fixture
def mounted(fake, mount):
    fake.put_many(SECRETS)
    made = mount(fake)
    util.wait_until(lambda: made.status()["names"]["state"] == "complete")
    return made


def test_warm_reads_cost_the_daemon_nothing(mounted, fs):
    paths = [str(mounted / path) for path in FILES]
    first = fs.call("read_many", paths)
    for path in paths:
        fs.stat(path)
    before = mounted.status()["requests"]
    assert before["total"] > 0
    assert fs.call("read_many", paths, 100) == first
    for path in paths * 2:
        fs.stat(path)
    assert util.run("cat", *paths).stdout.decode() == "".join(first)
    assert mounted.status()["requests"] == before


def test_warm_listings_cost_the_daemon_nothing(mounted, fs):
    directories = [mounted.path, mounted / "prod", mounted / "prod/db", mounted / "prod/db/nested"]
    first = [[fs.list(path) for path in directories] for _ in range(3)][2]
    before = mounted.status()["requests"]
    for _ in range(3):
        assert [fs.list(path) for path in directories] == first
    assert mounted.status()["requests"] == before


def test_open_is_not_sent(mounted, fs):
    for path in FILES:
        fs.read(mounted / path)
    requests = mounted.status()["requests"]
    assert requests["open"] <= 1 and requests["opendir"] <= 1  # the one that was answered ENOSYS


def test_asking_for_the_status_is_not_counted(mounted):
    before = mounted.status()["requests"]
    for _ in range(10):
        assert mounted.status()["requests"] == before


def test_each_look_at_the_status_is_a_new_one(mounted, fs):
    assert mounted.status()["secrets"] == []
    fs.read(mounted / "plain/value")
    assert [secret["name"] for secret in mounted.status()["secrets"]] == ["plain"]


OLD, NEW, DIRECTORY = "prod/db/password", "prod/db/new", "prod/db"
WRITES = [
    *(("close_opened", OLD, flags) for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_APPEND, os.O_TRUNC,
                                                 os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_CREAT)),
    *(("close_opened", path, os.O_WRONLY | os.O_CREAT) for path in (NEW, "new-secret")),
    ("map_shared", OLD), ("truncate", OLD, 0), ("truncate", OLD, 100), ("unlink", OLD), ("mkdir", NEW),
    ("mkdir", "new-prefix"), ("rmdir", DIRECTORY), ("rename", OLD, NEW), ("rename", DIRECTORY, "prod/renamed"),
    ("link", OLD, NEW), ("symlink", "anything", NEW), ("mknod", NEW), ("mkfifo", NEW), ("chmod", OLD, 0o600),
    ("chmod", DIRECTORY, 0o700), ("chown", OLD, 1, 1), ("utime", OLD, None), ("set_xattr", OLD, "user.mine"),
    ("removexattr", OLD, "user.secretsfs.arn"),
]


@pytest.mark.skipif(os.geteuid() != 0, reason="others are stopped by the file's mode already")
def test_every_write_is_refused_even_to_root(mounted, fs):
    fs.read(mounted / OLD)
    before = fs.stat(mounted / OLD)
    for function, *args in WRITES:
        below = [mounted / arg if isinstance(arg, str) and not arg.startswith(("user.", "anything")) else arg
                 for arg in args]
        assert fs.errno(function, *below) == "EROFS", (function, *args)
    assert fs.call("access", mounted / OLD, os.W_OK) is False
    assert fs.read(mounted / OLD) == b"the password"
    assert fs.stat(mounted / OLD) == before


def test_mount_flags(mounted):
    lines = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    [line] = [line for line in lines if f" {mounted.path} " in line]
    flags = line.split(" ")[5].split(",")
    assert {"ro", "nosuid", "nodev"} <= set(flags)
    assert re.search(r" - fuse\.secretsfs secretsfs ", line)


def test_programs_that_copy_and_search(mounted):
    """find, cp, grep and tar each have their own way to walk and read."""
    top, copy = mounted.path, mounted.place.home / "copy"
    done = util.run("find", top / "prod", "-type", "f", "-name", "[!.]*", "-not", "-path", "*/.versions/*")
    assert sorted(done.stdout.decode().split()) == [str(top / path) for path in (
        "prod/db/nested/deep", "prod/db/password", "prod/db/user")]
    assert util.run("cp", "-r", top / "prod", copy).returncode == 0
    assert (copy / "db/password").read_bytes() == b"the password"
    done = util.run("grep", "-rl", "the password", top / "prod", "--exclude=.raw", "--exclude-dir=.versions")
    assert done.stdout.decode() == f"{top}/prod/db/password\n"
    assert util.run("tar", "-cf", "/dev/null", "-C", top, "prod").returncode == 0
