# SPDX-License-Identifier: Apache-2.0
"""`secretsfs sync`: what is there and how it changes, besides the tests of trees and bytes that run on it and on the
mount alike."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import uuid

import pytest

import mounting
import syncing
import util
from consumers import Consumer
from reader import make_value
from syncing import BOTH, DB, DB_PATHS, QUICK, eventually, in_db, read
from test_push import QUEUE_ACTIONS, Bus
from test_torn import reading
from watching import Watch


# --- what is there ---

def test_types_modes_times_and_owner(fake, sync):
    fake.put("prod/db", DB, created=1523477145.25)
    synced = sync(fake, "--secret", "prod/db", "--uid", "1000", "--gid", "1001", "--mode", "0440")
    assert syncing.paths(synced.path) == sorted(in_db())
    for path in in_db():
        found = os.lstat(synced / path)
        expected = "dr-xr-x---" if stat.S_ISDIR(found.st_mode) else "-r--r-----"
        assert (stat.filemode(found.st_mode), found.st_uid, found.st_gid) == (expected, 1000, 1001), path
        assert stat.S_ISDIR(found.st_mode) or found.st_mtime_ns == 1523477145250000000
    assert stat.filemode(os.stat(synced / ".secretsfs/made").st_mode) == "-rw-------"


def test_as_an_ordinary_user(fake, sync, fs_as):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", *QUICK, user=4711)
    user = fs_as(4711)
    assert user.read(synced / "prod/db/password") == b"not rotated yet"
    assert fs_as(4712).read_errno(synced / "prod/db/password") == "EACCES"
    fake.put("prod/db", {"password": "rotated for the user"})
    util.wait_until(lambda: user.read(synced / "prod/db/password") == b"rotated for the user")


@BOTH
def test_patterns_and_filters(fake, sync, how):
    fake.put_many({"prod/a": {"k": "value of prod/a"}, "prod/b/c": {"k": "value of prod/b/c"}, "other": {"k": "no"}})
    synced = sync(fake, "--secret", "prod/*", "--list-interval", "200ms", *QUICK, *how)
    assert read(synced / "prod/a/k") == b"value of prod/a" and read(synced / "prod/b/c/k") == b"value of prod/b/c"
    assert not (synced / "other").exists()
    fake.put("prod/new", {"k": "value of prod/new"})
    eventually(synced / "prod/new/k", b"value of prod/new")
    fake.remove("prod/b/c")
    eventually(synced / "prod/b/c/k", None)
    util.wait_until(lambda: not (synced / "prod/b").exists())


def test_without_a_scope(fake, place):
    done = util.run(mounting.BINARY, "sync", "--to", place.mountpoint, env=place.environment())
    assert done.returncode == 2 and b"every secret of the account" in done.stderr


def test_calls(fake, sync):
    """Twenty secrets to a call, at the start as well."""
    names = [f"s{number:02}" for number in range(40)]
    fake.put_many({name: {"k": name} for name in names})
    synced = sync(fake, *(option for name in names for option in ("--secret", name)), "--poll", "1h")
    assert len(syncing.paths(synced.path)) == 3 * len(names)
    assert fake.count("BatchGetSecretValue") == 2 and fake.count("GetSecretValue") == 0
    synced.signal(signal.SIGHUP)
    util.wait_until(lambda: fake.count("BatchGetSecretValue") == 4)
    assert fake.count() == 4


def test_without_permission_for_batches(fake, sync):
    fake.put_many({"a": {"k": "value of a"}, "b": {"k": "value of b"}})
    fake.user("AKIAONE", "secret key of one by one", allow={"GetSecretValue": ["a", "b"]})
    synced = sync(fake, "--secret", "a", "--secret", "b", key="AKIAONE")
    assert read(synced / "a/k") == b"value of a" and read(synced / "b/k") == b"value of b"


def test_status(fake, sync):
    version = fake.put("s", {"a": "b"})
    synced = sync(fake, "--secret", "s")
    status = synced.status()
    assert status["ready"] is True and status["directory"] == str(synced.path) and status["entries_failed"] == 0
    [secret] = status["secrets"]
    assert (secret["name"], secret["version_id"], secret["in_use"]) == ("s", version, True)


def test_by_arn_and_with_a_leading_slash(fake, sync):
    fake.put_many({"prod/db": DB, "/abs/secret": {"k": "value of /abs/secret"}})
    synced = sync(fake, "--secret", fake.arn("prod/db"), "--secret", "/abs/secret")
    assert syncing.paths(synced.path) == sorted([*in_db(), "abs", "abs/secret", "abs/secret/.raw", "abs/secret/k"])
    assert read(synced / "abs/secret/k") == b"value of /abs/secret"


# --- changes ---

@BOTH
def test_unchanged_bytes_keep_inode_and_time(fake, sync, how):
    fake.put("prod/db", DB, created=1523477145)
    synced = sync(fake, "--secret", "prod/db", *QUICK, *how)

    def identities():
        return {path: (os.stat(synced / path).st_ino, os.stat(synced / path).st_mtime_ns) for path in in_db()
                if not os.path.isdir(synced / path)}
    before = identities()
    fake.put("prod/db", {**DB, "password": "rotated once"})
    eventually(synced / "prod/db/password", b"rotated once")
    after = identities()
    assert {path for path in before if before[path] != after[path]} == {"prod/db/password", "prod/db/.raw"}
    versions = synced.status()["secrets"][0]["version_id"]
    links = how and os.readlink(synced / "prod/db/..data")
    fake.put("prod/db", {**DB, "password": "rotated once"})  # a new version with the same bytes
    util.wait_until(lambda: synced.status()["secrets"][0]["version_id"] != versions)
    assert identities() == after
    assert links == (how and os.readlink(synced / "prod/db/..data"))


@BOTH
def test_keys_come_go_and_change_their_kind(fake, sync, how):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", *QUICK, *how)
    fake.put("prod/db", {"password": {"now": "a directory"}, "pool": "now a file", "new": "one"})
    eventually(synced / "prod/db/password/now", b"a directory")
    eventually(synced / "prod/db/pool", b"now a file")
    eventually(synced / "prod/db/new", b"one")
    eventually(synced / "prod/db/user", None)
    assert "error" not in synced.log()


@BOTH
def test_a_name_takes_the_place_of_a_key(fake, sync, how):
    fake.put("a", {"b": {"inner": "of the key"}, "c": "value of c"})
    synced = sync(fake, "--secret", "a", "--secret", "a/*", "--list-interval", "200ms", *QUICK, *how)
    assert read(synced / "a/b/inner") == b"of the key"
    fake.put("a/b", {"own": "of the secret"})
    eventually(synced / "a/b/own", b"of the secret")
    eventually(synced / "a/b/inner", None)
    assert read(synced / "a/c") == b"value of c"
    fake.remove("a/b")
    eventually(synced / "a/b/inner", b"of the key")


# Those that wait for writes alone do not see ..data move.
@pytest.mark.parametrize("kind,how", [("inotifywait", ()), ("raw inotify", ()), ("watchdog", ()), ("chokidar", ()),
                                      ("watchdog", ("--atomic",)), ("chokidar", ("--atomic",))])
def test_consumers_see_three_rotations(fake, sync, kind, how):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--poll", "1s", *how)  # chokidar needs time between two renames
    path = synced / "prod/db/password"
    with Consumer(kind, path.parent, path) as consumer:
        for number in range(3):
            value = f"rotation number {number}{'!' * number}"
            fake.put("prod/db", {**DB, "password": value})
            consumer.wait_for(value)


def test_events(fake, sync):
    """Whoever watches the directory hears of the new name, of nothing half done, and of no other file."""
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", *QUICK)
    with Watch(synced / "prod/db") as directory:
        fake.put("prod/db", {**DB, "password": "rotated once"})
        directory.wait("password", "MOVED_TO", "CLOSE_WRITE")
        assert directory.names() <= {"password", ".raw"}
    with Watch(synced / "prod/db") as directory:
        fake.put("prod/db", {"user": "app"})
        directory.wait("password", "DELETE")


def test_events_when_atomic(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--atomic", *QUICK)
    with Watch(synced / "prod/db") as directory:
        fake.put("prod/db", {**DB, "password": "rotated once"})
        directory.wait("..data", "MOVED_TO")
        assert not directory.names() & set(DB_PATHS)
    assert read(synced / "prod/db/password") == b"rotated once"


READ_PAIR = """
import os, select, sys
count = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        folder = sys.argv[1] + "/" + os.readlink(sys.argv[1] + "/..data")
        first, second = (open(folder + "/" + name).read() for name in "ab")
    except FileNotFoundError:  # two versions later
        continue
    if first != second:
        sys.exit(f"a mix of {first} and {second} after {count} reads")
    count += 1
