# SPDX-License-Identifier: Apache-2.0
"""The tree: what is a file, what is a directory, their modes, times and contents."""

import json
import os
import stat

import pytest

import util

SECRETS = {
    "prod/app/database": {"DATABASE_URL": "postgres://u:pass-of-database@h/d", "pool": {"limit": 20, "tls": {}}},
    "prod/app": {"token": "token-of-the-app"},
    "payments/jwt": "plain text of the secret",
    "top": {"flag": True, "none": None, "list": [1, {"two": 2}]},
    "array": '[1, 2]',
    "quoted": '"a JSON string"',
    "number": "42",
    "broken": '{"a": 1',
    "empty-object": {},
}
FILES = {
    "prod/app/database/DATABASE_URL": b"postgres://u:pass-of-database@h/d",
    "prod/app/database/pool/limit": b"20",
    "prod/app/database/pool/tls/.raw": b"{}",
    "prod/app/database/pool/.raw": b'{"limit": 20, "tls": {}}',
    "prod/app/database/.raw": json.dumps(SECRETS["prod/app/database"]).encode(),
    "prod/app/token": b"token-of-the-app",
    "prod/app/.raw": b'{"token": "token-of-the-app"}',
    "payments/jwt/value": b"plain text of the secret",
    "payments/jwt/.raw": b"plain text of the secret",
    "top/flag": b"true", "top/none": b"null", "top/list": b'[1, {"two": 2}]',
    "top/.raw": json.dumps(SECRETS["top"]).encode(),
    "array/value": b"[1, 2]", "array/.raw": b"[1, 2]",
    "quoted/value": b'"a JSON string"', "quoted/.raw": b'"a JSON string"',
    "number/value": b"42", "number/.raw": b"42",
    "broken/value": b'{"a": 1', "broken/.raw": b'{"a": 1',
    "empty-object/.raw": b"{}",
}


@pytest.fixture(params=["fake", "local"])
def mounted(request, fake, mount):
    """The same secrets from both backends."""
    fake.put_many(SECRETS)
    made = mount(fake if request.param == "fake" else SECRETS)
    util.wait_until(lambda: made.status()["names"]["state"] == "complete")
    return made


@pytest.fixture(params=["fake", "local"])
def shown(request, fake, show):
    """The same, as a mount and as ordinary files."""
    fake.put_many(SECRETS)
    made = show(fake if request.param == "fake" else SECRETS)
    util.wait_until(lambda: made.status()["names"]["state"] in ("complete", "off"))
    return made


def test_walk(shown, fs):
    assert fs.tree(shown.path) == FILES


def test_read_by_path_without_walking(shown, fs):
    assert {path: fs.read(shown / path) for path in FILES} == FILES


def test_listings(mounted, fs):
    assert fs.list(mounted.path) == ["array", "broken", "empty-object", "number", "payments", "prod", "quoted", "top"]
    assert ".secretsfs" in fs.call("listdir", mounted.path)
    assert fs.list(mounted / "prod") == ["app"]
    assert fs.list(mounted / "prod/app") == [".raw", "database", "token"]
    assert sorted(fs.call("listdir", mounted / ".secretsfs")) == ["metrics", "status.json"]
    assert fs.errno("listdir", mounted / "top/flag") == "ENOTDIR"
    assert fs.read_errno(mounted / "prod") == "EISDIR"


def test_types_modes_and_owner(mounted, fs):
    for path in ("", "prod", "prod/app", "prod/app/database/pool", ".secretsfs"):
        found = fs.stat(mounted / path)
        assert (stat.filemode(found["st_mode"]), found["st_uid"], found["st_gid"]) == ("dr-x------", 0, 0), path
    for path in FILES:
        found = fs.stat(mounted / path)
        assert (stat.filemode(found["st_mode"]), found["st_uid"], found["st_gid"]) == ("-r--------", 0, 0), path
        assert found["st_size"] == len(FILES[path])


def test_inode_numbers_are_unique_and_stay(mounted, fs):
    numbers = {path: fs.stat(mounted / path)["st_ino"] for path in FILES}
    assert len(set(numbers.values())) == len(FILES)
    assert {path: fs.stat(mounted / path)["st_ino"] for path in FILES} == numbers


def test_missing_paths(mounted, fs):
    for path in ("none", "prod/none", "prod/app/none", "prod/app/database/pool/none", "prod/app/database/pool/tls/none",
                 ".secretsfs/none", ".hidden", "payments/jwt/none"):
        assert fs.read_errno(mounted / path) == "ENOENT", path
    assert fs.read_errno(mounted / "top/flag/none") == "ENOTDIR"


def test_a_prefix_that_is_a_secret_too(fake, show, fs):
    """Neither needs the other, in whatever order they are asked for and without a listing."""
    fake.put_many({"a": {"key": "value of a"}, "a/b": {"key": "value of b"}})
    fake.user("AKIAREADER", "secret key of a reader", allow={"GetSecretValue": ["*"]})
    mounted = show(fake, "--secret", "a", "--secret", "a/b", key="AKIAREADER")
    assert fs.read(mounted / "a/b/key") == b"value of b"
    assert fs.read(mounted / "a/key") == b"value of a"
    assert fs.list(mounted / "a") == [".raw", "b", "key"]


def test_mtime_is_when_the_version_was_created(fake, show, fs):
    fake.put("s", {"a": "b"}, created=1523477145.25)
    mounted = show(fake)
    for path in ("s/a", "s/.raw"):
        assert fs.stat(os.path.realpath(mounted / path))["st_mtime_ns"] == 1523477145250000000


def test_deep_objects(show, fs):
    value = "bottom"
    for _ in range(40):
        value = {"n": value}
    mounted = show({"deep": value})
    assert fs.read(mounted / "deep/.raw") == json.dumps(value).encode()
    assert fs.list(mounted / "deep" / "/".join(["n"] * 31)) == [".raw", "n"]
    tree = fs.tree(mounted.path)
    assert b"bottom" in tree[max(tree, key=len)]


def test_status(fake, mount, fs):
    version = fake.put("s", {"a": "b"})
    mounted = mount(fake)
    fs.read(mounted / "s/a")
    util.wait_until(lambda: mounted.status()["names"]["state"] == "complete")
    status = mounted.status()
    assert status["ready"] is True and status["mountpoint"] == str(mounted.path) and status["version"]
    assert fake.url in status["source"] and fake.region in status["source"]
    assert status["calls"]["get"] == 1 and status["calls"]["list"] >= 1 and status["calls"]["failed"] == 0
    assert status["calls"]["wire"] == fake.count()
    assert status["names"]["listed"] == 1 and status["names"]["skipped"] == 0
    [secret] = status["secrets"]
    assert (secret["name"], secret["arn"], secret["version_id"], secret["stages"]) == (
        "s", fake.arn("s"), version, ["AWSCURRENT"])
    assert secret["stale"] is False and secret.get("error") is None and 0 <= secret["age_seconds"] < 60
    assert sum(count for name, count in status["requests"].items() if name != "total") == status["requests"]["total"]
