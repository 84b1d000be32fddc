# SPDX-License-Identifier: Apache-2.0
"""secretsfs health: says in time whether a mount can be read, and never hangs itself."""

import os
import pathlib
import resource
import signal
import time

import pytest

import refusing
import util
from mounting import BINARY

SECRET = {"key": "a value that no health check may print"}


def health(mounted, *options, **extra):
    done = util.run(BINARY, "health", *options, getattr(mounted, "path", mounted), **extra)
    assert not done.stdout and b"a value that" not in done.stderr
    assert done.stderr.count(b"\n") == (1 if done.returncode else 0)
    assert done.returncode in (0, 1)
    return done.stderr.decode()


def fails_in_time(mounted, *options):
    """The reason; the check takes a second, and not much longer."""
    begin = time.monotonic()
    reason = health(mounted, "--timeout", "1s", *options)
    assert 0.9 < time.monotonic() - begin < 2 and reason
    return reason


def checks(mounted):
    """Processes of `secretsfs health` for this mount."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"health" in words and os.fsencode(mounted.path) in words:
            found.append(entry.parent.name)
    return found


def test_a_good_mount(fake, mount, fs):
    fake.put_many({"prod/db": SECRET, "flat": "a value that is flat"})
    mounted = mount(fake)
    assert not health(mounted)
    assert fake.count("GetSecretValue") == 0
    required = ("--require", "prod/db", "--require", "prod/db/key", "--require", "flat")
    assert not health(mounted, *required)
    asked = len(fake.calls())
    for _ in range(5):
        assert not health(mounted, *required)
    assert len(fake.calls()) == asked, "a check of what is warm must cost nothing"


def test_an_arn_may_be_required(fake, mount):
    fake.put("prod/db", SECRET)
    assert not health(mount(fake), "--require", fake.arn("prod/db"))


def test_what_is_required_and_not_there(fake, mount):
    fake.put_many({"prod/db": SECRET, "prod/denied": SECRET})
    fake.user("AKIAHALF", "secret key for half of it", allow={"GetSecretValue": ["prod/db*"], "ListSecrets": ["*"]})
    mounted = mount(fake, key="AKIAHALF")
    assert not health(mounted, "--require", "prod/db")
    assert '"prod/db/none": there is no' in health(mounted, "--require", "prod/db", "--require", "prod/db/none")
    assert '"prod/denied": AWS denies' in health(mounted, "--require", "prod/denied")
    assert "prod/x\\x1b" in health(mounted, "--require", "prod/x\x1b[1m")


def test_another_user(mount, fs_as):
    mounted = mount({"prod/db": SECRET})
    if os.geteuid() == 0:
        assert "owner" in health(mounted, user=12345, group=12345, extra_groups=[])


def test_a_cold_secret_of_a_hung_server(fake, mount):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--timeout", "1m")
    fake.fault("hang")
    assert not health(mounted)
    assert '"prod/db": it could not be read in time' in fails_in_time(mounted, "--require", "prod/db")
    assert not checks(mounted)


def test_a_warm_secret_of_a_hung_server(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--timeout", "1m")
    fs.read(mounted / "prod/db/key")
    fake.fault("hang")
    assert not health(mounted, "--require", "prod/db/key")


def test_a_stopped_daemon(mount, fs):
    mounted = mount({"prod/db": SECRET})
    fs.read(mounted / "prod/db/key")
    mounted.signal(signal.SIGSTOP)
    try:
        for options in ((), ("--require", "prod/db")):
            assert "does not answer" in fails_in_time(mounted, *options)
            util.wait_until(lambda: not checks(mounted))
    finally:
        mounted.signal(signal.SIGCONT)
    assert not health(mounted)


def test_where_pidfd_open_is_refused(mount):
    """As by the seccomp profile of older container systems."""
    mounted = mount({"prod/db": SECRET})
    for _ in range(5):
        assert not health(mounted, "--require", "prod/db", preexec_fn=refusing.refuse(refusing.PIDFD_OPEN))


@pytest.mark.skipif("os.geteuid() != 0", reason="only root can become another user, who is limited")
@pytest.mark.skipif("asan" in BINARY, reason="LeakSanitizer starts a process of its own")
def test_where_no_process_can_be_started(mount):
    mounted = mount({"prod/db": SECRET}, "--uid", "12345")

    def limit():
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))

    reason = health(mounted, user=12345, group=12345, extra_groups=[], preexec_fn=limit)
    assert "limit of processes" in reason and "pids.max" in reason


def test_a_dead_mount(mount):
    mounted = mount({"prod/db": SECRET})
    mounted.signal(signal.SIGKILL)
    mounted.wait()
    assert "is dead" in health(mounted) and "unmount --lazy" in health(mounted)


def test_no_mount_at_all(place):
    (place.mountpoint / ".secretsfs").mkdir()
    assert "no secretsfs is mounted" in health(place.mountpoint)
    (place.mountpoint / ".secretsfs/status.json").write_text("{}", encoding="utf-8")
    assert "no secretsfs is mounted" in health(place.mountpoint)  # files that look like it are not enough
    assert "No such file" in health(place.home / "none")


@pytest.mark.parametrize("words", [[], ["a", "b"], ["--timeout", "0", "a"], ["--timeout", "soon", "a"],
                                   ["--require", "", "a"], ["--json", "a"]])
def test_bad_command_lines(words):
    done = util.run(BINARY, "health", *words)
    assert done.returncode == 2 and done.stderr.startswith(b"secretsfs: ")
