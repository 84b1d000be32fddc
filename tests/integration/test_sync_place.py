# SPDX-License-Identifier: Apache-2.0
"""`secretsfs sync`: its directory at the beginning, at the end, after crashes, and with others in it; and --once."""

import contextlib
import os
import signal
import stat
import threading

import pytest

import mounting
import syncing
import util
from reader import make_value
from syncing import BOTH, DB, QUICK, eventually, read
from test_torn import reading


@pytest.fixture
def tmpfs(place):
    """A place with a tmpfs on it, and a way to call sync there without a daemon."""
    assert util.run("mount", "-t", "tmpfs", "-o", "mode=0755,size=8m", "tmpfs", place.mountpoint).returncode == 0
    return place


def call(place, secrets, *options, to=None, **environment):
    return util.run(mounting.BINARY, "sync", "--to", to or place.mountpoint, "--local", place.write_local(secrets),
                    *options, env=place.environment(**environment))


# --- beginning and end ---

@BOTH
def test_the_end_removes_what_was_made_and_nothing_else(fake, sync, how):
    fake.put_many({"prod/db": DB, "prod/other": {"k": "of the other one"}})
    synced = sync(fake, "--secret", "prod/db", "--secret", "prod/other", *how)
    (synced / "prod/db/notes").write_text("of somebody else")
    (synced / "mine").mkdir()
    synced.signal(signal.SIGINT)
    assert synced.wait() == 0
    assert syncing.paths(synced.path) == ["mine", "prod", "prod/db", "prod/db/notes"]
    assert "error" not in synced.log()


@BOTH
def test_keep_and_begin_again(fake, sync, how):
    """What is still right stays as it is, down to the inode; what is not wanted any more goes."""
    fake.put_many({"prod/db": DB, "prod/old": {"k": "of the old secret"}})
    names = ("--secret", "prod/db", *how, *QUICK)
    first = sync(fake, *names, "--secret", "prod/old", "--keep")
    first.unmount()
    inodes = {path: os.stat(first / path).st_ino for path in ("prod/db/password", "prod/db/user")}
    fake.put("prod/db", {**DB, "user": "another user"})
    again = syncing.Sync(first.place, names, first.environment).wait_ready()
    sync.made.append(again)
    assert read(again / "prod/db/user") == b"another user"
    assert os.stat(again / "prod/db/password").st_ino == inodes["prod/db/password"]
    assert os.stat(again / "prod/db/user").st_ino != inodes["prod/db/user"]
    assert not (again / "prod/old").exists()


def test_from_one_way_to_the_other(fake, sync):
    fake.put("prod/db", DB)
    names = ("--secret", "prod/db", "--keep")
    synced = sync(fake, *names)
    for how in (("--atomic",), (), ("--atomic",)):
        synced.unmount()
        synced = syncing.Sync(synced.place, (*names, *how), synced.environment).wait_ready()
        sync.made.append(synced)
        assert read(synced / "prod/db/pool/limit") == b"20"
        assert os.path.islink(synced / "prod/db/password") == bool(how)
        assert ("..data" in os.listdir(synced / "prod/db")) == bool(how)
        assert "in the way" not in synced.log()


@BOTH
def test_an_outage_at_the_start_keeps_what_there_was(fake, sync, how):
    fake.put("prod/db", DB)
    names = ("--secret", "prod/db", *how)
    first = sync(fake, *names, "--keep")
    first.unmount()
    fake.fault("status")
    again = syncing.Sync(first.place, (*names, "--timeout", "300ms"), first.environment)
    sync.made.append(again)
    again.wait_log("cannot read", "prod/db")
    assert read(again / "prod/db/password") == b"not rotated yet"
    fake.clear()
    again.wait_ready()
    assert read(again / "prod/db/password") == b"not rotated yet"


