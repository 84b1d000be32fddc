# SPDX-License-Identifier: Apache-2.0
"""Rotation: what readers, holders and watchers of a file see, and how many calls that costs."""

import os
import signal
import ssl

import pytest

import util
from watching import Watch

SECRET = {"user": "app", "password": "the first password", "host": "db", "port": 5432, "pool": {"limit": 20, "min": 1}}
QUICK = ("--poll", "100ms", "--ttl", "1h", "--grace", "100ms")


@pytest.fixture
def secret(fake, mount, fs):
    """A mount whose secret "prod/db" has been read, with a short poll."""
    fake.put("prod/db", SECRET)
    mounted = mount(fake, *QUICK)
    util.wait_until(lambda: fs.list(mounted.path) == ["prod"])
    fs.tree(mounted / "prod")
    return mounted / "prod/db"


def test_watchers_of_the_directory_and_of_the_file(fake, fs, secret):
    with Watch(secret) as directory, Watch(secret / "password") as file:
        for number in range(3):
            value = f"password number {number} " + "x" * number
            fake.put("prod/db", {**SECRET, "password": value})
            directory.wait("password", "MODIFY", "CLOSE_WRITE")
            assert fs.read(secret / "password") == value.encode()
            file.wait("", "MODIFY", "CLOSE_WRITE")


def test_one_changed_key_of_five(fake, fs, secret):
    before = {key: fs.stat(secret / key) for key in SECRET}
    with Watch(secret) as directory:
        fake.put("prod/db", {**SECRET, "password": "only this one"})
        directory.wait("password", "CLOSE_WRITE")
        directory.wait(".raw", "CLOSE_WRITE")
        fake.put("prod/db", {**SECRET, "password": "only this one again"})
        directory.wait("password", "CLOSE_WRITE")
        assert directory.names() == {"password", ".raw"}
    for key in set(SECRET) - {"password"}:
        after = fs.stat(secret / key)
        assert (after["st_ino"], after["st_mtime_ns"]) == (before[key]["st_ino"], before[key]["st_mtime_ns"])
    after = fs.stat(secret / "password")
    assert after["st_ino"] != before["password"]["st_ino"]
    assert after["st_mtime_ns"] > before["password"]["st_mtime_ns"]


def test_same_bytes_under_a_new_version_are_no_event(fake, fs, secret):
    before = fs.stat(secret / "password")
    with Watch(secret) as directory:
        version = fake.put("prod/db", SECRET)
        util.wait_until(lambda: os.getxattr(secret / "password", "user.secretsfs.version_id") == version.encode())
        fake.put("prod/db", {**SECRET, "user": "marks the end"})
        directory.wait("user", "CLOSE_WRITE")
        assert directory.names() == {"user", ".raw"}
    after = fs.stat(secret / "password")
    assert (after["st_ino"], after["st_mtime_ns"]) == (before["st_ino"], before["st_mtime_ns"])


def test_keys_come_and_go(fake, fs, secret):
    with Watch(secret) as directory, Watch(secret / "pool") as pool:
        fake.put("prod/db", {**SECRET, "extra": "a new key", "pool": {"limit": 20, "max": 9}})
        directory.wait("extra", "CREATE")
        pool.wait("max", "CREATE")
        pool.wait("min", "DELETE")
        assert fs.list(secret / "pool") == [".raw", "limit", "max"]
        assert fs.read(secret / "extra") == b"a new key"
        fake.put("prod/db", SECRET)
        directory.wait("extra", "DELETE")
        assert fs.read_errno(secret / "extra") == "ENOENT"
        assert "extra" not in fs.list(secret)


def test_a_key_turns_into_a_directory_and_back(fake, fs, secret):
    with Watch(secret) as directory:
        fake.put("prod/db", {**SECRET, "host": {"name": "db", "zone": "a"}})
        directory.wait("host", "DELETE")
        directory.wait("host", "CREATE")
        assert fs.read(secret / "host/zone") == b"a"
        fake.put("prod/db", SECRET)
        directory.wait("host", "DELETE")
        directory.wait("host", "CREATE")
        assert fs.read(secret / "host") == b"db"


def test_json_turns_into_text_and_back(fake, fs, secret):
    with Watch(secret) as directory:
        fake.put("prod/db", "plain text")
        directory.wait("password", "DELETE")
        directory.wait("value", "CREATE")
        assert fs.read(secret / "value") == b"plain text"
        fake.put("prod/db", SECRET)
        directory.wait("value", "DELETE")
        directory.wait("password", "CREATE")
        assert fs.read(secret / "password") == b"the first password"


def test_secrets_come_and_go(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, *QUICK, "--list-interval", "100ms")
    util.wait_until(lambda: fs.list(mounted.path) == ["prod"])
    with Watch(mounted.path) as root, Watch(mounted / "prod") as prod:
        fake.put("prod/new", {"key": "value of the new one"})
        prod.wait("new", "CREATE")
        fake.put("dev/deep/er", {"key": "value of the new one"})
        root.wait("dev", "CREATE")
        assert fs.list(mounted.path) == ["dev", "prod"]
        assert fs.read(mounted / "dev/deep/er/key") == b"value of the new one"
        fake.remove("prod/new")
        prod.wait("new", "DELETE")
        fake.remove("dev/deep/er")
        root.wait("dev", "DELETE")
        assert fs.list(mounted.path) == ["prod"]


