# SPDX-License-Identifier: Apache-2.0
"""Reads files in a loop until stdin is closed; each value proves that it is whole. Prints how many reads there were.

    reader.py PATH…
"""

import hashlib
import os
import select
import sys

from worker import read_file


def make_value(number, size):
    """A value that proves its own integrity: a short one by its letter, a long one by its length and digest."""
    if size < 64:
        letter = number % 8
        return chr(ord("a") + letter) * (size - letter)
    body = (f"{number} " * (size // 2))[:size - number % 64 - 80]
    return f"{len(body):8}{hashlib.sha256(body.encode()).hexdigest()}{body}"


def check(value):
    if len(value) < 64:
        return len(value) > 0 and value == value[:1] * (10 - (value[0] - ord("a")))
    body = value[72:]
    return int(value[:8]) == len(body) and hashlib.sha256(body).hexdigest().encode() == value[8:72]


def main():
    reads = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        for path in sys.argv[1:]:
            try:
                value = read_file(path)
            except OSError as error:
                print(f"{path}: {os.strerror(error.errno)} after {reads} reads")
                return 1
            if not check(value):
                print(f"{path}: torn: {len(value)} bytes, {value[:100]!r} after {reads} reads")
                return 1
            reads += 1
    print(reads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
