# SPDX-License-Identifier: Apache-2.0
"""Mounting, unmounting, dying, coming back; and options, good and bad."""

import errno
import os
import signal
import time

import pytest

import util
from conftest import fake_environment
from mounting import BINARY, daemons, mounts

SECRETS = {"prod/db": {"password": "the password of the database"}}


def mount_command(place, *options, **environment):
    """`secretsfs mount` to its end, as a daemon unless the options say otherwise."""
    return util.run(BINARY, "mount", *options, place.mountpoint, env=place.environment(**environment), cwd="/")


def unmount(place):
    done = util.run(BINARY, "unmount", place.mountpoint)
    assert done.returncode == 0, done.stderr.decode()
    assert str(place.mountpoint) not in mounts()


def test_a_daemon_is_there_once_the_command_returns(place, fs):
    done = mount_command(place, "--local", place.write_local(SECRETS))
    assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
    assert fs.read(place.mountpoint / "prod/db/password") == b"the password of the database"
    [daemon] = daemons(place.mountpoint)
    assert os.getsid(daemon) != os.getsid(0)
    assert os.readlink(f"/proc/{daemon}/cwd") == "/"
    assert {os.readlink(f"/proc/{daemon}/fd/{number}") for number in (0, 1)} == {"/dev/null"}
    unmount(place)
    util.wait_until(lambda: not daemons(place.mountpoint))


def test_a_daemon_is_ready_whatever_aws_does(fake, place):
    fake.fault("hang")
    begin = time.monotonic()
    assert mount_command(place, "--timeout", "1m", **fake_environment(fake)).returncode == 0
    assert time.monotonic() - begin < 2
    unmount(place)
    util.wait_until(lambda: not daemons(place.mountpoint))


def test_relative_paths(place, fs):
    place.write_local(SECRETS)
    done = util.run(BINARY, "mount", "--local", "local.json", "secrets", cwd=place.home, env=place.environment())
    assert done.returncode == 0, done.stderr.decode()
    assert fs.read(place.mountpoint / "prod/db/password") == b"the password of the database"
    assert util.run(BINARY, "unmount", "secrets", cwd=place.home).returncode == 0
    assert str(place.mountpoint) not in mounts()


def test_a_log_file(place, fs):
    log = place.home / "secretsfs.log"
    options = "--local", place.write_local(SECRETS), "--log", f"file:{log}", "--log-level", "debug"
    assert mount_command(place, *options).returncode == 0
    fs.read(place.mountpoint / "prod/db/password")
    unmount(place)
    util.wait_until(lambda: not daemons(place.mountpoint))
    assert log.stat().st_mode & 0o777 == 0o600
    assert b"the password" not in log.read_bytes() and log.stat().st_size > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_unmount(mount, number):
    mounted = mount(SECRETS)
    mounted.signal(number)
    assert mounted.wait() == 0
    assert str(mounted.path) not in mounts()


def test_signals_unmount_though_files_are_open(mount, fs):
    mounted = mount(SECRETS)
    descriptor = fs.call("open", mounted / "prod/db/password", os.O_RDONLY)
    mounted.signal(signal.SIGTERM)
    assert mounted.wait() == 0
    assert str(mounted.path) not in mounts()
    assert fs.errno("close", descriptor) in (None, "ENOTCONN")


def test_unmounting_by_umount(mount):
    mounted = mount(SECRETS)
    assert util.run("umount", mounted.path).returncode == 0
    assert mounted.wait() == 0


def test_what_somebody_mounts_over_it_stays(mount):
    mounted = mount({"s": "x"})
    assert util.run("mount", "-t", "tmpfs", "over it", mounted.path).returncode == 0
    try:
        mounted.signal(signal.SIGTERM)
        assert mounted.wait() == 0
        assert mounts()[str(mounted.path)] == "tmpfs" and mounted.path.stat().st_mode & 0o1000
        mounted.wait_log("something else is mounted on")
    finally:
        util.run("umount", "-l", mounted.path)


