# SPDX-License-Identifier: Apache-2.0
"""A sidecar and an app share a mount, as the documents say: rshared in the one, rslave in the other."""

import podman
import util
from mounting import mounts

PASSWORD = "/run/secretsfs/secrets/prod/db/password"
FUSE = ["--device=/dev/fuse", "--cap-add=SYS_ADMIN"]
MOUNT = ["mount", "--foreground", "--supervise", "--mkdir", "--shared", "--secret=prod/*", "--uid=1000", "--gid=1000",
         "--poll=200ms", "/run/secretsfs/secrets"]


def sidecar(start, image, shared, aws, words=None):
    container = start(image, *(MOUNT if words is None else words),
                      options=[*FUSE, *aws, f"--volume={shared}:/run/secretsfs:rshared"])
    util.wait_until(lambda: container.healthy() or ended(container), what="a healthy sidecar")
    return container


def ended(container):
    assert container.state()["Running"], container.logs()


def app(start, app_image, shared):
    return start(app_image, "sleep", "infinity",
                 options=["--user=1000:1000", f"--volume={shared}:/run/secretsfs:rslave"])


def test_size(image):
    assert podman.size_bytes(image) - podman.size_bytes(podman.BASE) < 25 << 20


def test_sidecar_first(image, app_image, shared, fake, aws, start):
    fake.put("prod/db", {"password": "first password of the database"})
    sidecar(start, image, shared, aws)
    assert app(start, app_image, shared).read(PASSWORD) == b"first password of the database"


def test_app_first(image, app_image, shared, fake, aws, start):
    fake.put("prod/db", {"password": "first password of the database"})
    program = app(start, app_image, shared)
    sidecar(start, image, shared, aws)
    assert program.read(PASSWORD) == b"first password of the database"
    assert program.exec("cat", PASSWORD, user="1001", check=False).returncode == 1


def test_rotation_in_the_app(image, app_image, shared, fake, aws, start):
    fake.put("prod/db", {"password": "first password of the database"})
    sidecar(start, image, shared, aws)
    program = app(start, app_image, shared)
    assert program.read(PASSWORD) == b"first password of the database"
    watch = podman.Follower(program, "inotifywait", "-m", PASSWORD)
    try:
        watch.wait_for("Watches established")
        for password in ("second password of the database", "third password of the database"):
            watch.text = ""
            fake.put("prod/db", {"password": password})
            watch.wait_for("MODIFY")
            assert program.read(PASSWORD) == password.encode()
    finally:
        watch.stop()


def test_a_killed_daemon_is_replaced(image, app_image, shared, fake, aws, start):
    fake.put("prod/db", {"password": "first password of the database"})
    server = sidecar(start, image, shared, aws)
    program = app(start, app_image, shared)
    program.read(PASSWORD)
    for _ in range(3):
        [worker] = util.run("pgrep", "-P", str(server.state()["Pid"])).stdout.split()
        util.run("kill", "-9", worker.decode())
        util.wait_until(lambda: program.exec("cat", PASSWORD, check=False).returncode == 0, what="a new mount")


def test_a_killed_sidecar_is_replaced_by_another(image, app_image, shared, fake, aws, start):
    fake.put("prod/db", {"password": "first password of the database"})
    server = sidecar(start, image, shared, aws)
    program = app(start, app_image, shared)
    program.read(PASSWORD)
    server.signal("KILL")
    server.wait()
    assert b"Transport endpoint" in program.exec("cat", PASSWORD, check=False).stderr
    sidecar(start, image, shared, aws)
    assert program.read(PASSWORD) == b"first password of the database"


def test_the_same_sidecar_starts_again(image, app_image, shared, fake, aws, start):
    """As a runtime does it: the folder that it binds is not the dead mount itself."""
    fake.put("prod/db", {"password": "first password of the database"})
    server = sidecar(start, image, shared, aws)
    program = app(start, app_image, shared)
    program.read(PASSWORD)
    server.signal("KILL")
    server.wait()
    podman.podman("start", server.id)
    util.wait_until(server.healthy)
    assert program.read(PASSWORD) == b"first password of the database"


def test_a_stopped_sidecar_leaves_nothing(image, app_image, shared, fake, aws, start):
    fake.put("prod/db", {"password": "first password of the database"})
    server = sidecar(start, image, shared, aws)
    program = app(start, app_image, shared)
    program.read(PASSWORD)
    holder = podman.Follower(program, "sh", "-c", f"exec 3< {PASSWORD}; echo open; sleep 1000")
    try:
        holder.wait_for("open")
        server.signal("TERM")
        assert server.wait() == 0, server.logs()
        assert program.exec("ls", "/run/secretsfs/secrets").stdout == b""
    finally:
        holder.stop()
    assert str(shared / "secrets") not in mounts()


def test_a_folder_that_is_not_shared_is_explained(image, shared, aws, start):
    server = start(image, *MOUNT, options=[*FUSE, *aws, f"--volume={shared}:/run/secretsfs"])
    assert server.wait() == 1
    assert "rshared" in server.logs()


def test_a_host_folder_that_is_not_shared_is_found_by_who_does_not_see_the_mount(image, shared, fake, aws, start):
    """From within the sidecar it cannot be seen: there the runtime has made a shared mount of it."""
    fake.put("prod/db", {"password": "first password of the database"})
    util.run("mount", "--make-private", shared)
    sidecar(start, image, shared, aws)
    program = start(image, "health", "/run/secretsfs/secrets", options=[f"--volume={shared}:/run/secretsfs:rslave"])
    assert program.wait() == 1
    assert "not mounted" in program.logs() or "no secretsfs" in program.logs(), program.logs()
