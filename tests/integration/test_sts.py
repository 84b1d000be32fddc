# SPDX-License-Identifier: Apache-2.0
"""Roles: a mount reads secrets with credentials that STS has given, and keeps them fresh."""

import os
import pathlib
import time

import boto3
import botocore.exceptions
import pytest

import util
from botocore.config import Config

ROLE = "arn:aws:iam::123456789012:role/reader"
BASE = "AKIABASEBASEBASEBASE"  # may assume roles, and read nothing
SECRET = {"password": "the-passw0rd-of-prod"}
FIRST_TOKEN, SECOND_TOKEN = "eyJfirst.eyJtoken0000.c2lnbmF0dXJl", "eyJsecond.eyJtoken0000.c2lnbmF0dXJl"
QUICK = ("--ttl", "200ms", "--poll", "0", "--timeout", "2s")
NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@pytest.fixture
def base(fake):
    """A fake with a user who needs a role, and a secret."""
    fake.user(BASE, "base-secret-key-0123456789", allow={})
    fake.put("prod/db", SECRET)
    return fake


@pytest.fixture
def token_file(place):
    """Writes the token as a kubelet does: whole, by rename."""
    path = place.home / "token"

    def write(token):
        path.with_suffix(".new").write_text(token, encoding="ascii")
        os.rename(path.with_suffix(".new"), path)
        return {**NO_KEYS, "AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_ARN": ROLE,
                "AWS_ROLE_SESSION_NAME": "pod-1"}
    return write


def keys_of(fake, action):
    return [call.access_key for call in fake.calls() if call.action == action]


def last_expiry(fake):
    """When the latest credentials of a role expire, by time.time()."""
    return max(user.ends for user in fake.users.values() if user.ends is not None)


def read_while(fs, path, condition, timeout=util.PATIENCE):
    """Reads again and again until the condition holds; no read may fail or bring other bytes."""
    end = time.monotonic() + timeout
    while not condition():
        assert fs.read(path) == SECRET["password"].encode()
        assert time.monotonic() < end, "the condition did not come true"


def check_process(mounted, *secrets):
    """Nothing secret in what other processes may see of the daemon."""
    for name in ("environ", "cmdline"):
        text = pathlib.Path(f"/proc/{mounted.process.pid}/{name}").read_bytes()
        for secret in secrets:
            assert secret.encode() not in text, name


# The fake is what botocore takes for STS.

def sts_client(fake, key=BASE, **options):
    return boto3.client("sts", endpoint_url=fake.url, region_name=fake.region, aws_access_key_id=key,
                        aws_secret_access_key=options.get("secret", fake.users[key].secret_key),
                        aws_session_token=fake.users[key].token, config=Config(retries={"max_attempts": 0}))


def code_of(function, **params):
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        function(**params)
    return raised.value.response["Error"]["Code"]


def test_the_fake_agrees_with_botocore(base):
    base.role(ROLE, trusted=[BASE], external_id="x-1", life=100)
    client = sts_client(base)
    params = {"RoleArn": ROLE, "RoleSessionName": "me", "ExternalId": "x-1"}
    given = client.assume_role(**params)["Credentials"]
    assert abs(given["Expiration"].timestamp() - time.time() - 100) < 10
    assert client.get_caller_identity()["Arn"].endswith(f":user/{BASE}")
    assert sts_client(base, given["AccessKeyId"]).get_caller_identity()["Arn"].endswith(":assumed-role/reader/me")
    assert code_of(client.assume_role, **{**params, "ExternalId": "x-2"}) == "AccessDenied"
    assert code_of(client.assume_role, **{**params, "RoleArn": ROLE + "2"}) == "AccessDenied"
    assert code_of(sts_client(base, secret="wrong").assume_role, **params) == "SignatureDoesNotMatch"
    base.expire_user(given["AccessKeyId"])
    assert code_of(sts_client(base, given["AccessKeyId"]).get_caller_identity) == "ExpiredToken"


def test_the_fake_agrees_with_botocore_on_web_identity(base):
    base.role(ROLE)
    base.web_token(ROLE, FIRST_TOKEN)
    base.web_token(ROLE, SECOND_TOKEN, good=False)
    client = boto3.client("sts", endpoint_url=base.url, region_name=base.region,
                          config=Config(retries={"max_attempts": 0}))
    params = {"RoleArn": ROLE, "RoleSessionName": "me", "WebIdentityToken": FIRST_TOKEN}
    assert client.assume_role_with_web_identity(**params)["Credentials"]["AccessKeyId"].startswith("ASIA")
    assert code_of(client.assume_role_with_web_identity, **{**params, "WebIdentityToken": SECOND_TOKEN}) == (
        "ExpiredTokenException")
    assert code_of(client.assume_role_with_web_identity, **{**params, "WebIdentityToken": "none"}) == (
        "InvalidIdentityToken")


