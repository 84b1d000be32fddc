# SPDX-License-Identifier: Apache-2.0
"""The Debian package: it installs, runs and goes from a fresh root, and its unit keeps a mount under systemd."""

import json
import shutil

import pytest

import podman
import util

CONF = "MOUNTPOINT=/secrets\\nOPTIONS=--secret prod/* --poll 200ms\\n"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Made anew, so that it is of this source."""
    util.run(podman.ROOT / "dev", "package", timeout=600)
    [path] = (podman.ROOT / "build/package").glob("secretsfs_*.deb")
    directory = tmp_path_factory.mktemp("package")
    shutil.copy(path, directory / "secretsfs.deb")
    return directory


@pytest.fixture(scope="module")
def systemd_image(package):
    with open(package / "Dockerfile", "w", encoding="utf-8") as file:
        file.write(f"FROM {podman.BASE}\nCOPY secretsfs.deb /tmp/\n"
                   "RUN apt-get update && apt-get install -y --no-install-recommends systemd dbus procps "
                   "/tmp/secretsfs.deb\n"
                   f"RUN mkdir /etc/secretsfs && printf '{CONF}' > /etc/secretsfs/prod.conf\n"
                   "CMD [\"/lib/systemd/systemd\"]\n")
    return podman.build(podman.SYSTEMD, package)


def test_install_run_remove(package, start):
    machine = start(podman.BASE, "sleep", "infinity",
                    options=["--device=/dev/fuse", "--cap-add=SYS_ADMIN", f"--volume={package}:/package:ro"])
    before = set(machine.exec("find", "/", "-xdev", "-not", "-path", "/var/*").stdout.split())
    machine.exec("apt-get", "update", timeout=120)
    machine.exec("apt-get", "install", "-y", "--no-install-recommends", "/package/secretsfs.deb", timeout=300)
    assert machine.exec("dpkg", "--verify", "secretsfs").stdout == b""
    machine.exec("sh", "-c", "umask 077; echo '{\"prod/db\": {\"password\": \"p4ssw0rd of the database\"}}' > /s.json")
    machine.exec("sh", "-c", "mkdir /secrets && secretsfs mount --local /s.json --log file:/log /secrets")
    assert machine.read("/secrets/prod/db/password") == b"p4ssw0rd of the database"
    machine.exec("secretsfs", "unmount", "/secrets")
    machine.exec("sh", "-c", "mount -t secretsfs -o local=/s.json,log=file:/log secretsfs /secrets")
    assert machine.read("/secrets/prod/db/password") == b"p4ssw0rd of the database"
    machine.exec("umount", "/secrets")
    machine.exec("sh", "-c", "rm /s.json /log; rmdir /secrets")
    machine.exec("apt-get", "purge", "-y", "secretsfs", timeout=120)
    after = machine.exec("find", "/", "-xdev", "-not", "-path", "/var/*").stdout.split()
    assert not [path for path in set(after) - before if b"secretsfs" in path]


@pytest.fixture
def machine(systemd_image, aws, fake, start):
    """A machine whose process 1 is systemd, with the credentials in the mount's file."""
    fake.put("prod/db", {"password": "first password of the database"})
    machine = start(systemd_image, options=["--privileged", "--systemd=always"])
    util.wait_until(lambda: machine.exec("systemctl", "is-system-running", check=False).stdout.strip()
                    in (b"running", b"degraded"), timeout=60)
    for option in aws:
        machine.exec("sh", "-c", "echo \"$1\" >> /etc/secretsfs/prod.conf", "sh", option.removeprefix("--env="))
    return machine


def show(machine, *names):
    lines = machine.exec("systemctl", "show", "secretsfs@prod", *(f"--property={name}" for name in names)).stdout
    return dict(line.split("=", 1) for line in lines.decode().splitlines())


def test_unit(machine, fake):
    machine.exec("systemctl", "start", "secretsfs@prod")
    assert machine.read("/secrets/prod/db/password") == b"first password of the database"  # at once: it was ready
    first = show(machine, "MainPID", "ActiveState", "WatchdogUSec")
    assert first["ActiveState"] == "active" and first["WatchdogUSec"] != "0"

    machine.exec("kill", "-9", first["MainPID"])
    util.wait_until(lambda: machine.exec("cat", "/secrets/prod/db/password", check=False).returncode == 0)
    assert show(machine, "MainPID")["MainPID"] != first["MainPID"]

    fake.put("prod/db", {"password": "second password of the database"})
    machine.exec("systemctl", "reload", "secretsfs@prod")
    util.wait_until(lambda: machine.read("/secrets/prod/db/password") == b"second password of the database")
    status = json.loads(machine.read("/secrets/.secretsfs/status.json"))
    assert status["ready"]

    machine.exec("systemctl", "stop", "secretsfs@prod")
    assert show(machine, "ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
    assert machine.exec("ls", "/secrets").stdout == b""
    assert b"denied" not in machine.exec("journalctl", "-u", "secretsfs@prod").stdout


def test_a_wrong_option_is_not_tried_for_ever(machine):
    machine.exec("sh", "-c", "echo 'OPTIONS=--none' >> /etc/secretsfs/prod.conf")
    assert machine.exec("systemctl", "start", "secretsfs@prod", check=False).returncode != 0
    assert show(machine, "ActiveState")["ActiveState"] == "failed"
    assert b"--none" in machine.exec("journalctl", "-u", "secretsfs@prod").stdout