@BOTH
def test_crashes_leave_no_partial_file(fake, sync, how):
    """Killed again and again while big values rotate."""
    names = ("--secret", "long", "--secret", "short", "--poll", "5ms", *how)
    sizes = {"long": 65000, "short": 10}
    fake.put_many({name: make_value(0, size) for name, size in sizes.items()})
    stop = threading.Event()

    def rotate():
        number = 0
        while not stop.wait(0.003):
            number += 1
            fake.put_many({name: make_value(number, size) for name, size in sizes.items()})
    rotating = threading.Thread(target=rotate)
    rotating.start()
    try:
        synced = sync(fake, *names)
        with reading(*(synced / name / "value" for name in sizes)) as reader:
            for _ in range(15):
                synced.kill()
                synced.ended = True
                assert reader.poll() is None, reader.stdout.read()
                synced = syncing.Sync(synced.place, names, synced.environment).wait_ready()
                sync.made.append(synced)
    finally:
        stop.set()
        rotating.join()
    util.wait_until(lambda: not os.listdir(synced / ".secretsfs/new"), what="the last values are written")
    synced.unmount()


def test_a_crash_is_cleaned_up(tmpfs):
    place = tmpfs
    assert call(place, {"a": {"k": "value of a"}, "b": {"k": "value of b"}}, "--once").returncode == 0
    (place.mountpoint / ".secretsfs/new/17").write_text("half a fi")
    (place.mountpoint / ".secretsfs/new/18").mkdir()
    (place.mountpoint / ".secretsfs/new/18/key").write_text("half of another")
    done = call(place, {"a": {"k": "value of a"}}, "--once")
    assert done.returncode == 0, done.stderr
    assert os.listdir(place.mountpoint / ".secretsfs/new") == []
    assert syncing.paths(place.mountpoint) == ["a", "a/.raw", "a/k"]


@BOTH
def test_a_full_file_system_loses_nothing(fake, sync, how):
    fake.put_many({"big": "first " * 1000, "small": "the first one"})
    synced = sync(fake, "--secret", "big", "--secret", "small", *QUICK, *how)
    filler = synced / "filler"
    with contextlib.suppress(OSError), open(filler, "wb") as file:
        while True:
            file.write(b"x" * 4096)
            file.flush()
    fake.put_many({"big": "second " * 2000})
    synced.wait_log("is full", "size=")
    assert read(synced / "big/value") == b"first " * 1000 and read(synced / "small/value") == b"the first one"
    assert synced.process.poll() is None
    assert synced.log().count("is full") == 1
    filler.unlink()
    eventually(synced / "big/value", b"second " * 2000)
    assert read(synced / "big/.raw") == b"second " * 2000
    synced.wait_log("written again")


# --- who else is there ---

def test_a_disk_is_refused(place):
    done = call(place, {"a": "value of the secret"})
    assert done.returncode == 1 and b"--allow-disk" in done.stderr and b"tmpfs" in done.stderr
    assert os.listdir(place.mountpoint) == []
    done = call(place, {"a": "value of the secret"}, "--once", "--allow-disk")
    assert done.returncode == 0 and read(place.mountpoint / "a/value") == b"value of the secret"


def test_a_directory_of_somebody_else_is_refused(tmpfs):
    (tmpfs.mountpoint / "notes").write_text("of somebody else")
    done = call(tmpfs, {"a": "value of the secret"}, "--once")
    assert done.returncode == 1 and b"not empty" in done.stderr
    assert os.listdir(tmpfs.mountpoint) == ["notes"]
    (tmpfs.mountpoint / ".secretsfs").mkdir()
    os.chown(tmpfs.mountpoint / ".secretsfs", 1000, 1000)
    done = call(tmpfs, {"a": "value of the secret"}, "--once")
    assert done.returncode == 1 and b"belongs to user 1000" in done.stderr


