# SPDX-License-Identifier: Apache-2.0
"""Names of secrets and keys as names of files: escapes, clashes, limits, and what is found without a listing."""

import json

import pytest

import util

KEYS = {  # key: its file
    "plain": "plain", ".hidden": "%2Ehidden", "..": "%2E.", ".": "%2E", ".raw": "%2Eraw", ".versions": "%2Eversions",
    "a.b": "a.b", "a/b": "a%2Fb", "/": "%2F", "100%": "100%25", "%2E": "%252E", "": "%", "nul\0": "nul%00",
    "with space": "with space", "new\nline": "new\nline", "ümläut": "ümläut", "quote\"'\\": "quote\"'\\", "a:b": "a:b",
    "*": "*", "x" * 255: "x" * 255,
}
NAMES = {  # name of a secret: its directory
    "plain": "plain", "/leading": "leading", "a/b": "a/b", "a//c": "a/%/c", "trailing/": "trailing/%",
    ".hidden": "%2Ehidden", "x/../y": "x/%2E./y", "x/./z": "x/%2E/z", ".secretsfs": "%2Esecretsfs", "a+b=c@d_e-f.g":
    "a+b=c@d_e-f.g", "rds!db-1": "rds!db-1", "n" * 255: "n" * 255, "/".join(["d" * 100] * 5): "/".join(["d" * 100] * 5),
}


@pytest.fixture(params=["fake", "local"])
def with_backend(request, fake, mount):
    """Mounts these secrets from either backend, and waits for the listing."""
    def make(secrets, *options):
        fake.put_many(secrets)
        made = mount(fake if request.param == "fake" else secrets, *options)
        util.wait_until(lambda: made.status()["names"]["state"] == "complete")
        return made
    return make


def test_keys(with_backend, fs):
    mounted = with_backend({"s": {key: f"value of {key!r}" for key in KEYS}})
    assert fs.list(mounted / "s") == sorted([".raw", *KEYS.values()])
    for key, entry in KEYS.items():
        assert fs.read(mounted / "s" / entry) == f"value of {key!r}".encode(), key
    assert json.loads(fs.read(mounted / "s/.raw"))[".raw"] == "value of '.raw'"


def test_names(with_backend, fs):
    secrets = {name: {"key": f"value of {name!r}"} for name in NAMES}
    mounted = with_backend(secrets)
    found = {path: data for path, data in fs.tree(mounted.path).items() if path.endswith("/key")}
    assert found == {f"{path}/key": f"value of {name!r}".encode() for name, path in NAMES.items()}


@pytest.mark.parametrize("name", NAMES)
def test_names_without_a_listing(fake, mount, fs, name):
    fake.put(name, {"key": "value of the key"})
    fake.user("AKIAREADER", "secret key of a reader", allow={"GetSecretValue": ["*"]})
    mounted = mount(fake, "--secret", name, key="AKIAREADER")
    assert fs.read(mounted / NAMES[name] / "key") == b"value of the key"


def test_other_spellings_do_not_exist(with_backend, fs):
    mounted = with_backend({"s": {".hidden": "value", "a/b": "value", "%": "value"}, ".dot": {"key": "value"}})
    for path in ("s/.hidden", "s/%2ehidden", "s/%2E%68idden", "s/a%2fb", "s/%25%", "s/%", "s/%2", "s/%zz", ".dot/key",
                 "%2edot/key", "%73/.raw"):
        assert fs.read_errno(mounted / path) == "ENOENT", path


def test_keys_that_do_not_fit(with_backend, fs):
    """They are only in .raw."""
    mounted = with_backend({"s": {"x" * 256: "value of x", "/" * 86: "value of slashes", "short": "value"}})
    assert fs.list(mounted / "s") == [".raw", "short"]
    assert json.loads(fs.read(mounted / "s/.raw"))["x" * 256] == "value of x"
    assert fs.read_errno(mounted / "s" / ("x" * 256)) == "ENAMETOOLONG"
    mounted.wait_log('"s"', "2 keys are longer")


def test_names_that_do_not_fit(with_backend, fs):
    mounted = with_backend({"n" * 256: "value", "short": "value"})
    assert fs.list(mounted.path) == ["short"]
    assert mounted.status()["names"]["skipped"] == 1
    mounted.wait_log("255")


