# SPDX-License-Identifier: Apache-2.0
"""Mounts with the credentials of `aws sso login` and of `aws login`."""

import json
import os
import stat
import time

import pytest

import util
from sso import ACCOUNT, LOGIN_SESSION, OIDC, PORTAL, ROLE, SESSION, SIGNIN, START_URL, Sso

SECRET = {"password": "the password of the database"}
PASSWORD = SECRET["password"].encode()
PATH = "prod/db/password"

MODERN = f"""[profile app]
sso_session = {SESSION}
sso_account_id = {ACCOUNT}
sso_role_name = {ROLE}
[sso-session {SESSION}]
sso_start_url = {START_URL}
sso_region = eu-west-1
"""
LEGACY = f"""[profile app]
sso_start_url = {START_URL}
sso_region = eu-west-1
sso_account_id = {ACCOUNT}
sso_role_name = {ROLE}
"""
LOGIN = f"[profile app]\nlogin_session = {LOGIN_SESSION}\n"


@pytest.fixture
def sso(fake):
    server = Sso(fake).start()
    yield server
    server.stop()


@pytest.fixture
def app(fake, sso, mount, tmp_path):
    """app(config): a mount with profile `app`; its log is searched for tokens at the end."""
    fake.put("prod/db", SECRET)
    mounted = []

    def start(config, *options, **env):
        (tmp_path / ".aws").mkdir(exist_ok=True)
        (tmp_path / ".aws/config").write_text(config)
        mounted.append(mount(fake, "--profile", "app", "--secret", "prod/db", "--timeout", "2s", *options,
                             env={**sso.environment(tmp_path), **env}))
        return mounted[-1]
    yield start
    for one in mounted:
        for secret in sso.secrets:
            assert secret not in one.log()


def content(path):
    return json.loads(path.read_text())


