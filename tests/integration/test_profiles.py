# SPDX-License-Identifier: Apache-2.0
"""Credentials from profiles of the shared files: what they say, what goes wrong, and what happens while mounted."""

import contextlib
import datetime
import json
import os
import pathlib
import signal
import time

import pytest

import util
from server import ACCESS_KEY, SECRET_KEY

SECRET = {"password": "the password of the database"}
PATH = "prod/db/password"
OTHER_KEY, OTHER_SECRET = "AKIAOTHEROTHEROTHER0", "other/other/other/other/other/other/othe"
NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


class Shared:
    """A configuration file, and a credential process that counts its runs and prints a file."""

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.config, self.runs, self.answer = self.home / "config", self.home / "runs", self.home / "answer"

    def write(self, text):
        """Replaces the file, as editors do."""
        new = self.home / "new"
        new.write_text(text, encoding="utf-8")
        new.rename(self.config)

    def environment(self, **extra):
        return {**NO_KEYS, "AWS_CONFIG_FILE": str(self.config), "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", **extra}

    def process(self, command):
        """A profile whose process counts its runs and then does what `command` says."""
        script = self.home / "process"
        script.write_text(f"#!/bin/sh\necho $$ >>{self.runs}\n{command}\n", encoding="utf-8")
        script.chmod(0o755)
        self.write(f"[default]\ncredential_process = {script} hidden-argument\n")

    def print(self, key=ACCESS_KEY, secret=SECRET_KEY, lifetime=None):
        """What the process prints from now on; `lifetime` in seconds."""
        answer = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": secret}
        if lifetime is not None:
            end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=lifetime)
            answer["Expiration"] = end.isoformat()
        new = self.home / "new-answer"
        new.write_text(json.dumps(answer), encoding="utf-8")
        new.rename(self.answer)

    def started(self):
        """Process ids of all runs so far."""
        return [int(line) for line in self.runs.read_text().split()] if self.runs.exists() else []


@pytest.fixture
def shared(tmp_path):
    files = Shared(tmp_path)
    yield files
    for pid in files.started():  # those that secretsfs should have ended, and has not
        with contextlib.suppress(OSError):
            if os.fsencode(files.home) in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                os.killpg(pid, signal.SIGKILL)


def keys(access_key=ACCESS_KEY, secret=SECRET_KEY):
    return f"aws_access_key_id = {access_key}\naws_secret_access_key = {secret}\n"


def last_key(fake):
    return fake.calls()[-1].access_key if fake.calls() else None


def is_running(pid):
    try:
        return "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


# Static keys

