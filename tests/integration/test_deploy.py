# SPDX-License-Identifier: Apache-2.0
"""The files of docs/deploy, docker and packaging: each is checked by what will read it, or by that one's own model."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

import util
from mounting import BINARY

ROOT = util.HERE.parents[1]
DEPLOY = ROOT / "docs/deploy"

POLICY_FILES = sorted(path for path in DEPLOY.rglob("*.json") if path.stem.endswith(("-policy", "-trust")))
MANIFESTS = sorted(DEPLOY.rglob("*.yaml"))
ECS_FILES = {
    "ecs-ec2/task-definition.json": "RegisterTaskDefinition",
    "ecs-ec2/service.json": "CreateService",
    "ecs-fargate/task-definition-sync.json": "RegisterTaskDefinition",
    "ecs-fargate/task-definition-exec.json": "RegisterTaskDefinition",
    "ecs-managed-daemon/daemon-task-definition.json": "RegisterDaemonTaskDefinition",
    "ecs-managed-daemon/daemon.json": "CreateDaemon",
}

# IAM's grammar of policies, as far as these use it.
ONE_OR_MORE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
POLICY_SCHEMA = {
    "type": "object", "additionalProperties": False, "required": ["Version", "Statement"],
    "properties": {
        "Version": {"const": "2012-10-17"},
        "Statement": {"type": "array", "minItems": 1, "items": {
            "type": "object", "additionalProperties": False, "required": ["Effect", "Action"],
            "oneOf": [{"required": ["Resource"]}, {"required": ["Principal"]}],
            "properties": {
                "Sid": {"type": "string", "pattern": "^[A-Za-z0-9]+$"},
                "Effect": {"enum": ["Allow", "Deny"]},
                "Principal": {"type": "object", "minProperties": 1, "additionalProperties": False,
                              "properties": {"Service": ONE_OR_MORE, "Federated": ONE_OR_MORE, "AWS": ONE_OR_MORE}},
                "Action": ONE_OR_MORE, "Resource": ONE_OR_MORE, "Condition": {"type": "object"}}}}}}
NOT_BY_RESOURCE = {"secretsmanager:ListSecrets", "secretsmanager:BatchGetSecretValue", "ecr:GetAuthorizationToken"}

# What an interpreter's botocore says about the parameters of operations of ECS.
VALIDATE = """
import json, sys
import botocore.session, botocore.validate
model = botocore.session.get_session().get_service_model("ecs")
for path, operation in json.load(sys.stdin):
    shape = model.operation_model(operation).input_shape
    report = botocore.validate.ParamValidator().validate(json.load(open(path)), shape)
    if report.has_errors():
        print(path, report.generate_report())
