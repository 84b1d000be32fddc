# SPDX-License-Identifier: Apache-2.0
"""Every read is one version whole, while versions come fast and in changing sizes."""

import contextlib
import signal
import subprocess
import sys

import util
from reader import make_value

SIZES = {"short": 10, "middle": 5000, "long": 65000}
ROTATIONS = 1000


def values(number):
    return {name: make_value(number, size) for name, size in SIZES.items()}


@contextlib.contextmanager
def reading(*paths):
    command = [sys.executable, str(util.HERE / "reader.py"), *map(str, paths)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=util.HERE)
    try:
        yield process
        output = process.communicate(timeout=util.PATIENCE)[0].decode()
        assert process.returncode == 0, output
        assert int(output) > 100
    finally:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=2)


def test_no_read_is_torn(fake, mount, fs):
    fake.put_many(values(0))
    mounted = mount(fake, "--poll", "0", "--ttl", "1h")
    paths = [mounted / name / "value" for name in SIZES]
    with reading(*paths) as first, reading(*reversed(paths)) as second:
        for number in range(1, ROTATIONS + 1):
            fake.put_many(values(number))
            mounted.signal(signal.SIGHUP)
            expected = make_value(number, SIZES["short"]).encode()
            util.wait_until(lambda expected=expected: fs.read(paths[0]) == expected)
            assert first.poll() is None and second.poll() is None, "a reader has ended"
