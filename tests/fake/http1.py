# SPDX-License-Identifier: Apache-2.0
"""A small and quick HTTP/1.1 server connection for asyncio: kept alive, one request at a time."""

import asyncio
import http
import socket
import struct
from email.utils import formatdate

MAX_REQUEST = 1 << 20


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body


def parse_request(buffer):
    """The first request in `buffer` and how many bytes it takes, or (None, 0) while it is incomplete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None, 0
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    method, path, version = first.split(" ")
    if version != "HTTP/1.1":
        raise ValueError("not HTTP/1.1")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise ValueError("bad header")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    length = int(headers.get("content-length", 0))
    if "transfer-encoding" in headers or not 0 <= length <= MAX_REQUEST:
        raise ValueError("bad length")
    size = end + 4 + length
    if len(buffer) < size:
        return None, 0
    return Request(method, path, headers, bytes(buffer[end + 4:size])), size


class Connection(asyncio.Protocol):
    """Gives each request to `handle(connection, request)`, which answers through the methods here, now or later."""

    def __init__(self, handle, clock):
        self.handle, self.clock = handle, clock
        self.buffer = bytearray()
        self.busy = False
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.buffer += data
        self._next()

    def _next(self):
        if self.busy:
            return
        try:
            request, size = parse_request(self.buffer)
        except ValueError:
            self.answer(400, b"bad request\n", "text/plain", close=True)
            return
        if request:
            del self.buffer[:size]
            self.busy = True
            self.handle(self, request)

    def _head(self, status, size, content_type, request_id, close):
        return (f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
                + (f"x-amzn-RequestId: {request_id}\r\n" if request_id else "")
                + f"Content-Type: {content_type}\r\nContent-Length: {size}\r\n"
                + f"Date: {formatdate(self.clock(), usegmt=True)}\r\n"
                + ("Connection: close\r\n" if close else "") + "\r\n").encode()

    def answer(self, status, body, content_type, request_id=None, close=False):
        self.transport.write(self._head(status, len(body), content_type, request_id, close) + body)
        self.busy = False
        if close:
            self.transport.close()
        elif self.buffer:
            self._next()

    def answer_half(self, status, body, content_type, request_id=None):
        self.transport.write(self._head(status, len(body), content_type, request_id, False) + body[:len(body) // 2])
        self.transport.close()

    def answer_slowly(self, seconds, status, body, content_type, request_id=None):
        self.transport.write(self._head(status, len(body), content_type, request_id, False))
        loop = asyncio.get_running_loop()

        def drip(offset=0):
            if self.transport.is_closing():
                return
            if offset == len(body):
                self.busy = False
                return
            self.transport.write(body[offset:offset + 1])
            loop.call_later(seconds, drip, offset + 1)
        drip()

    def reset(self):
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def close(self):
        self.transport.close()
