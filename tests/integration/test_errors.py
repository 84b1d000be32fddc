# SPDX-License-Identifier: Apache-2.0
"""What a reader gets, and what the log says, when it goes wrong."""

import pytest

import util
from api import DELETED, NOT_FOUND

SECRET = {"password": "the password of the database"}
DENIED = "User: arn:aws:iam::123456789012:user/app is not authorized to perform: secretsmanager:GetSecretValue"
ALLOW = "secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:*:secret:prod/db-??????"


def error(code, message, **options):
    return {"kind": "error", "code": code, "message": message, **options}


# what happens, errno, words of the line in the log
FAULTS = {
    "marked for deletion": (error("InvalidRequestException", DELETED), "ENOENT", ["deletion"]),
    "access denied": (error("AccessDeniedException", DENIED), "EACCES", [DENIED, ALLOW]),
    "no KMS permission": (error("AccessDeniedException", "Access to KMS is not allowed"), "EACCES", ["kms:Decrypt"]),
    "KMS key disabled": (error("DecryptionFailure", "Secrets Manager can't decrypt it"), "EACCES",
                         ["DecryptionFailure", "kms:Decrypt"]),
    "unknown credentials": (error("UnrecognizedClientException", "The security token is invalid."), "EACCES",
                            ["UnrecognizedClientException"]),
    "bad signature": (error("InvalidSignatureException", "The request signature does not match."), "EACCES",
                      ["InvalidSignatureException"]),
    "expired credentials": ({"kind": "expired-token"}, "EKEYEXPIRED", ["ExpiredTokenException"]),
    "throttled": ({"kind": "throttle"}, "EAGAIN", ["ThrottlingException", "Rate exceeded"]),
    "no answer": ({"kind": "hang"}, "ETIMEDOUT", []),
    "too slow": ({"kind": "drip", "seconds": 0.1}, "ETIMEDOUT", []),
    "reset": ({"kind": "reset"}, "ETIMEDOUT", []),
    "closed": ({"kind": "close"}, "ETIMEDOUT", []),
    "truncated": ({"kind": "truncate"}, "EIO", []),
    "server down": ({"kind": "status"}, "EIO", ["503"]),
    "internal error": (error("InternalServiceError", "An error occurred on the server side.", status=500), "EIO",
                       ["InternalServiceError"]),
    "redirect": ({"kind": "status", "status": 302}, "EIO", []),
    "not JSON": ({"kind": "not-json"}, "EIO", []),
    "wrong JSON": ({"kind": "wrong-json"}, "EIO", []),
    "huge answer": ({"kind": "huge"}, "EIO", []),
    "unknown error": (error("SomethingNewException", "never seen before"), "EIO", ["SomethingNewException"]),
    "error with a namespace": (error("com.amazonaws.secretsmanager#AccessDeniedException:http://x/", DENIED), "EACCES",
                               ["AccessDeniedException"]),
    "access denied as HTTP 403": (error("AccessDeniedException", DENIED, status=403), "EACCES", [DENIED]),
    "not found as HTTP 404": (error("ResourceNotFoundException", NOT_FOUND, status=404), "ENOENT", []),
}
UNLOGGED = ("not found as HTTP 404",)


