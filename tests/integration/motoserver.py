# SPDX-License-Identifier: Apache-2.0
"""moto_server with its checking of signatures and IAM policies on."""

import contextlib
import json
import os
import socket
import subprocess
import urllib.request
import uuid

import boto3
from botocore.config import Config

import util

REGION = "eu-west-1"
UNCHECKED = 1_000_000  # requests before the checking would begin by itself


class MotoUser:
    def __init__(self, moto, name, access_key, secret_key):
        self.moto, self.name, self.access_key, self.secret_key = moto, name, access_key, secret_key

    def environment(self):
        return {"AWS_ENDPOINT_URL": self.moto.url, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": self.access_key,
                "AWS_SECRET_ACCESS_KEY": self.secret_key}

    @property
    def values(self):
        return self.moto.values + [self.secret_key]

    def with_wrong_key(self):
        return MotoUser(self.moto, self.name, self.access_key, "wrong" + self.secret_key[5:])


class Moto:
    """Users are made through IAM, secrets through Secrets Manager, both by an administrator."""

    def __init__(self):
        port = util.free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.values = []
        environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(UNCHECKED)}
        command = [os.environ.get("MOTO_SERVER", "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        util.wait_until(lambda: self._listens(port), 30, "moto_server")
        self.admin = MotoUser(self, "nobody", "unchecked", "unchecked")
        self.admin = self.user("*")
        self._check("0")
        self.secretsmanager = self.client("secretsmanager")

    def _listens(self, port):
        assert self.process.poll() is None, "moto_server ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def _check(self, after):
        """Signatures and policies are checked after so many more requests."""
        request = urllib.request.Request(self.url + "/moto-api/reset-auth", after.encode(),
                                         {"Content-Type": "text/plain"})
        with urllib.request.urlopen(request, timeout=util.PATIENCE) as answer:
            assert answer.status == 200

    @contextlib.contextmanager
    def unchecked(self):
        """Without checks, which moto cannot make of requests that are not to be signed."""
        self._check("inf")
        try:
            yield
        finally:
            self._check("0")

    def client(self, service, user=None):
        user = user or self.admin
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=user.access_key,
                            aws_secret_access_key=user.secret_key, config=Config(retries={"max_attempts": 0}))

    def user(self, *actions):
        """A new user who may do these actions, on everything: moto knows no patterns of secrets."""
        iam, name = self.client("iam"), f"user-{uuid.uuid4()}"
        iam.create_user(UserName=name)
        policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return MotoUser(self, name, key["AccessKeyId"], key["SecretAccessKey"])

    def role(self, user, external_id, *actions):
        """The ARN of a new role, which the user may assume with this external id, and may then do the actions."""
        iam, name = self.client("iam"), f"role-{uuid.uuid4()}"
        trust = {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::123456789012:user/{user.name}"},
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}}}}
        policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
        return role["Arn"]

    def put(self, name, value):
        """Creates a secret (str, bytes, or anything for JSON) and returns its ARN."""
        if not isinstance(value, (str, bytes)):
            value = json.dumps(value)
        self.values.append(value)
        kind = "SecretBinary" if isinstance(value, bytes) else "SecretString"
        return self.secretsmanager.create_secret(Name=name, **{kind: value})["ARN"]

    def change(self, name, value):
        self.values.append(value)
        self.secretsmanager.put_secret_value(SecretId=name, SecretString=value)

    def stop(self):
        self.process.kill()
        self.process.wait(util.PATIENCE)
