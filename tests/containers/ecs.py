# SPDX-License-Identifier: Apache-2.0
"""Tasks from the task definitions of docs/deploy/ecs-*: what ECS's agent asks of Docker, asked of podman."""

import json

import podman
import util

DEPLOY = podman.ROOT / "docs/deploy"


def definition(name):
    return json.loads((DEPLOY / name).read_text(encoding="utf-8"))


def tmpfs(mount):
    """podman has `U` (who runs the container) in the place of uid and gid."""
    kept = [option for option in mount["mountOptions"] if option.split("=")[0] not in ("uid", "gid")]
    return f"--tmpfs={mount['containerPath']}:" + ",".join([f"size={mount['size']}m", "U", *kept])


def options(container, folder):
    """Those of `podman run`; every volume of the task is `folder`."""
    linux = container.get("linuxParameters", {})
    return [
        *(["--privileged"] if container.get("privileged") else []),
        *(["--read-only", "--read-only-tmpfs=false"] if container.get("readonlyRootFilesystem") else []),
        *([f"--user={container['user']}"] if "user" in container else []),
        *([f"--entrypoint={json.dumps(container['entryPoint'])}"] if "entryPoint" in container else []),
        *(f"--env={one['name']}={one['value']}" for one in container.get("environment", [])),
        *(f"--device={one['hostPath']}:{one['containerPath']}" for one in linux.get("devices", [])),
        *(tmpfs(one) for one in linux.get("tmpfs", [])),
        *(f"--volume={folder}:{one['containerPath']}{':ro' if one.get('readOnly') else ''}"
          for one in container.get("mountPoints", [])),
    ]


def run(name, folder, images, aws, start, more=()):
    """{name: container} of a task; who depends on a container starts when that is healthy."""
    running = {}
    for container in definition(name)["containerDefinitions"]:
        for needed in container.get("dependsOn", []):
            assert needed["condition"] == "HEALTHY"
            wait_until_healthy(running[needed["containerName"]], definition(name), needed["containerName"])
        image = images[container["image"].split("/")[-1].split(":")[0]]
        running[container["name"]] = start(image, *container.get("command", []),
                                           options=[*options(container, folder), *aws, *more])
    return running


def wait_until_healthy(container, task, name):
    [check] = [one["healthCheck"]["command"] for one in task["containerDefinitions"] if one["name"] == name]
    assert check[0] == "CMD"
    util.wait_until(lambda: container.exec(*check[1:], check=False).returncode == 0, what=check)
