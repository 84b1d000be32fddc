# SPDX-License-Identifier: Apache-2.0
"""Who may read: --uid, --gid and --mode, checked by the kernel; and mounts by a user who is not root."""

import os
import pwd
import signal
import stat

import pytest

import util
from mounting import BINARY, daemons

APP, APP_GROUP, OTHER = 12345, 23456, 34567
SECRETS = {"prod/db": {"password": "the password of the database"}}
PATH = "prod/db/password"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="takes other users' ids, which only root may")


@root_only
def test_by_default_only_the_mounting_user_reads(mount, fs, fs_as):
    mounted = mount(SECRETS)
    assert fs.read(mounted / PATH) == SECRETS["prod/db"]["password"].encode()
    other = fs_as(OTHER)
    assert other.read_errno(mounted / PATH) == "EACCES"
    assert other.errno("listdir", mounted.path) == "EACCES"
    assert other.read_errno(mounted / ".secretsfs/status.json") == "EACCES"


@root_only
def test_owner(mount, fs, fs_as):
    mounted = mount(SECRETS, "--uid", APP, "--gid", APP_GROUP)
    found = fs.stat(mounted / PATH)
    assert (found["st_uid"], found["st_gid"]) == (APP, APP_GROUP)
    assert fs_as(APP).read(mounted / PATH) == SECRETS["prod/db"]["password"].encode()
    assert fs_as(OTHER).read_errno(mounted / PATH) == "EACCES"
    assert fs_as(OTHER, APP_GROUP).read_errno(mounted / PATH) == "EACCES"
    assert fs.read(mounted / PATH) == SECRETS["prod/db"]["password"].encode()


@root_only
@pytest.mark.parametrize("mode, file_mode, directory_mode, group_reads, others_read", [
    ("0400", "-r--------", "dr-x------", False, False),
    ("0440", "-r--r-----", "dr-xr-x---", True, False),
    ("444", "-r--r--r--", "dr-xr-xr-x", True, True),
    ("0404", "-r-----r--", "dr-x---r-x", False, True),
])
def test_mode(mount, fs, fs_as, mode, file_mode, directory_mode, group_reads, others_read):
    mounted = mount(SECRETS, "--uid", APP, "--gid", APP_GROUP, "--mode", mode)
    for path in ("", "prod", "prod/db", ".secretsfs"):
        assert stat.filemode(fs.stat(mounted / path)["st_mode"]) == directory_mode
    for path in (PATH, "prod/db/.raw", ".secretsfs/status.json"):
        assert stat.filemode(fs.stat(mounted / path)["st_mode"]) == file_mode
    assert fs_as(APP, APP_GROUP).read_errno(mounted / PATH) is None
    assert fs_as(OTHER, APP_GROUP).read_errno(mounted / PATH) == (None if group_reads else "EACCES")
    assert fs_as(OTHER, OTHER).read_errno(mounted / PATH) == (None if others_read else "EACCES")


@root_only
def test_a_write_by_the_owner_is_refused(mount, fs_as):
    mounted = mount(SECRETS, "--uid", APP)
    assert fs_as(APP).errno("close_opened", mounted / PATH, os.O_RDWR) in ("EACCES", "EROFS")
    assert fs_as(APP).errno("chmod", mounted / PATH, 0o777) == "EROFS"
    assert fs_as(APP).errno("unlink", mounted / PATH) in ("EACCES", "EROFS")


@pytest.fixture
def ordinary_user(fs_as, fuse_for_all):
    """The id of a user who may mount by fusermount3, which wants to know the user's name."""
    user_id = pwd.getpwnam("nobody").pw_uid
    if not fs_as(user_id).call("access", BINARY, os.X_OK):
        pytest.skip(f"{BINARY} is not for everyone here")
    if not os.stat("/usr/bin/fusermount3").st_mode & stat.S_ISUID:
        pytest.skip("fusermount3 is not installed with its privileges")
    return user_id


# LeakSanitizer cannot trace a process that is not dumpable, unless root runs it.
NO_LEAKS = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


@root_only
def test_mounted_by_an_ordinary_user(fake, mount, fs_as, ordinary_user):
    user = fs_as(ordinary_user)
    fake.put_many(SECRETS)
    mounted = mount(fake, "--secret", "prod/db", user=ordinary_user, env=NO_LEAKS)
    assert user.read(mounted / PATH) == SECRETS["prod/db"]["password"].encode()
    assert user.stat(mounted / PATH)["st_uid"] == ordinary_user
    assert user.errno("close_opened", mounted / PATH, os.O_RDWR) in ("EACCES", "EROFS")
    for other in (fs_as(), fs_as(OTHER)):
        assert other.read_errno(mounted / PATH) == "EACCES"
    as_user = {"user": ordinary_user, "group": ordinary_user, "extra_groups": []}
    assert util.run(BINARY, "unmount", mounted.path, **as_user).returncode == 0
    assert mounted.wait() == 0


@root_only
def test_a_dead_mount_of_an_ordinary_user_is_replaced(fake, mount, fs_as, ordinary_user):
    """By the supervisor's next daemon; fusermount3 detaches the dead one."""
    user = fs_as(ordinary_user)
    fake.put_many(SECRETS)
    mounted = mount(fake, "--supervise", "--secret", "prod/db", user=ordinary_user, env=NO_LEAKS)
    assert user.read_errno(mounted / PATH) is None
    [daemon] = set(daemons(mounted.path)) - {mounted.process.pid}
    os.kill(daemon, signal.SIGKILL)
    mounted.wait_log("was killed by signal 9")
    util.wait_until(lambda: user.read_errno(mounted / PATH) is None)
    mounted.signal(signal.SIGTERM)
    assert mounted.wait() == 0
