# SPDX-License-Identifier: Apache-2.0
"""The task definitions of docs/deploy/ecs-*, container by container, as ECS's agent starts them."""

import pytest

import ecs
import util

FIRST, SECOND = ({"password": f"{which} password of the database"} for which in ("first", "second"))


@pytest.fixture
def images(image, own_image):
    """The app's image has the program too, for `exec`."""
    return {"secretsfs": image, "checkout": own_image}


@pytest.fixture(autouse=True)
def secrets(fake):
    fake.put("prod/checkout/database", FIRST)
    fake.put("prod/checkout/stripe", "a key")


def read(container, variable):
    return container.exec("sh", "-c", f"cat ${variable}", user="1000", check=False).stdout


def rotate(fake, server, app):
    """Seen by an app of which we know the variable only."""
    fake.put("prod/checkout/database", SECOND)
    server.signal("HUP")  # sooner than at the next poll
    util.wait_until(lambda: read(app, "DATABASE_PASSWORD_FILE") == SECOND["password"].encode())


def test_sidecar_that_mounts(fake, images, shared, aws, start):
    task = ecs.run("ecs-ec2/task-definition.json", shared, images, aws, start)
    assert read(task["app"], "DATABASE_PASSWORD_FILE") == FIRST["password"].encode()
    rotate(fake, task["secretsfs"], task["app"])


def test_managed_daemon(fake, images, shared, aws, start):
    """The app is that of ecs-ec2, as its README says."""
    name = "ecs-managed-daemon/daemon-task-definition.json"
    daemon = ecs.run(name, shared, images, aws, start)["secretsfs"]
    ecs.wait_until_healthy(daemon, ecs.definition(name), "secretsfs")
    [app] = [one for one in ecs.definition("ecs-ec2/task-definition.json")["containerDefinitions"]
             if one["name"] == "app"]
    app = start(images["checkout"], options=ecs.options(app, shared))
    assert read(app, "DATABASE_PASSWORD_FILE") == FIRST["password"].encode()
    rotate(fake, daemon, app)


def test_sidecar_that_writes(fake, images, shared, aws, start):
    """Its volume is the task's storage, which is a disk."""
    task = ecs.run("ecs-fargate/task-definition-sync.json", shared, images, aws, start)
    assert read(task["app"], "DATABASE_PASSWORD_FILE") == FIRST["password"].encode()
    assert b"Read-only" in task["app"].exec("touch", "/secrets/mine", check=False).stderr
    rotate(fake, task["secretsfs"], task["app"])
    task["secretsfs"].signal("TERM")
    assert task["secretsfs"].wait() == 0
    assert list(shared.iterdir()) == []


def test_exec(images, shared, aws, unprivileged, start):
    app = shared / "checkout"
    app.write_text("#!/bin/sh\ncat \"$PASSWORD_FILE\"; exec sleep infinity\n", encoding="utf-8")
    app.chmod(0o755)
    task = ecs.run("ecs-fargate/task-definition-exec.json", shared, images, aws, start,
                   more=[*unprivileged, f"--volume={shared}:/app:ro"])
    util.wait_until(lambda: FIRST["password"] in task["app"].logs())
    task["app"].signal("TERM")
    assert task["app"].wait() == 128 + 15