def test_unmounting_what_is_not_mounted(place):
    for path in (place.mountpoint, place.home / "none"):
        done = util.run(BINARY, "unmount", path)
        assert done.returncode != 0 and str(path) in done.stderr.decode()


def test_remount_after_kill(mount, fs):
    first = mount(SECRETS)
    fs.read(first / "prod/db/password")
    first.signal(signal.SIGKILL)
    first.wait()
    with pytest.raises(OSError) as caught:
        os.statvfs(first.path)
    assert caught.value.errno == errno.ENOTCONN
    done = mount_command(first.place, "--local", first.place.write_local({"other": "the second mount"}))
    assert done.returncode == 0, done.stderr.decode()
    assert fs.read(first / "other/value") == b"the second mount"
    unmount(first.place)  # and the stale one is not there below it either


def test_a_living_mount_is_not_replaced(mount, fs):
    first = mount(SECRETS)
    done = mount_command(first.place, "--local", first.place.write_local(SECRETS))
    assert done.returncode != 0 and str(first.path) in done.stderr.decode()
    assert fs.read(first / "prod/db/password") == b"the password of the database"


def test_options_as_o(fake, mount, fs):
    """-o key=value,... does what the long options do."""
    fake.put_many({"prod/db": SECRETS["prod/db"], "dev/db": SECRETS["prod/db"]})
    mounted = mount(fake, "-o", "uid=1234,gid=2345,mode=440,ttl=200ms,poll=0", "-o", "secret=prod/*,secret=dev/db")
    util.wait_until(lambda: fs.list(mounted.path) == ["dev", "prod"])
    found = fs.stat(mounted / "prod/db/password")
    assert (found["st_uid"], found["st_gid"], found["st_mode"] & 0o777) == (1234, 2345, 0o440)
    fake.put("prod/db", {"password": "changed after the ttl"})
    util.wait_until(lambda: fs.read(mounted / "prod/db/password") == b"changed after the ttl")


def test_as_mount_and_fstab_call_it(place, fs):
    """mount.secretsfs SOURCE MOUNTPOINT -o OPTIONS, with all that fstab may hold."""
    helper = place.home / "mount.secretsfs"
    helper.symlink_to(BINARY)
    options = "rw,nosuid,nodev,noexec,noauto,nofail,_netdev,x-systemd.automount,uid=1234,local="
    done = util.run(helper, "secretsfs", place.mountpoint, "-o", f"{options}{place.write_local(SECRETS)}",
                    env=place.environment())
    assert done.returncode == 0, done.stderr.decode()
    assert fs.stat(place.mountpoint / "prod/db/password")["st_uid"] == 1234
    unmount(place)


# In a mount namespace of its own, where /usr/sbin has the helper besides what it has anyway.
MOUNT_TYPE = """
set -e
mount -t overlay overlay -o "lowerdir=$0:$(readlink -f /sbin)" "$(readlink -f /sbin)"
mount -t secretsfs secretsfs "$1" -o "local=$2,uid=1234"
stat -c %u "$1/prod/db/password"
umount "$1"
"""


def test_mount_type(place):
    helpers = place.home / "helpers"
    helpers.mkdir()
    (helpers / "mount.secretsfs").symlink_to(BINARY)
    done = util.run("unshare", "--mount", "sh", "-c", MOUNT_TYPE, helpers, place.mountpoint,
                    place.write_local(SECRETS), env=place.environment())
    assert (done.returncode, done.stdout) == (0, b"1234\n"), done.stderr.decode()
    util.wait_until(lambda: not daemons(place.mountpoint))


BAD_VALUES = {
    "ttl": ["10x", "-1", "99999999999999999999", "", "1 s", "1.5s"], "poll": ["often"], "timeout": ["0"],
    "negative-ttl": ["1d"], "max-stale": ["+1"], "list-interval": ["0x10"], "grace": ["1ss"],
    "mode": ["0600", "0755", "0477", "04000", "r"], "uid": ["-1", "no-such-user", "4294967295"],
    "gid": ["", "4294967296"], "log": ["nowhere", "file:"], "log-level": ["loud"], "secret": ["", "a*"],
    "filter": ["name", "colour=red"],
    "endpoint-url": ["ftp://host", "host"], "region": ["eu west", "eu/west"], "profile": ["none-such"],
}


