# SPDX-License-Identifier: Apache-2.0
"""STS as AWS has it: roles that signed callers or holders of a web identity token assume."""

import time
import urllib.parse
import uuid
from xml.sax.saxutils import escape

from api import ApiError, User
from signature import authenticate
from store import ACCOUNT

XML_TYPE = "text/xml"
WRONG_XML = b"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId></Credentials>"
FORM_TYPE = "application/x-www-form-urlencoded"
VERSION = "2011-06-15"

# What other services call it, and what STS calls it.
_CODES = {"UnrecognizedClientException": "InvalidClientTokenId", "ExpiredTokenException": "ExpiredToken",
          "InvalidSignatureException": "SignatureDoesNotMatch",
          "MissingAuthenticationTokenException": "MissingAuthenticationToken",
          "IncompleteSignatureException": "IncompleteSignature"}


class Role:
    """Who may assume it: the access keys in `trusted` (None: all), holders of a token; and for how long, in seconds."""

    def __init__(self, arn, trusted=None, external_id=None, life=3600.0, allow=None):
        self.arn, self.trusted, self.external_id, self.life, self.allow = arn, trusted, external_id, life, allow
        self.tokens = {}  # web identity token: whether it is still good


def _element(name, content):
    """XML of nested dictionaries and texts."""
    if isinstance(content, dict):
        content = "".join(_element(key, value) for key, value in content.items())
    else:
        content = escape(content)
    return f"<{name}>{content}</{name}>"


def error_body(code, message):
    error = {"Error": {"Type": "Sender", "Code": code, "Message": message}, "RequestId": str(uuid.uuid4())}
    return _element("ErrorResponse", error).encode()


class Sts:
    def __init__(self, service):
        self.service = service
        self.roles = {}
        self.sessions = {}  # {access key: ARN of the session}
        self.actions = {"AssumeRole": self._assume_role, "AssumeRoleWithWebIdentity": self._assume_with_token,
                        "GetCallerIdentity": self._identity}

    @staticmethod
    def concerns(request):
        return request.headers.get("content-type", "").startswith(FORM_TYPE) and b"Action=" in request.body

    @staticmethod
    def describe(request):
        """The action, and the role in place of a secret's name."""
        request.params = dict(urllib.parse.parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
        request.action = request.params.get("Action", "")
        request.names = [request.params["RoleArn"]] if "RoleArn" in request.params else []

    def execute(self, request):
        """The XML of the answer; raises ApiError."""
        if request.action not in self.actions or request.params.get("Version") != VERSION:
            raise ApiError("InvalidAction", "Could not find operation " + request.action)
        result = self.actions[request.action](request)
        metadata = {"RequestId": request.id}
        answer = {request.action + "Result": result, "ResponseMetadata": metadata}
        return _element(request.action + "Response", answer).encode()

    def _user(self, request):
        service = self.service
        try:
            return authenticate(request.headers, request.body, service.users, service.region, service.now(),
                                service.verify, "sts")
        except ApiError as error:
            raise ApiError(_CODES.get(error.code, error.code), error.message, 403) from None

    def _arn(self, user):
        return self.sessions.get(user.access_key, f"arn:aws:iam::{ACCOUNT}:user/{user.access_key}")

    def _new_session(self, role, params):
        """Keys that Secrets Manager takes until they expire."""
        session = params.get("RoleSessionName", "")
        if not 2 <= len(session) <= 64:
            raise ApiError("ValidationError", "1 validation error detected: Value at 'roleSessionName' is missing")
        key = "ASIA" + uuid.uuid4().hex[:16].upper()
        user = User(key, "role/" + uuid.uuid4().hex + "+", "token/" + uuid.uuid4().hex * 8 + "==", role.allow)
        user.ends = time.time() + role.life
        self.service.users[key] = user
        self.sessions[key] = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.arn.rpartition('/')[2]}/{session}"
        whole, fraction = divmod(user.ends + self.service.clock_offset, 1)
        expiration = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f"{fraction:.6f}Z"[1:]
        return {"Credentials": {"AccessKeyId": key, "SecretAccessKey": user.secret_key, "SessionToken": user.token,
                                "Expiration": expiration},
                "AssumedRoleUser": {"Arn": self.sessions[key], "AssumedRoleId": "AROA:" + session}}

    def _assume_role(self, request):
        user, arn = self._user(request), request.params.get("RoleArn", "")
        role = self.roles.get(arn)
        if role is None or (role.trusted is not None and user.access_key not in role.trusted) or (
                role.external_id is not None and request.params.get("ExternalId") != role.external_id):
            raise ApiError("AccessDenied", f"User: {self._arn(user)} is not authorized to perform: sts:AssumeRole on "
                           f"resource: {arn}", 403)
        return self._new_session(role, request.params)

    def _assume_with_token(self, request):
        if "authorization" in request.headers:
            raise ApiError("ValidationError", "This operation is not signed")
        role = self.roles.get(request.params.get("RoleArn"))
        good = role.tokens.get(request.params.get("WebIdentityToken")) if role else None
        if role is None:
            raise ApiError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        if good is None:
            raise ApiError("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
        if not good:
            raise ApiError("ExpiredTokenException", "Token expired: current date/time must be before the expiration")
        return self._new_session(role, request.params)

    def _identity(self, request):
        user = self._user(request)
        return {"Arn": self._arn(user), "UserId": user.access_key, "Account": ACCOUNT}
