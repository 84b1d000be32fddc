# SPDX-License-Identifier: Apache-2.0
"""mount --supervise: whatever becomes of the daemon, the mount is there again at once. And --shared."""

import contextlib
import os
import pathlib
import select
import signal
import subprocess
import threading
import time

import pytest

import refusing
import util
from conftest import fake_environment
from mounting import BINARY, daemons, mounts

SECRETS = {"prod/db": {"password": "the password of the database"}}
PASSWORD = b"the password of the database"


def worker(mounted):
    """The process id of the daemon that serves now."""
    return util.wait_until(lambda: util.children(mounted.process.pid))[0]


def read(path):
    """The bytes, or None."""
    done = util.run_read(path)
    return done.stdout if done.returncode == 0 else None


def messages(mounted):
    found = []
    while select.select([mounted.notify], [], [], 0)[0]:
        found += mounted.notify.recv(4096).decode().split("\n")
    return found


def test_a_dead_daemon_is_replaced(mount):
    mounted = mount(SECRETS, "--supervise")
    assert read(mounted / "prod/db/password") == PASSWORD
    for _ in range(3):
        old = worker(mounted)
        os.kill(old, signal.SIGKILL)
        util.wait_until(lambda: read(mounted / "prod/db/password") == PASSWORD)
        assert worker(mounted) != old
    assert list(mounts()).count(str(mounted.path)) == 1
    mounted.wait_log("was killed by signal 9")


def test_repeated_crashes_are_met_with_patience(mount):
    mounted = mount(SECRETS, "--supervise")
    begin = time.monotonic()
    for _ in range(6):  # then 100, 200, 400, 800 and 1600 ms of pause
        os.kill(worker(mounted), signal.SIGKILL)
        util.wait_until(lambda: not util.children(mounted.process.pid) or read(mounted / "prod/db/password"))
    util.wait_until(lambda: read(mounted / "prod/db/password") == PASSWORD)
    assert 1 < time.monotonic() - begin < 10


