# SPDX-License-Identifier: Apache-2.0
"""secretsfs doctor: troubles of network and machine are found and explained; and what its output looks like."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import time

import pytest

import mounting
import util
from doctoring import Doctor, failed, results, step, words
from server import ACCESS_KEY

SECRET = {"username": "the user of the database", "password": "the password of the database"}


@pytest.fixture
def doctor(place):
    return Doctor(place)


# The network


@pytest.mark.parametrize("hours, word", [(1, "behind"), (-1, "ahead of")])
def test_the_clock_is_off_by_an_hour(fake, doctor, hours, word):
    fake.put("prod/db", SECRET)
    fake.set_clock(hours * 3600)
    report = doctor(fake, "prod/db")
    assert failed(report) == ["clock"]
    assert re.search(rf"(1 h 0|59) min.* {word} that of AWS", step(report, "clock")["cause"])
    assert "chronyc" in step(report, "clock")["remedy"]
    assert step(report, "read")["result"] == "ok"  # made up for


def test_nobody_listens(fake, doctor):
    port = util.free_port()
    report = doctor(fake, "prod/db", "--endpoint-url", f"http://127.0.0.1:{port}")
    assert failed(report) == ["tcp"]
    assert "Connection refused" in step(report, "tcp")["cause"]
    assert "security groups" in step(report, "tcp")["remedy"]
    assert results(report, "tls", "clock", "list-secrets", "read") == ["skipped"] * 4


def test_nobody_accepts(doctor, fake):
    """A listener whose queue is full: the handshake is never answered."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in first, second:
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        begin = time.monotonic()
        report = doctor(fake, "--timeout", "300ms", "--endpoint-url", "http://127.0.0.1:%d" % listener.getsockname()[1])
        assert time.monotonic() - begin < 8
    assert failed(report) == ["tcp"]
    assert "timed out" in step(report, "tcp")["cause"]


def test_nobody_answers(fake, doctor):
    fake.fault("hang", action="")
    begin = time.monotonic()
    report = doctor(fake, "prod/db", "--timeout", "300ms")
    assert time.monotonic() - begin < 8
    assert failed(report) == ["answer"]
    assert results(report, "clock", "list-secrets", "read") == ["skipped"] * 3
    fake.clear()


def test_every_call_has_its_deadline(fake, doctor):
    for action in "ListSecrets", "GetSecretValue", "GetCallerIdentity":
        fake.fault("hang", action=action)
    begin = time.monotonic()
    report = doctor(fake, "prod/db", "prod/app", "--timeout", "300ms")
    assert time.monotonic() - begin < 10
    assert failed(report) == ["list-secrets", "read", "read"]
    fake.clear()


# In namespaces of its own: nothing but loopback, where a silent name server listens.
SILENT_NAMES = """
ip link set lo up
mount --bind "$1" /etc/resolv.conf
/usr/bin/python3 -c '
import os, socket, sys
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
os.set_inheritable(silent.fileno(), True)
os.execv(sys.argv[1], sys.argv[1:])
' "${@:2}"
"""


