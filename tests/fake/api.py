# SPDX-License-Identifier: Apache-2.0
"""The operations of Secrets Manager that a reader uses, with AWS's answers, errors and texts."""

import base64
import fnmatch
import json
import re
import time

from store import ACCOUNT, timestamp

_TIMESTAMP = re.compile(r'"\\u0000T([0-9.E-]+)"')
_FILTER_KEYS = ("name", "description", "tag-key", "tag-value", "primary-region", "owning-service", "all")
NOT_FOUND = "Secrets Manager can't find the specified secret."
DELETED = "You can't perform this operation on the secret because it was marked for deletion."


class ApiError(Exception):
    def __init__(self, code, message, status=400):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


def dumps(answer):
    """JSON bytes with timestamps written as AWS writes them."""
    return _TIMESTAMP.sub(r"\1", json.dumps(answer, separators=(",", ":"))).encode()


class User:
    """An access key and what it may do: {action: [patterns of names]}, or None for everything."""

    def __init__(self, access_key, secret_key, token=None, allow=None):
        self.access_key, self.secret_key, self.token, self.allow = access_key, secret_key, token, allow
        self.ends = None  # epoch seconds: refused from then on

    @property
    def expired(self):
        return self.ends is not None and time.time() >= self.ends

    def check(self, action, name=None, arn=None):
        if self.allow is None or any(name is None or fnmatch.fnmatchcase(name, pattern)
                                     for pattern in self.allow.get(action, ())):
            return
        resource = f" on resource: {arn or name}" if name else ""
        raise ApiError("AccessDeniedException",
                       f"User: arn:aws:iam::{ACCOUNT}:user/{self.access_key} is not authorized to perform: "
                       f"secretsmanager:{action}{resource} because no identity-based policy allows the "
                       f"secretsmanager:{action} action")


def _integer(params, name, highest):
    value = params.get(name, highest)
    if not isinstance(value, int) or not 1 <= value <= highest:
        raise ApiError("ValidationException", f"1 validation error detected: Value '{value}' at '{name}' failed to "
                       f"satisfy constraint: Member must have value less than or equal to {highest}")
    return value


def _offset(params):
    token = params.get("NextToken")
    try:
        return int(base64.b64decode(token, validate=True).removeprefix(b"from:")) if token else 0
    except ValueError:
        raise ApiError("InvalidNextTokenException", "The token is invalid.") from None


def _page(answer, next_offset):
    if next_offset is not None:
        answer["NextToken"] = base64.b64encode(b"from:%d" % next_offset).decode()
    return answer


def _value(secret, version):
    answer = {"ARN": secret.arn, "Name": secret.name, "VersionId": version.id, "VersionStages": version.stages,
              "CreatedDate": timestamp(version.created)}
    if isinstance(version.value, bytes):
        answer["SecretBinary"] = base64.b64encode(version.value).decode()
    else:
        answer["SecretString"] = version.value
    return answer


def _field(secret, key):
    """What a filter with this key looks at; all are prefix matches but `all`, which looks for words."""
    return {"name": [secret.name], "description": [secret.description], "tag-key": list(secret.tags),
            "tag-value": list(secret.tags.values()), "owning-service": [secret.owning_service or ""],
            "primary-region": [], "all": [secret.name, secret.description, *secret.tags, *secret.tags.values()]}[key]


def _matches(secret, key, value):
    fields = _field(secret, key)
    if key == "all":
        return any(value.lower() in field.lower() for field in fields)
    if key == "description":
        return any(field.lower().startswith(value.lower()) for field in fields)
    return any(field.startswith(value) for field in fields)


def _accepts(filters):
    for item in filters:
        if item.get("Key") not in _FILTER_KEYS or not 1 <= len(item.get("Values") or []) <= 10:
            raise ApiError("ValidationException", "1 validation error detected: Value at 'filters' is not valid")

    def accept(secret):
        return all(any(_matches(secret, item["Key"], value.removeprefix("!")) != value.startswith("!")
                       for value in item["Values"]) for item in filters)
    return accept