# --role-arn

def test_a_role_on_top(base, mount, fs):
    base.role(ROLE, trusted=[BASE], external_id="x-1")
    mounted = mount(base, "--role-arn", ROLE, "--external-id", "x-1", key=BASE)
    assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
    assert set(keys_of(base, "AssumeRole")) == {BASE}
    assert all(key.startswith("ASIA") for key in keys_of(base, "GetSecretValue"))
    assert base.count("AssumeRole") == 1
    given = next(user for user in base.users.values() if user.ends is not None)
    check_process(mounted, base.users[BASE].secret_key, given.secret_key, given.token)


def test_without_the_role_nothing_is_read(base, mount, fs):
    assert fs.read_errno(mount(base, "--secret", "prod/*", key=BASE) / "prod/db/password") == "EACCES"


def test_a_role_that_is_denied(base, mount, fs):
    base.role(ROLE, trusted=[BASE], external_id="x-1")
    mounted = mount(base, "--secret", "prod/*", "--role-arn", ROLE, key=BASE)
    assert fs.read_errno(mounted / "prod/db/password") == "EKEYEXPIRED"
    mounted.wait_log(ROLE, base.url, "AccessDenied", "allow sts:AssumeRole", "external id", "trust policy")


def test_wrong_keys_below_a_role(base, mount, fs):
    base.role(ROLE, trusted=[BASE])
    mounted = mount(base, "--secret", "prod/*", "--role-arn", ROLE, key=BASE,
                    env={"AWS_SECRET_ACCESS_KEY": "this is not the secret key"})
    assert fs.read_errno(mounted / "prod/db/password") == "EACCES"
    mounted.wait_log(ROLE, "SignatureDoesNotMatch", "credentials of environment")


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_off(base, mount, fs, hours):
    """STS tells it, Secrets Manager is then asked with the right time, and the expiry is not taken for past."""
    base.set_clock(hours * 3600)
    base.role(ROLE, trusted=[BASE])
    mounted = mount(base, "--secret", "prod/db", *QUICK, "--role-arn", ROLE, key=BASE)
    read_while(fs, mounted / "prod/db/password", lambda: base.count("GetSecretValue") >= 3)
    assert base.count("AssumeRole") == 2  # the first was refused


def test_credentials_are_renewed_in_use(base, mount, fs):
    base.role(ROLE, trusted=[BASE], life=2)
    mounted = mount(base, *QUICK, "--role-arn", ROLE, key=BASE)
    read_while(fs, mounted / "prod/db/password", lambda: base.count("AssumeRole") >= 4)
    assert len(set(keys_of(base, "GetSecretValue"))) >= 3
    assert "ExpiredToken" not in mounted.log()  # renewed before they expire


