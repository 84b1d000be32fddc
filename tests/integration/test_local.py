# SPDX-License-Identifier: Apache-2.0
"""The local backend: one JSON file, watched."""

import json
import os

import pytest

import util
from mounting import BINARY, mounts

SECRETS = {"prod/db": {"user": "app", "password": "first password of db"}, "plain": "plain text secret"}


def test_files(mount, fs):
    mounted = mount(SECRETS)
    assert fs.tree(mounted.path) == {
        "prod/db/user": b"app", "prod/db/password": b"first password of db",
        "prod/db/.raw": json.dumps(SECRETS["prod/db"]).encode(),
        "plain/value": b"plain text secret", "plain/.raw": b"plain text secret"}
    assert str(mounted.place.home / "local.json") in mounted.status()["source"]


def test_values_that_are_neither_object_nor_text(mount, fs):
    """Their JSON text is the value."""
    mounted = mount('{"a": 1.50, "b": [ 1 ], "c": null}')
    assert {name: fs.read(mounted / name / "value") for name in "abc"} == {"a": b"1.50", "b": b"[ 1 ]", "c": b"null"}


def by_writing(place, secrets):
    place.write_local(secrets)


def by_renaming(place, secrets):
    """As editors do."""
    new = place.home / "local.json.new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        json.dump(secrets, file)
    new.rename(place.home / "local.json")


@pytest.mark.parametrize("edit", [by_writing, by_renaming])
def test_edits_are_noticed(mount, fs, edit):
    """Whatever the ttl is, again and again; secrets come and go."""
    mounted = mount(SECRETS, "--ttl", "1h", "--poll", "0")
    assert fs.read(mounted / "prod/db/password") == b"first password of db"
    for number in range(3):
        edit(mounted.place, {**SECRETS, "prod/db": {"password": f"password number {number}"}})
        util.wait_until(lambda: fs.read(mounted / "prod/db/password") == b"password number %d" % number)
    edit(mounted.place, {"new/one": "a new secret"})
    util.wait_until(lambda: fs.list(mounted.path) == ["new"])
    assert fs.read(mounted / "new/one/value") == b"a new secret"
    util.wait_until(lambda: fs.read_errno(mounted / "prod/db/password") == "ENOENT")


@pytest.mark.parametrize("text", ["{", "[]", '{"a": ', "", '{"a": {"b": 1}} x'])
def test_a_broken_edit_keeps_the_last_values(mount, fs, text):
    mounted = mount(SECRETS)
    assert fs.read(mounted / "prod/db/user") == b"app"
    mounted.place.write_local(text)
    mounted.wait_log("local.json")
    assert fs.read(mounted / "prod/db/password") == b"first password of db"
    mounted.place.write_local({"prod/db": {"password": "repaired password"}})
    util.wait_until(lambda: fs.read_errno(mounted / "prod/db/user") == "ENOENT")
    assert fs.read(mounted / "prod/db/password") == b"repaired password"


def refuse(place, *words):
    done = util.run(BINARY, "mount", "-f", "--local", place.home / "local.json", place.mountpoint,
                    env=place.environment())
    text = done.stderr.decode()
    assert done.returncode > 0
    assert all(word in text for word in ("local.json", *words)), text
    assert "first password" not in text
    assert str(place.mountpoint) not in mounts()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o660])
def test_a_file_that_others_may_use_is_refused(place, mode):
    place.write_local(SECRETS).chmod(mode)
    refuse(place, "chmod")


@pytest.mark.parametrize("text", [
    "", "{", "[]", '"text"', "null", '{"": "x"}', '{"a": "b"} {}', '{"first password": "first password',
])
def test_a_file_that_cannot_be_understood_is_refused(place, text):
    place.write_local(text)
    refuse(place)


def test_no_file_is_refused(place):
    refuse(place)


def test_a_directory_is_refused(place):
    (place.home / "local.json").mkdir(0o700)
    refuse(place)