"""


def names(path):
    return str(path.relative_to(DEPLOY))


def as_list(value):
    return value if isinstance(value, list) else [value]


def test_every_file_is_checked():
    """A new file must be given to one of the tests below."""
    checked = {DEPLOY / name for name in ECS_FILES} | set(POLICY_FILES) | set(MANIFESTS)
    others = {"README.md", "MIGRATE.md", "config", "secrets.json", "fstab", "prod.conf", "checkout.service",
              "user-data.sh"}
    assert {path.name for path in DEPLOY.rglob("*") if path.is_file() and path not in checked} == others


@functools.cache
def interpreter():
    """One whose botocore knows ECS well enough: moto's own is newer than the distribution's."""
    moto = os.environ.get("MOTO_SERVER", "")
    for python in (str(pathlib.Path(moto).parent / "python"), "python3", "/usr/bin/python3"):
        asked = subprocess.run(
            [python, "-c", "import botocore.session as s; "
             "print('CreateDaemon' in s.get_session().get_service_model('ecs').operation_names)"],
            capture_output=True, check=False) if shutil.which(python) else None
        if asked and asked.stdout.strip() == b"True":
            return python
    return None


@pytest.mark.parametrize("name", ECS_FILES)
def test_ecs(name):
    python = interpreter()
    if python is None and "aemon" in ECS_FILES[name]:
        pytest.skip("no botocore that knows managed daemons")
    done = subprocess.run([python or "/usr/bin/python3", "-c", VALIDATE], capture_output=True, check=True, text=True,
                          input=json.dumps([(str(DEPLOY / name), ECS_FILES[name])]))
    assert done.stdout == ""
    definition = json.loads((DEPLOY / name).read_text(encoding="utf-8"))
    containers = {container["name"]: container for container in definition.get("containerDefinitions", [])}
    volumes = {volume["name"] for volume in definition.get("volumes", [])}
    for container in containers.values():
        assert {mount["sourceVolume"] for mount in container.get("mountPoints", [])} <= volumes
        assert {needed["containerName"] for needed in container.get("dependsOn", [])} <= containers.keys()
        assert not any(mount.get("readOnly") for mount in container.get("mountPoints", [])
                       if ":" in mount["containerPath"])


@pytest.mark.parametrize("path", POLICY_FILES, ids=names)
def test_policies(path):
    policy = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(policy, POLICY_SCHEMA)
    for statement in policy["Statement"]:
        actions = set(as_list(statement["Action"]))
        assert all(re.fullmatch(r"[a-z]+:[A-Z][A-Za-z]+", action) for action in actions)
        if "Resource" in statement:
            assert (actions <= NOT_BY_RESOURCE) == (statement["Resource"] == "*")
            for resource in as_list(statement["Resource"]):
                assert resource == "*" or re.fullmatch(r"arn:aws:[a-z]+:eu-west-1:123456789012:.+", resource)


def documents(path):
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def pods(path):
    for document in documents(path):
        spec = document.get("spec", {})
        if document["kind"] in ("Pod", "DaemonSet"):
            yield spec if document["kind"] == "Pod" else spec["template"]["spec"]


@pytest.mark.parametrize("path", MANIFESTS, ids=names)
def test_manifests(path):
    """What the API server would refuse, as far as these can get it wrong."""
    assert all({"apiVersion", "kind", "metadata"} <= document.keys() for document in documents(path))
    for pod in pods(path):
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"] + pod.get("initContainers", []):
            assert container["image"].count(":") == 1
            for mount in container["volumeMounts"]:
                assert mount["name"] in volumes
                if mount.get("mountPropagation") == "Bidirectional":
                    assert container["securityContext"]["privileged"] is True


def command_lines():
    """(where, arguments) of every command line of secretsfs in these files."""
    for name in ECS_FILES:
        for container in json.loads((DEPLOY / name).read_text(encoding="utf-8")).get("containerDefinitions", []):
            entry = container.get("entryPoint", ["secretsfs"] if container["name"] == "secretsfs" else [""])
            if entry[0] == "secretsfs":
                yield name, entry[1:] + container["command"]
            if container.get("healthCheck", {}).get("command", ["", ""])[1] == "secretsfs":
                yield name, container["healthCheck"]["command"][2:]
    for path in MANIFESTS:
        for pod in pods(path):
            for container in pod["containers"] + pod.get("initContainers", []):
                if "args" in container:
                    yield path.name, container["args"]
                for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
                    command = container.get(probe, {}).get("exec", {}).get("command", [""])
                    if command[0] == "secretsfs":
                        yield path.name, command[1:]
    for name, service in yaml.safe_load((ROOT / "docker/compose.yml").read_text(encoding="utf-8"))["services"].items():
        if "build" in service:
            yield "compose.yml", service["command"]
        test = service.get("healthcheck", {}).get("test", ["", ""])
        if test[1] == "secretsfs":
            yield "compose.yml", test[2:]
    for instruction, words in re.findall(r"^(CMD|HEALTHCHECK .*? CMD) (\[.*\])$",
                                         (ROOT / "docker/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE):
        yield "Dockerfile", json.loads(words)[1 if instruction.startswith("HEALTH") else 0:]


@pytest.mark.parametrize("where, words", command_lines(),
                         ids=lambda value: value if isinstance(value, str) else value[0])
def test_command_lines(place, where, words):
    """Every option exists: what fails, for the place does not exist and there is no region, is not the command line."""
    moved = [word.replace("/run/secretsfs", "/none/secretsfs").replace("/secrets", "/none/secrets") for word in words]
    done = util.run(BINARY, *moved, env=place.environment())
    assert done.returncode not in (0, 2), (where, moved, done.stderr.decode())


@pytest.fixture
def unit_root(tmp_path):
    """A root in which the units and the programs that they name are."""
    for program in ("usr/bin/secretsfs", "usr/bin/checkout", "bin/mkdir", "bin/kill"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / program).chmod(0o755)
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    text = (ROOT / "packaging/systemd/secretsfs@.service.in").read_text(encoding="utf-8")
    (units / "secretsfs@.service").write_text(text.replace("@bindir@", "/usr/bin"), encoding="utf-8")
    shutil.copy(DEPLOY / "ec2/checkout.service", units)
    (tmp_path / "etc/secretsfs").mkdir()
    shutil.copy(DEPLOY / "ec2/prod.conf", tmp_path / "etc/secretsfs")
    return tmp_path


@pytest.mark.parametrize("unit", ["secretsfs@prod.service", "checkout.service"])
def test_units(unit_root, unit):
    done = util.run("systemd-analyze", "verify", f"--root={unit_root}", "--man=no", "--recursive-errors=no", unit)
    assert done.returncode == 0 and done.stderr.decode().strip() == "", done.stderr.decode()


def test_no_setting_of_the_unit_hides_the_mount():
    """Those for which systemd makes a mount namespace."""
    text = (ROOT / "packaging/systemd/secretsfs@.service.in").read_text(encoding="utf-8")
    settings = set(re.findall(r"^([A-Z]\w+)=", text, re.MULTILINE))
    hiding = ("Private", "Protect", "ReadOnly", "ReadWrite", "Inaccessible", "Bind", "Temporary", "Root", "MountFlags",
              "DynamicUser", "ProcSubset")
    assert not [name for name in settings if name.startswith(hiding)]


def fstab_line():
    text = (DEPLOY / "ec2/fstab").read_text(encoding="utf-8")
    [line] = [line.split() for line in text.splitlines() if line[0] != "#"]
    return line


def test_fstab_and_script():
    done = util.run("findmnt", "--verify", "--tab-file", DEPLOY / "ec2/fstab")
    assert b"0 parse errors" in done.stderr, done.stderr.decode()
    assert len(fstab_line()) == 6 and fstab_line()[2] == "secretsfs"
    assert util.run("sh", "-n", DEPLOY / "ec2/user-data.sh").returncode == 0


def test_fstab_options(place):
    """The options of the line are those of mount.secretsfs; what fails is the mountpoint."""
    line = fstab_line()
    helper = place.home / "mount.secretsfs"
    helper.symlink_to(BINARY)
    options = line[3].replace("=checkout", "=daemon")
    done = util.run(helper, line[0], place.home / "none", "-o", options, env=place.environment())
    assert done.returncode == 1 and b"mkdir" in done.stderr, done.stderr.decode()


def test_local_example(place, mount, fs):
    mounted = mount((DEPLOY / "local/secrets.json").read_text(encoding="utf-8"))
    assert fs.read(mounted / "prod/checkout/database/password") == b"only-for-development"


def test_example_app(fake, mount):
    """It reads the password, and again when it has changed."""
    fake.put("dev/app/database", {"password": "first-password"})
    mounted = mount(fake, "--poll", "200ms")
    with open(mounted.place.home / "app.log", "w+", encoding="utf-8") as log:
        app = subprocess.Popen(["node", ROOT / "docker/example-app/app.js", mounted / "dev/app/database/password"],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            util.wait_until(lambda: (mounted.place.home / "app.log").read_text("utf-8") == "connected\n")
            fake.put("dev/app/database", {"password": "second-password"})
            util.wait_until(lambda: "with the new password" in (mounted.place.home / "app.log").read_text("utf-8"))
        finally:
            app.kill()
            app.wait()


def test_links():
    """Every link of every document leads somewhere."""
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("docker/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target):
                assert (document.parent / target).exists(), f"{document.relative_to(ROOT)}: {target}"


def rows(document, heading):
    """The first two cells of each row of the table below a heading."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    return [(first.removeprefix("| "), second.removesuffix(" |")) for first, second, *_ in cells[1:]]


def test_what_is_said_of_failures_has_tests():
    backed = dict(rows("TESTING.md", "What backs OPERATIONS.md"))
    assert ["Start", "Survive", "Stop", *(row for row, _ in rows("OPERATIONS.md", "When something fails"))] == [*backed]
    for tests in backed.values():
        named = re.findall(r"`(?:(containers)/)?(test_\w+\.py)::(test_\w+)`", tests)
        assert named and len(named) == tests.count("::")
        for folder, file, test in named:
            text = (util.HERE.parent / (folder or "integration") / file).read_text(encoding="utf-8")
            assert re.search(rf"^def {test}\(", text, re.MULTILINE), f"{file} has no {test}"
