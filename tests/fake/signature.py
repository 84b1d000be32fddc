# SPDX-License-Identifier: Apache-2.0
"""Verifies AWS Signature Version 4 with botocore's own signer."""

import calendar
import hashlib
import hmac
import re
import time

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from api import ApiError

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$")
_TOLERANCE = 15 * 60
_BAD_TOKEN = "The security token included in the request is invalid."


def _iso(seconds):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def _invalid(message):
    return ApiError("InvalidSignatureException", message)


def _check_date(date, scope_date, now):
    try:
        signed_at = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise ApiError("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'.") from None
    if date[:8] != scope_date:
        raise _invalid(f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: '{date}'.")
    if signed_at < now - _TOLERANCE:
        raise _invalid(f"Signature expired: {date} is now earlier than {_iso(now - _TOLERANCE)} "
                       f"({_iso(now)} - 15 min.)")
    if signed_at > now + _TOLERANCE:
        raise _invalid(f"Signature not yet current: {date} is still later than {_iso(now + _TOLERANCE)} "
                       f"({_iso(now)} + 15 min.)")


def _check_signed_headers(headers, signed):
    must = {"host"} | {name for name in headers if name.startswith("x-amz-")}
    missing = sorted(must - set(signed))
    if missing:
        raise _invalid(f"'{missing[0]}' must be a 'SignedHeader' in the AWS Authorization.")
    if signed != sorted(signed) or not set(signed) <= set(headers):
        raise _invalid("SignedHeaders do not agree with the headers of the request.")


def _expected(request, user, region, service):
    """The signature that botocore makes from the signed headers, as they came over the wire."""
    headers, signed, body = request
    aws_request = AWSRequest("POST", f"http://{headers['host']}/", {name: headers[name] for name in signed}, body)
    aws_request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(user.access_key, user.secret_key), service, region)
    return auth.signature(auth.string_to_sign(aws_request, auth.canonical_request(aws_request)), aws_request)


def authenticate(headers, body, users, region, now, verify=True, service="secretsmanager"):
    """The user who signed the request; raises ApiError with what AWS answers otherwise. With `verify` False the
    signature itself is not computed, for benches."""
    authorization = headers.get("authorization")
    if not authorization:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = _AUTHORIZATION.match(authorization)
    if not match or "x-amz-date" not in headers:
        raise ApiError("IncompleteSignatureException", "Authorization header requires all of Credential, "
                       "SignedHeaders, Signature and existence of X-Amz-Date.")
    access_key, scope_date, scope_region, scope_service, signed, signature = match.groups()
    user = users.get(access_key)
    if user is None or headers.get("x-amz-security-token") != user.token:
        raise ApiError("UnrecognizedClientException", _BAD_TOKEN)
    if user.expired:
        raise ApiError("ExpiredTokenException", "The security token included in the request is expired")
    if scope_service != service:
        raise _invalid(f"Credential should be scoped to correct service: '{service}'. ")
    if scope_region != region:
        raise _invalid("Credential should be scoped to a valid region. ")
    _check_date(headers["x-amz-date"], scope_date, now)
    if not verify:
        return user
    _check_signed_headers(headers, signed.split(";"))
    claimed = headers.get("x-amz-content-sha256")
    right = (claimed is None or claimed == hashlib.sha256(body).hexdigest()) and hmac.compare_digest(
        signature, _expected((headers, signed.split(";"), body), user, region, service))
    if not right:
        raise _invalid("The request signature we calculated does not match the signature you provided. Check your AWS "
                       "Secret Access Key and signing method. Consult the service documentation for details.")
    return user
