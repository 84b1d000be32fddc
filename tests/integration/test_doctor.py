# SPDX-License-Identifier: Apache-2.0
"""secretsfs doctor: each trouble is found, explained, and said without a word of a secret."""

import collections
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
import uuid

import pytest

import mounting
import util
from conftest import LONG_ENOUGH_TO_TELL, fake_environment
from server import ACCESS_KEY, FakeServer, SECRET_KEY

ACCOUNT = "123456789012"
SECRET = {"username": "the user of the database", "password": "the password of the database"}
NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
RESULTS = {"ok", "note", "skipped", "failed"}

Report = collections.namedtuple("Report", "code text steps")


def step(report, name, subject=None):
    """The one step of that name (and about that)."""
    found = [each for each in report.steps if each["step"] == name and subject in (None, each.get("subject"))]
    assert len(found) == 1, f"{name} {subject}: {found}\n{report.text}"
    return found[0]


def words(found):
    return f"{found.get('detail')} {found.get('cause')} {found.get('remedy')}"


def failed(report):
    return [each["step"] for each in report.steps if each["result"] == "failed"]


def results(report, *names):
    return [step(report, name)["result"] for name in names]


class Doctor:
    """Runs it as text and as JSON; both must agree, and neither may tell a secret."""

    def __init__(self, place):
        self.place, self.told_nowhere = place, {SECRET_KEY}

    def environment(self, fake, key, changes):
        environment = self.place.environment()
        if fake:
            environment.update(fake_environment(fake, key))
            values = fake.values + [user.secret_key for user in fake.users.values()]
            values += [user.token for user in fake.users.values()]
            for value in values:
                self.told_nowhere.update(leaf.decode("latin-1") for leaf in mounting.leaves(value)
                                         if len(leaf) >= LONG_ENOUGH_TO_TELL)
        environment.update(changes or {})
        return {name: value for name, value in environment.items() if value is not None}

    def check(self, text):
        assert not mounting.SANITIZER.search(text), text
        for secret in self.told_nowhere:
            assert secret not in text, f"a secret is told: {secret[:12]!r}..."

    def files(self):
        return sorted(str(path) for path in self.place.home.rglob("*"))

    def __call__(self, fake, *arguments, key=ACCESS_KEY, env=None, wrapper=(), user=None, timeout=util.PATIENCE):
        environment = self.environment(fake, key, env)
        ids = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        before = self.files()
        runs = [util.run(*wrapper, mounting.BINARY, "doctor", *options, *arguments, env=environment, cwd="/",
                         timeout=timeout, **ids) for options in ((), ("--json",))]
        assert self.files() == before
        for run in runs:
            self.check(run.stdout.decode() + run.stderr.decode())
            assert run.stderr == b"", run.stderr
        text = runs[0].stdout.decode()
        whole = json.loads(runs[1].stdout)
        assert runs[0].returncode == runs[1].returncode, text
        assert whole["ok"] == (runs[0].returncode == 0)
        report = Report(runs[0].returncode, text, whole["steps"])
        self.agree(report)
        return report

    @staticmethod
    def agree(report):
        assert {each["result"] for each in report.steps} <= RESULTS
        assert bool(failed(report)) == (report.code == 1), report.text
        assert report.text.count("\u2717") == len(failed(report)), report.text
        for each in report.steps:
            assert each["step"] in report.text
            if each["result"] == "failed":
                assert each.get("cause") and each.get("remedy"), each


@pytest.fixture
def doctor(place):
    return Doctor(place)


