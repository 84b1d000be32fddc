# SPDX-License-Identifier: Apache-2.0
"""The commands of README.md and docker/README.md, with podman for docker."""

import re
import secrets
import shlex

import pytest

import podman
import util

PASSWORD = "the password of the database"
MOUNTED = "/run/secretsfs/secrets/prod/db/password"
TEXT = {name: (podman.ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docker/README.md")}


def words_of(wish):
    """What the table has after `docker run`."""
    [row] = [line for line in TEXT["docker/README.md"].splitlines() if line.startswith(f"| {wish} |")]
    return shlex.split(row.split("|")[2].strip().strip("`"))


def adapt(words, replacements):
    for old, new in replacements.items():
        words = [word.replace(old, new) for word in words]
    return words


@pytest.fixture
def run(fake, image, own_image, start, aws):
    """run(wish, replacements, program, options): a row of the table."""
    fake.put("prod/db", {"password": PASSWORD})

    def run_one(wish, replacements=None, program=(), options=()):
        words = adapt(words_of(wish), {"your-image": own_image, "NAME": "prod/db", **(replacements or {})})
        if program:
            assert words.pop() == "your-program"
        at = next(i for i, word in enumerate(words) if word in ("secretsfs", own_image))
        return start(image if words[at] == "secretsfs" else own_image, *words[at + 1:], *program,
                     options=[*words[:at], *aws, *options])
    return run_one


def test_mount_for_other_containers(run, start, app_image, shared):
    server = run("secrets for other containers", {"/run/secretsfs:/": f"{shared}:/"})
    util.wait_until(server.healthy)
    assert start(app_image, options=[f"--volume={shared}:/run/secretsfs:rslave"]).read(MOUNTED) == PASSWORD.encode()


READ = ["sh", "-c", "id -u; cat $SECRETS_DIR/prod/db/password"]


def test_mount_for_one_program(run):
    container = run("secrets for a program in an image of your own", program=READ)
    assert (container.wait(), container.logs()) == (0, f"1000\n{PASSWORD}")


def test_files_for_one_program(run, unprivileged):
    container = run("the same without FUSE", {"uid=1000": "U"}, READ, unprivileged)
    assert (container.wait(), container.logs()) == (0, f"1000\n{PASSWORD}")


@pytest.fixture
def volume():
    """Made by the command of the document."""
    [line] = re.findall(r"^    docker (volume create .*) memory$", TEXT["docker/README.md"], re.MULTILINE)
    name = f"secretsfs-{secrets.token_hex(4)}"
    podman.podman(*shlex.split(line), name)
    yield name
    podman.podman("volume", "rm", "-f", name)


def test_files_for_other_containers(volume, run, start, app_image, unprivileged):
    server = run("files for other containers without FUSE", {"memory:": f"{volume}:"}, options=unprivileged)
    app = start(app_image, options=[f"--volume={volume}:/secrets:ro", "--user=1000"])
    util.wait_until(lambda: app.exec("cat", "/secrets/prod/db/password", check=False).stdout == PASSWORD.encode())
    server.signal("TERM")
    assert server.wait() == 0
    assert app.exec("ls", "-A", "/secrets").stdout == b""


def script(document, folder, name):
    """The lines of a document that run a sidecar and an app, as a script."""
    [block] = [block for block in re.findall(r"(?:^    .*\n)+", TEXT[document], re.MULTILINE) if "--name" in block]
    lines = [line for line in block.replace("\n    ", "\n").strip().split("\n") if "docker build" not in line]
    text = "\n".join(lines).replace("/run/secretsfs:/", f"{folder}:/")
    text = re.sub(r"(--name|docker (?:exec|stop|rm)) secretsfs", rf"\1 {name}", text)
    return f"set -eu\ndocker() {{ podman \"$@\"; }}\n{text}\n"


@pytest.mark.parametrize("document", TEXT)
def test_a_sidecar_and_an_app(document, image, fake, shared, aws, tmp_path):
    fake.put("prod/db", {"password": "correct-horse"})
    name = f"secretsfs-{secrets.token_hex(4)}"
    text = script(document, shared, name).replace("-e AWS_REGION=eu-west-1", shlex.join(aws))
    assert image.endswith("/secretsfs")  # what the document builds
    try:
        done = util.run("bash", "-c", text, cwd=tmp_path, timeout=60)
        assert done.returncode == 0 and b"correct-horse" in done.stdout, (text, done.stdout, done.stderr)
    finally:
        podman.podman("rm", "-f", "-t", "0", "--ignore", name)
