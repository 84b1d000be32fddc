# SPDX-License-Identifier: Apache-2.0
"""systemd's watchdog is told that the loop is alive, and only while it is."""

import os
import pathlib
import select
import signal

import util

SECRETS = {"prod/db": {"password": "the password of the database"}}


def messages(mounted):
    """What has been told since the last time."""
    found = []
    mounted.notify.setblocking(False)
    try:
        while True:
            found.append(mounted.notify.recv(4096))
    except BlockingIOError:
        return found


def test_the_watchdog_hears_of_the_loop(mount):
    mounted = mount(SECRETS, env={"WATCHDOG_USEC": "200000"})
    heard = []
    util.wait_until(lambda: heard.extend(messages(mounted)) or heard.count(b"WATCHDOG=1") >= 3)
    mounted.signal(signal.SIGSTOP)
    state = pathlib.Path(f"/proc/{mounted.process.pid}/status")
    util.wait_until(lambda: "State:\tT" in state.read_text(encoding="utf-8"))
    messages(mounted)
    assert not select.select([mounted.notify], [], [], 0.5)[0]
    mounted.signal(signal.SIGCONT)
    util.wait_until(lambda: b"WATCHDOG=1" in messages(mounted))


def test_no_watchdog_unless_it_is_wanted(mount):
    """Not set, or meant for another process."""
    for environment in ({}, {"WATCHDOG_USEC": "100000", "WATCHDOG_PID": str(os.getpid())}):
        mounted = mount(SECRETS, env=environment)
        assert not select.select([mounted.notify], [], [], 0.3)[0]