def test_key_and_secret_of_one_path(with_backend, fs):
    """The secret wins; the key is still in .raw."""
    mounted = with_backend({"a": {"b": "the key", "c": {"d": "the nested key"}, "e": "value"},
                            "a/b": {"x": "the secret a/b"}, "a/c/f": {"y": "the secret a/c/f"}})
    assert fs.list(mounted / "a") == [".raw", "b", "c", "e"]
    assert fs.read(mounted / "a/b/x") == b"the secret a/b"
    assert fs.read(mounted / "a/e") == b"value"
    assert fs.read(mounted / "a/c/f/y") == b"the secret a/c/f"
    assert json.loads(fs.read(mounted / "a/.raw"))["b"] == "the key"


def test_with_and_without_a_leading_slash(with_backend, fs):
    mounted = with_backend({"/prod/db": {"key": "with slash"}, "prod/db": {"key": "without slash"},
                            "/prod/only": {"key": "only with slash"}})
    assert fs.list(mounted / "prod") == ["db", "only"]
    assert fs.read(mounted / "prod/db/key") == b"without slash"
    assert fs.read(mounted / "prod/only/key") == b"only with slash"


def test_the_one_with_a_slash_is_reached_by_arn(fake, mount, fs):
    fake.put_many({"/prod/db": {"key": "with slash"}, "prod/db": {"key": "without slash"}})
    mounted = mount(fake)
    assert fs.read(mounted / fake.arn("prod/db") / "key") == b"without slash"
    assert util.run_read(f"{mounted.path}/{fake.arn('/prod/db')}/key").stdout == b"with slash"


def test_a_name_that_begins_with_two_slashes(with_backend, fs):
    """Only one of them is dropped."""
    mounted = with_backend({"//two": {"key": "value"}})
    assert fs.tree(mounted.path) == {"%/two/key": b"value", "%/two/.raw": b'{"key": "value"}'}


@pytest.fixture
def unlisted(fake):
    fake.put_many({name: {"key": f"value of {name}"} for name in ("flat", "prod/a", "prod/b", "prod/c/d", "dev/a")})
    fake.user("AKIAREADER", "secret key of a reader", allow={"GetSecretValue": ["*"]})
    return fake


def test_exact_names_are_listed(unlisted, mount, fs):
    mounted = mount(unlisted, "--secret", "flat", "--secret", "prod/a", "--secret", "prod/c/d", key="AKIAREADER")
    assert fs.list(mounted.path) == ["flat", "prod"]
    assert fs.list(mounted / "prod") == ["a", "c"]
    assert fs.read(mounted / "prod/c/d/key") == b"value of prod/c/d"
    assert fs.read_errno(mounted / "prod/b/key") == "ENOENT"
    assert fs.read_errno(mounted / "dev/a/key") == "ENOENT"


def test_patterns_are_found_on_lookup(unlisted, mount, fs):
    mounted = mount(unlisted, "--secret", "prod/*", key="AKIAREADER")
    assert fs.list(mounted.path) == ["prod"]
    assert fs.list(mounted / "prod") == []
    assert fs.read(mounted / "prod/a/key") == b"value of prod/a"
    assert fs.read_errno(mounted / "prod/none/key") == "ENOENT"
    assert fs.read_errno(mounted / "flat/key") == "ENOENT"


def test_arns_as_names(unlisted, mount, fs):
    arns = [unlisted.arn("flat"), unlisted.arn("prod/a"), unlisted.arn("prod/b")[:-7] + "-??????"]
    mounted = mount(unlisted, *(word for arn in arns for word in ("--secret", arn)), key="AKIAREADER")
    for name in ("flat", "prod/a", "prod/b"):
        assert fs.read(mounted / name / "key") == f"value of {name}".encode()


def test_patterns_narrow_a_listing(unlisted, mount, fs):
    mounted = mount(unlisted, "--secret", "prod/*", "--secret", "flat")
    util.wait_until(lambda: mounted.status()["names"]["state"] == "complete")
    assert fs.list(mounted.path) == ["flat", "prod"]
    util.wait_until(lambda: fs.list(mounted / "prod") == ["a", "b", "c"])
    assert fs.read(mounted / "prod/c/d/key") == b"value of prod/c/d"


def test_filters_narrow_a_listing(unlisted, mount, fs):
    for words, found in ((["name=dev/"], ["dev"]), (["name=!prod/"], ["dev", "flat"]),
                         (["name=!prod/", "all=a"], ["dev", "flat"]), (["name=prod/", "description=none"], [])):
        mounted = mount(unlisted, *(word for filter in words for word in ("--filter", filter)))
        util.wait_until(lambda: mounted.status()["names"]["state"] == "complete")
        assert fs.list(mounted.path) == found, words
