# SPDX-License-Identifier: Apache-2.0
"""As few calls as can be: one fetch for any number of readers, answers remembered for as long as they are good."""

import pathlib
import signal

import pytest

import util

SECRET = {"a": "first value of a", "b": "first value of b"}
READERS = 64


def asleep(process):
    """Is this `cat` under way, and waiting?"""
    stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8")
    return stat.split(" ")[1] == "(cat)" and stat.rpartition(") ")[2][0] in "SD"


def test_parallel_readers_share_one_call(fake, mount):
    fake.put("s", SECRET)
    mounted = mount(fake)
    fake.fault("hang", action="GetSecretValue")
    paths = [mounted / "s" / "ab"[number % 2] for number in range(READERS)]
    with util.readers(*paths) as started:
        util.wait_until(lambda: all(map(asleep, started)))
        fake.clear()
        answers = [process.communicate(timeout=util.PATIENCE)[0] for process in started]
    assert answers == [SECRET["ab"[number % 2]].encode() for number in range(READERS)]
    assert fake.count("GetSecretValue") == 1


def test_a_reader_that_leaves_takes_nobody_along(fake, mount, fs):
    """Of different files: of those who look for one name, the kernel lets only the first be interrupted."""
    fake.put("s", SECRET)
    mounted = mount(fake)
    util.wait_until(lambda: fs.list(mounted.path) == ["s"])
    fake.fault("hang", action="GetSecretValue")
    with util.readers(mounted / "s/a", mounted / "s/none", mounted / "s/b") as started:
        util.wait_until(lambda: fake.count("GetSecretValue") and all(map(asleep, started)))
        for process in started[:2]:
            util.time_to_end(process, signal.SIGKILL)
        fake.clear()
        assert started[2].communicate(timeout=util.PATIENCE)[0] == SECRET["b"].encode()
    assert fake.count("GetSecretValue") == 1


def test_all_keys_of_a_secret_for_one_call(fake, mount, fs):
    fake.put("s", {f"key{number}": f"value {number}" for number in range(200)})
    mounted = mount(fake)
    assert len(fs.tree(mounted / "s")) == 201
    assert fake.count("GetSecretValue") == 1


@pytest.mark.parametrize("path", ["prod/none/key", "prod/denied/key", "prod/deleted/key"])
def test_a_definite_no_is_asked_for_once(fake, mount, fs, path):
    fake.put_many({"prod/denied": SECRET, "prod/deleted": SECRET})
    fake.delete("prod/deleted")
    fake.user("AKIAHALF", "secret key for half of it", allow={"GetSecretValue": ["prod/none*", "prod/deleted*"]})
    mounted = mount(fake, "--secret", "prod/*", "--negative-ttl", "1h", key="AKIAHALF")
    errno = fs.read_errno(mounted / path)
    assert errno == ("EACCES" if "denied" in path else "ENOENT")
    for _ in range(20):
        assert fs.read_errno(mounted / path) == errno
    asked = [call.names[0] for call in fake.calls() if call.action == "GetSecretValue"]
    assert len(asked) == len(set(asked)) <= 2  # prod/none, and perhaps prod/none/key


@pytest.mark.parametrize("denied", [False, True])
def test_a_definite_no_is_forgotten_after_the_negative_ttl(fake, mount, fs, denied):
    if denied:
        fake.put("prod/db", SECRET)
        fake.user("AKIANEW", "secret key of a newcomer", allow={})
    else:
        fake.user("AKIANEW", "secret key of a newcomer", allow={"GetSecretValue": ["*"]})
    mounted = mount(fake, "--secret", "prod/*", "--negative-ttl", "200ms", key="AKIANEW")
    assert fs.read_errno(mounted / "prod/db/a") == ("EACCES" if denied else "ENOENT")
    fake.put("prod/db", SECRET)
    fake.users["AKIANEW"].allow = None
    util.wait_until(lambda: fs.read_errno(mounted / "prod/db/a") is None)
    assert fs.read(mounted / "prod/db/a") == SECRET["a"].encode()


