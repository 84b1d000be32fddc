# SPDX-License-Identifier: Apache-2.0
"""Pods from the manifests of docs/deploy/eks, by `podman kube play`."""

import copy
import secrets
import tempfile

import yaml

import podman

EKS = podman.ROOT / "docs/deploy/eks"
NODE_FOLDER = "/run/secretsfs/checkout"
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def pod_of(name):
    """The one pod that a manifest makes. A DaemonSet, which podman does not know, makes one on each node."""
    with open(EKS / name, encoding="utf-8") as file:
        [document] = [document for document in yaml.safe_load_all(file) if document["kind"] in ("Pod", "DaemonSet")]
    if document["kind"] == "Pod":
        return document
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": document["metadata"]["name"]},
            "spec": document["spec"]["template"]["spec"]}


def without_sidecars(spec):
    """podman has none: they become containers beside the others."""
    first = spec.pop("initContainers", [])
    sidecars = [container for container in first if container.pop("restartPolicy", None) == "Always"]
    spec["containers"] = sidecars + spec["containers"]
    spec["initContainers"] = [container for container in first if container not in sidecars]
    if spec["initContainers"]:
        spec["restartPolicy"] = "OnFailure"  # podman would start them again although they succeed


def adapt(pod, folder, variables, images):
    """The pod as it can run here: with local images, a folder of the test's, and credentials in the environment, as
    there is no EKS to give them. Everything else stays as it is in the file."""
    pod = copy.deepcopy(pod)
    pod["metadata"]["name"] += "-" + secrets.token_hex(4)
    without_sidecars(pod["spec"])
    for container in pod["spec"]["containers"] + pod["spec"]["initContainers"]:
        container["image"] = images[container["image"].split("/")[-1].split(":")[0]]
        container["imagePullPolicy"] = "Never"
        for probe in PROBES:  # the tests ask instead of the kubelet
            container.pop(probe, None)
        if container["name"] == "secretsfs":
            container["env"] = [{"name": name, "value": value} for name, value in variables.items()]
    for volume in pod["spec"]["volumes"]:
        in_memory = volume.pop("emptyDir", None)  # podman would make a folder on a disk
        if in_memory or volume["hostPath"]["path"] == NODE_FOLDER:
            volume["hostPath"] = {**volume.get("hostPath", {"type": "Directory"}), "path": str(folder)}
    return pod


def probes(pod):
    """The commands with which the kubelet asks after the container secretsfs."""
    containers = pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
    return [container[probe]["exec"]["command"] for container in containers for probe in PROBES if probe in container]


class Pod:
    """The pod of a manifest, which play() starts."""

    def __init__(self, manifest, folder, variables, images):
        pod = pod_of(manifest)
        self.probes = probes(pod)
        self.pod = adapt(pod, folder, variables, images)
        self.name = self.pod["metadata"]["name"]

    def play(self):
        """Returns when its init containers have ended."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(self.pod, file)
            file.flush()
            podman.podman("kube", "play", "--network", "host", file.name, timeout=60)

    def state(self, name):
        """Of a container of that name, "" before it is made."""
        done = podman.podman("inspect", "--format={{.State.Status}}", f"{self.name}-{name}", check=False)
        return done.stdout.decode().strip()

    def container(self, name):
        return podman.Container(f"{self.name}-{name}")

    def stop(self):
        podman.podman("pod", "stop", self.name, timeout=60)

    def remove(self):
        podman.podman("pod", "rm", "-f", "-t", "0", "--ignore", self.name, timeout=60)
