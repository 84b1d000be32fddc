# SPDX-License-Identifier: Apache-2.0
"""The fake Secrets Manager and moto, asked by boto3: what the other tests stand on."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import boto3
import botocore.exceptions
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

import util
from conftest import fake_environment
from server import ACCESS_KEY


@pytest.fixture
def client(fake):
    return make_client(fake)


def make_client(fake, key=ACCESS_KEY, **changes):
    env = {**fake_environment(fake, key), **changes}
    return boto3.client("secretsmanager", endpoint_url=fake.url, region_name=env["AWS_REGION"],
                        aws_access_key_id=key, aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
                        aws_session_token=env.get("AWS_SESSION_TOKEN"), verify=env.get("AWS_CA_BUNDLE"),
                        config=Config(retries={"max_attempts": 0}, read_timeout=1))


def code_of(call, **params):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**params)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["ResponseMetadata"]["RequestId"]
    return caught.value.response["Error"]["Code"]


def test_values_versions_and_stages(fake, client):
    first = fake.put("prod/db", {"a": 1})
    second = fake.put("prod/db", "text")
    answer = client.get_secret_value(SecretId="prod/db")
    assert (answer["SecretString"], answer["VersionId"], answer["VersionStages"]) == ("text", second, ["AWSCURRENT"])
    answer = client.get_secret_value(SecretId=fake.arn("prod/db"), VersionStage="AWSPREVIOUS")
    assert (answer["SecretString"], answer["VersionId"]) == ('{"a": 1}', first)
    assert client.get_secret_value(SecretId="prod/db", VersionId=first)["SecretString"] == '{"a": 1}'
    assert abs(answer["CreatedDate"].timestamp() - time.time()) < 60
    assert client.describe_secret(SecretId="prod/db")["VersionIdsToStages"] == {
        first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}
    versions = [client.list_secret_version_ids(SecretId="prod/db", MaxResults=1)]
    versions.append(client.list_secret_version_ids(SecretId="prod/db", NextToken=versions[0]["NextToken"]))
    assert [version["VersionId"] for page in versions for version in page["Versions"]] == [first, second]


def test_binary(fake, client):
    fake.put("binary", bytes(range(256)))
    assert client.get_secret_value(SecretId="binary")["SecretBinary"] == bytes(range(256))


def test_timestamps_are_written_as_aws_does(fake):
    version = fake.put("s", "v", created=1523477145.713)
    fake.put("s", "second", created=1523477200)
    with fake.lock:
        entry = fake.api.get_secret_value(fake.users[ACCESS_KEY], {"SecretId": "s", "VersionId": version})
    assert b'"CreatedDate":1.523477145713E9,' in sys.modules["api"].dumps(entry)


def test_partial_arn(fake, client):
    fake.put("prod/db", "v")
    fake.put("prod/db-abcdef", "ambiguous")
    assert client.get_secret_value(SecretId=fake.arn("prod/db")[:-7])["SecretString"] == "v"
    assert code_of(client.get_secret_value, SecretId=fake.arn("prod/db-abcdef")[:-7]) == "ResourceNotFoundException"


@pytest.mark.parametrize("key, changes, code", [
    (ACCESS_KEY, {"AWS_SECRET_ACCESS_KEY": "wrong"}, "InvalidSignatureException"),
    ("AKIAUNKNOWN", {}, "UnrecognizedClientException"),
    (ACCESS_KEY, {"AWS_SESSION_TOKEN": "nobody gave this"}, "UnrecognizedClientException"),
    (ACCESS_KEY, {"AWS_REGION": "us-east-1"}, "InvalidSignatureException"),
])
def test_bad_credentials_are_refused(fake, key, changes, code):
    fake.put("s", "v")
    env = {**fake_environment(fake), **changes}
    if key not in fake.users:
        fake.user(key, "x")
        client = make_client(fake, key, **changes)
        del fake.users[key]
    else:
        client = make_client(fake, key, **env)
    assert code_of(client.get_secret_value, SecretId="s") == code


def test_session_token_and_its_expiry(fake):
    fake.user("ASIATOKEN", "secret", token="token")
    fake.put("s", "v")
    client = make_client(fake, "ASIATOKEN")
    assert client.get_secret_value(SecretId="s")["SecretString"] == "v"
    fake.expire_user("ASIATOKEN")
    assert code_of(client.get_secret_value, SecretId="s") == "ExpiredTokenException"


@pytest.mark.parametrize("offset, words", [(1000, "Signature expired"), (-1000, "Signature not yet current")])
def test_clock_skew(fake, client, offset, words):
    fake.put("s", "v")
    fake.set_clock(offset)
    with pytest.raises(botocore.exceptions.ClientError, match=f"InvalidSignatureException.*{words}"):
        client.get_secret_value(SecretId="s")


def test_policies(fake):
    fake.user("AKIAPREFIX", "secret", allow={"GetSecretValue": ["prod/*"]})
    fake.put_many({"prod/db": "v", "dev/db": "v"})
    client = make_client(fake, "AKIAPREFIX")
    assert client.get_secret_value(SecretId="prod/db")["SecretString"] == "v"
    assert code_of(client.get_secret_value, SecretId="prod/none") == "ResourceNotFoundException"
    for call, params, words in (
            (client.get_secret_value, {"SecretId": "dev/db"}, "GetSecretValue on resource: arn:.*:dev/db-.{6} because"),
            (client.get_secret_value, {"SecretId": "dev/none"}, "GetSecretValue on resource: dev/none because"),
            (client.list_secrets, {}, "ListSecrets because no identity-based policy allows")):
        with pytest.raises(botocore.exceptions.ClientError,
                           match=f"AccessDenied.*is not authorized to perform: secretsmanager:{words}"):
            call(**params)


def test_listing_pages_filters_lag_and_deletion(fake, client):
    fake.put_many({f"prod/{number}": "v" for number in range(250)})
    fake.put("dev/other", "v")
    fake.set_list_lag(1000)
    fake.put("prod/late", "v")
    fake.delete("prod/7")
    pages = list(client.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": ["prod/"]}]))
    assert [len(page["SecretList"]) for page in pages] == [100, 100, 49]
    names = {entry["Name"] for page in pages for entry in page["SecretList"]}
    assert names == {f"prod/{number}" for number in range(250) if number != 7}
    others = client.list_secrets(Filters=[{"Key": "name", "Values": ["!prod/"]}])["SecretList"]
    assert [entry["Name"] for entry in others] == ["dev/other"]
    fake.list_now("prod/late")
    assert client.list_secrets(Filters=[{"Key": "name", "Values": ["prod/late"]}])["SecretList"]
    assert code_of(client.get_secret_value, SecretId="prod/7") == "InvalidRequestException"
    assert code_of(client.list_secrets, NextToken="junk") == "InvalidNextTokenException"


def test_many_generated_names(fake, client):
    fake.generate(500_000)
    page = client.list_secrets()
    assert page["SecretList"][99]["Name"] == "gen/0000/000099" and page["NextToken"]
    assert client.get_secret_value(SecretId="gen/0499/499999")["SecretString"] == '{"key": "generated 499999"}'
    assert code_of(client.get_secret_value, SecretId="gen/0000/500000") == "ResourceNotFoundException"


def signed_batch(fake, params):
    """BatchGetSecretValue, which botocore may be too old to know."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.BatchGetSecretValue"}
    request = AWSRequest("POST", fake.url + "/", headers, json.dumps(params).encode())
    credentials = Credentials(ACCESS_KEY, fake.users[ACCESS_KEY].secret_key)
    SigV4Auth(credentials, "secretsmanager", fake.region).add_auth(request)
    try:
        with urllib.request.urlopen(urllib.request.Request(fake.url, request.body, dict(request.headers))) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def test_batch(fake):
    fake.put_many({"a": "A", "b": "B", "c": "C"})
    fake.delete("b")
    fake.fault("throttle", action="GetSecretValue", secret="c")
    answer = signed_batch(fake, {"SecretIdList": ["a", "b", "c", "none"]})
    assert [value["SecretString"] for value in answer["SecretValues"]] == ["A"]
    assert [(error["SecretId"], error["ErrorCode"]) for error in answer["Errors"]] == [
        ("b", "InvalidRequestException"), ("c", "ThrottlingException"), ("none", "ResourceNotFoundException")]
    assert signed_batch(fake, {"SecretIdList": ["a"] * 21})["__type"] == "ValidationException"
    found = signed_batch(fake, {"Filters": [{"Key": "name", "Values": ["a"]}]})["SecretValues"]
    assert [value["Name"] for value in found] == ["a"]


