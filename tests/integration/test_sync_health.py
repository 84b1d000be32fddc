# SPDX-License-Identifier: Apache-2.0
"""secretsfs health and status of a directory that `secretsfs sync` keeps."""

import json
import os
import signal
import time

import pytest

import syncing
import util
from mounting import BINARY
from syncing import DB, QUICK
from test_health import health


def status(directory, *options):
    return util.run(BINARY, "status", *options, directory)


def ended(synced):
    """Killed, so that its files are still there."""
    synced.kill()
    synced.ended = True


def test_while_it_runs(fake, sync):
    fake.put_many({"prod/db": DB, "flat": "a value that is flat"})
    synced = sync(fake, "--secret", "prod/db", "--secret", "flat")
    asked = len(fake.calls())
    assert not health(synced)
    assert not health(synced, "--require", "prod/db", "--require", "prod/db/user", "--require", "flat")
    assert len(fake.calls()) == asked
    assert '"prod/none": there is no' in health(synced, "--require", "prod/none")


def test_with_atomic(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--atomic")
    assert not health(synced, "--require", "prod/db", "--require", "prod/db/user")


def test_looking_does_not_hinder(fake, sync):
    """Nobody else's look is taken for a sync, nor does it keep one from beginning."""
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db")
    with open(synced / ".secretsfs/lock", "rb"):
        ended(synced)
        assert "no secretsfs sync runs" in health(synced)
        again = syncing.Sync(synced.place, ("--secret", "prod/db"), synced.environment).wait_ready()
        sync.made.append(again)
    assert not health(again)


@pytest.mark.parametrize("how", ["killed", "kept"])
def test_nobody_keeps_it(fake, sync, how):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--keep")
    if how == "killed":
        ended(synced)
    else:
        synced.unmount()
    assert (synced / "prod/db/user").exists()
    reason = health(synced, "--require", "prod/db")
    assert "no secretsfs sync runs" in reason and f"secretsfs sync --to {synced.path}" in reason
    done = status(synced.path)
    assert done.returncode == 1 and not done.stdout and b"no secretsfs sync runs" in done.stderr


def test_it_has_removed_everything(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db")
    synced.unmount()
    assert "no secretsfs is mounted there, or keeps it" in health(synced)


def test_it_is_silent(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", *QUICK)
    synced.signal(signal.SIGSTOP)
    try:
        assert not health(synced)
        os.utime(synced / ".secretsfs/lock", (time.time() - 60,) * 2)
        reason = health(synced, "--require", "prod/db")
        assert "silent for more than 30 s" in reason and "start it again" in reason
        assert status(synced.path).returncode == 1
    finally:
        synced.signal(signal.SIGCONT)
    util.wait_until(lambda: not util.run(BINARY, "health", synced.path).returncode)


def test_it_goes_on_telling(fake, sync):
    """Also where there is nothing to check."""
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--poll", "0")
    before = os.stat(synced / ".secretsfs/lock").st_mtime_ns
    util.wait_until(lambda: os.stat(synced / ".secretsfs/lock").st_mtime_ns > before + 5 * 10**9, timeout=20)


def test_while_something_is_missing(fake, sync):
    """An outage at the start; what is denied, or does not exist, is an answer."""
    fake.put_many({"prod/db": DB, "prod/other": {"k": "of the other one"}})
    fake.fault("status", secret="prod/other")
    synced = sync(fake, "--secret", "prod/db", "--secret", "prod/other", "--secret", "prod/none",
                  "--timeout", "300ms", ready=False)
    synced.wait_log("cannot read", "prod/other")
    assert "not everything is there yet" in health(synced, "--require", "prod/db")
    assert status(synced.path).returncode == 0
    fake.clear()
    synced.wait_ready()
    assert not health(synced, "--require", "prod/db")


def test_a_stale_secret_is_a_good_one(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--timeout", "300ms", *QUICK)
    fake.fault("status")
    util.wait_until(lambda: b"stale" in status(synced.path).stdout)
    assert not health(synced, "--require", "prod/db")


def test_after_once(fake, sync):
    """Nobody need keep it."""
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--once", ready=False)
    assert synced.wait() == 0
    assert not health(synced) and not health(synced, "--require", "prod/db")
    assert '"prod/none": there is no' in health(synced, "--require", "prod/none")
    assert b"all there, once" in status(synced.path).stdout


def test_the_table(fake, sync):
    version = fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--poll", "1m")
    done = status(synced.path)
    assert done.returncode == 0 and not done.stderr
    head, *_, last = done.stdout.decode().splitlines()
    assert head.startswith(f"sync      {synced.path}: all there, up for ") and " 0 failed" in head
    cells = last.split()
    assert cells[:2] == ["prod/db", version[:8]] and cells[-2:] == ["yes", "ok"] and "s" in cells[2] and "s" in cells[3]
    assert json.loads(status(synced.path, "--json").stdout) == synced.status()


@pytest.mark.skipif("os.geteuid() != 0", reason="only root can become another user")
def test_another_user(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db")
    assert "runs its sync" in health(synced, user=12345, group=12345, extra_groups=[])


def test_a_hung_file_system_ends_in_time(place):
    """What has been put in the place of the status blocks nobody."""
    own = place.mountpoint / ".secretsfs"
    own.mkdir()
    os.mkfifo(own / "lock")
    os.mkfifo(own / "status.json")
    begin = time.monotonic()
    assert "no secretsfs sync runs" in health(place.mountpoint) and time.monotonic() - begin < 2
