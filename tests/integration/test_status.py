# SPDX-License-Identifier: Apache-2.0
"""secretsfs status: a table for people, of one mount or all of them."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import util
from mounting import BINARY

SECRET = {"key": "a value that no status may show"}


def status(*words, code=0):
    done = util.run(BINARY, "status", *words)
    assert done.returncode == code, done
    assert b"a value that" not in done.stdout + done.stderr
    return done.stdout.decode(), done.stderr.decode()


def rows(text):
    """{secret: other cells}"""
    lines = text.split("\n\n")[1].splitlines()
    assert lines[0].split() == ["SECRET", "VERSION", "AGE", "NEXT", "USED", "STATE"]
    return {line.split()[0]: line.split()[1:] for line in lines[1:]}


def test_a_table(fake, mount, fs):
    fake.put_many({"prod/db": SECRET, "prod/denied": SECRET})
    fake.fault("error", action="GetSecretValue", secret="prod/denied", code="AccessDeniedException", message="not you")
    mounted = mount(fake)
    util.wait_until(lambda: mounted.status()["names"]["state"] == "complete")
    assert "No secret has been read yet." in status(mounted.path)[0]
    fs.read(mounted / "prod/db/key")
    assert fs.read_errno(mounted / "prod/denied/key") == "EACCES"
    text, _ = status(mounted.path)
    assert f"{mounted.path}: up for" in text and fake.url in text
    assert "2 known" in text and re.search(r"2 get, 0 batch, 0 describe, 1 list, 1 failed; \d requests, about \$", text)
    found = rows(text)
    version = os.getxattr(mounted / "prod/db/key", "user.secretsfs.version_id").decode()
    assert found["prod/db"][0] == version[:8] and found["prod/db"][3:] == ["yes", "ok"]
    assert re.fullmatch(r"\d+s", found["prod/db"][1]) and found["prod/db"][2] != "-"
    assert found["prod/denied"][4:] == ["failed:", "access-denied", "AccessDeniedException"]
    assert "secretsmanager:GetSecretValue on" in text.rpartition("prod/denied, ")[2]


def test_a_stale_secret(fake, mount, fs):
    fake.put("s", SECRET)
    mounted = mount(fake, "--ttl", "200ms", "--poll", "200ms", "--timeout", "1s")
    with open(mounted / "s/key", "rb"):
        fake.fault("status")
        util.wait_until(lambda: rows(status(mounted.path)[0])["s"][4] == "stale:")
        fake.clear()
        util.wait_until(lambda: rows(status(mounted.path)[0])["s"][4] == "ok")


def test_json_is_the_file(mount, fs):
    mounted = mount({"prod/db": SECRET})
    fs.read(mounted / "prod/db/key")
    told, file = json.loads(status("--json", mounted.path)[0]), mounted.status()
    for each in (told, file):  # these go on
        each.pop("uptime_seconds")
        each["requests"] = each["secrets"][0]["age_seconds"] = each["secrets"][0]["next_check_seconds"] = None
    assert told == file
    assert told["secrets"][0]["bytes"] == len(json.dumps(SECRET))


def test_all_mounts(mount):
    first, second = mount({"one": SECRET}), mount({"two": SECRET})
    text = util.run(BINARY, "status").stdout.decode()  # others may be mounted besides, living or dead
    assert f"{first.path}: up" in text and f"{second.path}: up" in text
    own = "unshare", "--mount", "sh", "-c", 'umount -a -l -t fuse.secretsfs; exec "$0" status', BINARY
    done = util.run(*own)
    assert done.returncode == 1 and b"nothing is mounted" in done.stderr


def test_a_mountpoint_with_blanks(mount, place):
    mounted = mount({"one": SECRET})
    other = place.home / "two words"
    other.mkdir()
    script = 'mount --bind "$1" "$2"; exec "$0" status'
    done = util.run("unshare", "--mount", "sh", "-c", script, BINARY, mounted.path, other)
    assert done.stdout.count(b"mount     ") >= 2 and b"two words" not in done.stderr


def test_what_is_dead_or_not_there(mount, place):
    mounted = mount({"one": SECRET})
    mounted.signal(signal.SIGKILL)
    mounted.wait()
    for words in ((), (mounted.path,)):
        assert f"{mounted.path} is dead" in status(*words, code=1)[1]
    assert "no secretsfs is mounted" in status(place.home, code=1)[1]
    assert "No such file" in status(place.home / "none", code=1)[1]
    assert "evil\\x1b[2J" in status(place.home / "evil\x1b[2J", code=1)[1]
    for words in (["a", "b"], ["--none"], ["--json=1", "a"]):
        assert util.run(BINARY, "status", *words).returncode == 2


def test_hostile_names(mount, fs):
    name = "evil\x1b[2J\nprod/db  00000000  0s  0s  yes  ok"
    mounted = mount({name: SECRET})
    fs.read(mounted / name / "key")
    text, _ = status(mounted.path)
    assert "\x1b" not in text and "evil\\x1b[2J\\x0aprod/db" in text


class Terminal:
    def __init__(self, columns, lines, *words):
        self.fd, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen([BINARY, "status", *map(str, words)], stdin=terminal, stdout=terminal,
                                        stderr=terminal, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(terminal)
        self.text = ""

    def wait_for(self, predicate):
        end = time.monotonic() + util.PATIENCE
        while not predicate(self.text):
            assert select.select([self.fd], [], [], max(0, end - time.monotonic()))[0], self.text
            try:
                self.text += os.read(self.fd, 65536).decode()
            except OSError:  # the process has ended
                break
        assert predicate(self.text), self.text
        return self.text

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)


def test_it_fits_the_terminal(mount, fs):
    name = "/".join(["a-long-component"] * 8)
    mounted = mount({name: SECRET})
    fs.read(mounted / name / "key")
    terminal = Terminal(60, 24, mounted.path)
    try:
        text = terminal.wait_for(lambda text: " ok\r\n" in text)
        assert max(len(line) for line in text.split("\r\n")) <= 60 and ".." in text
    finally:
        terminal.close()
    assert name in status(mounted.path)[0]  # in a pipe nothing is cut


def test_watching_in_place(mount, fs):
    mounted = mount({f"prod/s{number}": SECRET for number in range(40)})
    for number in range(40):
        fs.read(mounted / f"prod/s{number}/key")
    terminal = Terminal(80, 12, "--watch", mounted.path)
    try:
        text = terminal.wait_for(lambda text: text.count("\x1b[J") == 2)
        frames = [frame for frame in text.split("\x1b[H") if frame.strip("\x1b[2J")]
        assert len(frames) == 2
        assert all(frame.count("\n") == 11 and frame.endswith("\x1b[J") for frame in frames)  # no line scrolls away
        assert text.count("\x1b[2J") == 1  # at the beginning alone, so nothing flickers
        mounted.signal(signal.SIGKILL)
        mounted.wait()
        terminal.wait_for(lambda text: "is dead" in text)
        os.write(terminal.fd, b"\x03")
        assert terminal.process.wait(util.PATIENCE) == 0
    finally:
        terminal.close()


def test_watching_in_a_pipe(mount):
    mounted = mount({"one": SECRET})
    process = subprocess.Popen([BINARY, "status", "--watch", "--json", str(mounted.path)], stdout=subprocess.PIPE)
    try:
        ready = json.JSONDecoder()
        seen = b""
        while seen.count(b'"secrets_omitted"') < 2:
            seen += os.read(process.stdout.fileno(), 65536)
        assert b"\x1b" not in seen
        assert ready.raw_decode(seen.decode())[0]["mountpoint"] == str(mounted.path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(util.PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()
