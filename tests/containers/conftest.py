# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the images, a folder that containers share, a fake Secrets Manager on loopback, which they all reach."""

import errno
import json
import pathlib
import re
import shutil
import tempfile

import pytest

import podman
import util
from server import FakeServer


@pytest.fixture(scope="session")
def image():
    """The image as docker/Dockerfile makes it; its first stage has a name, so that it stays in the cache."""
    words = ["-f", podman.ROOT / "docker/Dockerfile", podman.ROOT]
    podman.build(f"{podman.IMAGE}-build", "--target=build", *words)
    return podman.build(podman.IMAGE, *words)


@pytest.fixture(scope="session")
def app_image():
    """Where apps run: the base with a consumer of inotify events."""
    return podman.with_packages(podman.APP, "inotify-tools", "procps",
                                then=["STOPSIGNAL SIGKILL", "CMD [\"sleep\", \"infinity\"]"])


@pytest.fixture(scope="session")
def node_image():
    return podman.with_packages(podman.NODE, "nodejs")


@pytest.fixture(scope="session")
def own_image(image, app_image):
    """An app's own image, into which the program was put as docs/deploy/ecs-fargate/README.md says."""
    text = (podman.ROOT / "docs/deploy/ecs-fargate/README.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.startswith(("    COPY --from", "    RUN apt-get"))]
    assert len(lines) == 2
    return podman.build_text(podman.OWN, f"FROM {app_image}", re.sub(r"--from=\S+", f"--from={image}", lines[0]),
                             lines[1])


@pytest.fixture
def fake():
    server = FakeServer().start()
    yield server
    server.stop()


@pytest.fixture
def start():
    """start(image, *words, options=[…]): a container that goes with the test."""
    started = []

    def run(image, *words, options=()):
        started.append(podman.start(image, *words, options=options))
        return started[-1]
    yield run
    for container in reversed(started):
        container.remove()


@pytest.fixture
def shared():
    """A folder of the host on a shared mount, as `/` is on hosts with systemd."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="secretsfs-shared-"))
    folder.chmod(0o755)
    util.run("mount", "--bind", folder, folder)
    util.run("mount", "--make-rshared", folder)
    yield folder
    while util.run("umount", "-l", folder / "secrets").returncode == 0:
        pass
    util.run("umount", "-l", folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def unprivileged(tmp_path_factory):
    """Options of `podman run`: no capability, and what Docker's filter of system calls refuses to who has none.
    (podman's own lets everybody make namespaces and mount in them.)"""
    new_user_namespace = {"index": 0, "value": 0x10000000, "valueTwo": 0x10000000, "op": "SCMP_CMP_MASKED_EQ"}
    calls = ["unshare", "setns", "mount", "umount", "umount2", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount",
             "open_tree", "mount_setattr", "pivot_root"]
    profile = tmp_path_factory.mktemp("seccomp") / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": calls, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM},
        {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM, "args": [new_user_namespace]},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS}]}), encoding="utf-8")
    return ["--cap-drop=ALL", "--security-opt=no-new-privileges", f"--security-opt=seccomp={profile}"]


@pytest.fixture
def memory(shared):
    """A folder in memory that anybody may write to, as the kubelet makes an `emptyDir: {medium: Memory}`."""
    util.run("mount", "-t", "tmpfs", "-o", "mode=2777,gid=1000,size=16m", "tmpfs", shared)
    yield shared
    while util.run("umount", "-l", shared / "secrets").returncode == 0:
        pass
    util.run("umount", "-l", shared)


@pytest.fixture
def variables(fake):
    """The environment in which secretsfs finds the fake."""
    [key] = fake.users
    return {"AWS_ENDPOINT_URL": fake.url, "AWS_REGION": fake.region, "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": fake.users[key].secret_key, "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def aws(variables):
    """The same as options of `podman run`."""
    return [f"--env={name}={value}" for name, value in variables.items()]
