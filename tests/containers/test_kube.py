# SPDX-License-Identifier: Apache-2.0
"""The manifests of docs/deploy/eks, as they are, in pods of podman."""

import os
import signal
import threading

import pytest

import kube
import mounting
import util

FIRST, SECOND = ({"password": f"{which} password of the database"} for which in ("first", "second"))


@pytest.fixture
def pods(image, app_image, variables):
    """pods(manifest, folder): the pod of a manifest, not yet started."""
    made = []

    def make(name, folder):
        made.append(kube.Pod(name, folder, variables, {"secretsfs": image, "checkout": app_image}))
        return made[-1]
    yield make
    for pod in reversed(made):
        pod.remove()


@pytest.fixture
def play(pods):
    """The same, started, when the probes of its sidecar say that it works."""
    def run(name, folder):
        pod = pods(name, folder)
        pod.play()
        for command in pod.probes:
            util.wait_until(lambda: pod.container("secretsfs").exec(*command, check=False).returncode == 0,
                            what=command)
        return pod
    return run


def read_password(pod):
    """As the app does it."""
    return pod.container("app").exec("sh", "-c", "cat $DATABASE_PASSWORD_FILE", check=False).stdout


def wait_for_password(pod, value):
    util.wait_until(lambda: read_password(pod) == value["password"].encode(), what=value)


def main_process(pod):
    return pod.container("secretsfs").state()["Pid"]


def worker(pod):
    """The process that serves the mount, a child of the supervisor."""
    [pid] = util.run("pgrep", "-P", str(main_process(pod))).stdout.split()
    return int(pid)


def crash(pod):
    """The whole container; podman starts it again."""
    os.kill(main_process(pod), signal.SIGKILL)


def rotate(fake, server, app):
    fake.put("prod/checkout/database", SECOND)
    server.container("secretsfs").signal("HUP")  # sooner than at the next poll
    wait_for_password(app, SECOND)


def test_daemonset_and_app(play, shared, fake):
    fake.put("prod/checkout/database", FIRST)
    node = play("daemonset.yaml", shared)
    app = play("app.yaml", shared)
    assert read_password(app) == FIRST["password"].encode()
    assert app.container("app").exec("id", "-u").stdout == b"1000\n"
    rotate(fake, node, app)
    fake.put("prod/checkout/database", FIRST)  # who starts anew reads it
    os.kill(worker(node), signal.SIGKILL)
    wait_for_password(app, FIRST)
    fake.put("prod/checkout/database", SECOND)
    crash(node)
    wait_for_password(app, SECOND)


def test_an_app_waits_for_its_node(play, pods, shared, fake):
    """The init container of the app ends when the daemon of the node is there, and not before."""
    fake.put("prod/checkout/database", FIRST)
    app = pods("app.yaml", shared)
    playing = threading.Thread(target=app.play)
    playing.start()
    try:
        util.wait_until(lambda: app.state("wait") == "running")
        assert app.state("app") != "running"
        play("daemonset.yaml", shared)
    finally:
        playing.join()
    assert read_password(app) == FIRST["password"].encode()


def test_sidecar(play, memory, fake):
    fake.put("prod/checkout/database", FIRST)
    pod = play("sidecar.yaml", memory)
    assert read_password(pod) == FIRST["password"].encode()
    rotate(fake, pod, pod)
    fake.put("prod/checkout/database", FIRST)
    os.kill(worker(pod), signal.SIGKILL)
    wait_for_password(pod, FIRST)
    pod.stop()
    assert not [path for path in mounting.mounts() if path.startswith(f"{memory}/")]


def test_unprivileged(play, memory, fake):
    fake.put("prod/checkout/database", FIRST)
    fake.put("prod/checkout/stripe", "a key")
    pod = play("unprivileged.yaml", memory)
    assert read_password(pod) == FIRST["password"].encode()
    assert b"Read-only" in pod.container("app").exec("touch", "/secrets/mine", check=False).stderr
    rotate(fake, pod, pod)
    fake.put("prod/checkout/database", FIRST)
    crash(pod)
    wait_for_password(pod, FIRST)
    pod.stop()
    assert os.listdir(memory) == []
