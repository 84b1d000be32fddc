# SPDX-License-Identifier: Apache-2.0
"""IAM Identity Center (portal and OIDC) and AWS Sign-In, whose credentials a FakeServer accepts for a while."""

import base64
import hashlib
import http.server
import itertools
import json
import pathlib
import threading
import time
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

ACCOUNT, ROLE, START_URL, SESSION = "123456789012", "Read Only", "https://start.example", "corp"
LOGIN_SESSION = "arn:aws:sts::123456789012:assumed-role/Admin/admin"
CLIENT_ID, CLIENT_SECRET = "client-id-of-the-cli", "client-secret-of-the-cli"
PORTAL, OIDC, SIGNIN = "/federation/credentials", "/token", "/v1/token"


def _iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def _bytes(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _check_proof(proof, url):
    """The claims of a DPoP proof, once its signature and its address have been found right."""
    header, payload, signature = proof.split(".")
    key = json.loads(_bytes(header))["jwk"]
    numbers = ec.EllipticCurvePublicNumbers(*(int.from_bytes(_bytes(key[name]), "big") for name in "xy"),
                                            ec.SECP256R1())
    raw = _bytes(signature)
    der = utils.encode_dss_signature(*(int.from_bytes(half, "big") for half in (raw[:32], raw[32:])))
    numbers.public_key().verify(der, f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    claims = json.loads(_bytes(payload))
    if (claims["htm"], claims["htu"]) != ("POST", url) or abs(claims["iat"] - time.time()) > 60:
        raise ValueError("the proof is for something else")
    return numbers


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def _serve(self):
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        status, answer = self.server.sso.answer(urlsplit(self.path), self.headers, body)
        if status is None:
            self.close_connection = True
            return
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-amzn-RequestId", "11111111-2222-3333-4444-555555555555")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _serve


class Sso:
    """Runs in threads of its own between start() and stop()."""

    def __init__(self, fake):
        self.fake = fake
        self.life = 3600.0  # of credentials, in seconds
        self.token_life = 3600.0
        self.faults = {}  # path -> an HTTP status, "hang" or "garbage"
        self.bearers, self.refresh_tokens = set(), set()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.requests = []  # paths of all
        self.proofs = []  # the ids of all DPoP proofs
        self.secrets = [CLIENT_SECRET]  # all that must not be logged
        self._count = itertools.count(1)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.sso = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self, home):
        """For a mount: these services, this home, and no keys."""
        return {"HOME": str(home), "AWS_ENDPOINT_URL_SSO": self.url, "AWS_ENDPOINT_URL_SSO_OIDC": self.url,
                "AWS_ENDPOINT_URL_SIGNIN": self.url, "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None,
                "AWS_SESSION_TOKEN": None}

    def _new(self, kind):
        secret = f"{kind}-{next(self._count)}-of-identity-center"
        self.secrets.append(secret)
        return secret

    def credentials(self):
        """(id, key, token) of a user whom the FakeServer knows for as long as `life` says."""
        key_id = f"ASIA{next(self._count):016d}"
        key, token = self._new("secret-key"), self._new("session-token")
        self.fake.user(key_id, key, token)
        timer = threading.Timer(self.life, self.fake.expire_user, (key_id,))
        timer.daemon = True
        timer.start()
        return key_id, key, token

    # What the CLI leaves behind

    def token_path(self, home, name=SESSION):
        return pathlib.Path(home) / ".aws/sso/cache" / (hashlib.sha1(name.encode()).hexdigest() + ".json")

    def login_path(self, home):
        return pathlib.Path(home) / ".aws/login/cache" / (hashlib.sha256(LOGIN_SESSION.encode()).hexdigest() + ".json")

    @staticmethod
    def _write(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.touch(0o600)
        new.write_text(json.dumps(content))
        new.rename(path)
        return path

    def sso_login(self, home, seconds, name=SESSION, refreshable=False):
        """As `aws sso login` does it: a token that is good for so long. Returns the file."""
        bearer = self._new("bearer")
        self.bearers.add(bearer)
        content = {"startUrl": START_URL, "region": "eu-west-1", "accessToken": bearer, "expiresAt": _iso(seconds),
                   "unknown": {"kept": [1.5, None]}}
        if refreshable:
            refresh_token = self._new("refresh-token")
            self.refresh_tokens.add(refresh_token)
            content.update(clientId=CLIENT_ID, clientSecret=CLIENT_SECRET, registrationExpiresAt=_iso(86400),
                           refreshToken=refresh_token)
        return self._write(self.token_path(home, name), content)

    def login(self, home, seconds):
        """As `aws login` does it. Returns the file."""
        key_id, key, token = self.credentials()
        refresh_token = self._new("refresh-token")
        self.refresh_tokens.add(refresh_token)
        pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                     serialization.NoEncryption()).decode()
        self.secrets += pem.splitlines()[1:-1]
        return self._write(self.login_path(home), {
            "accessToken": {"accessKeyId": key_id, "secretAccessKey": key, "sessionToken": token,
                            "accountId": ACCOUNT, "expiresAt": _iso(seconds)},
            "tokenType": "aws_sigv4", "refreshToken": refresh_token, "idToken": "id", "dpopKey": pem,
            "clientId": "arn:aws:signin:::devtools/same-device"})

    # The services

    def answer(self, url, headers, body):
        fault = self.faults.get(url.path)
        with self._lock:
            self.requests.append(url.path)
            if "DPoP" in headers:
                self.proofs.append(json.loads(_bytes(headers["DPoP"].split(".")[1]))["jti"])
        if fault == "hang":
            self._stopping.wait(20)
            return None, None
        if fault == "garbage":
            return 200, b"<html>"
        if fault:
            return fault, {"message": "as the test wants it"}
        with self._lock:
            return {PORTAL: self._portal, OIDC: self._oidc, SIGNIN: self._signin}[url.path](url, headers, body)

    def _portal(self, url, headers, body):
        if headers.get("x-amz-sso_bearer_token") not in self.bearers:
            return 401, {"message": "Session token not found or invalid"}
        if parse_qs(url.query) != {"account_id": [ACCOUNT], "role_name": [ROLE]}:
            return 403, {"message": "No access"}
        key_id, key, token = self.credentials()
        return 200, {"roleCredentials": {"accessKeyId": key_id, "secretAccessKey": key, "sessionToken": token,
                                         "expiration": int((time.time() + self.life) * 1000)}}

    def _take_refresh_token(self, content):
        """A refresh token is good for one use. Returns the next one, or None."""
        if content.get("grantType") != "refresh_token" or content.get("refreshToken") not in self.refresh_tokens:
            return None
        self.refresh_tokens.remove(content["refreshToken"])
        token = self._new("refresh-token")
        self.refresh_tokens.add(token)
        return token

    def _oidc(self, url, headers, body):
        content = json.loads(body)
        refresh_token = self._take_refresh_token(content)
        if (content.get("clientId"), content.get("clientSecret")) != (CLIENT_ID, CLIENT_SECRET) or not refresh_token:
            return 400, {"error": "invalid_grant"}
        bearer = self._new("bearer")
        self.bearers.add(bearer)
        return 200, {"accessToken": bearer, "tokenType": "Bearer", "expiresIn": int(self.token_life),
                     "refreshToken": refresh_token}

    def _signin(self, url, headers, body):
        if _check_proof(headers["DPoP"], self.url + SIGNIN) != self.key.public_key().public_numbers():
            return 401, {"error": "TOKEN_EXPIRED", "message": "another key"}
        refresh_token = self._take_refresh_token(json.loads(body))
        if not refresh_token:
            return 401, {"error": "TOKEN_EXPIRED", "message": "unknown"}
        key_id, key, token = self.credentials()
        return 200, {"accessToken": {"accessKeyId": key_id, "secretAccessKey": key, "sessionToken": token},
                     "tokenType": "aws_sigv4", "expiresIn": int(self.life), "refreshToken": refresh_token}
