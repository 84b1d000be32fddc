# SPDX-License-Identifier: Apache-2.0
"""`secretsfs sync` for other containers, by a user who may do nothing: in memory that they share."""

import os

import pytest

import util

FIRST, SECOND = "first password of the database", "second password of the database"
PASSWORD = "/secrets/prod/db/password"


@pytest.fixture
def sync(fake, image, memory, aws, unprivileged, start):
    """sync(words…): the container."""
    fake.put("prod/db", {"password": FIRST})

    def run(*words):
        return start(image, "sync", "--to=/secrets", *words,
                     options=[*unprivileged, *aws, "--user=1000:1000", "--read-only", "--read-only-tmpfs=false",
                              f"--volume={memory}:/secrets"])
    return run


@pytest.fixture
def app(start, app_image, memory):
    return start(app_image, options=["--user=1000:1000", f"--volume={memory}:/secrets:ro"])


def read(app):
    return app.exec("cat", PASSWORD, check=False).stdout.decode()


@pytest.mark.parametrize("how", [[], ["--atomic"]], ids=["file by file", "atomic"])
def test_sidecar(sync, app, fake, memory, how):
    server = sync("--secret=prod/db", "--poll=200ms", *how)
    util.wait_until(lambda: read(app) == FIRST)
    assert app.exec("cat", PASSWORD, user="1001", check=False).returncode == 1
    assert app.exec("rm", PASSWORD, check=False).returncode == 1
    fake.put("prod/db", {"password": SECOND})
    util.wait_until(lambda: read(app) == SECOND)
    server.signal("TERM")
    assert server.wait() == 0
    assert os.listdir(memory) == []


def test_a_killed_sidecar_is_replaced(sync, app, fake):
    server = sync("--secret=prod/db")
    util.wait_until(lambda: read(app) == FIRST)
    server.signal("KILL")
    server.wait()
    assert read(app) == FIRST
    fake.put("prod/db", {"password": SECOND})
    sync("--secret=prod/db")
    util.wait_until(lambda: read(app) == SECOND)


def test_init_container(sync, app):
    """Its status lets the app start, or not."""
    assert sync("--once", "--secret=prod/none").wait() == 1
    assert sync("--once", "--secret=prod/db").wait() == 0
    assert read(app) == FIRST


def test_a_disk_is_refused(image, shared, aws, start):
    container = start(image, "sync", "--to=/secrets", "--secret=prod/db",
                      options=[*aws, f"--volume={shared}:/secrets"])
    assert container.wait() == 1
    assert "not in memory" in container.logs() and "--allow-disk" in container.logs()
    assert os.listdir(shared) == []