class Api:
    def __init__(self, store):
        self.store = store
        self.actions = {"GetSecretValue": self.get_secret_value, "BatchGetSecretValue": self.batch_get_secret_value,
                        "ListSecrets": self.list_secrets, "DescribeSecret": self.describe_secret,
                        "ListSecretVersionIds": self.list_secret_version_ids}

    def _secret(self, user, action, params):
        secret_id = params.get("SecretId")
        if not isinstance(secret_id, str) or not 1 <= len(secret_id) <= 2048:
            raise ApiError("ValidationException", "1 validation error detected: Value at 'secretId' failed to satisfy "
                           "constraint: Member must have length between 1 and 2048")
        secret = self.store.find(secret_id)
        user.check(action, secret.name if secret else secret_id.removeprefix(self.store.arn_prefix),
                   secret.arn if secret else None)
        if secret is None:
            raise ApiError("ResourceNotFoundException", NOT_FOUND)
        return secret

    def get_secret_value(self, user, params):
        secret = self._secret(user, "GetSecretValue", params)
        if secret.deleted:
            raise ApiError("InvalidRequestException", DELETED)
        version_id, stage = params.get("VersionId"), params.get("VersionStage")
        if version_id is not None:
            version = secret.versions.get(version_id)
            what = f"VersionId: {version_id}"
            if version and stage is not None and stage not in version.stages:
                raise ApiError("InvalidRequestException",
                               "You provided a VersionStage that is not associated to the provided VersionId.")
        else:
            stage = stage or "AWSCURRENT"
            version, what = secret.by_stage(stage), f"staging label: {stage}"
        if version is None or version.value is None:
            raise ApiError("ResourceNotFoundException",
                           f"Secrets Manager can't find the specified secret value for {what}")
        return _value(secret, version)

    def batch_get_secret_value(self, user, params, fault=lambda secret_id: None):
        """`fault(id)` may raise an ApiError for one item, which then stands in Errors."""
        user.check("BatchGetSecretValue")
        ids, filters = params.get("SecretIdList"), params.get("Filters")
        if (ids is None) == (filters is None):
            raise ApiError("InvalidParameterException",
                           "You must provide either SecretIdList or Filters, but not both.")
        next_offset = None
        if filters is not None:
            user.check("ListSecrets")
            accept = _accepts(filters)
            found, next_offset = self.store.page(_offset(params), _integer(params, "MaxResults", 20),
                                                 lambda secret: not secret.deleted and accept(secret))
            ids = [secret.arn for secret in found]
        elif not 1 <= len(ids) <= 20:
            raise ApiError("ValidationException", "1 validation error detected: Value at 'secretIdList' failed to "
                           "satisfy constraint: Member must have length less than or equal to 20")
        answer = {"SecretValues": [], "Errors": []}
        for secret_id in ids:
            try:
                fault(secret_id)
                answer["SecretValues"].append(self.get_secret_value(user, {"SecretId": secret_id}))
            except ApiError as error:
                answer["Errors"].append({"SecretId": secret_id, "ErrorCode": error.code, "Message": error.message})
        return _page(answer, next_offset)

    def list_secrets(self, user, params):
        user.check("ListSecrets")
        accept = _accepts(params.get("Filters") or [])
        deleted = params.get("IncludePlannedDeletion") is True
        found, next_offset = self.store.page(_offset(params), _integer(params, "MaxResults", 100),
                                             lambda secret: (deleted or not secret.deleted) and accept(secret))
        return _page({"SecretList": [secret.entry("SecretVersionsToStages") for secret in found]}, next_offset)

    def describe_secret(self, user, params):
        return self._secret(user, "DescribeSecret", params).entry("VersionIdsToStages")

    def list_secret_version_ids(self, user, params):
        secret = self._secret(user, "ListSecretVersionIds", params)
        offset, limit = _offset(params), _integer(params, "MaxResults", 100)
        versions = [version for version in secret.versions.values() if version.stages
                    or params.get("IncludeDeprecated")]
        page = [{"VersionId": version.id, "VersionStages": version.stages, "CreatedDate": timestamp(version.created)}
                for version in versions[offset:offset + limit]]
        next_offset = offset + limit if offset + limit < len(versions) else None
        return _page({"Versions": page, "ARN": secret.arn, "Name": secret.name}, next_offset)