def test_a_value_is_asked_for_once_per_ttl(fake, mount, fs):
    fake.put("s", SECRET)
    mounted = mount(fake, "--ttl", "1h")
    for _ in range(50):
        fs.read(mounted / "s/a")
    fake.put("s", {"a": "second value of a"})
    assert fs.read(mounted / "s/a") == SECRET["a"].encode()
    assert fake.count("GetSecretValue") == 1


def test_a_new_value_is_seen_after_the_ttl(fake, mount, fs):
    fake.put("s", SECRET)
    mounted = mount(fake, "--ttl", "200ms", "--poll", "0")
    assert fs.read(mounted / "s/a") == b"first value of a"
    fake.put("s", {"a": "second value of a, which is longer", "c": "a new key"})
    util.wait_until(lambda: fs.read(mounted / "s/a") == b"second value of a, which is longer")
    util.wait_until(lambda: fs.list(mounted / "s") == [".raw", "a", "c"])
    assert fs.read_errno(mounted / "s/b") == "ENOENT"
    assert fs.read(mounted / "s/c") == b"a new key"


def test_a_new_value_is_seen_at_once_after_sighup(fake, mount, fs):
    fake.put("s", SECRET)
    mounted = mount(fake, "--ttl", "1h", "--poll", "0")
    assert fs.read(mounted / "s/a") == b"first value of a"
    fake.put("s", {"a": "second value of a"})
    mounted.signal(signal.SIGHUP)
    util.wait_until(lambda: fs.read(mounted / "s/a") == b"second value of a")


def test_new_names_are_seen(fake, mount, fs):
    fake.put("old", SECRET)
    mounted = mount(fake, "--list-interval", "200ms")
    util.wait_until(lambda: fs.list(mounted.path) == ["old"])
    fake.put("new/one", SECRET)
    util.wait_until(lambda: fs.list(mounted.path) == ["new", "old"])
    fake.remove("old")
    util.wait_until(lambda: fs.list(mounted.path) == ["new"])


def test_a_name_that_the_listing_does_not_know_yet(fake, mount, fs):
    fake.put("prod/early", SECRET)
    fake.set_list_lag(3600)
    fake.put("prod/late", SECRET)
    mounted = mount(fake)
    util.wait_until(lambda: fs.list(mounted.path) == ["prod"])
    assert fs.list(mounted / "prod") == ["early"]
    assert fs.read(mounted / "prod/late/a") == SECRET["a"].encode()


def test_a_connection_is_kept(fake, mount, fs):
    fake.put_many({f"s{number}": SECRET for number in range(40)})
    mounted = mount(fake)
    for number in range(40):
        fs.read(mounted / f"s{number}/a")
    assert fake.count("GetSecretValue") == 40
    assert fake.connections <= 17  # one for each fetcher at most


def test_names_are_listed_page_by_page_and_narrowed(fake, mount, fs):
    fake.put_many({f"prod/{number:03}": SECRET for number in range(250)})
    fake.put_many({f"dev/{number:03}": SECRET for number in range(250)})
    mounted = mount(fake, "--secret", "prod/*", "--filter", "name=prod/")
    util.wait_until(lambda: mounted.status()["names"]["state"] == "complete")
    assert fs.list(mounted / "prod") == [f"{number:03}" for number in range(250)]
    assert fs.list(mounted.path) == ["prod"]
    assert fake.count("ListSecrets") == 3
    assert fake.count("GetSecretValue") == 0


def test_what_nobody_uses_is_dropped_when_memory_is_short(fake, mount, fs):
    names = [f"large/s{number:02}" for number in range(20)]
    fake.put_many({name: f"{name} " * 4000 for name in names})
    mounted = mount(fake, "--cache-bytes", "200K", "--poll", "0", "--secret", "large/*")

    def cached():
        return sum("version_id" in secret for secret in mounted.status()["secrets"])

    with open(mounted / names[0] / "value", "rb") as held:
        for name in names:
            assert fs.read(mounted / name / "value") == f"{name} ".encode() * 4000
        util.wait_until(lambda: cached() <= 6)  # 200 KiB are five of them, and one is held
        assert held.read() == f"{names[0]} ".encode() * 4000
    for name in names:  # those that were dropped are fetched again
        assert fs.read(mounted / name / "value") == f"{name} ".encode() * 4000
