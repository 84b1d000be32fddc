# SPDX-License-Identifier: Apache-2.0
"""What root finds in the daemon's memory: no secret that is gone, and, with memfd_secret(2), none at all."""

import ctypes
import os
import pathlib
import resource
import signal

import pytest

import mounting
import util

OLD, NEW = "the value before the rotation 5d1f", "the value after the rotation 9c3e"
SYS_MEMFD_SECRET = 447


def has_memfd_secret():
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(SYS_MEMFD_SECRET, 0)
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0


def memory(pid):
    """All bytes of a process that root can read."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            start, end = (int(part, 16) for part in line.split(" ")[0].split("-"))
            if line.split(" ")[1].startswith("r") and "[v" not in line:
                for at in range(start, end, 1 << 20):
                    try:
                        file.seek(at)
                        yield file.read(min(1 << 20, end - at))
                    except OSError:
                        pass  # secret memory


def found_in(pid, *texts):
    """Those of the texts that are in the memory, also encoded for JSON or split by a chunk of ours."""
    pieces, tail = set(), b""
    for chunk in memory(pid):
        pieces |= {text for text in texts if text.encode() in tail + chunk}
        tail = chunk[-64:]
    return pieces


@pytest.mark.skipif("asan" in mounting.BINARY, reason="AddressSanitizer keeps what was freed")
def test_memory_after_a_rotation(fake, mount, fs):
    fake.put("prod/db", {"password": OLD, "marker": "not a secret, shown by the log: canary-77aa"})
    mounted = mount(fake, "--poll", "0", "--ttl", "1h", "--grace", "10ms")
    path = mounted / "prod/db/password"
    assert fs.read(path) == OLD.encode()
    with open(path, "rb") as held:
        fake.put("prod/db", {"password": NEW})
        mounted.signal(signal.SIGHUP)
        util.wait_until(lambda: fs.read(path) == NEW.encode())
        util.wait_until(lambda: os.pread(held.fileno(), 100, 0) == NEW.encode())
    key = fake.users["AKIAFAKEFAKEFAKEFAKE"].secret_key
    assert "AKIAFAKEFAKEFAKEFAKE" in found_in(mounted.process.pid, "AKIAFAKEFAKEFAKEFAKE")  # the search itself works
    found = found_in(mounted.process.pid, OLD, NEW, key)
    assert OLD not in found
    if has_memfd_secret():
        assert found == set()


@pytest.mark.skipif("asan" in mounting.BINARY, reason="AddressSanitizer keeps what was freed")
@pytest.mark.skipif(not has_memfd_secret(), reason="there is no memfd_secret(2)")
def test_memory_of_a_supervisor_and_its_daemon(fake, mount, fs):
    """The credentials go from the environment of the one to that of the other."""
    fake.put("s", {"password": OLD})
    mounted = mount(fake, "--supervise")
    assert fs.read(mounted / "s/password") == OLD.encode()
    key = fake.users["AKIAFAKEFAKEFAKEFAKE"].secret_key
    [daemon] = util.children(mounted.process.pid)
    assert "AKIAFAKEFAKEFAKEFAKE" in found_in(daemon, "AKIAFAKEFAKEFAKEFAKE")
    assert not found_in(mounted.process.pid, key) and not found_in(daemon, key)


def test_there_is_no_core(fake, mount, fs):
    fake.put("prod/db", {"password": OLD})
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        mounted = mount(fake)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert fs.read(mounted / "prod/db/password") == OLD.encode()
    limits = pathlib.Path(f"/proc/{mounted.process.pid}/limits").read_text(encoding="utf-8")
    assert next(line for line in limits.splitlines() if "core file" in line).split()[4:6] == ["0", "0"]
    mounted.signal(signal.SIGABRT)
    assert mounted.wait() == -signal.SIGABRT


def test_the_environment_is_scrubbed(fake, mount, fs):
    fake.put("prod/db", {"password": OLD})
    mounted = mount(fake)
    assert fs.read(mounted / "prod/db/password") == OLD.encode()
    environment = pathlib.Path(f"/proc/{mounted.process.pid}/environ").read_bytes()
    assert fake.users["AKIAFAKEFAKEFAKEFAKE"].secret_key.encode() not in environment