def test_counts(fake, client):
    fake.put_many({"a": "A", "b": "B"})
    for name in ("a", "a", "b"):
        client.get_secret_value(SecretId=name)
    client.get_secret_value(SecretId=fake.arn("b"))
    client.list_secrets()
    assert (fake.count(), fake.count("GetSecretValue"), fake.count("GetSecretValue", "b")) == (5, 4, 2)
    assert [call.action for call in fake.calls()][-1] == "ListSecrets"
    assert fake.connections == 1


@pytest.mark.parametrize("kind, error", [
    ("reset", botocore.exceptions.ConnectionClosedError),
    ("close", botocore.exceptions.ConnectionClosedError),
    ("hang", botocore.exceptions.ReadTimeoutError),
    ("throttle", botocore.exceptions.ClientError),
    ("expired-token", botocore.exceptions.ClientError),
    ("status", botocore.exceptions.ClientError),
])
def test_faults(fake, client, kind, error):
    fake.put("s", "v")
    fake.fault(kind, action="GetSecretValue", secret="s", times=1)
    with pytest.raises(error):
        client.get_secret_value(SecretId="s")
    assert client.get_secret_value(SecretId="s")["SecretString"] == "v"


@pytest.mark.parametrize("kind, connections", [("close-after", 3), ("latency", 1)])
def test_connections(fake, client, kind, connections):
    fake.put("s", "v")
    fake.fault(kind)
    for _ in range(3):
        assert client.get_secret_value(SecretId="s")["SecretString"] == "v"
    assert fake.connections == connections


