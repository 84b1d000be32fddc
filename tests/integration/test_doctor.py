# SPDX-License-Identifier: Apache-2.0
"""secretsfs doctor: troubles of configuration, credentials, secrets and permissions are found and explained."""

import json
import re
import time
import uuid

import pytest

import mounting
import util
from doctoring import ACCOUNT, Doctor, arn_of, failed, results, statement, step
from server import ACCESS_KEY, FakeServer, SECRET_KEY

SECRET = {"username": "the user of the database", "password": "the password of the database"}
NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@pytest.fixture
def doctor(place):
    return Doctor(place)


def test_a_file_whose_name_is_too_long_for_the_error(fake, doctor):
    folder = doctor.place.home / "/".join(letter * 200 for letter in "abc")
    folder.mkdir(parents=True)
    (folder / "config").write_text("[default\n", encoding="utf-8")
    report = doctor(fake, env={"AWS_CONFIG_FILE": str(folder / "config")})
    assert report.code == 1
    assert step(report, "config-file", str(folder / "config"))["result"] == "failed"


@pytest.mark.parametrize("url", ["https://user:the-password-of-a-queue@sqs.eu-west-1.amazonaws.com/123456789012/q",
                                 "https://sqs.eu-west-1.amazonaws.com/123456789012/q?token=the-password-of-a-queue"])
def test_the_password_in_the_url_of_a_queue(fake, doctor, url):
    doctor.told_nowhere.add("the-password-of-a-queue")
    report = doctor(fake, "--events-queue", url)
    assert report.code == 1 and step(report, "events-queue")["result"] == "skipped"


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


def test_the_statements_of_the_readme():
    readme = (util.HERE.parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## Permissions\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    statements = [json.loads(block) for block in blocks]
    assert len(statements) == 9
    for each in statements:
        assert each["Effect"] == "Allow" and {"Action", "Resource"} <= set(each) <= {"Effect", "Principal", "Action",
                                                                                     "Resource", "Condition"}
    assert statements[0] == statement("secretsmanager:GetSecretValue", arn_of("prod/db-??????"))


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