def statement(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def arn_of(name, region="eu-west-1"):
    return f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{name}"


# All is well


def test_all_is_well(fake, doctor):
    fake.put("prod/db", SECRET)
    report = doctor(fake, "prod/db")
    assert report.code == 0, report.text
    assert {each["result"] for each in report.steps} <= {"ok", "note"}
    assert "eu-west-1 (from AWS_REGION)" in step(report, "region")["detail"]
    assert f"{fake.url} (from AWS_ENDPOINT_URL)" == step(report, "endpoint")["detail"]
    assert step(report, "provider", "environment")["detail"] == "chosen"
    assert f"arn:aws:iam::{ACCOUNT}:user/{ACCESS_KEY} (account {ACCOUNT})" == step(report, "identity")["detail"]
    assert fake.arn("prod/db") in step(report, "read", "prod/db")["detail"]
    assert step(report, "keys", "prod/db")["detail"] == "JSON object: username, password"
    assert "AWSCURRENT" in step(report, "stages", "prod/db")["detail"]
    assert "all that is needed works" in report.text


def test_names_of_every_form(fake, doctor):
    version = fake.put("prod/db", SECRET)
    fake.put("text", "no JSON, and nobody's business")
    fake.put("binary", b"\xff\x00 bytes of a secret")
    fake.put("odd", {"\x1b[31mred\n": "a value in red", "k" * 100: "a long key", "\u00e9": "an accent"})
    fake.put("many", {f"key{number}": f"value number {number}" for number in range(100)})
    arn = fake.arn("prod/db")
    names = ["prod/db", arn, arn[:-7], f"{arn}:password::", f"{arn}:::{version}", f"{arn}:username:AWSCURRENT:"]
    report = doctor(fake, *names, "text", "binary", "odd", "many", "--secret", "text2/*")
    assert report.code == 0, report.text
    for name in names:
        assert step(report, "keys", name)["detail"] == "JSON object: username, password"
    assert step(report, "keys", "text")["detail"] == "not a JSON object, and so one file: value"
    assert step(report, "keys", "binary")["detail"] == "binary, and so one file: value"
    assert "?[31mred?, kkkk" in step(report, "keys", "odd")["detail"]
    assert "k" * 60 not in report.text
    assert "100 keys: key0, " in step(report, "keys", "many")["detail"]
    assert "key20" not in step(report, "keys", "many")["detail"]


def test_names_of_secret_are_tried_as_well(fake, doctor):
    fake.put("prod/db", SECRET)
    report = doctor(fake, "--secret", "prod/db", "--secret", "prod/app/*")
    assert report.code == 0
    assert step(report, "read")["subject"] == "prod/db"


def test_without_a_name_nothing_is_read(fake, doctor):
    fake.put("prod/db", SECRET)
    report = doctor(fake)
    assert report.code == 0
    assert results(report, "read", "batch-get") == ["skipped", "skipped"]
    assert fake.count("GetSecretValue") == fake.count("BatchGetSecretValue") == 0


def test_one_page_of_a_great_listing_is_enough(fake, doctor):
    fake.generate(5000)
    assert step(doctor(fake), "list-secrets")["result"] == "ok"
    assert fake.count("ListSecrets") == 2  # as text and as JSON


# Credentials


def test_no_credentials(fake, doctor):
    report = doctor(fake, "prod/db", env=NO_KEYS)
    assert failed(report) == ["credentials"]
    assert "AWS_ACCESS_KEY_ID is not set" in step(report, "provider", "environment")["detail"]
    assert ".aws/config" in step(report, "provider", "profile")["detail"]
    assert "aws configure" in step(report, "credentials")["remedy"]
    assert results(report, "identity", "list-secrets", "read", "batch-get") == ["skipped"] * 4
    assert results(report, "tcp", "clock", "dev-fuse") == ["ok"] * 3


def test_half_a_key_pair(fake, doctor):
    report = doctor(fake, env={"AWS_SECRET_ACCESS_KEY": None})
    assert failed(report) == ["credentials"]
    assert "AWS_SECRET_ACCESS_KEY is not" in step(report, "credentials")["cause"]


def test_a_wrong_key_is_refused(fake, doctor):
    doctor.told_nowhere.add("not-the-right-secret-key")
    report = doctor(fake, "prod/db", env={"AWS_SECRET_ACCESS_KEY": "not-the-right-secret-key"})
    assert failed(report) == ["list-secrets"]
    assert "check access key, secret key" in step(report, "list-secrets")["remedy"]
    assert step(report, "read")["result"] == "skipped"


def test_expired_credentials(fake, doctor):
    fake.user("ASIAEXPIRED", "secret key of one who was", token="a-token-that-has-had-its-time")
    fake.expire_user("ASIAEXPIRED")
    report = doctor(fake, "prod/db", key="ASIAEXPIRED")
    assert failed(report) == ["list-secrets"]
    assert "renew the credentials" in step(report, "list-secrets")["remedy"]


def test_when_credentials_expire(fake, doctor):
    ends = time.time() + 7200
    env = {"AWS_CREDENTIAL_EXPIRATION": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))}
    assert "expire in 1 h 59 min" in step(doctor(fake, env=env), "credentials")["detail"]


