# SPDX-License-Identifier: Apache-2.0
"""A network namespace of a test's own, where link-local addresses may be taken without harm."""

import concurrent.futures
import ctypes
import os

from util import run

CLONE_NEWNET = 0x40000000


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
        commands = [["link", "set", "lo", "up"]]
        commands += [["addr", "add", address, "dev", "lo"] + (["nodad"] if ":" in address else [])
                     for address in addresses]
        for command in commands:
            done = run("ip", *command)
            assert done.returncode == 0, done.stderr.decode()

    def run(self, function, *args, **kwargs):
        return self._thread.submit(function, *args, **kwargs).result()

    def close(self):
        self._thread.shutdown()