@pytest.mark.parametrize("revoke", ["delete", "deny"])
def test_what_is_revoked_goes(fake, fs, secret, revoke):
    descriptor = os.open(secret / "password", os.O_RDONLY)
    try:
        with Watch(secret) as directory:
            if revoke == "delete":
                fake.delete("prod/db")
            else:
                fake.fault("error", code="AccessDeniedException", message="User: u is not authorized to perform: "
                           "secretsmanager:GetSecretValue on resource: prod/db", secret="prod/db")
            directory.wait("password", "DELETE")
        assert fs.read_errno(secret / "password") == {"delete": "ENOENT", "deny": "EACCES"}[revoke]
        util.wait_until(lambda: read_errno(descriptor) == "ESTALE")
    finally:
        os.close(descriptor)


def read_errno(descriptor):
    try:
        os.pread(descriptor, 100, 0)
    except OSError as error:
        return os.strerror(error.errno) and {116: "ESTALE"}.get(error.errno, str(error.errno))
    return None


def test_holders_follow_after_the_grace(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--poll", "100ms", "--ttl", "1h", "--grace", "1s")
    path = mounted / "prod/db/password"
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for number in range(3):
            before = os.pread(descriptor, 100, 0)
            value = f"password {number} " + "y" * (number * 7)
            with Watch(path) as file, Watch(path.parent) as directory:
                fake.put("prod/db", {**SECRET, "password": value})
                directory.wait("password", "CLOSE_WRITE")
                assert fs.read(path) == value.encode()
                assert os.pread(descriptor, 100, 0) == before  # whole, during the grace
                file.wait("", "MODIFY", "CLOSE_WRITE")
                util.wait_until(lambda: os.pread(descriptor, 100, 0) == value.encode())
    finally:
        os.close(descriptor)


def test_sighup_checks_now(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--poll", "0", "--ttl", "1h")
    assert fs.read(mounted / "prod/db/password") == b"the first password"
    with Watch(mounted / "prod/db") as directory:
        fake.put("prod/db", {**SECRET, "password": "after the signal"})
        mounted.signal(signal.SIGHUP)
        directory.wait("password", "CLOSE_WRITE")
    assert fs.read(mounted / "prod/db/password") == b"after the signal"


# --- versions ---


def test_versions(fake, fs, secret):
    first = fake.put("prod/db", {**SECRET, "password": "the older"})
    second = fake.put("prod/db", {**SECRET, "password": "the newer"})
    util.wait_until(lambda: fs.read(secret / "password") == b"the newer")
    versions = secret / ".versions"
    util.wait_until(lambda: os.readlink(versions / "AWSCURRENT") == second)
    assert os.readlink(versions / "AWSPREVIOUS") == first
    assert fs.read(versions / "AWSCURRENT/password") == b"the newer"
    assert fs.read(versions / "AWSPREVIOUS/password") == b"the older"
    assert fs.read(versions / first / ".raw") == fs.read(versions / "AWSPREVIOUS/.raw")
    listed = set(fs.list(versions))
    assert {"AWSCURRENT", "AWSPREVIOUS", first, second} <= listed
    assert fs.read_errno(versions / "AWSPENDING/password") == "ENOENT"
    fake.put("prod/db", {**SECRET, "password": "pending"}, stages=["AWSPENDING"])
    fake.put("prod/db", {**SECRET, "password": "custom"}, stages=["custom label"])


def test_a_version_directory_is_one_consistent_set(fake, fs, secret):
    directory = os.open(secret / ".versions/AWSCURRENT", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fake.put("prod/db", {**SECRET, "user": "new user", "password": "new password"})
        util.wait_until(lambda: fs.read(secret / "user") == b"new user")
        with open(os.open("password", os.O_RDONLY, dir_fd=directory), "rb") as file:
            assert file.read() == b"the first password"
        with open(os.open("user", os.O_RDONLY, dir_fd=directory), "rb") as file:
            assert file.read() == b"app"
    finally:
        os.close(directory)
    util.wait_until(lambda: fs.read(secret / ".versions/AWSCURRENT/user") == b"new user")


def test_stages_move_with_events(fake, fs, secret):
    versions = secret / ".versions"
    first = os.readlink(versions / "AWSCURRENT")
    fs.list(versions)
    with Watch(versions) as watch:
        second = fake.put("prod/db", {**SECRET, "password": "the second"})
        watch.wait(second, "CREATE")
        watch.wait("AWSCURRENT", "MOVED_TO")
        watch.wait("AWSPREVIOUS", "MOVED_TO")
    assert os.readlink(versions / "AWSCURRENT") == second
    assert os.readlink(versions / "AWSPREVIOUS") == first
    assert fs.read(versions / "AWSPREVIOUS/password") == b"the first password"


def test_versions_without_permission_to_list_them(fake, mount, fs):
    first = fake.put("prod/db", {"password": "the older"})
    second = fake.put("prod/db", {"password": "the newer"})
    fake.user("AKIAONLYGET", "secret key of one who may only get", allow={"GetSecretValue": ["prod/*"]})
    mounted = mount(fake, "--secret", "prod/db", key="AKIAONLYGET")
    versions = mounted / "prod/db/.versions"
    assert set(fs.list(versions)) == {"AWSCURRENT", second}
    assert fs.read(versions / "AWSPREVIOUS/password") == b"the older"
    assert fs.read(versions / first / "password") == b"the older"
    assert os.readlink(versions / "AWSPREVIOUS") == first


# --- calls ---


def test_checks_go_out_in_batches(fake, mount, fs):
    names = [f"app/s{number:02}" for number in range(40)]
    fake.put_many({name: {"key": f"value of {name}"} for name in names})
    mounted = mount(fake, "--poll", "200ms", "--ttl", "1h", "--list-interval", "0", "--secret", "app/*")
    for name in names:
        assert fs.read(mounted / name / "key") == f"value of {name}".encode()
    fake.reset_counts()
    util.wait_until(lambda: fake.count("BatchGetSecretValue") >= 10)
    counts = fake.counts()
    assert counts["BatchGetSecretValue"] in (10, 11, 12)
    assert counts.get("GetSecretValue", 0) == 0


def test_checks_one_by_one_where_batches_are_denied(fake, mount, fs):
    fake.put_many({"app/a": {"key": "value of a"}, "app/b": {"key": "value of b"}})
    fake.user("AKIAONLYGET", "secret key of one who may only get", allow={"GetSecretValue": ["app/*"]})
    mounted = mount(fake, *QUICK, "--secret", "app/*", key="AKIAONLYGET")
    assert fs.read(mounted / "app/a/key") == b"value of a"
    assert fs.read(mounted / "app/b/key") == b"value of b"
    for name in "ab":
        with Watch(mounted / "app" / name) as directory:
            fake.put(f"app/{name}", {"key": "value changed"})
            directory.wait("key", "CLOSE_WRITE")
    assert fake.count("BatchGetSecretValue") == 1


# --- staying up ---


@pytest.mark.parametrize("kind", ["hang", "reset", "status", "throttle", "expired-token", "not-json", "wrong-json",
                                  "truncate", "huge"])
def test_faults_do_not_reach_readers(fake, mount, fs, kind):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--poll", "100ms", "--ttl", "200ms", "--timeout", "300ms")
    path = mounted / "prod/db/password"
    assert fs.read(path) == b"the first password"
    fake.fault(kind)
    util.wait_until(lambda: mounted.status()["secrets"][0]["stale"])
    for _ in range(50):
        assert fs.read(path) == b"the first password"
    assert os.getxattr(path, "user.secretsfs.stale") == b"1"
    fake.put("prod/db", {**SECRET, "password": "after the fault"})
    fake.clear()
    util.wait_until(lambda: fs.read(path) == b"after the fault")
    util.wait_until(lambda: os.getxattr(path, "user.secretsfs.stale") == b"0")


def test_a_tls_failure_does_not_reach_readers(tls_fake, mount, fs):
    tls_fake.put("prod/db", SECRET)
    mounted = mount(tls_fake, "--poll", "100ms", "--ttl", "200ms", "--timeout", "2s")
    path = mounted / "prod/db/password"
    assert fs.read(path) == b"the first password"
    tls_fake.context.maximum_version = ssl.TLSVersion.TLSv1_1  # which is refused
    tls_fake.fault("close-after")
    util.wait_until(lambda: mounted.status()["secrets"][0].get("error", {}).get("kind") == "tls")
    for _ in range(50):
        assert fs.read(path) == b"the first password"
    tls_fake.put("prod/db", {**SECRET, "password": "after the fault"})
    tls_fake.context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    tls_fake.clear()
    util.wait_until(lambda: fs.read(path) == b"after the fault")


def test_a_clock_that_goes_wrong_is_corrected(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, *QUICK)
    path = mounted / "prod/db/password"
    assert fs.read(path) == b"the first password"
    fake.set_clock(2 * 3600)
    fake.put("prod/db", {**SECRET, "password": "signed with the server's time"})
    util.wait_until(lambda: fs.read(path) == b"signed with the server's time")


def test_a_value_is_not_served_beyond_max_stale(fake, mount, fs):
    fake.put("prod/db", SECRET)
    mounted = mount(fake, "--poll", "0", "--ttl", "100ms", "--timeout", "300ms", "--max-stale", "1s")
    path = mounted / "prod/db/password"
    assert fs.read(path) == b"the first password"
    fake.fault("status")
    util.wait_until(lambda: fs.read_errno(path) == "EIO")
    fake.clear()
    util.wait_until(lambda: fs.read_errno(path) is None)