FAULTS = {
    "denied": {"kind": "error", "code": "AccessDenied", "message": "Not now", "status": 403},
    "server error": {"kind": "status", "status": 503},
    "hang": {"kind": "hang"},
    "reset": {"kind": "reset"},
    "not XML": {"kind": "not-json"},
    "cut XML": {"kind": "wrong-json"},
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_outage_of_sts_fails_no_cached_read(base, mount, fs, name):
    base.role(ROLE, trusted=[BASE], life=2)
    mounted = mount(base, *QUICK, "--role-arn", ROLE, key=BASE)
    path = mounted / "prod/db/password"
    assert fs.read(path) == SECRET["password"].encode()
    base.fault(action="AssumeRole", **FAULTS[name])
    dead = last_expiry(base) + 1
    read_while(fs, path, lambda: time.time() > dead and base.count("AssumeRole") >= 2)
    assert base.count("AssumeRole") < 6  # it is not asked at each read


def test_an_outage_of_sts_ends_by_itself(base, mount, fs):
    base.role(ROLE, trusted=[BASE], life=2)
    mounted = mount(base, *QUICK, "--role-arn", ROLE, key=BASE)
    assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
    fault = base.fault("status", action="AssumeRole")
    util.wait_until(lambda: base.count("AssumeRole") >= 2 or not fs.read(mounted / "prod/db/password"))
    base.clear(fault)
    base.put("prod/db", {"password": "after-the-outage"})
    util.wait_until(lambda: fs.read(mounted / "prod/db/password") == b"after-the-outage", timeout=25)


def test_a_passing_fault_is_not_seen(base, mount, fs):
    base.role(ROLE, trusted=[BASE])
    base.fault("status", action="AssumeRole", status=500, times=2)
    assert fs.read(mount(base, "--role-arn", ROLE, key=BASE) / "prod/db/password") == SECRET["password"].encode()
    assert base.count("AssumeRole") == 3


# Web identity

def test_web_identity(base, mount, fs, token_file):
    base.role(ROLE, trusted=[])
    base.web_token(ROLE, FIRST_TOKEN)
    mounted = mount(base, env=token_file(FIRST_TOKEN + "\n"))
    assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
    assert keys_of(base, "AssumeRoleWithWebIdentity") == [""]
    assert any(session.endswith("/reader/pod-1") for session in base.sts.sessions.values())
    check_process(mounted, FIRST_TOKEN)


def test_a_rotated_token_is_read_again(base, mount, fs, token_file):
    base.role(ROLE, trusted=[], life=2)
    base.web_token(ROLE, FIRST_TOKEN)
    mounted = mount(base, *QUICK, env=token_file(FIRST_TOKEN))
    path = mounted / "prod/db/password"
    assert fs.read(path) == SECRET["password"].encode()
    token_file(SECOND_TOKEN)
    base.web_token(ROLE, FIRST_TOKEN, good=False)
    base.web_token(ROLE, SECOND_TOKEN)
    dead = last_expiry(base)
    read_while(fs, path, lambda: last_expiry(base) > dead + 1 and time.time() > dead)
    assert "ExpiredToken" not in mounted.log()


@pytest.mark.parametrize("token, errno, words", [
    (SECOND_TOKEN, "EKEYEXPIRED", ["ExpiredTokenException", "renews it"]),
    ("eyJunknown.eyJtoken.c2ln", "EACCES", ["InvalidIdentityToken", "identity provider"]),
    ("", "EKEYEXPIRED", ["/token is empty"]),
])
def test_tokens_that_are_refused(base, mount, fs, token_file, token, errno, words):
    base.role(ROLE)
    base.web_token(ROLE, SECOND_TOKEN, good=False)
    mounted = mount(base, "--secret", "prod/*", env=token_file(token))
    assert fs.read_errno(mounted / "prod/db/password") == errno
    mounted.wait_log('"prod/db"', *words)
    assert not token or token not in mounted.log()


def test_an_identity_provider_that_is_slow_to_answer(base, mount, fs, token_file):
    base.role(ROLE)
    base.web_token(ROLE, FIRST_TOKEN)
    base.fault("error", action="AssumeRoleWithWebIdentity", code="IDPCommunicationError", message="Try again", times=1)
    mounted = mount(base, env=token_file(FIRST_TOKEN))
    assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
    assert base.count("AssumeRoleWithWebIdentity") == 2


def test_a_role_on_top_of_web_identity(base, mount, fs, token_file):
    base.role(ROLE, trusted=[], allow={})
    base.web_token(ROLE, FIRST_TOKEN)
    base.role(ROLE + "2")
    mounted = mount(base, "--role-arn", ROLE + "2", env=token_file(FIRST_TOKEN))
    assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
    assert keys_of(base, "AssumeRole") != [""]
    assert base.count("AssumeRoleWithWebIdentity") == 1


# moto has another STS, and checks signatures and policies by code of its own.

def test_moto_role(moto, mount, fs):
    moto.put("sts/one", SECRET)
    user = moto.user("sts:AssumeRole")
    role = moto.role(user, "x-1", "secretsmanager:GetSecretValue")
    for options, errno in (((), "EACCES"), (("--role-arn", role, "--external-id", "x-2"), "EKEYEXPIRED")):
        denied = mount(user, "--secret", "sts/one", *options)
        assert fs.read_errno(denied / "sts/one/password") == errno
        denied.wait_log("AccessDenied", user.name)
    mounted = mount(user, "--secret", "sts/one", "--role-arn", role, "--external-id", "x-1")
    assert fs.read(mounted / "sts/one/password") == SECRET["password"].encode()


def test_moto_web_identity(moto, mount, fs, token_file):
    moto.put("sts/two", SECRET)
    role = moto.role(moto.user("sts:AssumeRole"), "x-1", "secretsmanager:GetSecretValue")
    with moto.unchecked():
        mounted = mount(moto.admin, "--secret", "sts/two", env={**token_file(FIRST_TOKEN), "AWS_ROLE_ARN": role})
        assert fs.read(mounted / "sts/two/password") == SECRET["password"].encode()
