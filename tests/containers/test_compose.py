# SPDX-License-Identifier: Apache-2.0
"""The services of docker/compose.yml, one by one, as compose starts them. moto runs beside them, and boto3 stands for
the AWS CLI. (Debian's podman-compose 1.0.3 knows neither `network_mode` nor a volume's `driver_opts`.)"""

import re
import secrets
import shlex

import pytest
import yaml

import motoserver
import podman
import util

DOCKER = podman.ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]

# The AWS CLI, as far as compose.yml uses it: aws SERVICE OPERATION [--OPTION VALUE]…
AWS = """#!/usr/bin/python3
import os, sys, boto3
service, operation, *words = sys.argv[1:]
arguments = {name[2:].title().replace("-", ""): value for name, value in zip(words[::2], words[1::2])}
getattr(boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=os.environ["AWS_REGION"]),
        operation.replace("-", "_"))(**arguments)
"""


@pytest.fixture(scope="module")
def moto():
    server = motoserver.Moto()
    with server.unchecked():
        yield server
    server.stop()


@pytest.fixture
def aws_cli(moto, tmp_path):
    """aws_cli(words…): runs them with an `aws` on the path, in the environment of the service seed."""
    program = tmp_path / "aws"
    program.write_text(AWS, encoding="utf-8")
    program.chmod(0o755)

    def run(*words):
        done = util.run(*words, env={**environment("seed", moto), "PATH": f"{tmp_path}:/usr/bin:/bin"})
        assert done.returncode == 0, done.stderr.decode()
    return run


def environment(name, moto):
    return {key: value.replace("http://aws:5000", moto.url) for key, value in
            SERVICES[name].get("environment", {}).items()}


@pytest.fixture
def volume():
    options = COMPOSE["volumes"]["memory"]["driver_opts"]
    kept = ",".join(word for word in options["o"].split(",") if "size=" not in word)  # podman: only with quotas
    name = f"secretsfs-{secrets.token_hex(4)}"
    podman.podman("volume", "create", f"--opt=type={options['type']}", f"--opt=device={options['device']}",
                  f"--opt=o={kept}", name)
    yield name
    podman.podman("volume", "rm", "-f", name)


@pytest.fixture
def up(volume, image, node_image, moto, shared, start):
    """up(service): its container, healthy if it has a way to tell."""
    images = {"node:22-slim": node_image}
    places = {"/run/secretsfs": shared, "./example-app": DOCKER / "example-app", "memory": volume}

    def bind(mount):
        if isinstance(mount, str):
            source, rest = mount.split(":", 1)
            return f"--volume={places[source]}:{rest}"
        words = [mount["bind"]["propagation"], *(["ro"] if mount.get("read_only") else [])]
        return f"--volume={places[mount['source']]}:{mount['target']}:{','.join(words)}"

    def run(name):
        service = SERVICES[name]
        container = start(image if "build" in service else images[service["image"]], *service["command"], options=[
            *(f"--env={key}={value}" for key, value in environment(name, moto).items()),
            *([f"--user={service['user']}"] if "user" in service else []),
            *(f"--device={device}" for device in service.get("devices", [])),
            *(f"--cap-add={capability}" for capability in service.get("cap_add", [])),
            *(f"--security-opt={option.replace(':', '=')}" for option in service.get("security_opt", [])),
            *map(bind, service["volumes"])])
        check = service.get("healthcheck", {}).get("test", ["CMD", "true"])
        util.wait_until(lambda: container.exec(*check[1:], check=False).returncode == 0, what=check)
        return container
    return run


@pytest.mark.parametrize("server, app", [("secretsfs", "app"), ("sync", "app-sync")])
def test_example(up, aws_cli, moto, server, app):
    assert set(SERVICES[app]["depends_on"]) == {server} and set(SERVICES[server]["depends_on"]) == {"seed"}
    seed = [*SERVICES["seed"]["entrypoint"], *SERVICES["seed"]["command"]]
    aws_cli(*seed)
    aws_cli(*seed)  # `docker compose up` again
    up(server)
    example = up(app)
    util.wait_until(lambda: "connected\n" in example.logs())

    text = (DOCKER / "README.md").read_text(encoding="utf-8")
    [rotate] = re.findall(r"(secretsmanager put-secret-value (?:.*\\\n)*.*)", text)
    aws_cli("aws", *shlex.split(rotate.replace("\\\n", "")))
    util.wait_until(lambda: "with the new password" in example.logs())
    moto.secretsmanager.delete_secret(SecretId="dev/app/database", ForceDeleteWithoutRecovery=True)
