# SPDX-License-Identifier: Apache-2.0
"""Extended attributes: which version of what this is, and how fresh."""

import util

NAMES = ["user.secretsfs." + name for name in ("arn", "name", "version_id", "stages", "fetched", "stale")]
PATHS = ["prod/db", "prod/db/password", "prod/db/.raw", "prod/db/pool", "prod/db/pool/limit"]
SECRET = {"password": "the password of the database", "pool": {"limit": 20}}


def test_values(fake, mount, fs):
    version = fake.put("prod/db", SECRET)
    fake.label("prod/db", "custom", version)
    mounted = mount(fake)
    for path in PATHS:
        fs.stat(mounted / path)
        found = {name: fs.call("getxattr", mounted / path, name) for name in NAMES}
        assert found["user.secretsfs.arn"] == fake.arn("prod/db")
        assert found["user.secretsfs.name"] == "prod/db"
        assert found["user.secretsfs.version_id"] == version
        assert sorted(found["user.secretsfs.stages"].split(",")) == ["AWSCURRENT", "custom"]
        assert found["user.secretsfs.fetched"]
        assert found["user.secretsfs.stale"] in ("0", "no", "false")


def test_they_are_listed_where_they_exist(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake)
    for path in PATHS:
        assert sorted(fs.call("listxattr", mounted / path)) == sorted(NAMES)
    for path in ("", "prod", ".secretsfs"):
        assert fs.call("listxattr", mounted / path) == []


def test_others_do_not_exist(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake)
    for name in ("user.other", "user.secretsfs.none", "security.selinux", "system.posix_acl_access"):
        assert fs.errno("getxattr", mounted / "prod/db/password", name) in ("ENODATA", "ENOTSUP")


def test_with_getfattr(fake, mount):
    """The usual tool, which asks for sizes first."""
    fake.put("prod/db", SECRET)
    mounted = mount(fake)
    done = util.run("getfattr", "-d", "--absolute-names", mounted / "prod/db/password")
    lines = done.stdout.decode().splitlines()
    assert f'user.secretsfs.arn="{fake.arn("prod/db")}"' in lines and len([line for line in lines if "=" in line]) == 6


def test_stale(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--ttl", "100ms", "--timeout", "500ms")
    path = mounted / "prod/db/password"
    fs.read(path)
    fresh = fs.call("getxattr", path, "user.secretsfs.stale")
    fake.fault("status")
    util.wait_until(lambda: fs.read(path) and fs.call("getxattr", path, "user.secretsfs.stale") != fresh)
    assert fs.read(path) == SECRET["password"].encode()
    fake.clear()
    util.wait_until(lambda: fs.read(path) and fs.call("getxattr", path, "user.secretsfs.stale") == fresh)
