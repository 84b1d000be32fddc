# SPDX-License-Identifier: Apache-2.0
"""Signatures are those of botocore, byte for byte, over generated requests."""

import json
import os
import random
import string
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import util

SIGN = os.environ.get("SECRETSFS_SIGN", str(util.HERE.parents[1] / "build/tests/integration/sign"))
COUNT = 200
REGIONS = ("eu-west-1", "us-gov-west-1", "cn-north-1", "us-iso-east-1", "eusc-de-east-1", "us-east-1")
CONTENT_TYPES = {"secretsmanager": "application/x-amz-json-1.1", "sqs": "application/x-amz-json-1.0",
                 "sts": "application/x-www-form-urlencoded; charset=utf-8"}
LETTERS = string.ascii_letters + string.digits


def text(rng, alphabet, low, high):
    return "".join(rng.choices(alphabet, k=rng.randint(low, high)))


def host(rng, service, region):
    kind = rng.randrange(5)
    port = f":{rng.choice((80, 4566, 8443, 65535))}"  # 443 is left out of URLs, as in auth/endpoint.h
    return (f"{service}.{region}.amazonaws.com", f"vpce-{text(rng, LETTERS.lower(), 8, 17)}.example.com{port}",
            f"127.0.0.1{port}", f"[fd00:ec2::{rng.randrange(1, 9999):x}]", f"[::1]{port}")[kind]


def generate(seed):
    rng = random.Random(seed)
    service, region = rng.choice(tuple(CONTENT_TYPES)), rng.choice(REGIONS)
    headers = ["content-type", CONTENT_TYPES[service]]
    if service != "sts":
        headers += ["x-amz-target", f"{service}.{text(rng, LETTERS, 3, 30)}"]
    if rng.random() < 0.5:
        headers += [f"x-amz-{text(rng, string.ascii_lowercase, 2, 12)}-1",
                    text(rng, LETTERS + "  ;,=\"'/%+", 1, 60).strip() or "x"]
    if rng.random() < 0.3:
        headers += ["accept", "application/json,   text/plain ; q=0.5"]
    body = rng.choice(("", "{}", json.dumps({"SecretId": text(rng, LETTERS + "/_+=.@-", 1, 512)}),
                       text(rng, string.printable + "äß\u20ac\U0001f512", 1, 3000)))
    return {"method": "POST", "host": host(rng, service, region), "headers": headers, "body": body, "region": region,
            "service": service, "time": rng.randrange(0, int(time.mktime((2100, 1, 1, 0, 0, 0, 0, 0, 0)))),
            "key": "AKIA" + text(rng, string.ascii_uppercase + string.digits, 12, 16),
            "secret": text(rng, LETTERS + "/+", 40, 40),
            "token": text(rng, LETTERS + "/+=", 1, 1500) if rng.random() < 0.5 else None}


def sign_by_botocore(item):
    """The steps of SigV4Auth.add_auth(), at the time of the item."""
    headers = dict(zip(item["headers"][::2], item["headers"][1::2]))
    request = AWSRequest(item["method"], f"https://{item['host']}/", headers, item["body"].encode())
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(item["time"]))
    auth = SigV4Auth(Credentials(item["key"], item["secret"], item["token"]), item["service"], item["region"])
    auth._modify_request_before_signing(request)
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    auth._inject_signature_to_request(request, signature)
    return f"{request.headers['X-Amz-Date']} {request.headers['Authorization']}"


@pytest.fixture(scope="module")
def items():
    return [generate(seed) for seed in range(COUNT)]


def test_signatures(items, tmp_path):
    path = tmp_path / "requests"
    path.write_text(json.dumps(items))
    with open(path, "rb") as file:
        done = util.run(SIGN, stdin=file)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert len(lines) == COUNT
    for item, line in zip(items, lines):
        assert line == sign_by_botocore(item), item


def test_the_requests_are_of_all_kinds(items):
    assert {item["service"] for item in items} == set(CONTENT_TYPES)
    assert {item["region"] for item in items} == set(REGIONS)
    assert {item["token"] is None for item in items} == {True, False}
    assert any(item["host"].startswith("[") for item in items)
    assert any(item["host"].endswith(".amazonaws.com") for item in items)
    assert any(item["host"].endswith(":4566") for item in items)
    assert any(not item["body"] for item in items) and any(not item["body"].isascii() for item in items)
    assert any("  " in value for item in items for value in item["headers"])