def test_one_sync_per_directory(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db")
    done = call(synced.place, {"a": "value of the secret"}, "--once")
    assert done.returncode == 1 and b"in use by another" in done.stderr
    assert read(synced / "prod/db/password") == b"not rotated yet"


def test_foreign_files_stay(fake, sync):
    """Also where a secret wants to be, and when a crash comes before anybody has moved them."""
    fake.put_many({"prod/db": DB, "other": {"k": "value of other"}})
    synced = sync(fake, "--secret", "prod/*", "--secret", "other", "--list-interval", "200ms", *QUICK)
    (synced / "prod/new").write_text("a file of somebody else")
    fake.put("prod/new", {"k": "value of prod/new"})
    synced.wait_log("prod/new", "in the way")
    fake.put("other", {"k": "rotated nevertheless"})
    eventually(synced / "other/k", b"rotated nevertheless")
    synced.kill()
    synced.ended = True
    again = syncing.Sync(synced.place, ("--secret", "other"), synced.environment).wait_ready()
    sync.made.append(again)
    assert (synced / "prod/new").read_text() == "a file of somebody else"
    assert syncing.paths(synced.path) == ["other", "other/.raw", "other/k", "prod", "prod/new"]
    again.signal(signal.SIGTERM)
    assert again.wait() == 0 and syncing.paths(synced.path) == ["prod", "prod/new"]


@BOTH
@pytest.mark.parametrize("elsewhere", [True, False], ids=["other file system", "same file system"])
def test_links_are_not_followed(fake, sync, how, elsewhere, tmp_path):
    """Somebody who may write in DIR puts links where directories and files were."""
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", *QUICK, *how)
    victim = (tmp_path if elsewhere else synced.path) / "victim"
    (victim / "db").mkdir(parents=True)
    (victim / "db/password").write_text("of the victim")
    os.rename(synced / "prod", synced / "moved")
    os.symlink(victim, synced / "prod")
    fake.put("prod/db", {"password": "rotated after the attack"})
    synced.wait_log("in the way")
    synced.signal(signal.SIGHUP)
    util.wait_until(lambda: fake.count() > 5)
    assert syncing.paths(victim) == ["db", "db/password"]
    assert (victim / "db/password").read_text() == "of the victim"
    os.unlink(synced / "prod")
    os.rename(synced / "moved", synced / "prod")
    os.unlink(synced / "prod/db/password")
    os.symlink(victim / "db/password", synced / "prod/db/password")
    synced.signal(signal.SIGHUP)
    eventually(synced / "prod/db/password", b"rotated after the attack")
    assert (victim / "db/password").read_text() == "of the victim"
    synced.signal(signal.SIGTERM)
    assert synced.wait() == 0 and syncing.paths(victim) == ["db", "db/password"]


def test_sighup_brings_back_what_was_removed(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--poll", "0")
    os.unlink(synced / "prod/db/password")
    os.chmod(synced / "prod/db/user", 0o666)
    (synced / "prod/db/pool/limit").unlink()
    (synced / "prod/db/pool/.raw").unlink()
    (synced / "prod/db/pool").rmdir()
    synced.signal(signal.SIGHUP)
    eventually(synced / "prod/db/password", b"not rotated yet")
    eventually(synced / "prod/db/pool/limit", b"20")
    assert stat.filemode(os.stat(synced / "prod/db/user").st_mode) == "-r--------"


# --- once ---

def test_once(tmpfs, fake):
    done = call(tmpfs, {"a": {"k": "value of a"}}, "--once")
    assert done.returncode == 0 and read(tmpfs.mountpoint / "a/k") == b"value of a"


@BOTH
def test_once_says_what_is_missing(fake, sync, how):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--secret", "prod/none", "--once", *how, ready=False)
    assert synced.wait() == 1
    synced.wait_log("error", "prod/none", "is missing")
    synced.wait_log("error", "1 of 2 secrets are missing")
    assert read(synced / "prod/db/password") == b"not rotated yet"  # what is there stays


@pytest.mark.parametrize("fault", ["status", "hang"])
def test_once_without_an_answer(fake, sync, fault):
    fake.put("prod/db", DB)
    fake.fault(fault)
    synced = sync(fake, "--secret", "prod/db", "--once", "--timeout", "500ms", ready=False)
    assert synced.wait() == 1
    synced.wait_log("error", "prod/db", "is missing")


def test_once_where_nothing_matches(fake, sync):
    synced = sync(fake, "--secret", "prod/*", "--once", ready=False)
    assert synced.wait() == 1
    synced.wait_log("error", "no secret matches")


def test_once_without_permission_to_list(fake, sync):
    fake.user("AKIANOLIST", "secret key without listing", allow={"GetSecretValue": ["*"]})
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/*", "--once", key="AKIANOLIST", ready=False)
    assert synced.wait() == 1
    synced.wait_log("error", "could not be listed")


def test_a_connection_that_hangs_does_not_delay_the_end(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", *QUICK)
    fake.fault("hang")
    util.wait_until(lambda: fake.count() > 2)
    assert util.time_to_end(synced.process, signal.SIGTERM) < 2
    assert synced.wait() == 0 and os.listdir(synced.path) == []
