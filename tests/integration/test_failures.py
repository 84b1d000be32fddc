# SPDX-License-Identifier: Apache-2.0
"""What docs/OPERATIONS.md says of disks, memory, networks and processes that fail, where no other file has it."""

import contextlib
import errno
import os
import resource
import signal
import time

import pytest

import util
from conftest import fake_environment
from executing import children, field, read_line
from mounting import BINARY, Mount
from network import Network
from server import FakeServer
from syncing import DB, QUICK, eventually, read

SECRET = {"password": "the password of the database"}
ADDRESS = "10.77.0.1"


def fill(directory):
    """A file that leaves no room for another byte."""
    filler = directory / "filler"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return filler


# --- disks and memory ---

def test_a_log_on_a_full_file_system(fake, mount, fs, place):
    """Reads go on; what could not be written is counted once there is room."""
    disk = place.mountpoint
    assert util.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk).returncode == 0
    fake.put("prod/db", SECRET)
    log = disk / "secretsfs.log"
    mounted = mount(fake, "--log", f"file:{log}", "--log-level", "debug", "--poll", "100ms", "--ttl", "100ms")
    filler = fill(disk)
    with contextlib.suppress(OSError), open(log, "ab", buffering=0) as file:
        while True:
            file.write(b"x")  # the rest of its last page
    begin = time.monotonic()
    for number in range(20):
        fake.put("prod/db", {"password": f"the password {number}"})
        mounted.signal(signal.SIGHUP)
        util.wait_until(lambda: fs.read(mounted / "prod/db/password") == f"the password {number}".encode())
    assert time.monotonic() - begin < 15 and b"were lost" not in log.read_bytes()
    filler.unlink()
    mounted.signal(signal.SIGHUP)
    util.wait_until(lambda: b"log lines were lost" in log.read_bytes())


@pytest.mark.skipif("os.geteuid() != 0", reason="only root can become another user, who is limited")
@pytest.mark.skipif("asan" in BINARY, reason="AddressSanitizer makes mlock(2) succeed")
def test_locked_memory_is_exhausted(fake, place, fs_as):
    """Secrets are kept nevertheless, and the log says that they may be swapped out."""
    user = 12345
    if not fs_as(user).call("access", BINARY, os.X_OK):
        pytest.skip(f"{BINARY} is not for everyone here")
    fake.put("prod/db", DB)
    options = f"mode=0755,uid={user},gid={user}"
    assert util.run("mount", "-t", "tmpfs", "-o", options, "tmpfs", place.mountpoint).returncode == 0
    done = util.run(BINARY, "sync", "--once", "--to", place.mountpoint, "--secret", "prod/db",
                    env={**place.environment(), **fake_environment(fake)}, user=user, group=user, extra_groups=[],
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0)))
    assert done.returncode == 0 and b"cannot be locked" in done.stderr, done.stderr
    assert b"raise the limit of locked memory" in done.stderr
    assert read(place.mountpoint / "prod/db/user") == b"app"


def test_the_file_system_of_a_sync_is_full(fake, sync):
    """It is healthy, for all has its last value; and heals."""
    fake.put("prod/db", {"password": "first " * 100})
    synced = sync(fake, "--secret", "prod/db", *QUICK)
    filler = fill(synced.path)
    fake.put("prod/db", {"password": "second " * 4000})
    synced.wait_log("is full", "size=")
    assert util.run(BINARY, "health", "--require", "prod/db", synced.path).returncode == 0
    filler.unlink()
    eventually(synced / "prod/db/password", b"second " * 4000)


# --- networks ---

@pytest.fixture
def network(place):  # `place`: there is a FUSE to mount with
    try:
        made = Network(ADDRESS)
    except OSError as error:
        if error.errno != errno.EPERM or os.environ.get("CI"):
            raise
        pytest.skip("not allowed to make a network namespace")
    yield made
    made.close()


def test_packets_are_lost_on_kept_connections(network, mount, fs):
    """Nothing is refused or reset: what is cached is read, what is not fails in time, and all heals."""
    fake = network.run(FakeServer(host=ADDRESS).start)
    try:
        fake.put_many({"prod/db": SECRET, "prod/cold": SECRET})
        mounted = network.run(mount, fake, "--secret", "prod/*", "--poll", "200ms", "--ttl", "200ms",
                              "--timeout", "1s")
        assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
        network.swallow(ADDRESS)
        network.lose(ADDRESS)
        util.wait_until(lambda: mounted.status()["secrets"][0]["stale"])
        begin = time.monotonic()
        assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
        assert time.monotonic() - begin < 0.5
        assert fs.read_errno(mounted / "prod/cold/password") == "ETIMEDOUT"
        assert time.monotonic() - begin < 5
        network.take(ADDRESS)
        fake.put("prod/db", {"password": "after the partition"})
        util.wait_until(lambda: fs.read(mounted / "prod/db/password") == b"after the partition", timeout=30)
        util.wait_until(lambda: fs.call("access", str(mounted / "prod/cold/password"), os.R_OK), timeout=30)
        mounted.unmount()
    finally:
        fake.stop()


def test_a_name_that_cannot_be_resolved(network, fake, mount, fs):
    fake.put("prod/db", SECRET)
    env = {"AWS_ENDPOINT_URL": "http://secretsmanager.invalid:1"}  # and nobody there can be asked
    mounted = network.run(mount, fake, "--secret", "prod/db", "--timeout", "1s", env=env)
    assert fs.read_errno(mounted / "prod/db/password") == "ETIMEDOUT"
    mounted.wait_log('"prod/db"', "secretsmanager.invalid", "resolve")


def test_a_clock_that_is_off_by_days_fails_no_cached_read(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--secret", "prod/db", "--poll", "100ms", "--ttl", "100ms")
    assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
    fake.set_clock(3 * 24 * 3600)
    util.wait_until(lambda: mounted.status()["secrets"][0]["stale"])
    assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
    mounted.wait_log('"prod/db"', "serving the last value", "clock")


# --- processes ---

def test_after_its_daemon_a_command_reads_nothing(execs):
    script = 'echo begun; read go; cat "$SECRETS_DIR/prod/db/password" || echo nothing'
    process = execs.start({"prod/db": SECRET}, "--", "sh", "-c", script)
    read_line(process)
    supervisor = next(pid for pid in children(process.pid) if field(pid, "Name") == "secretsfs")
    for pid in (supervisor, *children(supervisor)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    out, _ = process.communicate(b"go\n", 30)
    assert out == b"nothing\n" and process.returncode == 0


def test_a_hung_daemon_is_killed_and_replaced(mount, fs):
    mounted = mount({"prod/db": SECRET})
    mounted.signal(signal.SIGSTOP)
    assert util.run(BINARY, "health", "--timeout", "500ms", mounted.path).returncode == 1
    mounted.signal(signal.SIGKILL)
    mounted.wait()
    place = mounted.place
    (place.home / "notify").unlink()
    again = Mount(place, ("--local", place.write_local({"prod/db": SECRET})), place.environment())
    mount.made.append(again)
    assert fs.read(again.wait_ready() / "prod/db/password") == SECRET["password"].encode()
