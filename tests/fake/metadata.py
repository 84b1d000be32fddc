# SPDX-License-Identifier: Apache-2.0
"""Metadata services that give credentials for a FakeServer: IMDSv2, ECS and EKS Pod Identity, faults included."""

import collections
import contextlib
import http.server
import itertools
import json
import secrets
import socket
import threading
import time

ROLE = "instance-role_1"
CONTAINER_PATH = "/v2/credentials/5c0a8a9e-task-credential-id"
POD_PATH = "/v1/credentials"
ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
FAULTS = ("hang", "status", "garbage", "cut", "close", "slow")
_numbers = itertools.count(1)


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Fault:
    """`kind` is one of FAULTS: it stands for paths that begin with `path`, `times` times or until clear()."""

    def __init__(self, kind, path="/", times=None, status=500, seconds=0.5):
        if kind not in FAULTS:
            raise ValueError(f"no such fault: {kind}")
        self.kind, self.path, self.times, self.status, self.seconds = kind, path, times, status, seconds
        self.ended = threading.Event()


class FakeMetadata:
    """Between start() and stop(); any thread. Credentials live `life` seconds; in their second half new ones are
    given. The FakeServer takes them until they expire, and what `tolerance` adds to that."""

    def __init__(self, fake, address="127.0.0.1", port=0):
        self.fake, self.address, self.port = fake, address, port
        self.life, self.tolerance = 3600, 0
        self.frozen = False  # the same credentials for ever
        self.role = ROLE
        self.allow = None  # as of FakeServer.user()
        self.authorization = None  # what containers have to send, or None
        self.token_seconds = 21600
        self.requests = collections.Counter()  # "GET /path"
        self.given = []  # access keys, in the order in which they were made
        self.made_last = None  # when the last one was made, by time.time()
        self.tokens = {}  # of IMDSv2: when each ends
        self.faults = []
        self.lock = threading.RLock()
        self._server = None
        self._current = None

    # The server's life

    def start(self):
        metadata = self

        class Handler(_Handler):
            world = metadata

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in metadata.address else socket.AF_INET
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request, client_address):
                pass  # clients may go away when they like
        self._server = Server((self.address, self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        self.clear()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}" if self.port != 80 else f"http://{host}"

    # What tests do

    def fault(self, kind, **options):
        with self.lock:
            self.faults.insert(0, Fault(kind, **options))
            return self.faults[0]

    def clear(self):
        with self.lock:
            for fault in self.faults:
                fault.ended.set()
            self.faults.clear()

    def count(self, request):
        with self.lock:
            return self.requests[request]

    def forget_tokens(self):
        with self.lock:
            self.tokens.clear()

    def rotate(self):
        """The next answer has new credentials."""
        with self.lock:
            self._current = None

    # What the handler does

    def take_fault(self, method, path):
        with self.lock:
            self.requests[f"{method} {path}"] += 1
            for fault in self.faults:
                if path.startswith(fault.path) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def _issue(self):
        key = f"ASIAFAKE{next(_numbers):012d}"
        secret, token = f"secret key {secrets.token_hex(16)}", f"session-token-{secrets.token_hex(64)}"
        self.fake.user(key, secret, token, self.allow)
        ends = int(time.time()) + self.life
        self.fake.users[key].ends = ends + self.tolerance
        self.given.append(key)
        self.made_last = time.time()
        return {"Code": "Success", "LastUpdated": iso(time.time()), "Type": "AWS-HMAC", "AccessKeyId": key,
                "SecretAccessKey": secret, "Token": token, "Expiration": iso(ends)}, ends

    def credentials(self):
        with self.lock:
            if not self._current or (not self.frozen and time.time() > self._current[1] - self.life / 2):
                self._current = self._issue()
            return json.dumps(self._current[0])

    def _container(self, headers):
        if self.authorization is not None and headers.get("authorization") != self.authorization:
            return 401, json.dumps({"code": "AccessDenied", "message": "the token is not valid"})
        return 200, self.credentials()

    def _instance(self, path, headers):
        if self.tokens.get(headers.get("x-aws-ec2-metadata-token"), 0) < time.monotonic():
            return 401, ""
        if path == "/latest/meta-data/placement/region":
            return 200, self.fake.region
        if self.role and path == ROLE_PATH:
            return 200, self.role
        if self.role and path == ROLE_PATH + self.role:
            return 200, self.credentials()
        return 404, "<html>404</html>"

    def get(self, path, headers):
        with self.lock:
            if path in (CONTAINER_PATH, POD_PATH):
                return self._container(headers)
            return self._instance(path, headers)

    def put(self, path, headers):
        ttl = headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if path != "/latest/api/token" or "x-forwarded-for" in headers:
            return 403, "", {}
        if not ttl.isdecimal() or not 1 <= int(ttl) <= 21600:
            return 400, "", {}
        with self.lock:
            seconds = min(int(ttl), self.token_seconds)
            token = secrets.token_urlsafe(40) + "=="
            self.tokens[token] = time.monotonic() + seconds
            return 200, token, {"x-aws-ec2-metadata-token-ttl-seconds": str(seconds)}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world = None

    def log_message(self, *args):
        pass

    def _send(self, status, body, headers, cut=False):
        content = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def _faulty(self, fault):
        """True when the fault was all there is to the answer."""
        if fault.kind in ("hang", "slow"):
            fault.ended.wait(None if fault.kind == "hang" else fault.seconds)
        if fault.kind == "status":
            self._send(fault.status, "", {})
        elif fault.kind == "garbage":
            self._send(200, "<!DOCTYPE html>\n<p>captive portal", {})
        elif fault.kind in ("close", "hang"):
            self.close_connection = True
        return fault.kind not in ("slow", "cut")

    def _answer(self, method):
        fault = self.world.take_fault(method, self.path)
        with contextlib.suppress(OSError):  # the client may be gone
            if fault and self._faulty(fault):
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            if method == "PUT":
                answer = self.world.put(self.path, headers)
            else:
                answer = *self.world.get(self.path, headers), {}
            self._send(*answer, cut=bool(fault) and fault.kind == "cut")

    def do_GET(self):
        self._answer("GET")

    def do_PUT(self):
        self._answer("PUT")