def test_readers_go_on(mount):
    """Under a crash a read fails as it would anywhere, and never gives anything wrong."""
    mounted = mount(SECRETS, "--supervise")
    failures, wrong, stop = [], [], threading.Event()

    def read_on():
        while not stop.is_set():
            try:
                with open(mounted / "prod/db/password", "rb") as file:
                    data = file.read()
                if data != PASSWORD:
                    wrong.append(data)
            except OSError as error:
                failures.append(error.errno)
                stop.wait(0.001)

    readers = [threading.Thread(target=read_on) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(3):
            old = worker(mounted)
            os.kill(old, signal.SIGKILL)
            util.wait_until(lambda: worker(mounted) != old and read(mounted / "prod/db/password") == PASSWORD)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not wrong


ELSEWHERE = """
echo ready
while read -r _; do cat "$0/secrets/prod/db/password" 2>/dev/null; echo; done
"""


@pytest.fixture
def shared(place):
    """A folder that is a shared mount, as containers have it."""
    folder = place.home / "shared"
    (folder / "secrets").mkdir(parents=True)
    assert util.run("mount", "--bind", folder, folder).returncode == 0
    assert util.run("mount", "--make-rshared", folder).returncode == 0
    place.mountpoint = folder / "secrets"
    yield folder
    for daemon in daemons(place.mountpoint):
        os.kill(daemon, signal.SIGKILL)
    util.run("umount", "-R", "-l", folder)


def start(place, *options, **environment):
    """A supervisor, ready."""
    process = subprocess.Popen([BINARY, "mount", "-f", "--supervise", *options, place.mountpoint],
                               stderr=subprocess.DEVNULL, env=place.environment(**environment))
    try:
        util.wait_until(lambda: str(place.mountpoint) in mounts() or process.poll() is not None)
        assert process.poll() is None
    except BaseException:
        process.kill()
        raise
    return process


def test_another_mount_namespace_sees_the_new_mount(shared, place):
    """As a container that was started with rslave."""
    supervisor = start(place, "--shared", "--local", place.write_local(SECRETS))
    app = subprocess.Popen(["unshare", "--mount", "--propagation", "slave", "sh", "-c", ELSEWHERE, shared],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def there():
        app.stdin.write(b"\n")
        app.stdin.flush()
        return app.stdout.readline().strip()

    try:
        assert app.stdout.readline() == b"ready\n"
        util.wait_until(lambda: there() == PASSWORD)
        for _ in range(2):
            os.kill(util.wait_until(lambda: util.children(supervisor.pid))[0], signal.SIGKILL)
            util.wait_until(lambda: there() == PASSWORD)
    finally:
        app.kill()
        app.communicate()
        supervisor.terminate()
        assert supervisor.wait(util.PATIENCE) == 0
    assert str(place.mountpoint) not in mounts()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_both(mount, number):
    mounted = mount(SECRETS, "--supervise")
    old = worker(mounted)
    mounted.signal(number)
    assert mounted.wait() == 0
    assert str(mounted.path) not in mounts() and not pathlib.Path(f"/proc/{old}").exists()
    assert "STOPPING=1" in messages(mounted)


def test_sighup_is_passed_on(fake, mount, fs):
    fake.put("s", {"key": "the first value"})
    mounted = mount(fake, "--supervise", "--ttl", "1h", "--poll", "0")
    assert fs.read(mounted / "s/key") == b"the first value"
    fake.put("s", {"key": "the second value"})
    mounted.signal(signal.SIGHUP)
    util.wait_until(lambda: fs.read(mounted / "s/key") == b"the second value")


def test_an_unmount_ends_both(mount):
    mounted = mount(SECRETS, "--supervise")
    mounted.unmount()


def test_a_signal_while_no_daemon_is_there(mount):
    mounted = mount(SECRETS, "--supervise")
    for _ in range(4):  # until there is a pause
        old = worker(mounted)
        os.kill(old, signal.SIGKILL)
        util.wait_until(lambda: old not in util.children(mounted.process.pid))
    mounted.signal(signal.SIGTERM)
    assert mounted.wait() == 0
    assert str(mounted.path) not in mounts()


def test_a_daemon_that_does_not_end_is_killed(mount):
    mounted = mount(SECRETS, "--supervise")
    os.kill(worker(mounted), signal.SIGSTOP)
    begin = time.monotonic()
    mounted.signal(signal.SIGTERM)
    assert mounted.wait() == 1
    assert time.monotonic() - begin < 5
    assert str(mounted.path) not in mounts()


def test_without_its_supervisor_the_daemon_ends(mount):
    mounted = mount(SECRETS, "--supervise")
    old = worker(mounted)
    mounted.signal(signal.SIGKILL)
    mounted.wait()
    util.wait_until(lambda: not pathlib.Path(f"/proc/{old}").exists() and str(mounted.path) not in mounts())


def test_a_start_that_fails_is_not_tried_again(fake, place):
    environment = fake_environment(fake)
    del environment["AWS_REGION"]
    for foreground in ([], ["-f"]):
        begin = time.monotonic()
        done = util.run(BINARY, "mount", "--supervise", *foreground, place.mountpoint,
                        env=place.environment(**environment))
        assert done.returncode == 1 and done.stderr.count(b"region") >= 1 and done.stderr.count(b"\n") == 1
        done = util.run(BINARY, "mount", "--supervise", *foreground, "--local", place.write_local(SECRETS),
                        place.home / "none", env=place.environment())
        assert done.returncode == 1 and b"none" in done.stderr
        assert time.monotonic() - begin < 2
    assert not daemons(place.mountpoint)


def test_a_start_that_is_killed_leaves_no_mount(place):
    """After it has mounted, and before it is ready."""
    done = util.run(BINARY, "mount", "-f", "--supervise", "--local", place.write_local(SECRETS), place.mountpoint,
                    env=place.environment(), preexec_fn=refusing.refuse(refusing.OPEN_TREE, refusing.KILL))
    assert done.returncode == 1 and b"was killed by signal" in done.stderr
    assert str(place.mountpoint) not in mounts() and not daemons(place.mountpoint)


def test_as_a_daemon(place, fs):
    done = util.run(BINARY, "mount", "--supervise", "--local", place.write_local(SECRETS), place.mountpoint,
                    env=place.environment())
    assert done.returncode == 0, done.stderr.decode()
    supervisor, old = sorted(daemons(place.mountpoint), key=lambda pid: not util.children(pid))
    for process in (supervisor, old):
        assert {os.readlink(f"/proc/{process}/fd/{number}") for number in (0, 1, 2)} == {"/dev/null"}
    os.kill(old, signal.SIGKILL)
    util.wait_until(lambda: read(place.mountpoint / "prod/db/password") == PASSWORD)
    assert util.run(BINARY, "unmount", place.mountpoint).returncode == 0
    util.wait_until(lambda: not daemons(place.mountpoint))


def test_credentials_survive_and_are_not_shown(fake, mount, fs):
    """The next daemon has the credentials of the environment, and no process shows them."""
    fake.put_many({"one": SECRETS["prod/db"], "two": SECRETS["prod/db"]})
    mounted = mount(fake, "--supervise")
    assert fs.read(mounted / "one/password") == PASSWORD
    secret = next(iter(fake.users.values())).secret_key.encode()
    for _ in range(2):
        old = worker(mounted)
        if os.geteuid() == 0:
            for process in (mounted.process.pid, old):
                assert secret not in pathlib.Path(f"/proc/{process}/environ").read_bytes()
                assert os.stat(f"/proc/{process}/environ").st_uid == 0
        os.kill(old, signal.SIGKILL)
        util.wait_until(lambda: worker(mounted) != old and read(mounted / "two/password") == PASSWORD)


def test_what_systemd_hears(mount):
    mounted = mount(SECRETS, "--supervise", env={"WATCHDOG_USEC": "200000"})
    heard = []

    def hears(word):
        heard.extend(messages(mounted))
        return any(message.startswith(word) for message in heard)

    util.wait_until(lambda: hears("WATCHDOG=1"))
    util.wait_until(lambda: hears("STATUS=Serving"))
    os.kill(worker(mounted), signal.SIGKILL)
    util.wait_until(lambda: hears("STATUS=Starting again: the daemon was killed by signal 9"))
    util.wait_until(lambda: any("again" in message for message in heard) or hears("nothing"))
    heard.clear()
    util.wait_until(lambda: hears("WATCHDOG=1"))
    assert not hears("READY=1") and not hears("MAINPID")  # once is enough
    os.kill(worker(mounted), signal.SIGSTOP)
    messages(mounted)
    os.kill(worker(mounted), signal.SIGCONT)


def test_as_process_1_it_reaps(place):
    """Orphans of the container are left to it."""
    script = '(sh -c "sleep 1 & exit" &) ; exec "$0" mount -f --supervise --local "$1" "$2"'
    process = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c",
                                script, BINARY, place.write_local(SECRETS), place.mountpoint],
                               stderr=subprocess.DEVNULL, env=place.environment())

    def names(pid):
        found = []
        for child in util.children(pid):
            with contextlib.suppress(OSError):
                found.append(pathlib.Path(f"/proc/{child}/comm").read_text(encoding="utf-8").strip())
        return found

    try:
        supervisor = util.wait_until(lambda: util.children(process.pid))[0]
        util.wait_until(lambda: "sleep" in names(supervisor))
        util.wait_until(lambda: names(supervisor) == ["secretsfs"])
        password = f"/proc/{supervisor}/root{place.mountpoint}/prod/db/password"
        util.wait_until(lambda: read(password) == PASSWORD)
        os.kill(util.children(supervisor)[0], signal.SIGKILL)
        util.wait_until(lambda: read(password) == PASSWORD)
        os.kill(supervisor, signal.SIGTERM)
        assert process.wait(util.PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_mountpoint_that_is_not_shared_is_refused(place):
    """Where sharing was asked for; in a mount namespace in which nothing is shared."""
    command = (BINARY, "mount", "--shared", "--local", place.write_local(SECRETS), place.mountpoint)
    done = util.run("unshare", "--mount", "--propagation", "private", *command, env=place.environment())
    assert done.returncode == 1 and b"is not shared" in done.stderr and b"rshared" in done.stderr
    done = util.run("unshare", "--mount", "--propagation", "slave", *command, env=place.environment())
    assert done.returncode == 1
    assert not daemons(place.mountpoint)


def test_a_shared_mountpoint_with_a_dead_mount(shared, place):
    for _ in range(2):
        done = util.run(BINARY, "mount", "--shared", "--local", place.write_local(SECRETS), place.mountpoint,
                        env=place.environment())
        assert done.returncode == 0, done.stderr.decode()
        [daemon] = daemons(place.mountpoint)
        os.kill(daemon, signal.SIGKILL)
        util.wait_until(lambda: not daemons(place.mountpoint))


def test_stopping_under_load(fake, mount):
    """With files open, readers waiting for a server that hangs, and others reading on."""
    fake.put_many({f"slow/{number}": SECRETS["prod/db"] for number in range(20)})
    fake.put("quick", SECRETS["prod/db"])
    for options in ((), ("--supervise",)):
        fake.clear()
        mounted = mount(fake, "--timeout", "1m", *options)
        assert read(mounted / "quick/password") == PASSWORD
        fake.fault("hang", secret="slow/*")
        asked = fake.count("GetSecretValue")
        loop = subprocess.Popen(["sh", "-c", 'while cat "$0" >/dev/null 2>&1; do :; done', mounted / "quick/password"])
        with util.readers(*(mounted / f"slow/{number}/password" for number in range(20))) as waiting, \
                open(mounted / "quick/password", "rb"):
            util.wait_until(lambda: fake.count("GetSecretValue") >= asked + 16)
            begin = time.monotonic()
            mounted.signal(signal.SIGTERM)
            assert mounted.wait() == 0
            assert time.monotonic() - begin < 2
            assert str(mounted.path) not in mounts()
            assert all(process.wait(util.PATIENCE) != 0 for process in waiting)
        assert loop.wait(util.PATIENCE) == 0


def test_it_heals_when_aws_is_there_again(place, fs):
    """Started while nothing listens; then the server comes up."""
    from server import FakeServer
    fake = FakeServer().start()
    environment = fake_environment(fake)
    fake.put("s", SECRETS["prod/db"])
    fake.fault("reset")
    supervisor = start(place, "--timeout", "500ms", "--secret", "s", **environment)
    try:
        begin = time.monotonic()
        assert fs.read_errno(place.mountpoint / "s/password") == "ETIMEDOUT"
        assert time.monotonic() - begin < 2
        fake.clear()
        util.wait_until(lambda: fs.read_errno(place.mountpoint / "s/password") is None)
    finally:
        supervisor.terminate()
        assert supervisor.wait(util.PATIENCE) == 0
        fake.stop()
