# SPDX-License-Identifier: Apache-2.0
"""The long test: 200 secrets, random rotations and faults, 32 readers. ./dev soak runs it for SOAK_SECONDS."""

import contextlib
import os
import pathlib
import random
import time

import pytest

import util
from reader import make_value
from test_torn import reading

SECRETS, READERS = 200, 32
SIZES = (10, 300, 5000, 65000)
FAULTS = ("hang", "reset", "status", "throttle", "expired-token", "not-json", "truncate", "drop-after")


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024


def descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_soak(fake, mount, fs):
    seconds = float(os.environ.get("SOAK_SECONDS", "600"))
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    names = [f"soak/s{number:03}" for number in range(SECRETS)]
    versions = dict.fromkeys(names, 0)

    def rotate(name):
        versions[name] += 1
        fake.put(name, make_value(versions[name], SIZES[names.index(name) % len(SIZES)]))

    for name in names:
        rotate(name)
    mounted = mount(fake, "--poll", "500ms", "--ttl", "2s", "--timeout", "1s")
    util.wait_until(lambda: fs.list(mounted.path) == ["soak"])
    for name in names:
        fs.read(mounted / name / "value")
    pid = mounted.process.pid
    started = {"memory": resident_bytes(pid), "descriptors": descriptors(pid)}
    end = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(reading(*(mounted / name / "value" for name in dice.sample(names, 20))))
                   for _ in range(READERS)]
        while time.monotonic() < end:
            for name in dice.sample(names, 5):
                rotate(name)
            if dice.random() < 0.05:
                fake.fault(dice.choice(FAULTS), times=dice.randrange(1, 20))
            if dice.random() < 0.05:
                fake.clear()
            dead = [reader for reader in readers if reader.poll() is not None]
            assert not dead, dead[0].communicate()[0].decode()
            time.sleep(0.05)  # the pace of the load, not a wait for anything
    fake.clear()
    for name in names:  # the announcer is alive, and everything arrives
        expected = make_value(versions[name], SIZES[names.index(name) % len(SIZES)]).encode()
        util.wait_until(lambda name=name, expected=expected: fs.read(mounted / name / "value") == expected)
    print(f"memory {started['memory']} -> {resident_bytes(pid)}, descriptors {started['descriptors']} -> "
          f"{descriptors(pid)}, rotations {sum(versions.values())}, calls {mounted.status()['calls']}")
    assert descriptors(pid) <= started["descriptors"] + 16 * 5  # the fetchers' own
    assert resident_bytes(pid) < started["memory"] * 2 + (16 << 20)
