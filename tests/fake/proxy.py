# SPDX-License-Identifier: Apache-2.0
"""A small HTTP proxy: CONNECT tunnels, plain requests passed on, and a password if one is wanted."""

import base64
import contextlib
import socket
import socketserver
import threading
from urllib.parse import urlsplit

TIMEOUT = 20


def _pump(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(TIMEOUT)
        proxy, head = self.server.proxy, b""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in head and (data := self.request.recv(65536)):
                head += data
            if b"\r\n\r\n" in head:
                self.serve(proxy, head)

    def serve(self, proxy, head):
        first, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ")
        headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
        proxy.requests.append((method, target))
        if proxy.user:
            wanted = "Basic " + base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
            if headers.get("proxy-authorization") != wanted:
                self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                                     b'Proxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n')
                return
        if proxy.refuse:
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        with socket.create_connection((url.hostname, url.port or 80), TIMEOUT) as server:
            if method == "CONNECT":
                self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                server.sendall(head.replace(target.encode(), (url.path or "/").encode(), 1))
            back = threading.Thread(target=_pump, args=(server, self.request), daemon=True)
            back.start()
            _pump(self.request, server)
            back.join(TIMEOUT)


class Proxy:
    """Runs in threads of its own between start() and stop()."""

    def __init__(self, user=None, password=None):
        self.user, self.password = user, password
        self.refuse = False
        self.requests = []  # (method, target) of all
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.proxy = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self):
        login = f"{self.user}:{self.password}@" if self.user else ""
        return f"http://{login}127.0.0.1:{self.port}"