def test_a_rotated_key_is_picked_up(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    fake.user(OTHER_KEY, OTHER_SECRET)
    shared.write("[default]\n" + keys())
    mounted = mount(fake, "--ttl", "100ms", env=shared.environment())
    assert fs.read(mounted / PATH) == SECRET["password"].encode()
    assert last_key(fake) == ACCESS_KEY
    shared.write("[default]\n" + keys(OTHER_KEY, OTHER_SECRET))

    def other_key_is_used():
        assert fs.read(mounted / PATH) == SECRET["password"].encode()
        return last_key(fake) == OTHER_KEY
    util.wait_until(other_key_is_used)


def test_a_profile_by_option_rules_out_the_environment(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    fake.user(OTHER_KEY, OTHER_SECRET)
    shared.write("[profile other]\n" + keys(OTHER_KEY, OTHER_SECRET))
    mounted = mount(fake, "--profile", "other", env={**shared.environment(), "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                                                     "AWS_SECRET_ACCESS_KEY": SECRET_KEY})
    assert fs.read(mounted / PATH) == SECRET["password"].encode()
    assert last_key(fake) == OTHER_KEY


# Roles

FIRST, SECOND = "arn:aws:iam::123456789012:role/first", "arn:aws:iam::123456789012:role/second"
ONE_ROLE = f"[default]\nrole_arn = {SECOND}\nexternal_id = id\nrole_session_name = app\n"


def session_of(fake, access_key):
    return fake.sts.sessions.get(access_key)


def assert_reads_as(fake, fs, path, role, session="app"):
    """A read succeeds, and was signed with keys of that role."""
    assert fs.read(path) == SECRET["password"].encode()
    assert session_of(fake, last_key(fake)) == f"arn:aws:sts::123456789012:assumed-role/{role}/{session}"


def test_two_roles_one_after_the_other(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    fake.role(FIRST, trusted=[ACCESS_KEY])
    fake.role(SECOND, trusted=[], external_id="id")
    shared.write(f"{ONE_ROLE}source_profile = first\n"
                 f"[profile first]\nrole_arn = {FIRST}\nrole_session_name = first\nsource_profile = base\n"
                 f"[profile base]\n{keys()}")
    mounted = mount(fake, "--secret", "prod/*", env=shared.environment())
    assert fs.read_errno(mounted / PATH) == "EKEYEXPIRED"
    mounted.wait_log('"prod/db"', SECOND, "assumed-role/first/first is not authorized to perform: sts:AssumeRole")
    fake.role(SECOND, external_id="id")
    util.wait_until(lambda: fs.read_errno(mounted / PATH) is None)
    assert_reads_as(fake, fs, mounted / PATH, "second")


def test_a_role_is_assumed_again_before_it_expires(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    fake.role(SECOND, trusted=[ACCESS_KEY], external_id="id", life=4)
    shared.write(f"{ONE_ROLE}source_profile = base\n[profile base]\n{keys()}")
    mounted = mount(fake, "--ttl", "100ms", env=shared.environment())
    assert_reads_as(fake, fs, mounted / PATH, "second")
    first = last_key(fake)

    def other_key_is_used():
        assert fs.read(mounted / PATH) == SECRET["password"].encode()
        return session_of(fake, last_key(fake)) and last_key(fake) != first
    util.wait_until(other_key_is_used)


def test_a_role_with_keys_of_the_environment(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    fake.role(SECOND, trusted=[ACCESS_KEY], external_id="id")
    shared.write(ONE_ROLE + "credential_source = Environment\n")
    mounted = mount(fake, "--profile", "default", env={**shared.environment(), "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                                                       "AWS_SECRET_ACCESS_KEY": SECRET_KEY})
    assert_reads_as(fake, fs, mounted / PATH, "second")


def test_a_role_with_keys_of_a_process(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    fake.role(SECOND, trusted=[ACCESS_KEY], external_id="id")
    shared.print()
    shared.process(f"cat {shared.answer}")
    shared.write(f"{ONE_ROLE}source_profile = base\n"
                 f"[profile base]\ncredential_process = '{shared.home}/process'\n")
    mounted = mount(fake, env=shared.environment())
    assert_reads_as(fake, fs, mounted / PATH, "second")


def test_web_identity_and_a_role_on_top(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    fake.role(FIRST, trusted=[])
    fake.role(SECOND, external_id="id")
    fake.web_token(FIRST, "token-of-the-cluster")
    token = shared.home / "token"
    token.write_text("token-of-the-cluster")
    shared.write(f"{ONE_ROLE}source_profile = first\n"
                 f"[profile first]\nrole_arn = {FIRST}\nweb_identity_token_file = {token}\n")
    mounted = mount(fake, env=shared.environment())
    assert_reads_as(fake, fs, mounted / PATH, "second")
    assert fake.count("AssumeRoleWithWebIdentity") == fake.count("AssumeRole") == 1


# What cannot work: configuration, words of the line in the log

BROKEN = {
    "MFA": ("[default]\nrole_arn = arn:aws:iam::123456789012:role/app\nsource_profile = base\n"
            f"mfa_serial = arn:aws:iam::123456789012:mfa/me\n[profile base]\n{keys()}",
            ['profile "default"', "mfa_serial", "a daemon cannot ask for a code"]),
    "loop": ("[default]\nrole_arn = a\nsource_profile = b\n[profile b]\nrole_arn = b\nsource_profile = default\n",
             ["loop of source_profile", "default -> b -> default"]),
    "missing source": ("[default]\nrole_arn = a\nsource_profile = b\n", ["source_profile = b, which does not exist"]),
    "half a pair": ("[default]\naws_access_key_id = AKIA\n", ["has aws_access_key_id but not aws_secret_access_key"]),
    "no such program": ("[default]\ncredential_process = /nonexistent/program hidden-argument\n",
                        ["credential_process (/nonexistent/program ...)", "give the full path"]),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_work_is_explained(fake, mount, fs, shared, what):
    text, words = BROKEN[what]
    fake.put("prod/db", SECRET)
    shared.write(text)
    mounted = mount(fake, "--secret", "prod/*", env=shared.environment())
    assert fs.read_errno(mounted / PATH) == "EKEYEXPIRED"
    mounted.wait_log('"prod/db"', str(shared.config), *words)
    assert "hidden-argument" not in mounted.log()
    assert fake.count() == 0
    shared.write("[default]\n" + keys())
    util.wait_until(lambda: fs.read_errno(mounted / PATH) is None)


# Processes

def test_process(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    shared.print()
    shared.process(f"cat {shared.answer}")
    mounted = mount(fake, env=shared.environment())
    assert fs.read(mounted / PATH) == SECRET["password"].encode()
    assert len(shared.started()) == 1


def test_process_where_the_end_of_children_is_ignored(fake, mount, fs, shared):
    """As it may be inherited, and then nobody learns an exit code."""
    fake.put("prod/db", SECRET)
    shared.print()
    shared.process(f"cat {shared.answer}")
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        mounted = mount(fake, env=shared.environment())
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert fs.read(mounted / PATH) == SECRET["password"].encode()


def test_process_gets_no_keys(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    shared.print()
    shared.process(f"tr '\\0' '\\n' </proc/$$/environ >{shared.home}/environment\n"
                   f"ls -l /proc/$$/fd >{shared.home}/files\ncat {shared.answer}")
    keys_in_environment = {"AWS_ACCESS_KEY_ID": OTHER_KEY, "AWS_SECRET_ACCESS_KEY": OTHER_SECRET,
                           "AWS_SESSION_TOKEN": "hidden-token"}
    mounted = mount(fake, "--profile", "default", env={**shared.environment(), **keys_in_environment})
    assert fs.read(mounted / PATH) == SECRET["password"].encode()
    environment = (shared.home / "environment").read_text().splitlines()
    names = {line.partition("=")[0] for line in environment}
    assert {"PATH", "HOME", "AWS_CONFIG_FILE", "AWS_REGION"} <= names
    assert not names & {*keys_in_environment, "NOTIFY_SOCKET"}
    files = (shared.home / "files").read_text()
    assert "/dev/null" in files and "pipe:" in files
    assert not any(kind in files for kind in ("fuse", "socket:", "anon_inode", "memfd", "secretmem")), files


def test_process_is_asked_again_before_its_credentials_expire(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    fake.user(OTHER_KEY, OTHER_SECRET)
    shared.print(lifetime=4)
    shared.process(f"cat {shared.answer}")
    mounted = mount(fake, "--ttl", "100ms", env=shared.environment())
    assert fs.read(mounted / PATH) == SECRET["password"].encode()
    shared.print(OTHER_KEY, OTHER_SECRET, lifetime=3600)

    def other_key_is_used():
        assert fs.read(mounted / PATH) == SECRET["password"].encode()
        return last_key(fake) == OTHER_KEY
    util.wait_until(other_key_is_used)
    assert len(shared.started()) == 2


def test_a_process_that_fails_costs_no_read_of_a_known_value(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    shared.print(lifetime=1)
    shared.process(f"cat {shared.answer}")
    mounted = mount(fake, "--ttl", "100ms", env=shared.environment())
    assert fs.read(mounted / PATH) == SECRET["password"].encode()
    shared.answer.unlink()
    fake.expire_user(ACCESS_KEY)

    def it_has_failed():
        assert fs.read(mounted / PATH) == SECRET["password"].encode()
        return len(shared.started()) >= 2 and "failed with exit code 1" in mounted.log()
    util.wait_until(it_has_failed)
    fake.expire_user(ACCESS_KEY, False)
    shared.print()

    def it_works_again():
        assert fs.read(mounted / PATH) == SECRET["password"].encode()
        return fake.calls()[-1].at > begin and len(shared.started()) > runs
    begin, runs = time.monotonic(), len(shared.started())
    util.wait_until(it_works_again, timeout=30)


def test_a_slow_process_serves_later_reads(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    shared.print()
    gate = shared.home / "gate"
    os.mkfifo(gate)
    shared.process(f"read line <{gate}; cat {shared.answer}")
    mounted = mount(fake, "--secret", "prod/*", "--timeout", "500ms", env=shared.environment())

    def it_is_told():
        assert fs.read_errno(mounted / PATH) == "ETIMEDOUT"
        return '"prod/db": timeout: ' in mounted.log() and "credential_process" in mounted.log()
    util.wait_until(it_is_told)
    gate.write_text("go\n")
    util.wait_until(lambda: fs.read_errno(mounted / PATH) is None)
    assert fs.read(mounted / PATH) == SECRET["password"].encode()
    assert len(shared.started()) == 1


def test_what_a_process_says_is_not_logged(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    shared.process(f"echo {SECRET_KEY} | tee /dev/stderr; exit 3")
    mounted = mount(fake, "--secret", "prod/*", env=shared.environment())
    assert fs.read_errno(mounted / PATH) == "EKEYEXPIRED"
    mounted.wait_log('"prod/db"', "/process ...", "failed with exit code 3: run it by hand")
    assert "hidden-argument" not in mounted.log()  # that the key is not there is checked at the end


def test_a_process_is_ended_by_the_unmount(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    shared.process("sleep 600 & sleep 600")
    mounted = mount(fake, "--secret", "prod/*", "--timeout", "30s", env=shared.environment())
    with util.readers(mounted / PATH):
        util.wait_until(shared.started)
        shell = shared.started()[0]
        children = util.wait_until(lambda: pathlib.Path(f"/proc/{shell}/task/{shell}/children").read_text().split())
        begin = time.monotonic()
        mounted.signal(signal.SIGTERM)
        assert mounted.wait() == 0
        assert time.monotonic() - begin < 2
    util.wait_until(lambda: not any(is_running(pid) for pid in (shell, *children)))


def test_a_process_that_nobody_waits_for_is_ended_by_the_unmount(fake, mount, fs, shared):
    fake.put("prod/db", SECRET)
    shared.process("sleep 600")
    mounted = mount(fake, "--secret", "prod/db", "--timeout", "500ms", env=shared.environment())
    assert fs.read_errno(mounted / PATH) == "ETIMEDOUT"
    assert is_running(shared.started()[0])
    mounted.unmount()
    util.wait_until(lambda: not is_running(shared.started()[0]))