@pytest.mark.parametrize("option, value", [(option, value) for option in BAD_VALUES for value in BAD_VALUES[option]])
def test_bad_values(fake, place, option, value):
    for words in (f"--{option}", value), ("-o", f"{option}={value}"):
        done = mount_command(place, *words, **fake_environment(fake))
        assert done.returncode > 0
        assert (option if option != "endpoint-url" else "endpoint") in done.stderr.decode()
        assert str(place.mountpoint) not in mounts() and not daemons(place.mountpoint)


@pytest.mark.parametrize("words", [
    [], ["mount"], ["mount", "--no-such-option", "MNT"], ["mount", "-o", "nonsense=1", "MNT"],
    ["mount", "MNT", "another"], ["mount", "--ttl"], ["mount", "-o", "ttl", "MNT"], ["unmount"],
    ["unmount", "MNT", "MNT"], ["dance"], ["--dance"],
])
def test_bad_command_lines(place, words):
    words = [str(place.mountpoint) if word == "MNT" else word for word in words]
    done = util.run(BINARY, *words, env=place.environment(AWS_REGION="eu-west-1"))
    assert done.returncode > 0
    assert done.stderr.startswith(b"secretsfs") and not done.stdout
    assert str(place.mountpoint) not in mounts()


def test_mounts_that_cannot_be(fake, place):
    """Each ends with a reason and leaves nothing mounted; in the foreground and as a daemon."""
    (place.home / "file").write_text("", encoding="utf-8")
    local = place.write_local(SECRETS)
    for foreground in ([], ["-f"]):
        for words, reason in (([place.home / "none"], "none"), ([place.home / "file"], "file")):
            done = util.run(BINARY, "mount", *foreground, "--local", local, *words, env=place.environment())
            assert done.returncode > 0 and reason in done.stderr.decode()
        environment = fake_environment(fake)
        del environment["AWS_REGION"]
        done = mount_command(place, *foreground, **environment)
        assert done.returncode > 0 and "region" in done.stderr.decode()
    assert not mounts().keys() & {str(place.mountpoint), str(place.home / "file")}


def test_version_and_help():
    version = util.run(BINARY, "--version")
    assert version.returncode == 0 and version.stdout.startswith(b"secretsfs 0.")
    usage = util.run(BINARY, "mount", "--help")
    assert usage.returncode == 0
    for option in ("local", "region", "profile", "endpoint-url", "secret", "filter", "uid", "gid", "mode", "ttl",
                   "negative-ttl", "timeout", "max-stale", "list-interval", "poll", "log", "log-level", "foreground"):
        assert f"--{option}" in usage.stdout.decode(), option


def test_no_secret_in_the_command_line_or_environment_shown(fake, mount, fs):
    """/proc/PID of the daemon tells other users nothing, and there is no core file to find."""
    fake.put("s", SECRETS["prod/db"])
    mounted = mount(fake)
    fs.read(mounted / "s/password")
    with open(f"/proc/{mounted.process.pid}/limits", encoding="utf-8") as file:
        [core] = [line for line in file if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    if os.geteuid() == 0:
        assert os.stat(f"/proc/{mounted.process.pid}/mem").st_uid == 0  # not dumpable: root's, whoever runs it


def test_the_mountpoint_is_made(place):
    local = place.write_local({"s": "v"})
    mountpoint = place.home / "made"
    try:
        done = util.run(BINARY, "mount", "--local", local, "--mkdir", mountpoint, env=place.environment())
        assert done.returncode == 0, done.stderr.decode()
        assert str(mountpoint) in mounts() and util.run_read(mountpoint / "s/value").stdout == b"v"
        assert util.run(BINARY, "unmount", mountpoint).returncode == 0
    finally:
        for daemon in daemons(mountpoint):
            os.kill(daemon, signal.SIGKILL)
        util.run("umount", "-l", mountpoint)
