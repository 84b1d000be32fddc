# SPDX-License-Identifier: Apache-2.0
"""inotify by system calls, for tests: what one path's watch has seen."""

import ctypes
import os
import select
import struct
import time

from util import PATIENCE

EVENTS = {"ACCESS": 0x1, "MODIFY": 0x2, "ATTRIB": 0x4, "CLOSE_WRITE": 0x8, "CLOSE_NOWRITE": 0x10, "OPEN": 0x20,
          "MOVED_FROM": 0x40, "MOVED_TO": 0x80, "CREATE": 0x100, "DELETE": 0x200, "DELETE_SELF": 0x400}
CHANGES = EVENTS["MODIFY"] | EVENTS["CLOSE_WRITE"] | 0x7C0
libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Watches a path between __enter__ and __exit__; only for what changes, not for reading."""

    def __init__(self, path):
        self.path = path
        self.seen = []  # (name, event), in order
        self.at = {}  # by name: everything before was waited for

    def __enter__(self):
        self.descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if libc.inotify_add_watch(self.descriptor, os.fsencode(self.path), CHANGES) < 0:
            os.close(self.descriptor)
            raise OSError(ctypes.get_errno(), f"cannot watch {self.path}")
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)

    def take(self, timeout):
        if not select.select([self.descriptor], [], [], timeout)[0]:
            return
        data = os.read(self.descriptor, 1 << 16)
        while data:
            _, mask, _, length = struct.unpack_from("iIII", data)
            name = data[16:16 + length].rstrip(b"\0").decode()
            self.seen += [(name, event) for event, bit in EVENTS.items() if mask & bit]
            data = data[16 + length:]

    def wait(self, name, *events):
        """Until the events have come for the name ("" is the path itself), in this order, after those waited for."""
        end = time.monotonic() + PATIENCE
        for event in events:
            at = self.at.get(name, 0)
            while (name, event) not in self.seen[at:]:
                assert time.monotonic() < end, f"no {event} of {name!r} at {self.path}: {self.seen}"
                self.take(0.1)
            self.at[name] = self.seen.index((name, event), at) + 1

    def names(self):
        """All names of which anything has been seen."""
        self.take(0)
        return {name for name, _ in self.seen}