@pytest.mark.parametrize("what", FAULTS)
def test_faults(fake, mount, fs, what):
    fault, errno, words = FAULTS[what]
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--secret", "prod/*", "--timeout", "1s")
    fake.fault(action="GetSecretValue", **fault)
    assert fs.read_errno(mounted / "prod/db/password") == errno
    if what not in UNLOGGED:
        line = mounted.wait_log('"prod/db"', fake.url, "eu-west-1", *words)
        if fault["kind"] in ("error", "throttle", "expired-token"):
            assert any(call.request_id in line for call in fake.calls()), line


def test_each_cause_is_logged_once(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--secret", "prod/*", "--negative-ttl", "0")
    fault = fake.fault("error", action="GetSecretValue", code="AccessDeniedException", message=DENIED)
    for count in range(1, 6):
        util.wait_until(lambda: fs.read_errno(mounted / "prod/db/password") == "EACCES"
                        and fake.count("GetSecretValue") >= count)
    assert mounted.log().count('cannot read secret "prod/db"') == 1
    fake.clear(fault)
    fake.fault("status", action="GetSecretValue")
    util.wait_until(lambda: fs.read_errno(mounted / "prod/db/password") == "EIO")
    assert mounted.log().count('cannot read secret "prod/db"') == 2


@pytest.mark.parametrize("kind", ["hang", "reset", "status", "throttle", "expired-token", "not-json"])
def test_what_is_no_answer_is_not_remembered_for_long(fake, mount, fs, kind):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--secret", "prod/*", "--timeout", "500ms", "--negative-ttl", "1h")
    fault = fake.fault(kind, action="GetSecretValue")
    assert fs.read_errno(mounted / "prod/db/password")
    fake.clear(fault)
    util.wait_until(lambda: fs.read_errno(mounted / "prod/db/password") is None, timeout=3)


def test_a_single_fault_is_retried_unseen(fake, mount, fs):
    mounted = mount(fake, "--timeout", "5s")
    for number, kind in enumerate(("reset", "close", "truncate", "status", "drop-after", "close-after")):
        name = f"s{number}"
        fake.put(name, SECRET)
        fake.fault(kind, action="GetSecretValue", secret=name, times=1)
        assert fs.read(mounted / name / "password") == SECRET["password"].encode(), kind


def test_nobody_listens(fake, mount, fs):
    mounted = mount(fake, "--secret", "prod/*", "--timeout", "500ms",
                    env={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{util.free_port()}"})
    assert fs.read_errno(mounted / "prod/db/password") == "ETIMEDOUT"
    mounted.wait_log('"prod/db"', "127.0.0.1")


def test_a_certificate_that_is_not_trusted(tls_fake, mount, fs):
    tls_fake.put("prod/db", SECRET)
    mounted = mount(tls_fake, "--secret", "prod/*", "--timeout", "2s", env={"AWS_CA_BUNDLE": None})
    assert fs.read_errno(mounted / "prod/db/password") == "EIO"
    mounted.wait_log('"prod/db"', "certificate")
    assert tls_fake.count() == 0


def test_a_certificate_for_another_host(tls_fake, mount, fs):
    tls_fake.put("prod/db", SECRET)
    mounted = mount(tls_fake, "--secret", "prod/*", "--timeout", "2s",
                    env={"AWS_ENDPOINT_URL": f"https://127.0.0.1:{tls_fake.port}"})
    assert fs.read_errno(mounted / "prod/db/password") == "EIO"
    assert tls_fake.count() == 0


def test_tls(tls_fake, mount, fs):
    tls_fake.put("prod/db", SECRET)
    assert fs.read(mount(tls_fake) / "prod/db/password") == SECRET["password"].encode()


def test_no_credentials(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--secret", "prod/*", env={"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None})
    assert fs.read_errno(mounted / "prod/db/password") == "EKEYEXPIRED"
    mounted.wait_log('"prod/db"', "credentials")


def test_wrong_key(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--secret", "prod/*", env={"AWS_SECRET_ACCESS_KEY": "not the right secret key"})
    assert fs.read_errno(mounted / "prod/db/password") == "EACCES"
    mounted.wait_log('"prod/db"', "InvalidSignatureException")
    assert "not the right secret key" not in mounted.log()


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_off_is_made_up_for(fake, mount, fs, hours):
    fake.put("prod/db", SECRET)
    fake.set_clock(hours * 3600)
    mounted = mount(fake, "--secret", "prod/db")
    assert fs.read(mounted / "prod/db/password") == SECRET["password"].encode()
    assert fake.count() == 2


def test_a_clock_that_is_off_by_more_than_is_believed(fake, mount, fs):
    fake.put("prod/db", SECRET)
    fake.set_clock(365 * 24 * 3600)
    mounted = mount(fake, "--secret", "prod/db")
    assert fs.read_errno(mounted / "prod/db/password") == "EIO"
    mounted.wait_log('"prod/db"', "Signature expired", "clock")


def test_missing_secret_version_and_key(fake, mount, fs):
    fake.put("prod/db", SECRET)
    fake.put("prod/empty", None)
    mounted = mount(fake, "--secret", "prod/*")
    for path in ("prod/none/password", "prod/db/none", "prod/db/password2", "prod/empty/.raw"):
        assert fs.read_errno(mounted / path) == "ENOENT", path


def test_deleted_and_restored(fake, mount, fs):
    fake.put("prod/db", SECRET)
    fake.delete("prod/db")
    mounted = mount(fake, "--secret", "prod/*", "--negative-ttl", "100ms")
    assert fs.read_errno(mounted / "prod/db/password") == "ENOENT"
    fake.restore("prod/db")
    util.wait_until(lambda: fs.read_errno(mounted / "prod/db/password") is None)


def test_listed_but_not_readable(fake, mount, fs):
    """The name is there for all to see, its contents are not."""
    fake.put_many({"prod/db": SECRET, "open": SECRET})
    fake.user("AKIALISTER", "secret key of a lister", allow={"ListSecrets": ["*"], "GetSecretValue": ["open"]})
    mounted = mount(fake, key="AKIALISTER")
    util.wait_until(lambda: fs.list(mounted.path) == ["open", "prod"])
    assert fs.list(mounted / "prod") == ["db"]
    assert fs.read_errno(mounted / "prod/db/password") == "EACCES"
    assert fs.errno("listdir", mounted / "prod/db") == "EACCES"
    assert fs.read(mounted / "open/password") == SECRET["password"].encode()
    mounted.wait_log('cannot read secret "prod/db"', "AccessDeniedException", "secretsmanager:GetSecretValue",
                     "secret:prod/db-??????")


def test_listing_denied_without_names(fake, mount, fs):
    fake.put_many({"flat": SECRET, "prod/db": SECRET})
    fake.user("AKIAREADER", "secret key of a reader", allow={"GetSecretValue": ["*"]})
    mounted = mount(fake, key="AKIAREADER")
    mounted.wait_log("secretsmanager:ListSecrets", "--secret")
    assert mounted.status()["names"]["state"] == "denied"
    assert fs.list(mounted.path) == []
    assert fs.read(mounted / "flat/password") == SECRET["password"].encode()
    assert fs.read_errno(mounted / "none/password") == "ENOENT"


def test_moto_denies_what_is_not_allowed(moto, mount, fs):
    moto.put("errors/db", SECRET)
    mounted = mount(moto.user("secretsmanager:ListSecrets"))
    util.wait_until(lambda: "errors" in fs.list(mounted.path))
    assert fs.read_errno(mounted / "errors/db/password") == "EACCES"
    mounted.wait_log('cannot read secret "errors/db"', "secretsmanager:GetSecretValue", moto.url)


def test_moto_refuses_a_wrong_key(moto, mount, fs):
    moto.put("errors/signed", SECRET)
    mounted = mount(moto.user("*").with_wrong_key(), "--secret", "errors/*")
    assert fs.read_errno(mounted / "errors/signed/password") == "EACCES"
    mounted.wait_log('cannot read secret "errors/signed"', "SignatureDoesNotMatch")


def test_moto_denies_listing(moto, mount):
    mounted = mount(moto.user("secretsmanager:GetSecretValue"))
    mounted.wait_log("secretsmanager:ListSecrets", "--secret")
