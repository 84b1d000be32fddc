# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a fake Secrets Manager, moto, system calls that cannot hang a test, and mounts that clean up."""

import os

import pytest

import motoserver
import mounting
import syncing
import util
from executing import Execs
from server import ACCESS_KEY, FakeServer

EXEC_USER = 12345  # who runs `secretsfs exec`, beside root
LONG_ENOUGH_TO_TELL = 12  # bytes of a value; shorter ones ("3000", "true") occur in logs by chance


@pytest.fixture
def fake():
    server = FakeServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return util.make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def tls_fake(certificate):
    server = FakeServer(certificate=certificate).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def moto():
    server = motoserver.Moto()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _workers():
    workers = {}
    yield workers
    for worker in workers.values():
        worker.close()


@pytest.fixture
def fs_as(_workers):
    """fs_as(uid, gid): system calls as another user."""
    def get(uid=None, gid=None):
        worker = _workers.get((uid, gid))
        if worker is None or worker.process.poll() is not None:
            worker = _workers[uid, gid] = util.Worker(uid, gid)
        return worker
    return get


@pytest.fixture
def fs(fs_as):
    """System calls on a mount, in a child process that is given up when it hangs."""
    return fs_as()


@pytest.fixture
def place():
    """Where a test may mount by itself."""
    if not os.path.exists(mounting.BINARY):
        pytest.fail(f"no {mounting.BINARY}: build first, or set SECRETSFS_BIN")
    if not os.path.exists("/dev/fuse"):
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("no /dev/fuse: load the fuse module, or give the device to the container")
    place = mounting.Place()
    yield place
    place.clear()


@pytest.fixture
def fuse_for_all():
    """As distributions have /dev/fuse; some containers do not."""
    with mounting.device_for_all():
        yield


def fake_environment(fake, key=ACCESS_KEY):
    user = fake.users[key]
    environment = {"AWS_ENDPOINT_URL": fake.url, "AWS_REGION": fake.region, "AWS_ACCESS_KEY_ID": key,
                   "AWS_SECRET_ACCESS_KEY": user.secret_key}
    if user.token:
        environment["AWS_SESSION_TOKEN"] = user.token
    if fake.certificate:
        environment["AWS_CA_BUNDLE"] = fake.certificate[0]
    return environment


class Mounts:
    """Makes mounts for one test; at its end unmounts them as a user does and reads their logs."""

    def __init__(self, kind=mounting.Mount):
        self.kind = kind
        self.made = []
        self.sources = []

    def __call__(self, source, *options, key=ACCESS_KEY, env=None, user=None, ready=True):
        """`source`: a FakeServer (used with access `key`), a MotoUser, or secrets for the local backend. The rest:
        options of the command line, changes of the environment (None removes), the user id to run as, and whether to
        wait until the mount is ready."""
        place = mounting.Place()
        if user is not None:
            place.give_to(user)
        environment = place.environment()
        if isinstance(source, FakeServer):
            environment.update(fake_environment(source, key))
        elif isinstance(source, motoserver.MotoUser):
            environment.update(source.environment())
        else:
            options = ("--local", place.write_local(source), *options)
        environment.update(env or {})
        environment = {name: value for name, value in environment.items() if value is not None}
        mount = self.kind(place, options, environment, user)
        self.sources.append(source)
        self.made.append(mount)
        return mount.wait_ready() if ready else mount

    def secrets(self):
        """All that must not be logged."""
        for source in self.sources:
            if isinstance(source, FakeServer):
                users = source.users.values()
                values = source.values + [user.secret_key for user in users] + [user.token for user in users]
            else:
                values = source.values if isinstance(source, motoserver.MotoUser) else [source]
            for value in values:
                yield from (leaf for leaf in mounting.leaves(value) if len(leaf) >= LONG_ENOUGH_TO_TELL)

    def finish(self):
        try:
            for mount in self.made:
                if not mount.ended:
                    mount.unmount()
            secrets = set(self.secrets())
            for mount in self.made:
                mount.check_log(secrets)
        finally:
            for mount in self.made:
                mount.kill()
                mount.place.clear()


@pytest.fixture
def mount(place):
    mounts = Mounts()
    yield mounts
    mounts.finish()


@pytest.fixture
def sync(place):
    """As `mount`, with `secretsfs sync`."""
    syncs = Mounts(syncing.Sync)
    yield syncs
    syncs.finish()


@pytest.fixture(params=["mount", "sync", "sync --atomic"])
def show(request):
    """The same secrets in every way: as `mount` is called."""
    if request.param == "mount":
        return request.getfixturevalue("mount")
    sync = request.getfixturevalue("sync")
    how = request.param.split()[1:]

    def make(source, *options, **others):
        if isinstance(source, FakeServer) and "--secret" not in options:
            options += tuple(option for name in source.store.secrets for option in ("--secret", name))
        return sync(source, *how, *options, **others)
    return make


@pytest.fixture
def execs_of(place, fuse_for_all):
    """execs_of(uid): who runs them, None for root."""
    made = []

    def get(user):
        ids = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        if util.run("test", "-x", mounting.BINARY, **ids).returncode != 0:
            pytest.skip(f"{mounting.BINARY} is not for everyone here")
        made.append(Execs(place, user, fake_environment))
        return made[-1]
    yield get
    for execs in made:
        execs.finish()


@pytest.fixture
def as_user(execs_of):
    return execs_of(EXEC_USER)


@pytest.fixture(params=[EXEC_USER, None], ids=["user", "root"])
def execs(request, execs_of):
    return execs_of(request.param)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the logs of the mounts of a failed test."""
    report = (yield).get_result()
    for mounts in (getattr(item, "funcargs", {}).get(name) for name in ("mount", "sync", "show")):
        for mount in mounts.made if report.failed and isinstance(mounts, Mounts) else ():
            if mount.log_path.exists():
                report.sections.append((f"log of secretsfs on {mount.path}", mount.log()[-8000:]))