print(count)
"""


def test_atomic_never_shows_a_mix(fake, sync, fs):
    fake.put("pair", {"a": "0", "b": "0"})
    synced = sync(fake, "--secret", "pair", "--atomic", "--poll", "0")
    reader = subprocess.Popen([sys.executable, "-I", "-S", "-c", READ_PAIR, str(synced / "pair")],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for number in range(1, 201):
            fake.put("pair", {"a": str(number), "b": str(number)})
            synced.signal(signal.SIGHUP)
            eventually(synced / "pair/b", str(number).encode())
            assert reader.poll() is None, reader.stdout.read()
        output = reader.communicate(timeout=util.PATIENCE)[0].decode()
        assert reader.returncode == 0 and int(output) > 200, output
    finally:
        reader.kill()
        reader.wait(util.PATIENCE)
    util.wait_until(lambda: len([name for name in os.listdir(synced / "pair") if name.startswith("..2")]) == 1)


def test_who_has_just_resolved_data_can_finish(fake, sync):
    fake.put("pair", {"a": "first", "b": "first"})
    synced = sync(fake, "--secret", "pair", "--atomic", *QUICK)
    resolved = os.path.realpath(synced / "pair/..data")
    begin = time.monotonic()
    fake.put("pair", {"a": "second", "b": "second"})
    eventually(synced / "pair/b", b"second")
    there = os.path.exists(resolved + "/b") and read(resolved + "/b") == b"first"
    assert there or time.monotonic() - begin > 1
    util.wait_until(lambda: not os.path.exists(resolved))


@BOTH
def test_no_read_is_torn(fake, sync, how):
    sizes = {"short": 10, "long": 65000}
    fake.put_many({name: make_value(0, size) for name, size in sizes.items()})
    synced = sync(fake, "--secret", "short", "--secret", "long", "--poll", "0", *how)
    paths = [synced / name / "value" for name in sizes]
    with reading(*paths) as reader:
        for number in range(1, 201):
            fake.put_many({name: make_value(number, size) for name, size in sizes.items()})
            synced.signal(signal.SIGHUP)
            eventually(paths[0], make_value(number, sizes["short"]).encode())
            assert reader.poll() is None, "the reader has ended"


@pytest.fixture
def bus(moto):
    bus = Bus(moto)
    yield bus
    bus.remove()


def test_push(moto, bus, sync):
    name = f"push/{uuid.uuid4()}"
    arn = moto.put(name, {"key": "before any event"})
    user = moto.user("secretsmanager:GetSecretValue", *QUEUE_ACTIONS)
    synced = sync(user, "--secret", name, "--events-queue", bus.url, "--poll", "0")
    assert read(synced / name / "key") == b"before any event"
    moto.change(name, json.dumps({"key": "after the event"}))
    bus.put_event("Secret Label Updated", {"name": name, "labelUpdated": "AWSCURRENT",
                                           "versionId": str(uuid.uuid4())}, [arn])
    eventually(synced / name / "key", b"after the event")


# --- what goes, and what stays ---

@BOTH
def test_what_is_revoked_is_removed(fake, sync, how):
    fake.put_many({"prod/db": DB, "prod/other": {"k": "stays where it is"}})
    fake.user("AKIAREVOKED", "secret key of the revoked", allow={"GetSecretValue": ["*"]})
    synced = sync(fake, "--secret", "prod/db", "--secret", "prod/other", *QUICK, *how, key="AKIAREVOKED")
    assert read(synced / "prod/db/password") == b"not rotated yet"
    fake.user("AKIAREVOKED", "secret key of the revoked", allow={"GetSecretValue": ["prod/other"]})
    util.wait_until(lambda: not (synced / "prod/db").exists())
    assert read(synced / "prod/other/k") == b"stays where it is"
    synced.wait_log("prod/db", "is gone")
    fake.user("AKIAREVOKED", "secret key of the revoked", allow={"GetSecretValue": ["*"]})
    eventually(synced / "prod/db/password", b"not rotated yet")


def test_an_outage_takes_nothing_away(fake, sync):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--timeout", "300ms", *QUICK)
    before = os.stat(synced / "prod/db/password").st_ino
    fake.fault("status")
    synced.wait_log("prod/db", "serving the last value")
    util.wait_until(lambda: synced.status()["secrets"][0]["stale"])
    assert os.stat(synced / "prod/db/password").st_ino == before
    fake.clear()
    util.wait_until(lambda: not synced.status()["secrets"][0]["stale"])
    assert os.stat(synced / "prod/db/password").st_ino == before


@BOTH
def test_max_stale(fake, sync, how):
    fake.put("prod/db", DB)
    synced = sync(fake, "--secret", "prod/db", "--timeout", "300ms", "--max-stale", "1s", *QUICK, *how)
    fake.fault("status")
    util.wait_until(lambda: not (synced / "prod/db").exists())
    fake.clear()
    eventually(synced / "prod/db/password", b"not rotated yet")


def test_ready_only_when_it_is_all_there(fake, sync):
    fake.put("prod/db", DB)
    fake.fault("status", times=6)
    synced = sync(fake, "--secret", "prod/db", "--secret", "none", "--timeout", "300ms", "--poll", "1h")
    assert read(synced / "prod/db/password") == b"not rotated yet"
    assert synced.wait_log("others could not be read")
