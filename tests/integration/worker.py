# SPDX-License-Identifier: Apache-2.0
"""A child process that makes system calls on a mount for the tests, so that no test can hang in the kernel.

Reads lines of JSON, [function, arguments], and answers each with {"value": ...} or {"errno": ...}. Functions are those
of `os`, and those below. Bytes travel as latin-1 text.
"""

import errno
import json
import mmap
import os
import sys


def read_file(path):
    """The whole file, by open, read until the end, close."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        chunks = list(iter(lambda: os.read(descriptor, 1 << 17), b""))
    finally:
        os.close(descriptor)
    return b"".join(chunks)


def read_many(paths, times=1):
    """The first read of each path, after reading all of them `times` over."""
    return [[read_file(path).decode("latin-1") for path in paths] for _ in range(times)][0]


def close_opened(path, flags):
    os.close(os.open(path, flags))


def map_shared(path):
    descriptor = os.open(path, os.O_RDWR)
    mmap.mmap(descriptor, 1, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)


def set_xattr(path, name):
    os.setxattr(path, name, b"value")


def stat_of(path):
    found = os.lstat(path)
    return {name: getattr(found, name) for name in dir(found) if name.startswith("st_")}


def main():
    functions = read_file, read_many, close_opened, map_shared, set_xattr, stat_of
    own = {function.__name__: function for function in functions}
    for line in sys.stdin:
        name, args = json.loads(line)
        try:
            value = own.get(name, getattr(os, name, None))(*args)
            answer = {"value": value.decode("latin-1") if isinstance(value, bytes) else value}
        except OSError as error:
            answer = {"errno": errno.errorcode.get(error.errno, str(error.errno))}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