def test_a_hang_ends_with_its_fault(fake, client):
    fake.put("s", "v")
    fake.fault("hang", secret="s")
    fake.fault("latency", secret="other", seconds=60)
    answers = []
    reader = threading.Thread(target=lambda: answers.append(client.get_secret_value(SecretId="s")))
    reader.start()
    util.wait_until(lambda: fake.count("GetSecretValue", "s"))
    assert not answers
    fake.clear()
    reader.join(util.PATIENCE)
    assert answers[0]["SecretString"] == "v"


def test_raw_bodies(fake):
    def body(kind, **options):
        fault = fake.fault(kind, **options)
        connection = http.client.HTTPConnection("127.0.0.1", fake.port)
        connection.request("POST", "/", b"{}")
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        fake.clear(fault)
        return answer.status, answer.headers["Content-Type"], data

    assert body("status", status=502)[:2] == (502, "text/html")
    assert b"MissingAuthenticationTokenException" in body("drop-after")[2]
    assert body("not-json")[0::2] == (200, b"<!DOCTYPE html>")
    with pytest.raises(http.client.IncompleteRead):
        body("truncate")
    fake.clear()
    assert len(body("huge", size=3 << 20)[2]) == 3 << 20
    assert json.loads(body("wrong-json")[2])["Name"] == 7
    assert json.loads(body("drip", seconds=0.001)[2])["__type"] == "MissingAuthenticationTokenException"
    assert json.loads(body("throttle")[2]) == {"__type": "ThrottlingException", "Message": "Rate exceeded"}


def test_bad_requests_do_not_kill_it(fake, client):
    fake.put("s", "v")
    for junk in (b"\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"\0" * 5000):
        with socket.create_connection(("127.0.0.1", fake.port)) as connection:
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1000)
    assert client.get_secret_value(SecretId="s")["SecretString"] == "v"


def test_tls(tls_fake):
    tls_fake.put("s", "v")
    assert make_client(tls_fake).get_secret_value(SecretId="s")["SecretString"] == "v"
    with pytest.raises(botocore.exceptions.SSLError):
        make_client(tls_fake, AWS_CA_BUNDLE=None).get_secret_value(SecretId="s")


def test_as_a_process_with_controls():
    with subprocess.Popen([sys.executable, util.HERE.parent / "fake/server.py", "--put", "s=v"],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            environment = dict(process.stdout.readline().rstrip().split("=", 1) for _ in range(4))
            url = environment["AWS_ENDPOINT_URL"] + "/_control"

            def control(**what):
                return json.load(urllib.request.urlopen(url, json.dumps(what).encode(), timeout=util.PATIENCE))
            assert control(put={"name": "t", "base64_value": "AAE="}, counts={})["counts"] == {"connections": 1}
            control(fault={"kind": "throttle"})
            client = boto3.client("secretsmanager", endpoint_url=environment["AWS_ENDPOINT_URL"],
                                  region_name=environment["AWS_REGION"],
                                  aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                                  aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
                                  config=Config(retries={"max_attempts": 0}))
            assert code_of(client.get_secret_value, SecretId="t") == "ThrottlingException"
            control(clear={})
            assert client.get_secret_value(SecretId="t")["SecretBinary"] == b"\0\1"
            assert client.get_secret_value(SecretId="s")["SecretString"] == "v"
            with pytest.raises(urllib.error.HTTPError):
                control(no_such_thing={})
        finally:
            process.terminate()
    assert process.returncode == 0


def test_moto_checks_signatures_and_policies(moto):
    moto.put("fixtures/one", {"k": "v"})
    reader = moto.user("secretsmanager:GetSecretValue")
    client = moto.client("secretsmanager", reader)
    assert client.get_secret_value(SecretId="fixtures/one", VersionStage="AWSCURRENT")["SecretString"] == '{"k": "v"}'
    for user, call in ((reader, "list_secrets"), (reader.with_wrong_key(), "list_secrets")):
        with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied|SignatureDoesNotMatch"):
            getattr(moto.client("secretsmanager", user), call)()
