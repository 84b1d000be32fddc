# SPDX-License-Identifier: Apache-2.0
"""`secretsfs sync` is killed, or fails, at each of its calls that change the file system, one after the other."""

import errno
import itertools
import os
import pathlib
import stat

import pytest

import mounting
import syncing
from syncing import BOTH, read
from test_sync_place import call, tmpfs  # noqa: F401 (a fixture)

DISTURB = pathlib.Path(mounting.BINARY).parents[1] / "tests/integration/disturb.so"
OLD = {"prod/db": {"password": "the old password", "user": "app", "pool": {"limit": 20}}, "prod/gone": "once more",
       "turns": {"to": {"a": "text"}}}
NEW = {"prod/db": {"password": "a longer new password", "user": "app", "pool": "a text", "more": "of it"},
       "prod/db/user": "a secret in the place of a key", "turns": "a text", "first/seen": {"k": "now"}}
FOREIGN = "prod/db/notes"
OWN_FILES = {"lock", "made", "status.json", "new"}


def disturbed(at, number=0, **more):
    return {"LD_PRELOAD": str(DISTURB), "DISTURB_AT": str(at), "DISTURB_ERRNO": str(number), **more,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def contents(top):
    """{path: bytes} of all files below a directory but our own, and what ..data leads to by its own name."""
    return {path: read(top / path) for path in syncing.paths(top)
            if (top / path).is_file() and not any(part.startswith("..") for part in path.split("/"))}


@pytest.fixture
def directory(tmpfs):  # noqa: F811
    """Of two trees what each sync leaves, and the way from one to the other."""
    class Directory:
        top = tmpfs.mountpoint

        def sync(self, secrets, *options, **environment):
            return call(tmpfs, secrets, "--once", *options, **environment)

        def begin(self, how):
            done = self.sync(OLD, *how)
            assert done.returncode == 0, done.stderr
            if not (self.top / FOREIGN).exists():
                (self.top / FOREIGN).write_text("of somebody else")

        def check_whole(self, known):
            for path, found in contents(self.top).items():
                assert found in known.get(path, ()), (path, found)
                mode = stat.S_IMODE(os.stat(self.top / path).st_mode)
                assert mode == (0o644 if path == FOREIGN else 0o400), (path, oct(mode))
            for name in {"made", "status.json"} & set(os.listdir(self.top / ".secretsfs")):
                assert read(self.top / ".secretsfs" / name)
    return Directory()


def both_trees(directory, how):
    """{path: all that may be there}, and the tree at the end."""
    known = {}
    for secrets in (OLD, NEW):
        directory.begin(how)
        assert directory.sync(secrets, *how).returncode == 0
        last = contents(directory.top)
        for path, found in last.items():
            known.setdefault(path, set()).add(found)
    return known, last


@BOTH
@pytest.mark.parametrize("number", [0, errno.ENOSPC], ids=["killed", "full"])
def test_at_each_step(directory, how, number):
    known, last = both_trees(directory, how)
    for at in itertools.count(1):
        directory.begin(how)
        done = directory.sync(NEW, *how, **disturbed(at, number))
        directory.check_whole(known)
        if b"disturbed" not in done.stderr:
            break
        assert done.returncode in ((0, 1) if number else (-9,)), done.stderr
        assert done.returncode != 0 or contents(directory.top) == last
        again = directory.sync(NEW, *how)
        assert again.returncode == 0, (at, done.stderr, again.stderr)
        assert contents(directory.top) == last
        assert os.listdir(directory.top / ".secretsfs/new") == []
    assert at > 30


@BOTH
def test_where_a_rename_can_only_replace(directory, how):
    """As on NFS."""
    _, last = both_trees(directory, how)
    directory.begin(how)
    as_nfs = disturbed(0, DISTURB_NO_REPLACE="yes")
    done = directory.sync(NEW, *how, **as_nfs)
    assert done.returncode == 0 and contents(directory.top) == last, done.stderr
    (directory.top / "late").write_text("of somebody else")
    assert directory.sync({**NEW, "late": {"k": "v of late"}}, *how, **as_nfs).returncode == 1
    assert read(directory.top / "late") == b"of somebody else"