def test_sts_is_not_needed(fake, doctor):
    fake.put("prod/db", SECRET)
    report = doctor(fake, "prod/db", env={"AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{util.free_port()}"})
    assert report.code == 0, report.text
    assert step(report, "identity")["result"] == "note"


# Configuration


def write(doctor, name, text):
    (doctor.place.home / ".aws").mkdir(exist_ok=True)
    (doctor.place.home / ".aws" / name).write_text(text, encoding="utf-8")


def test_files_and_profile(fake, doctor):
    fake.put("prod/db", SECRET)
    write(doctor, "config", f"[profile app]\nregion = eu-west-1\nendpoint_url = {fake.url}\n")
    write(doctor, "credentials", f"[app]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
    report = doctor(fake, "prod/db", "--profile", "app",
                    env={**NO_KEYS, "AWS_REGION": None, "AWS_ENDPOINT_URL": None})
    assert report.code == 0, report.text
    assert step(report, "profile")["detail"] == "found (selected because of --profile)"
    assert "region in profile app" in step(report, "region")["detail"]
    assert "(from endpoint_url)" in step(report, "endpoint")["detail"]
    assert step(report, "provider", "profile")["detail"] == "chosen"


def test_a_broken_file(fake, doctor):
    doctor.told_nowhere.add("broken-secret-in-a-file")
    write(doctor, "credentials", "[default]\naws_secret_access_key broken-secret-in-a-file\n")
    report = doctor(fake, "prod/db", env={"AWS_REGION": None})
    assert failed(report) == ["config-file"]
    broken = step(report, "config-file", str(doctor.place.home / ".aws/credentials"))
    assert re.search(r"line 2 of .*/\.aws/credentials", broken["cause"]), broken
    assert results(report, "region", "endpoint", "dns", "credentials", "read") == ["skipped"] * 5
    assert results(report, "dev-fuse", "mount") == ["ok", "ok"]


def test_an_unknown_profile(fake, doctor):
    report = doctor(fake, "--profile", "nobody")
    assert failed(report) == ["profile"]
    assert "--profile" in step(report, "profile")["detail"]


def test_no_region(fake, doctor):
    report = doctor(fake, "prod/db", env={"AWS_REGION": None})
    assert failed(report) == ["region"]
    assert "--region" in step(report, "region")["remedy"]
    assert results(report, "endpoint", "credentials", "read") == ["skipped"] * 3


def test_an_unusable_option(fake, doctor):
    report = doctor(fake, "--events-queue", "http://127.0.0.1/no-queue?")
    assert failed(report) == ["settings"]
    assert "--events-queue" in step(report, "settings")["cause"]


def test_wrong_usage():
    for options in (["--no-such-option"], ["--timeout", "soon"], ["--local", "x", "--region", "y"], [""]):
        run = util.run(mounting.BINARY, "doctor", *options)
        assert run.returncode == 2 and run.stdout == b"", options


# The region


def test_the_secret_is_in_another_region(fake, doctor):
    fake.put("prod/db", SECRET)
    there = FakeServer(region="us-east-1").start()
    try:
        report = doctor(there, "prod/db")
    finally:
        there.stop()
    assert failed(report) == ["read"]
    missing = step(report, "read")
    assert "can't find the specified secret" in missing["cause"]
    assert "us-east-1 comes from AWS_REGION" in missing["remedy"] and "--region" in missing["remedy"]


def test_the_endpoint_is_of_another_region(fake, doctor):
    fake.put("prod/db", SECRET)
    report = doctor(fake, "prod/db", "--region", "us-east-1")
    assert failed(report) == ["list-secrets"]
    assert "another region than us-east-1, which comes from --region" in step(report, "list-secrets")["remedy"]


# Secrets


def test_a_secret_that_is_missing(fake, doctor):
    report = doctor(fake, "prod/db")
    assert failed(report) == ["read"]
    assert "check name, region and account" in step(report, "read")["remedy"]
    assert "policy" not in step(report, "read")


def test_a_secret_that_is_marked_for_deletion(fake, doctor):
    fake.put("prod/db", SECRET)
    fake.delete("prod/db")
    assert "RestoreSecret" in step(doctor(fake, "prod/db"), "read")["remedy"]


def test_a_key_that_is_missing(fake, doctor):
    fake.put("prod/db", SECRET)
    fake.put("text", "text and no JSON")
    names = [fake.arn(name) + ":Password::" for name in ("prod/db", "text")]
    report = doctor(fake, *names)
    assert failed(report) == ["key", "key"]
    for name in names:
        assert "no key Password" in step(report, "key", name)["cause"]


def test_what_is_no_value_from_string(fake, doctor):
    report = doctor(fake, arn_of("prod/db-AbCdEf:password"))
    assert "all three colons" in step(report, "read")["remedy"]


# Permissions


DENIED = [
    # the name that is given, the resource that must be permitted
    ("prod/db", arn_of("prod/db-??????")),
    (arn_of("prod/db"), arn_of("prod/db-??????")),
    (None, None),  # the whole ARN, for both
]


@pytest.mark.parametrize("name, resource", DENIED)
def test_reading_is_denied(fake, doctor, name, resource):
    fake.put("prod/db", SECRET)
    fake.user("AKIALISTER", "secret key of a lister", allow={"ListSecrets": ["*"]})
    name = name or fake.arn("prod/db")
    report = doctor(fake, name, key="AKIALISTER")
    assert failed(report) == ["read"]
    denied = step(report, "read")
    assert denied["policy"] == statement("secretsmanager:GetSecretValue", resource or fake.arn("prod/db"))
    assert f"who asks is arn:aws:iam::{ACCOUNT}:user/AKIALISTER" in denied["remedy"]
    assert f'"Resource": "{resource or fake.arn("prod/db")}"' in report.text


def test_a_secret_of_another_account(fake, doctor):
    arn = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:theirs-AbCdEf"
    fake.user("AKIALISTER", "secret key of a lister", allow={"ListSecrets": ["*"]})
    denied = step(doctor(fake, arn, key="AKIALISTER"), "read")
    assert "of another account" in denied["remedy"] and denied["policy"]["Resource"] == arn


def test_without_an_identity_the_account_is_left_open(fake, doctor):
    fake.user("AKIANOBODY", "secret key of a nobody", allow={})
    denied = step(doctor(fake, "prod/db", key="AKIANOBODY",
                         env={"AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{util.free_port()}"}), "read")
    assert denied["policy"]["Resource"] == "arn:aws:secretsmanager:eu-west-1:*:secret:prod/db-??????"


@pytest.mark.parametrize("code, message", [("AccessDeniedException", "Access to KMS is not allowed"),
                                           ("DecryptionFailure", "Secrets Manager can't decrypt the secret")])
def test_the_key_is_denied(fake, doctor, code, message):
    fake.put("prod/db", SECRET)
    fake.fault("error", action="GetSecretValue", code=code, message=message)
    report = doctor(fake, "prod/db")
    assert failed(report) == ["read"]
    denied = step(report, "read")
    via = {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}
    assert denied["policy"] == statement("kms:Decrypt", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/KEY-ID", Condition=via)
    assert "allow kms:Decrypt on the secret's key" in denied["remedy"]


def test_listing_is_denied(fake, doctor):
    fake.put("prod/db", SECRET)
    fake.user("AKIAREADER", "secret key of a reader", allow={"GetSecretValue": ["*"]})
    alone, named = doctor(fake, key="AKIAREADER"), doctor(fake, "prod/db", key="AKIAREADER")
    assert failed(alone) == ["list-secrets"] and named.code == 0
    for report in alone, named:
        assert step(report, "list-secrets")["policy"] == statement("secretsmanager:ListSecrets", "*")
    assert results(named, "list-secrets", "read", "batch-get", "stages") == ["note", "ok", "note", "note"]
    assert step(named, "batch-get")["policy"] == statement("secretsmanager:BatchGetSecretValue", "*")
    assert step(named, "stages")["policy"] == statement("secretsmanager:DescribeSecret", arn_of("prod/db-??????"))


# The network


@pytest.mark.parametrize("hours, word", [(1, "behind"), (-1, "ahead of")])
def test_the_clock_is_off_by_an_hour(fake, doctor, hours, word):
    fake.put("prod/db", SECRET)
    fake.set_clock(hours * 3600)
    report = doctor(fake, "prod/db")
    assert failed(report) == ["clock"]
    assert re.search(rf"(1 h 0|59) min.* {word} that of AWS", step(report, "clock")["cause"])
    assert "chronyc" in step(report, "clock")["remedy"]
    assert step(report, "read")["result"] == "ok"  # made up for


def test_nobody_listens(fake, doctor):
    port = util.free_port()
    report = doctor(fake, "prod/db", "--endpoint-url", f"http://127.0.0.1:{port}")
    assert failed(report) == ["tcp"]
    assert "Connection refused" in step(report, "tcp")["cause"]
    assert "security groups" in step(report, "tcp")["remedy"]
    assert results(report, "tls", "clock", "list-secrets", "read") == ["skipped"] * 4


def test_nobody_accepts(doctor, fake):
    """A listener whose queue is full: the handshake is never answered."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in first, second:
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        begin = time.monotonic()
        report = doctor(fake, "--timeout", "300ms", "--endpoint-url", "http://127.0.0.1:%d" % listener.getsockname()[1])
        assert time.monotonic() - begin < 8
    assert failed(report) == ["tcp"]
    assert "timed out" in step(report, "tcp")["cause"]


def test_nobody_answers(fake, doctor):
    fake.fault("hang", action="")
    begin = time.monotonic()
    report = doctor(fake, "prod/db", "--timeout", "300ms")
    assert time.monotonic() - begin < 8
    assert failed(report) == ["answer"]
    assert results(report, "clock", "list-secrets", "read") == ["skipped"] * 3
    fake.clear()


def test_every_call_has_its_deadline(fake, doctor):
    for action in "ListSecrets", "GetSecretValue", "GetCallerIdentity":
        fake.fault("hang", action=action)
    begin = time.monotonic()
    report = doctor(fake, "prod/db", "prod/app", "--timeout", "300ms")
    assert time.monotonic() - begin < 10
    assert failed(report) == ["list-secrets", "read", "read"]
    fake.clear()


# In namespaces of its own: nothing but loopback, where a silent name server listens.
SILENT_NAMES = """
ip link set lo up
mount --bind "$1" /etc/resolv.conf
/usr/bin/python3 -c '
import os, socket, sys
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
os.set_inheritable(silent.fileno(), True)
os.execv(sys.argv[1], sys.argv[1:])
' "${@:2}"
"""


def test_a_name_server_that_is_silent(doctor):
    resolver = doctor.place.home / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n", encoding="ascii")
    begin = time.monotonic()
    report = doctor(None, "prod/db", "--timeout", "500ms", "--region", "eu-west-1",
                    env={"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "some secret access key"},
                    wrapper=("unshare", "-mn", "bash", "-ec", SILENT_NAMES, "-", resolver))
    assert time.monotonic() - begin < 10
    assert failed(report) == ["dns"]
    assert "secretsmanager.eu-west-1.amazonaws.com" in step(report, "dns")["cause"]
    assert "name server" in step(report, "dns")["remedy"]
    assert results(report, "tcp", "tls", "read") == ["skipped"] * 3


def test_a_name_that_is_unknown(doctor):
    report = doctor(None, "--endpoint-url", "https://secretsmanager.invalid", "--region", "eu-west-1",
                    wrapper=("unshare", "-n"))
    assert "dns" in failed(report)
    assert "secretsmanager.invalid" in step(report, "dns")["cause"]


def test_a_certificate_that_is_not_trusted(tls_fake, doctor):
    tls_fake.put("prod/db", SECRET)
    report = doctor(tls_fake, "prod/db", env={"AWS_CA_BUNDLE": None})
    assert failed(report) == ["tls"]
    assert "certificate" in step(report, "tls")["cause"]
    assert "AWS_CA_BUNDLE" in step(report, "tls")["remedy"]
    assert results(report, "clock", "list-secrets", "read") == ["skipped"] * 3
    trusted = doctor(tls_fake, "prod/db")
    assert trusted.code == 0
    assert tls_fake.certificate[0] in step(trusted, "tls")["detail"]


def test_a_proxy(fake, doctor):
    doctor.told_nowhere.add("password-of-the-proxy")
    proxy = f"http://user:password-of-the-proxy@127.0.0.1:{util.free_port()}"
    report = doctor(fake, env={"HTTP_PROXY": proxy})
    assert failed(report) == ["tcp"]
    assert "HTTP_PROXY" in step(report, "proxy")["detail"]
    assert doctor(fake, env={"HTTP_PROXY": proxy, "NO_PROXY": "127.0.0.1"}).code == 0


# The queue


def test_the_queue(moto, doctor):
    sqs = moto.client("sqs")
    name = f"doctor-{uuid.uuid4()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    moto.put(f"doctor/{name}", {"key": "a value for the doctor"})
    doctor.told_nowhere.add("a value for the doctor")
    try:
        sqs.send_message(QueueUrl=url, MessageBody="a message that stays")
        able, unable = moto.user("secretsmanager:*", "sqs:ReceiveMessage"), moto.user("secretsmanager:*")
        report = doctor(None, f"doctor/{name}", "--events-queue", url, env=able.environment())
        assert step(report, "events-queue")["result"] == "ok", report.text
        assert step(report, "read")["result"] == "ok"
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0).get("Messages", [])
        assert [message["Body"] for message in messages] == ["a message that stays"]
        denied = step(doctor(None, "--events-queue", url, env=unable.environment()), "events-queue")
        assert denied["result"] == "failed"
        assert denied["policy"]["Action"] == ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
        assert denied["policy"]["Resource"].endswith(f":{ACCOUNT}:{name}")
    finally:
        sqs.delete_queue(QueueUrl=url)
    gone = step(doctor(None, "--events-queue", url, env=able.environment()), "events-queue")
    assert "check URL, region and account" in gone["remedy"]


# This machine

HIDDEN = {
    "nothing there": "mount -t tmpfs none /dev",
    "something else": "mount --bind /dev/null /dev/fuse",
}


@pytest.mark.parametrize("how", HIDDEN)
def test_no_dev_fuse(fake, doctor, how):
    fake.put("prod/db", SECRET)
    report = doctor(fake, "prod/db", wrapper=("unshare", "-m", "sh", "-ec", HIDDEN[how] + '; exec "$@"', "-"))
    assert failed(report) == ["dev-fuse"]
    assert "/dev/fuse" in step(report, "dev-fuse")["cause"]
    assert "modprobe fuse" in step(report, "dev-fuse")["remedy"]
    assert step(report, "read")["result"] == "ok"


def test_dev_fuse_of_others(fake, doctor):
    script = 'mount -t tmpfs none /dev; mknod -m 600 /dev/fuse c 10 229; exec setpriv --reuid 65534 "$@"'
    report = doctor(fake, "--filter", "name=none", wrapper=("unshare", "-m", "sh", "-ec", script, "-"))
    assert "dev-fuse" in failed(report)
    assert "Permission denied" in step(report, "dev-fuse")["cause"]
    assert "chmod 666" in step(report, "dev-fuse")["remedy"]


def test_who_may_mount(fake, doctor):
    doctor.place.give_to(65534)
    drop = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
    assert step(doctor(fake), "mount")["detail"] == "permitted"
    assert "fusermount3" in step(doctor(fake, user=65534), "mount")["detail"]
    root = step(doctor(fake, wrapper=drop), "mount")
    assert root["result"] == "failed" and "CAP_SYS_ADMIN" in root["cause"]
    none = step(doctor(fake, user=65534, env={"PATH": "/nowhere"}), "mount")
    assert none["result"] == "failed" and "package fuse3" in none["remedy"]
    bound = step(doctor(fake, user=65534, wrapper=("setpriv", "--no-new-privs")), "mount")
    assert bound["result"] == "failed" and "no_new_privs" in bound["cause"]


def test_without_user_namespaces(fake, doctor):
    script = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    report = doctor(fake, wrapper=("unshare", "-U", "-r", "sh", "-ec", script, "-"))
    assert step(report, "user-namespaces")["result"] == "note"
    assert "max_user_namespaces" in step(report, "user-namespaces")["remedy"]


# The local file


def test_a_local_file(doctor):
    doctor.told_nowhere.update(SECRET.values())
    path = doctor.place.write_local({"prod/db": SECRET, "text": "nothing but text"})
    report = doctor(None, "--local", path, "prod/db", "text")
    assert report.code == 0, report.text
    assert step(report, "local-file")["detail"] == "2 secrets"
    assert step(report, "keys", "prod/db")["detail"] == "JSON object: username, password"
    assert "region" not in [each["step"] for each in report.steps]
    assert failed(doctor(None, "--local", path, "none")) == ["read"]


@pytest.mark.parametrize("text, mode, word", [('{"a": "b"}', 0o644, "chmod 600"), ("{", 0o600, "JSON"),
                                              (None, 0, "No such file")])
def test_a_local_file_that_is_unusable(doctor, text, mode, word):
    path = doctor.place.home / "none.json"
    if text:
        path = doctor.place.write_local(text)
        path.chmod(mode)
    report = doctor(None, "--local", path, "a")
    assert failed(report) == ["local-file"]
    assert word in words(step(report, "local-file"))
    assert step(report, "read")["result"] == "skipped"


# What it looks like


def on_terminal(environment):
    leader, follower = pty.openpty()
    process = subprocess.Popen([mounting.BINARY, "doctor", "--region", "r", "--endpoint-url", "http://127.0.0.1:1"],
                               env=environment, stdin=subprocess.DEVNULL, stdout=follower, stderr=follower)
    os.close(follower)
    text = b""
    try:
        while select.select([leader], [], [], util.PATIENCE)[0]:
            text += os.read(leader, 65536)
    except OSError:  # the other side is closed
        pass
    os.close(leader)
    process.wait(util.PATIENCE)
    return text


def test_colour_is_for_terminals(place):
    environment = place.environment(TERM="xterm")
    assert b"\033[31m" in on_terminal(environment)
    for change in {"NO_COLOR": "1"}, {"TERM": "dumb"}:
        assert b"\033[" not in on_terminal({**environment, **change})
    piped = util.run(mounting.BINARY, "doctor", env=environment)
    assert b"\033[" not in piped.stdout


def test_without_utf8_there_are_words(place):
    run = util.run(mounting.BINARY, "doctor", env=place.environment(LC_ALL="C"))
    assert run.stdout.isascii() and b"FAILED  region" in run.stdout and b"ok      dev-fuse" in run.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_ended_at_once(fake, doctor, number):
    fake.fault("hang", action="ListSecrets")
    process = subprocess.Popen([mounting.BINARY, "doctor", "--timeout", "1h"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, env=doctor.environment(fake, ACCESS_KEY, None))
    try:
        util.wait_until(lambda: fake.count("ListSecrets"))
        assert util.time_to_end(process, number) < 1
        assert process.returncode == -number
    finally:
        process.kill()
        process.wait(util.PATIENCE)
        fake.clear()


def test_nobody_reads_the_report(fake, doctor):
    with open("/dev/full", "w", encoding="ascii") as full:
        for options in (), ("--json",):
            run = util.run(mounting.BINARY, "doctor", *options, stdout=full,
                           env=doctor.environment(fake, ACCESS_KEY, None))
            assert run.returncode == 1
