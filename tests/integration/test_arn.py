# SPDX-License-Identifier: Apache-2.0
"""Paths that begin with an ARN: of a secret, without its suffix, and as in an ECS task definition."""

import pytest

from store import ACCOUNT

FIRST = {"user": "first user", "password": "first password", "nested": {"deep": "first"}}
SECOND = {"user": "second user", "password": "second password", "nested": {"deep": "second"}}


@pytest.fixture(params=["flat", "with/slashes/in-it", "dash-abcdef", "a+b=c@d_e.f"])
def secret(request, fake):
    """(name, ARN, version ids); AWSPREVIOUS is FIRST, AWSCURRENT is SECOND."""
    name = request.param
    return name, [fake.put(name, FIRST), fake.put(name, SECOND)]


@pytest.fixture
def mounted(fake, secret, mount):
    """By one who may read this secret and nothing else: not even ask whether a part of its name is a secret."""
    fake.user("AKIAREADER", "secret key of a reader", allow={"GetSecretValue": [secret[0]]})
    return mount(fake, key="AKIAREADER")


def test_arn(fake, secret, mounted, fs):
    arn = fake.arn(secret[0])
    assert fs.tree(mounted / arn) == {
        "user": b"second user", "password": b"second password", "nested/deep": b"second",
        "nested/.raw": b'{"deep": "second"}', ".raw": fs.read(mounted / arn / ".raw")}
    assert fs.read_errno(mounted / arn / "none") == "ENOENT"


def test_arn_without_suffix(fake, secret, mounted, fs):
    path = mounted / fake.arn(secret[0])[:-7] / "user"
    if secret[0] == "dash-abcdef":  # this AWS takes for a whole ARN
        assert fs.read_errno(path) == "ENOENT"
    else:
        assert fs.read(path) == b"second user"


def test_value_from(fake, secret, mounted, fs):
    name, (first, second) = secret
    arn = fake.arn(name)
    for fields, expected in {
            "user::": b"second user", "user:AWSCURRENT:": b"second user", "user:AWSPREVIOUS:": b"first user",
            f"user::{first}": b"first user", f"password::{second}": b"second password",
            f"user:AWSPREVIOUS:{first}": b"first user",
            "::": fs.read(mounted / arn / ".raw"), ":AWSCURRENT:": fs.read(mounted / arn / ".raw")}.items():
        assert fs.read(mounted / f"{arn}:{fields}") == expected, fields
    previous = fs.read(mounted / f"{arn}::AWSPREVIOUS:")
    assert b"first user" in previous and fs.read(mounted / f"{arn}:::{first}") == previous


def test_value_from_that_leads_nowhere(fake, secret, mounted, fs):
    name, (_, second) = secret
    arn = fake.arn(name)
    for fields in ("none::", "user:AWSPENDING:", "user::00000000-0000-0000-0000-000000000000",
                   f"user:AWSPREVIOUS:{second}", "user", "user:AWSCURRENT", "user:::", "user:AWSCURRENT::",
                   "nested/deep::"):
        assert fs.read_errno(mounted / f"{arn}:{fields}") in ("ENOENT", "ENOTDIR"), fields


def test_value_from_is_a_file(fake, secret, mounted, fs):
    path = mounted / f"{fake.arn(secret[0])}:user::"
    assert fs.stat(path)["st_mode"] == 0o100400
    assert fs.stat(path)["st_size"] == len("second user")


def test_a_wrong_suffix(fake, secret, mount, fs):
    arn = fake.arn(secret[0])
    assert fs.read_errno(mount(fake) / (arn[:-1] + ("A" if arn[-1] != "A" else "B")) / "user") == "ENOENT"


def test_arns_are_not_listed(fake, secret, mounted, fs):
    fs.read(mounted / fake.arn(secret[0]) / "user")
    assert not [name for name in fs.list(mounted.path) if name.startswith("arn")]


def test_arns_are_one_secret_however_it_is_named(fake, secret, mounted, fs):
    name = secret[0]
    for path in (fake.arn(name), *([name] if "/" not in name else [])):
        for key in ("user", "password", ".raw"):
            fs.read(mounted / path / key)
    assert fake.count("GetSecretValue", name) <= 2


def test_not_an_arn_of_a_secret(fake, mount, fs):
    mounted = mount(fake)
    for path in ("arn:aws:s3:::bucket", "arn", "arn:",
                 "arn:aws:secretsmanager:eu-west-1:123456789012:other:x-abcdef",
                 f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:none-abcdef"):
        assert fs.read_errno(mounted / path / "user") == "ENOENT", path
