# SPDX-License-Identifier: Apache-2.0
"""One request to the fake AWS: counted, checked, answered, and spoilt if a fault is scripted for it."""

import asyncio
import collections
import json
import threading
import time
import uuid

from api import Api, ApiError, dumps
from faults import HTML, WRONG_JSON, Faults
from signature import authenticate
from store import Store
from sts import WRONG_XML, XML_TYPE, Sts, error_body

JSON_TYPE = "application/x-amz-json-1.1"

Call = collections.namedtuple("Call", "at action names access_key request_id")


class Service:
    """All state, and what is done with it on the thread of the loop; `lock` guards it from other threads."""

    def __init__(self, region, verify):
        self.region, self.verify = region, verify
        self.lock = threading.RLock()
        self.loop = asyncio.new_event_loop()
        self.store = Store(region)
        self.api = Api(self.store)
        self.sts = Sts(self)
        self.faults = Faults()
        self.users = {}
        self.clock_offset = 0.0
        self.tally = collections.Counter()
        self.latest = collections.deque(maxlen=100_000)
        self.held = []

    def now(self):
        return time.time() + self.clock_offset

    def control(self, body):
        """(status, body) of a control request; the server has them."""
        raise NotImplementedError

    def handle(self, connection, request):
        with self.lock:
            if request.path == "/_control":
                connection.answer(*self.control(request.body), "application/json")
                return
            self._describe(request)
            fault = self.faults.take(request.action, request.names)
            if fault and fault.kind == "hang":
                self.held.append((connection, request, fault))
            elif fault and fault.seconds and fault.kind != "drip":
                self.loop.call_later(fault.seconds, self.perform, connection, request, fault)
            else:
                self.perform(connection, request, fault)

    def _describe(self, request):
        """What the request is about, before anything is checked; and counts it."""
        request.id = str(uuid.uuid4())
        request.is_sts = self.sts.concerns(request)
        if request.is_sts:
            self.sts.describe(request)
        else:
            self._describe_json(request)
        self.tally.update(["*", request.action] + [f"{request.action} {name}" for name in request.names])
        access_key = request.headers.get("authorization", "").partition("Credential=")[2].partition("/")[0]
        self.latest.append(Call(time.monotonic(), request.action, request.names, access_key, request.id))

    def _describe_json(self, request):
        request.action = request.headers.get("x-amz-target", "").partition("secretsmanager.")[2]
        try:
            request.params = json.loads(request.body)
            ids = request.params.get("SecretIdList") or [request.params.get("SecretId")]
        except (ValueError, AttributeError):
            request.params, ids = None, []
        request.names = [self._name(secret_id) for secret_id in ids if isinstance(secret_id, str)]

    def _name(self, secret_id):
        secret = self.store.find(secret_id)
        return secret.name if secret else secret_id

    def _item_fault(self, secret_id):
        """Errors scripted for GetSecretValue show in a batch as errors of the item."""
        fault = self.faults.take("GetSecretValue", [self._name(secret_id)])
        if fault and fault.kind == "error":
            raise ApiError(fault.code, fault.message, fault.status)

    def _execute(self, request):
        """(status, body) of the request, as Secrets Manager or STS would have it."""
        try:
            if request.is_sts:
                return 200, self.sts.execute(request)
            user = authenticate(request.headers, request.body, self.users, self.region, self.now(), self.verify)
            if request.action not in self.api.actions or request.path != "/" or request.method != "POST":
                raise ApiError("UnknownOperationException", "")
            if request.headers.get("content-type") != JSON_TYPE or not isinstance(request.params, dict):
                raise ApiError("SerializationException", "")
            extra = [self._item_fault] if request.action == "BatchGetSecretValue" else []
            return 200, dumps(self.api.actions[request.action](user, request.params, *extra))
        except ApiError as error:
            return error.status, self._error_body(request, error)

    @staticmethod
    def _error_body(request, error):
        """Of an ApiError or of a scripted error."""
        if request.is_sts:
            return error_body(error.code, error.message)
        return dumps({"__type": error.code, "Message": error.message})

    def perform(self, connection, request, fault):
        """Answers, with the fault if there is one."""
        if connection.transport.is_closing():
            return
        kind = fault.kind if fault else None
        if kind in ("reset", "close"):
            getattr(connection, kind)()
            return
        content_type = XML_TYPE if request.is_sts else JSON_TYPE
        if kind == "status":
            status, body, content_type = fault.status, HTML, "text/html"
        elif kind == "error":
            status, body = fault.status, self._error_body(request, fault)
        elif kind in ("not-json", "wrong-json", "huge"):
            status = 200
            wrong = WRONG_XML if request.is_sts else WRONG_JSON
            body = {"not-json": b"<!DOCTYPE html>", "wrong-json": wrong}.get(kind, b"{" * fault.size)
        else:
            with self.lock:
                status, body = self._execute(request)
        answer = status, body, content_type, request.id
        if kind == "truncate":
            connection.answer_half(*answer)
        elif kind == "drip":
            connection.answer_slowly(fault.seconds, *answer)
        else:
            connection.answer(*answer, close=kind == "close-after")
            if kind == "drop-after":
                connection.close()