def test_a_name_server_that_is_silent(doctor):
    resolver = doctor.place.home / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n", encoding="ascii")
    begin = time.monotonic()
    report = doctor(None, "prod/db", "--timeout", "500ms", "--region", "eu-west-1",
                    env={"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "some secret access key"},
                    wrapper=("unshare", "-mn", "bash", "-ec", SILENT_NAMES, "-", resolver))
    assert time.monotonic() - begin < 10
    assert failed(report) == ["dns"]
    assert "secretsmanager.eu-west-1.amazonaws.com" in step(report, "dns")["cause"]
    assert "name server" in step(report, "dns")["remedy"]
    assert results(report, "tcp", "tls", "read") == ["skipped"] * 3


def test_a_name_that_is_unknown(doctor):
    report = doctor(None, "--endpoint-url", "https://secretsmanager.invalid", "--region", "eu-west-1",
                    wrapper=("unshare", "-n"))
    assert "dns" in failed(report)
    assert "secretsmanager.invalid" in step(report, "dns")["cause"]


def test_a_certificate_that_is_not_trusted(tls_fake, doctor):
    tls_fake.put("prod/db", SECRET)
    report = doctor(tls_fake, "prod/db", env={"AWS_CA_BUNDLE": None})
    assert failed(report) == ["tls"]
    assert "certificate" in step(report, "tls")["cause"]
    assert "AWS_CA_BUNDLE" in step(report, "tls")["remedy"]
    assert results(report, "clock", "list-secrets", "read") == ["skipped"] * 3
    trusted = doctor(tls_fake, "prod/db")
    assert trusted.code == 0
    assert tls_fake.certificate[0] in step(trusted, "tls")["detail"]


def test_a_proxy(fake, doctor):
    doctor.told_nowhere.add("password-of-the-proxy")
    proxy = f"http://user:password-of-the-proxy@127.0.0.1:{util.free_port()}"
    report = doctor(fake, env={"HTTP_PROXY": proxy})
    assert failed(report) == ["tcp"]
    assert "HTTP_PROXY" in step(report, "proxy")["detail"]
    assert doctor(fake, env={"HTTP_PROXY": proxy, "NO_PROXY": "127.0.0.1"}).code == 0


# This machine

HIDDEN = {
    "nothing there": "mount -t tmpfs none /dev",
    "something else": "mount --bind /dev/null /dev/fuse",
}


@pytest.mark.parametrize("how", HIDDEN)
def test_no_dev_fuse(fake, doctor, how):
    fake.put("prod/db", SECRET)
    report = doctor(fake, "prod/db", wrapper=("unshare", "-m", "sh", "-ec", HIDDEN[how] + '; exec "$@"', "-"))
    assert failed(report) == ["dev-fuse"]
    assert "/dev/fuse" in step(report, "dev-fuse")["cause"]
    assert "modprobe fuse" in step(report, "dev-fuse")["remedy"]
    assert step(report, "read")["result"] == "ok"


def test_dev_fuse_of_others(fake, doctor):
    script = 'mount -t tmpfs none /dev; mknod -m 600 /dev/fuse c 10 229; exec setpriv --reuid 65534 "$@"'
    report = doctor(fake, "--filter", "name=none", wrapper=("unshare", "-m", "sh", "-ec", script, "-"))
    assert "dev-fuse" in failed(report)
    assert "Permission denied" in step(report, "dev-fuse")["cause"]
    assert "chmod 666" in step(report, "dev-fuse")["remedy"]


def test_who_may_mount(fake, doctor):
    doctor.place.give_to(65534)
    drop = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
    assert step(doctor(fake), "mount")["detail"] == "permitted"
    assert "fusermount3" in step(doctor(fake, user=65534), "mount")["detail"]
    root = step(doctor(fake, wrapper=drop), "mount")
    assert root["result"] == "failed" and "CAP_SYS_ADMIN" in root["cause"]
    none = step(doctor(fake, user=65534, env={"PATH": "/nowhere"}), "mount")
    assert none["result"] == "failed" and "package fuse3" in none["remedy"]
    bound = step(doctor(fake, user=65534, wrapper=("setpriv", "--no-new-privs")), "mount")
    assert bound["result"] == "failed" and "no_new_privs" in bound["cause"]


def test_without_user_namespaces(fake, doctor):
    script = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    report = doctor(fake, wrapper=("unshare", "-U", "-r", "sh", "-ec", script, "-"))
    assert step(report, "user-namespaces")["result"] == "note"
    assert "max_user_namespaces" in step(report, "user-namespaces")["remedy"]


# The local file


def test_a_local_file(doctor):
    doctor.told_nowhere.update(SECRET.values())
    path = doctor.place.write_local({"prod/db": SECRET, "text": "nothing but text"})
    report = doctor(None, "--local", path, "prod/db", "text")
    assert report.code == 0, report.text
    assert step(report, "local-file")["detail"] == "2 secrets"
    assert step(report, "keys", "prod/db")["detail"] == "JSON object: username, password"
    assert "region" not in [each["step"] for each in report.steps]
    assert failed(doctor(None, "--local", path, "none")) == ["read"]


@pytest.mark.parametrize("text, mode, word", [('{"a": "b"}', 0o644, "chmod 600"), ("{", 0o600, "JSON"),
                                              (None, 0, "No such file")])
def test_a_local_file_that_is_unusable(doctor, text, mode, word):
    path = doctor.place.home / "none.json"
    if text:
        path = doctor.place.write_local(text)
        path.chmod(mode)
    report = doctor(None, "--local", path, "a")
    assert failed(report) == ["local-file"]
    assert word in words(step(report, "local-file"))
    assert step(report, "read")["result"] == "skipped"


# What it looks like


def on_terminal(environment):
    leader, follower = pty.openpty()
    process = subprocess.Popen([mounting.BINARY, "doctor", "--region", "r", "--endpoint-url", "http://127.0.0.1:1"],
                               env=environment, stdin=subprocess.DEVNULL, stdout=follower, stderr=follower)
    os.close(follower)
    text = b""
    try:
        while select.select([leader], [], [], util.PATIENCE)[0]:
            text += os.read(leader, 65536)
    except OSError:  # the other side is closed
        pass
    os.close(leader)
    process.wait(util.PATIENCE)
    return text


def test_colour_is_for_terminals(place):
    environment = place.environment(TERM="xterm")
    assert b"\033[31m" in on_terminal(environment)
    for change in {"NO_COLOR": "1"}, {"TERM": "dumb"}:
        assert b"\033[" not in on_terminal({**environment, **change})
    piped = util.run(mounting.BINARY, "doctor", env=environment)
    assert b"\033[" not in piped.stdout


def test_without_utf8_there_are_words(place):
    run = util.run(mounting.BINARY, "doctor", env=place.environment(LC_ALL="C"))
    assert run.stdout.isascii() and b"FAILED  region" in run.stdout and b"ok      dev-fuse" in run.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_ended_at_once(fake, doctor, number):
    fake.fault("hang", action="ListSecrets")
    process = subprocess.Popen([mounting.BINARY, "doctor", "--timeout", "1h"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, env=doctor.environment(fake, ACCESS_KEY, None))
    try:
        util.wait_until(lambda: fake.count("ListSecrets"))
        assert util.time_to_end(process, number) < 1
        assert process.returncode == -number
    finally:
        process.kill()
        process.wait(util.PATIENCE)
        fake.clear()


def test_nobody_reads_the_report(fake, doctor):
    with open("/dev/full", "w", encoding="ascii") as full:
        for options in (), ("--json",):
            run = util.run(mounting.BINARY, "doctor", *options, stdout=full,
                           env=doctor.environment(fake, ACCESS_KEY, None))
            assert run.returncode == 1
