# SPDX-License-Identifier: Apache-2.0
"""Containers by podman, as these tests need them: found again and removed by their ids."""

import json
import os
import pathlib
import subprocess
import tempfile

import util

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "localhost/secretsfs"
BASE = "docker.io/library/debian:bookworm-slim"
APP = "localhost/secretsfs-test-app"
NODE = "localhost/secretsfs-test-node"
OWN = "localhost/secretsfs-test-own"
SYSTEMD = "localhost/secretsfs-test-systemd"


def podman(*words, check=True, timeout=util.PATIENCE, **options):
    done = util.run("podman", *words, timeout=timeout, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"podman {words}: {done.stderr.decode()}")
    return done


def build(tag, *words):
    """`podman build`, in the format that has health checks. The image that had the tag before goes."""
    before = podman("image", "inspect", "--format={{.Id}}", tag, check=False).stdout.decode().strip()
    podman("build", "--format=docker", "--pull=never", "--network", "host", "-q", "-t", tag, *words, timeout=600)
    if before and before != podman("image", "inspect", "--format={{.Id}}", tag).stdout.decode().strip():
        podman("rmi", before, check=False)
    return tag


def build_text(tag, *lines):
    """An image from the lines of a Dockerfile."""
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / "Dockerfile").write_text("\n".join([*lines, ""]), encoding="utf-8")
        return build(tag, directory)


def with_packages(tag, *packages, then=()):
    """An image from the base with more of Debian's packages."""
    return build_text(tag, f"FROM {BASE}", "RUN apt-get update && apt-get install -y --no-install-recommends "
                      f"{' '.join(packages)} && rm -rf /var/lib/apt/lists/*", *then)


def size_bytes(image):
    return json.loads(podman("image", "inspect", image).stdout)[0]["Size"]


def start(image, *words, options=()):
    """`podman run -d OPTIONS IMAGE WORDS`."""
    return Container(podman("run", "-d", *options, image, *words).stdout.decode().strip())


class Container:
    def __init__(self, id_or_name):
        self.id = json.loads(podman("inspect", "--type=container", id_or_name).stdout)[0]["Id"]

    def exec(self, *words, check=True, user=None, **options):
        as_user = ("--user", user) if user else ()
        done = podman("exec", *as_user, self.id, *words, check=False, **options)
        assert not check or done.returncode == 0, (words, done.stderr.decode(), self.logs())
        return done

    def read(self, path, user=None):
        return self.exec("cat", path, user=user).stdout

    def logs(self):
        done = podman("logs", self.id, check=False)
        return (done.stdout + done.stderr).decode(errors="replace")

    def state(self):
        return json.loads(podman("inspect", self.id).stdout)[0]["State"]

    def wait(self):
        """The exit status of a container that is to end."""
        return int(podman("wait", self.id).stdout)

    def signal(self, name):
        podman("kill", "--signal", name, self.id)

    def healthy(self):
        """What the image's own health check says now."""
        return podman("healthcheck", "run", self.id, check=False).returncode == 0

    def remove(self):
        podman("rm", "-f", "-t", "0", self.id, check=False, timeout=60)


class Follower:
    """A command in a container whose lines are read as they come."""

    def __init__(self, container, *words, user=None):
        as_user = ("--user", user) if user else ()
        self.process = subprocess.Popen(["podman", "exec", *as_user, container.id, *words], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""

    def wait_for(self, words):
        def seen():
            data = self.process.stdout.read()
            self.text += data.decode() if data else ""
            return words in self.text
        util.wait_until(seen, what=f"{words!r} in the output")

    def stop(self):
        self.process.kill()
        self.process.wait(util.PATIENCE)
