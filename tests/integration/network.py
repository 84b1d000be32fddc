# SPDX-License-Identifier: Apache-2.0
"""A network namespace of a test's own, where link-local addresses may be taken without harm."""

import concurrent.futures
import ctypes
import os

from util import run

CLONE_NEWNET = 0x40000000


def _ip(*words):
    done = run("ip", *words)
    assert done.returncode == 0, done.stderr.decode()


class Network:
    """Its one thread lives there; what the thread starts (sockets, threads, processes) does so too."""

    def __init__(self, *addresses):
        self._thread = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self.run(self._enter, addresses)

    @staticmethod
    def _enter(addresses):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        _ip("link", "set", "lo", "up")
        for address in addresses:
            _ip("addr", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))

    def swallow(self, address):
        """What is sent there is lost without a word."""
        for words in ("link add hole type veth peer name bottom", "link set bottom up", "link set hole up",
                      f"route add {address} dev hole", f"neigh add {address} lladdr 02:00:00:00:00:01 dev hole"):
            self.run(_ip, *words.split())

    def take(self, address):
        """It is one of ours (again)."""
        self.run(_ip, "addr", "add", address, "dev", "lo")

    def lose(self, address):
        """It is not ours any more."""
        self.run(_ip, "addr", "del", f"{address}/32", "dev", "lo")

    def run(self, function, *args, **kwargs):
        return self._thread.submit(function, *args, **kwargs).result()

    def close(self):
        self._thread.shutdown()
