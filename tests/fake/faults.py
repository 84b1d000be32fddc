# SPDX-License-Identifier: Apache-2.0
"""Scripted faults: what goes wrong, for which action and secret, how often."""

import fnmatch

HTML = b"<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503</h1></body></html>\r\n"
WRONG_JSON = b'{"ARN":["no"],"Name":7,"SecretString":{"a":1},"SecretList":"none","NextToken":{},"VersionId":null}'

KINDS = {
    "latency": "answers after `seconds` (which every other kind takes too)",
    "hang": "does not answer for as long as the fault stands, then as usual",
    "reset": "resets the connection instead of answering",
    "close": "closes the connection instead of answering",
    "truncate": "sends half of the body, then closes",
    "drip": "sends the body one byte every `seconds`",
    "status": "an HTTP `status` (503) with a body in HTML, as from a load balancer",
    "error": "an error of the service: `code`, `message`, `status` (400)",
    "throttle": "ThrottlingException with HTTP 400",
    "expired-token": "ExpiredTokenException",
    "not-json": "HTTP 200 with a body that is not JSON",
    "wrong-json": "HTTP 200 with JSON of another shape",
    "huge": "HTTP 200 with a body of `size` bytes (8 MiB)",
    "close-after": "answers, says Connection: close and closes",
    "drop-after": "answers and closes without having said so",
}
_ERRORS = {"throttle": ("ThrottlingException", "Rate exceeded"),
           "expired-token": ("ExpiredTokenException", "The security token included in the request is expired")}


class Fault:
    def __init__(self, kind, action="*", secret="*", times=None, seconds=0.0, status=None, code="", message="",
                 size=8 << 20):
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind}")
        if kind in _ERRORS:
            kind, (code, message) = "error", _ERRORS[kind]
        self.kind, self.action, self.secret, self.times, self.seconds = kind, action, secret, times, seconds
        self.status = status or (503 if kind == "status" else 400)
        self.code, self.message, self.size = code, message, size

    def concerns(self, action, names):
        return (self.times != 0 and fnmatch.fnmatchcase(action, self.action)
                and (self.secret == "*" or any(fnmatch.fnmatchcase(name, self.secret) for name in names)))


class Faults:
    def __init__(self):
        self.standing = []

    def add(self, fault):
        self.standing.insert(0, fault)  # the latest comes first

    def remove(self, fault=None):
        self.standing = [other for other in self.standing if fault is not None and other is not fault]

    def take(self, action, names):
        """The fault for this request, or None; counts down its `times`."""
        for fault in self.standing:
            if fault.concerns(action, names):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