def read_for(fs, path, seconds):
    """Reads again and again; none may fail."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert fs.read(path) == PASSWORD
        time.sleep(0.02)


def stays_readable(fs, path, condition):
    """Reads until the condition is true; none may fail."""
    def step():
        assert fs.read(path) == PASSWORD
        return condition()
    util.wait_until(step)


# aws sso login

def test_a_session(app, sso, fs, tmp_path):
    sso.sso_login(tmp_path, 3600)
    assert fs.read(app(MODERN) / PATH) == PASSWORD
    assert sso.requests == [PORTAL]


def test_the_older_form(app, sso, fs, tmp_path):
    sso.sso_login(tmp_path, 3600, name=START_URL)
    assert fs.read(app(LEGACY) / PATH) == PASSWORD


def test_credentials_are_renewed_in_use(app, sso, fs, tmp_path):
    sso.life = 3.0
    sso.sso_login(tmp_path, 3600)
    mounted = app(MODERN, "--ttl", "200ms")
    stays_readable(fs, mounted / PATH, lambda: sso.requests.count(PORTAL) >= 3)


@pytest.mark.parametrize("fault", [500, 401, "hang"])
def test_an_outage_of_the_portal(app, sso, fake, fs, tmp_path, fault):
    sso.life = 2.0
    sso.sso_login(tmp_path, 3600)
    mounted = app(MODERN, "--ttl", "200ms")
    assert fs.read(mounted / PATH) == PASSWORD
    sso.faults[PORTAL] = fault
    stays_readable(fs, mounted / PATH, lambda: all(user.expired for key, user in fake.users.items() if "ASIA" in key))
    read_for(fs, mounted / PATH, 1)
    sso.faults.clear()
    before = len(sso.requests)
    stays_readable(fs, mounted / PATH, lambda: len(sso.requests) > before)


@pytest.mark.parametrize("fault,errno,words", [
    (401, "EKEYEXPIRED", ("answers HTTP 401", "run: aws sso login --profile app")),
    (403, "EACCES", ("may not use role Read Only in account 123456789012", "have it assigned")),
    (404, "EACCES", ("may not use role Read Only",)),
    (429, "EAGAIN", ("answers HTTP 429",)),
    (500, "EIO", ("answers HTTP 500",)),
    ("garbage", "EIO", ("there are no credentials in it",)),
    ("hang", "ETIMEDOUT", ("no answer in time",)),
])
def test_no_credentials_at_first(app, sso, fs, tmp_path, fault, errno, words):
    sso.sso_login(tmp_path, 3600)
    sso.faults[PORTAL] = fault
    mounted = app(MODERN)
    assert fs.read_errno(mounted / PATH) == errno
    mounted.wait_log('"prod/db"', sso.url, *words)
    sso.faults.clear()
    util.wait_until(lambda: fs.read_errno(mounted / PATH) is None)


def test_a_login_is_noticed(app, sso, fs, tmp_path):
    mounted = app(MODERN)
    assert fs.read_errno(mounted / PATH) == "EKEYEXPIRED"
    mounted.wait_log("there is no SSO token", str(sso.token_path(tmp_path)), "run: aws sso login --profile app")
    sso.sso_login(tmp_path, -1)
    util.wait_until(lambda: fs.read_errno(mounted / PATH) == "EKEYEXPIRED"
                    and "the SSO token has expired" in mounted.log())
    sso.sso_login(tmp_path, 3600)
    util.wait_until(lambda: fs.read_errno(mounted / PATH) is None, timeout=5)


def test_a_token_is_renewed(app, sso, fs, tmp_path):
    path = sso.sso_login(tmp_path, -1, refreshable=True)
    before = content(path)
    assert fs.read(app(MODERN) / PATH) == PASSWORD
    after = content(path)
    assert sso.requests == [OIDC, PORTAL]
    assert after["accessToken"] in sso.bearers and after["refreshToken"] in sso.refresh_tokens
    assert after["expiresAt"] > before["expiresAt"]
    changed = {"accessToken", "refreshToken", "expiresAt"}
    assert {key: value for key, value in after.items() if key not in changed} == {
        key: value for key, value in before.items() if key not in changed}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_the_owner_stays(app, sso, fs, tmp_path):
    path = sso.sso_login(tmp_path, -1, refreshable=True)
    os.chown(path, 1234, 5678)
    assert fs.read(app(MODERN) / PATH) == PASSWORD
    assert content(path)["accessToken"] in sso.bearers
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 5678)


def test_two_mounts_renew_once(app, sso, fs, tmp_path):
    sso.sso_login(tmp_path, -1, refreshable=True)
    mounts = [app(MODERN) for _ in range(3)]
    with util.readers(*(mounted / PATH for mounted in mounts)) as readers:
        for reader in readers:
            assert reader.communicate(timeout=util.PATIENCE)[0] == PASSWORD
    assert sso.requests.count(OIDC) == 1


@pytest.mark.parametrize("seconds", [120, -1])
def test_a_renewal_that_is_refused(app, sso, fs, tmp_path, seconds):
    path = sso.sso_login(tmp_path, seconds, refreshable=True)
    sso.refresh_tokens.clear()
    before = path.read_bytes()
    mounted = app(MODERN)
    if seconds > 0:
        assert fs.read(mounted / PATH) == PASSWORD
    else:
        assert fs.read_errno(mounted / PATH) == "EKEYEXPIRED"
        mounted.wait_log("the SSO token has expired", "HTTP 400", "run: aws sso login --profile app")
    assert OIDC in sso.requests
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


@pytest.fixture
def read_only():
    """read_only(path): mounts a file or directory over itself, read-only, until the end of the test."""
    made = []

    def bind(path):
        for words in (("--bind", path, path), ("-o", "remount,bind,ro", path)):
            done = util.run("mount", *words)
            assert done.returncode == 0, done.stderr.decode()
            if not made or made[-1] != path:
                made.append(path)
    yield bind
    for path in made:
        util.run("umount", path)


@pytest.mark.parametrize("what", ["directory", "file"])
def test_a_read_only_cache(app, sso, fs, tmp_path, read_only, what):
    path = sso.sso_login(tmp_path, 4, refreshable=True)
    sso.life = 2.0
    before = path.read_bytes()
    read_only(path.parent if what == "directory" else path)
    mounted = app(MODERN, "--ttl", "200ms")
    assert fs.read(mounted / PATH) == PASSWORD
    util.wait_until(lambda: time.time() > path.stat().st_mtime + 4)
    read_for(fs, mounted / PATH, 0.5)  # cached
    assert OIDC not in sso.requests and path.read_bytes() == before
    other = app(MODERN)
    assert fs.read_errno(other / PATH) == "EKEYEXPIRED"
    other.wait_log("has expired", "cannot be replaced", "run: aws sso login --profile app")


# aws login

def test_login(app, sso, fs, tmp_path):
    sso.login(tmp_path, 900)
    assert fs.read(app(LOGIN) / PATH) == PASSWORD
    assert sso.requests == []


def test_a_directory_of_its_own(app, sso, fs, tmp_path):
    path = sso.login(tmp_path, 900)
    other = tmp_path / "elsewhere"
    path.parent.rename(other)
    assert fs.read(app(LOGIN, AWS_LOGIN_CACHE_DIRECTORY=str(other)) / PATH) == PASSWORD


def test_login_is_renewed(app, sso, fs, tmp_path):
    path = sso.login(tmp_path, -1)
    before = content(path)
    assert fs.read(app(LOGIN) / PATH) == PASSWORD
    after = content(path)
    assert sso.requests == [SIGNIN]
    assert after["refreshToken"] in sso.refresh_tokens and after["refreshToken"] != before["refreshToken"]
    assert after["accessToken"]["accountId"] == ACCOUNT
    assert after["accessToken"]["expiresAt"] > before["accessToken"]["expiresAt"]
    assert all(after[key] == before[key] for key in ("tokenType", "clientId", "idToken", "dpopKey"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and os.listdir(path.parent) == [path.name]


def test_login_is_renewed_in_use(app, sso, fs, tmp_path):
    sso.life = 3.0
    sso.login(tmp_path, 3)
    mounted = app(LOGIN, "--ttl", "200ms")
    stays_readable(fs, mounted / PATH, lambda: sso.requests.count(SIGNIN) >= 3)


@pytest.mark.parametrize("fault", [500, "hang"])
def test_an_outage_of_sign_in(app, sso, fake, fs, tmp_path, fault):
    sso.life = 2.0
    sso.login(tmp_path, 2)
    sso.faults[SIGNIN] = fault
    mounted = app(LOGIN, "--ttl", "200ms")
    stays_readable(fs, mounted / PATH, lambda: all(user.expired for key, user in fake.users.items() if "ASIA" in key))
    read_for(fs, mounted / PATH, 1)
    sso.faults.clear()
    sso.life = 900.0
    stays_readable(fs, mounted / PATH, lambda: any(not user.expired for key, user in fake.users.items()
                                                   if "ASIA" in key))
    assert len(sso.proofs) > 1 and len(set(sso.proofs)) == len(sso.proofs)  # each attempt has one of its own


def test_a_session_that_is_over(app, sso, fs, tmp_path):
    sso.login(tmp_path, -1)
    sso.refresh_tokens.clear()
    mounted = app(LOGIN)
    assert fs.read_errno(mounted / PATH) == "EKEYEXPIRED"
    mounted.wait_log("the session of aws login is over", str(sso.login_path(tmp_path)),
                     "run: aws login --profile app")
    sso.login(tmp_path, 900)
    util.wait_until(lambda: fs.read_errno(mounted / PATH) is None, timeout=5)


def test_login_with_a_read_only_cache(app, sso, fs, tmp_path, read_only):
    path = sso.login(tmp_path, 60)
    read_only(path.parent)
    assert fs.read(app(LOGIN) / PATH) == PASSWORD
    assert sso.requests == []
