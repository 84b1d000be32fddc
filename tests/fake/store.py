# SPDX-License-Identifier: Apache-2.0
"""Secrets as Secrets Manager keeps them: names, ARNs, versions and the stages that label them."""

import hashlib
import itertools
import re
import time
import uuid

ACCOUNT = "123456789012"
_SUFFIX_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def timestamp(seconds):
    """Epoch seconds as AWS prints them, 1.523477145713E9; api.dumps() takes the mark and the quotes away."""
    mantissa, exponent = f"{seconds:.12E}".split("E")
    return f"\0T{mantissa}E{int(exponent)}"


class Version:
    def __init__(self, value, version_id=None, created=None):
        self.value = value  # str is SecretString, bytes is SecretBinary, None is a version without a value
        self.id = version_id or str(uuid.uuid4())
        self.created = time.time() if created is None else created
        self.stages = []


class Secret:
    def __init__(self, name, arn):
        self.name = name
        self.arn = arn
        self.versions = {}
        self.deleted = None  # when it was marked for deletion
        self.listed_from = 0.0  # monotonic; not in ListSecrets before
        self.description = ""
        self.owning_service = None
        self.tags = {}

    def by_stage(self, stage):
        return next((version for version in self.versions.values() if stage in version.stages), None)

    def move(self, stage, version):
        """Puts a label on one version and takes it from the others, moving AWSPREVIOUS along with AWSCURRENT."""
        for other in self.versions.values():
            if stage not in other.stages or other is version:
                continue
            other.stages.remove(stage)
            if stage == "AWSCURRENT":
                self.move("AWSPREVIOUS", other)
        if stage not in version.stages:
            version.stages.append(stage)

    def stage_map(self):
        return {version.id: version.stages for version in self.versions.values() if version.stages}

    def entry(self, stages_member):
        """The secret as in ListSecrets and DescribeSecret, which name the map of stages differently."""
        created = [version.created for version in self.versions.values()] or [0]
        entry = {"ARN": self.arn, "Name": self.name, "CreatedDate": timestamp(min(created)),
                 "LastChangedDate": timestamp(max(created)), stages_member: self.stage_map(),
                 "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()]}
        if self.description:
            entry["Description"] = self.description
        if self.owning_service:
            entry["OwningService"] = self.owning_service
        if self.deleted:
            entry["DeletedDate"] = timestamp(self.deleted)
        return entry


class GeneratedNames:
    """A great number of secrets that exist only when looked at."""

    def __init__(self, arn_prefix, count, prefix, per_directory, value):
        self.arn_prefix, self.count, self.prefix = arn_prefix, count, prefix
        self.per_directory, self.value, self.created = per_directory, value, time.time()

    def name(self, index):
        return f"{self.prefix}{index // self.per_directory:04d}/{index:06d}"

    def secret(self, index):
        name = self.name(index)
        secret = Secret(name, f"{self.arn_prefix}{name}-{index:06d}")
        version = Version(self.value.replace("{i}", str(index)), f"00000000-0000-4000-8000-{index:012d}", self.created)
        version.stages.append("AWSCURRENT")
        secret.versions[version.id] = version
        return secret

    def find(self, name):
        digits = name.rpartition("/")[2]
        if not (name.startswith(self.prefix) and digits.isdecimal() and int(digits) < self.count):
            return None
        return self.secret(int(digits)) if self.name(int(digits)) == name else None


class Store:
    def __init__(self, region):
        self.region = region
        self.arn_prefix = f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:"
        self.secrets = {}
        self.generated = GeneratedNames(self.arn_prefix, 0, "", 1, "")
        self.list_lag = 0.0
        self._born = itertools.count()

    def put(self, name, value, stages=("AWSCURRENT",), version_id=None, created=None, listed=True):
        """A new version (of a new secret, if need be) that carries `stages`. Returns it."""
        secret = self.secrets.get(name) or self.generated.find(name)
        if secret is None:
            digest = hashlib.sha256(f"{name} {next(self._born)}".encode()).digest()
            secret = Secret(name, self.arn_prefix + name + "-" + "".join(
                _SUFFIX_LETTERS[byte % len(_SUFFIX_LETTERS)] for byte in digest[:6]))
            secret.listed_from = time.monotonic() + self.list_lag if listed else float("inf")
        self.secrets[name] = secret
        version = Version(value, version_id, created)
        secret.versions[version.id] = version
        for stage in stages:
            secret.move(stage, version)
        return version

    def generate(self, count, prefix="gen/", per_directory=1000, value='{"key": "generated {i}"}'):
        self.generated = GeneratedNames(self.arn_prefix, count, prefix, per_directory, value)

    def find(self, secret_id):
        """By name, ARN or ARN without its suffix. As in AWS, an ARN without suffix whose name itself seems to end in
        one is taken for a whole ARN and not found."""
        if not secret_id.startswith("arn:"):
            return self.secrets.get(secret_id) or self.generated.find(secret_id)
        if not secret_id.startswith(self.arn_prefix):
            return None
        name = secret_id[len(self.arn_prefix):]
        if re.search(r"-[A-Za-z0-9]{6}$", name):
            secret = self.find(name[:-7])
            return secret if secret and secret.arn == secret_id else None
        return self.find(name)

    def page(self, offset, limit, accept):
        """Up to `limit` secrets that `accept` takes, from `offset` on, and the offset of the next page or None."""
        now = time.monotonic()
        stored = list(self.secrets.values())
        found = []
        for index in range(offset, len(stored) + self.generated.count):
            if len(found) == limit:
                return found, index
            secret = stored[index] if index < len(stored) else self.generated.secret(index - len(stored))
            replaced = index >= len(stored) and secret.name in self.secrets
            if not replaced and secret.listed_from <= now and accept(secret):
                found.append(secret)
        return found, None
