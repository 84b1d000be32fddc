#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A faulty AWS Secrets Manager and STS: an object for tests (FakeServer), or a process for benches and demos.

    python3 tests/fake/server.py --port 0 --put 'prod/db={"password": "p"}'
    curl -d '{"fault": {"kind": "hang", "secret": "prod/*"}}' http://127.0.0.1:PORT/_control
    curl -d '{"clear": {}, "counts": {}}' http://127.0.0.1:PORT/_control
"""

import argparse
import base64
import functools
import json
import signal
import ssl
import threading

from api import User
from faults import Fault
from http1 import Connection
from service import Service
from sts import Role

ACCESS_KEY, SECRET_KEY = "AKIAFAKEFAKEFAKEFAKE", "fakefakefakefake/fakefakefakefake/fakefa"
CONTROLS = ("put", "put_many", "arn", "label", "delete", "restore", "remove", "generate", "user", "expire_user",
            "role", "web_token", "fault", "clear", "counts", "reset_counts", "set_clock", "set_list_lag", "list_now",
            "calls")


def _locked(method):
    @functools.wraps(method)
    def call(self, *args, **kwargs):
        with self.lock:
            return method(self, *args, **kwargs)
    return call


class FakeServer(Service):
    """Runs in a thread of its own between start() and stop(); its methods may be called from any thread."""

    def __init__(self, port=0, region="eu-west-1", verify=True, certificate=None, host="127.0.0.1"):
        super().__init__(region, verify)
        self.host, self.port, self.certificate = host, port, certificate
        self.values = []  # every value ever put, for those who look for leaks
        self.connections = 0
        self.context = None  # with TLS: a test may narrow its versions
        self._thread = None
        self.user(ACCESS_KEY, SECRET_KEY)

    # The server's life

    def start(self):
        context = None
        if self.certificate:
            context = self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)

        def connect():
            self.connections += 1
            return Connection(self.handle, self.now)
        listening = self.loop.create_server(connect, self.host, self.port, ssl=context, backlog=1024)
        server = self.loop.run_until_complete(listening)
        self.port = server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    @property
    def url(self):
        return f"https://localhost:{self.port}" if self.certificate else f"http://{self.host}:{self.port}"

    # What tests and the control requests do

    @_locked
    def put(self, name, value=None, base64_value=None, **options):
        """A new value: str and bytes as they are, anything else but None as JSON. Returns its version id."""
        if base64_value is not None:
            value = base64.b64decode(base64_value)
        if value is not None and not isinstance(value, (str, bytes)):
            value = json.dumps(value)
        self.values.append(value)
        return self.store.put(name, value, **options).id

    def put_many(self, secrets):
        for name, value in secrets.items():
            self.put(name, value)

    @_locked
    def arn(self, name):
        return self.store.find(name).arn

    @_locked
    def label(self, name, stage, version_id):
        secret = self.store.find(name)
        secret.move(stage, secret.versions[version_id])

    @_locked
    def delete(self, name):
        self.store.find(name).deleted = self.now()

    @_locked
    def restore(self, name):
        self.store.find(name).deleted = None

    @_locked
    def remove(self, name):
        del self.store.secrets[name]

    @_locked
    def generate(self, count, **options):
        self.store.generate(count, **options)

    @_locked
    def user(self, access_key, secret_key, token=None, allow=None):
        """An access key that may do what `allow` says, {action: [patterns of names]}; None allows everything."""
        self.users[access_key] = User(access_key, secret_key, token, allow)

    @_locked
    def expire_user(self, access_key, expired=True):
        self.users[access_key].ends = 0 if expired else None

    @_locked
    def role(self, arn, **options):
        """A role that STS knows, or knows anew; see sts.Role. Keys that it has given stay good."""
        self.sts.roles[arn] = Role(arn, **options)

    @_locked
    def web_token(self, arn, token, good=True):
        """A web identity token that the role takes, or that has expired."""
        self.values.append(token)
        self.sts.roles[arn].tokens[token] = good

    @_locked
    def set_clock(self, offset):
        """The server's clock, in seconds from ours."""
        self.clock_offset = offset

    @_locked
    def set_list_lag(self, seconds):
        """How long secrets put from now on stay out of ListSecrets."""
        self.store.list_lag = seconds

    @_locked
    def list_now(self, name):
        self.store.find(name).listed_from = 0.0

    @_locked
    def fault(self, kind, **options):
        """See faults.KINDS; stands until clear() or for `times` requests. The latest that fits is taken."""
        fault = Fault(kind, **options)
        self.faults.add(fault)
        return fault

    @_locked
    def clear(self, fault=None):
        """Ends one fault or all; requests that hang are answered."""
        self.faults.remove(fault)
        held, self.held = self.held, []
        for connection, request, its_fault in held:
            if its_fault in self.faults.standing:
                self.held.append((connection, request, its_fault))
            else:
                self.loop.call_soon_threadsafe(self.perform, connection, request, its_fault)

    @_locked
    def count(self, action="*", name=None):
        """Requests for an action, or for an action on a secret, since the last reset_counts()."""
        return self.tally[f"{action} {name}" if name else action]

    @_locked
    def counts(self):
        return dict(self.tally, connections=self.connections)

    @_locked
    def reset_counts(self):
        self.tally.clear()
        self.latest.clear()

    @_locked
    def calls(self):
        """The latest requests, oldest first."""
        return list(self.latest)

    def control(self, body):
        try:
            results = {}
            for name, args in json.loads(body).items():
                if name not in CONTROLS:
                    raise ValueError(f"no such control: {name}")
                results[name] = getattr(self, name)(**args)
            return 200, json.dumps(results, default=vars).encode() + b"\n"
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return 400, json.dumps({"error": str(error)}).encode() + b"\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one, which is printed")
    parser.add_argument("--region", default="eu-west-1")
    parser.add_argument("--certificate", help="PEM file, for TLS")
    parser.add_argument("--key", help="PEM file with the certificate's private key")
    parser.add_argument("--no-verify", action="store_true", help="do not compute signatures, for benches")
    parser.add_argument("--latency", type=float, default=0, metavar="SECONDS", help="of every answer")
    parser.add_argument("--generate", type=int, default=0, metavar="N", help="secrets named gen/0000/000000 and so on")
    parser.add_argument("--put", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    certificate = (args.certificate, args.key) if args.certificate else None
    server = FakeServer(args.port, args.region, not args.no_verify, certificate)
    server.generate(args.generate)
    for item in args.put:
        server.put(*item.split("=", 1))
    if args.latency:
        server.fault("latency", seconds=args.latency)
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    server.start()
    print(f"AWS_ENDPOINT_URL={server.url}", f"AWS_REGION={server.region}", f"AWS_ACCESS_KEY_ID={ACCESS_KEY}",
          f"AWS_SECRET_ACCESS_KEY={SECRET_KEY}", sep="\n", flush=True)
    signal.sigwait(stops)
    server.stop()


if __name__ == "__main__":
    main()
