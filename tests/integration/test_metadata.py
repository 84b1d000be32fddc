# SPDX-License-Identifier: Apache-2.0
"""Credentials and region from ECS, EKS Pod Identity and EC2: mounts that have nothing else."""

import errno
import os
import pathlib
import time

import pytest

import util
from metadata import CONTAINER_PATH, POD_PATH, ROLE_PATH, FakeMetadata
from network import Network
from server import FakeServer

SECRET = {"user": "app", "password": "a password that nobody may see"}
NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
TOKEN = "authorization-token-of-the-pod"
RELATIVE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
FULL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
DISABLED = "AWS_EC2_METADATA_DISABLED"
QUICK = ("--ttl", "100ms", "--timeout", "3s", "--max-stale", "1h", "--grace", "100ms", "--secret", "prod/*")

# Where each service is, and the environment of a daemon that uses it.
WAYS = {
    "ecs-relative": ("169.254.170.2", {RELATIVE: CONTAINER_PATH}),
    "ecs-full": (None, {FULL: "{url}" + CONTAINER_PATH, "AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN}),
    "pod-identity": ("169.254.170.23", {FULL: "http://169.254.170.23" + POD_PATH,
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{token_file}"}),
    "pod-identity-ipv6": ("fd00:ec2::23", {FULL: "http://[fd00:ec2::23]" + POD_PATH,
                                           "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{token_file}"}),
    "imds-endpoint": (None, {DISABLED: None, ENDPOINT: "{url}"}),
    "imds": ("169.254.169.254", {DISABLED: None}),
    "imds-ipv6": ("fd00:ec2::254", {DISABLED: None, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}),
}


class World:
    """A Secrets Manager, a metadata service, and what a daemon must know to use them; `way` is a key of WAYS. Those
    with an address of AWS's own are in a network of their own, out of reach of the real one."""

    def __init__(self, way, tmp_path):
        address, environment = WAYS[way]
        self.network = Network(address) if address else None
        self.fake = self.run(FakeServer().start)
        self.fake.put("prod/db", SECRET)
        self.metadata = FakeMetadata(self.fake, address or "127.0.0.1", 80 if address else 0)
        self.run(self.metadata.start)
        self.token_file = tmp_path / "token"
        self.write_token(TOKEN)
        self.environment = {**NO_KEYS, **environment}
        if any("TOKEN" in name for name in environment):
            self.metadata.authorization = TOKEN
        for name, value in self.environment.items():
            self.environment[name] = value and value.format(url=self.metadata.url, token_file=self.token_file)

    def run(self, function, *args, **kwargs):
        return self.network.run(function, *args, **kwargs) if self.network else function(*args, **kwargs)

    def mount(self, mount, *options, env=None, **more):
        return self.run(mount, self.fake, *(options or QUICK), env={**self.environment, **(env or {})}, **more)

    def write_token(self, token):
        """As the kubelet does it: a new file in place of the old one."""
        new = self.token_file.with_suffix(".new")
        new.write_text(token)
        new.rename(self.token_file)

    def keys_used(self):
        """Access keys of the successful and the failed calls, in order, each once."""
        return list(dict.fromkeys(call.access_key for call in self.fake.calls()))

    def stop(self):
        self.metadata.stop()
        self.fake.stop()
        if self.network:
            self.network.close()


@pytest.fixture
def world(request, tmp_path, place):  # `place`: there is a FUSE to mount with
    try:
        made = World(getattr(request, "param", "imds-endpoint"), tmp_path)
    except OSError as error:
        if error.errno != errno.EPERM or os.environ.get("CI"):
            raise
        pytest.skip("not allowed to make a network namespace")
    yield made
    made.stop()


@pytest.fixture
def silent(world):
    """After the test: nothing secret that only the metadata services know is in a log."""
    mounts = []
    yield mounts
    for mounted in mounts:
        log = mounted.log()
        for secret in (TOKEN, CONTAINER_PATH, *world.metadata.tokens):
            assert secret not in log, secret
        if not mounted.ended:
            environ = pathlib.Path(f"/proc/{mounted.process.pid}/environ").read_bytes()
            assert TOKEN.encode() not in environ


def password(fs, mounted):
    return fs.read(mounted / "prod/db/password").decode()


@pytest.mark.parametrize("world", ["pod-identity-ipv6", "imds-ipv6"], indirect=True)
def test_read_by_ipv6(world, mount, fs, silent):
    mounted = world.mount(mount)
    silent.append(mounted)
    assert password(fs, mounted) == SECRET["password"]


@pytest.mark.parametrize("world", [way for way in WAYS if "ipv6" not in way], indirect=True)
def test_read_and_refresh_in_use(world, mount, fs, silent):
    """Credentials that live for seconds are replaced before AWS refuses them, unseen by readers."""
    world.metadata.life = 8
    mounted = world.mount(mount)
    silent.append(mounted)
    util.wait_until(lambda: password(fs, mounted) == SECRET["password"] and len(world.keys_used()) == 2)
    assert world.keys_used() == world.metadata.given[:2]
    assert world.metadata.made_last < world.fake.users[world.metadata.given[0]].ends
    world.fake.put("prod/db", {"password": "another password for all"})
    util.wait_until(lambda: password(fs, mounted) == "another password for all")


@pytest.mark.parametrize("world, kind", [("ecs-full", "hang"), ("imds-endpoint", "hang"), ("ecs-full", "gone"),
                                         ("imds-endpoint", "gone")], indirect=["world"])
def test_outage_and_recovery(world, mount, fs, silent, kind):
    """While the service is out and the credentials have expired, the values that are known are read."""
    metadata = world.metadata
    metadata.life = 3
    mounted = world.mount(mount)
    silent.append(mounted)
    assert password(fs, mounted) == SECRET["password"]
    if kind == "gone":
        metadata.stop()
    else:
        metadata.fault(kind)
    expired = world.fake.users[metadata.given[-1]]
    util.wait_until(lambda: password(fs, mounted) == SECRET["password"] and expired.expired)
    world.fake.reset_counts()
    util.wait_until(lambda: password(fs, mounted) == SECRET["password"] and world.fake.count("GetSecretValue") > 2)
    world.fake.put("prod/db", {"password": "the password after the outage"})
    if kind == "gone":
        world.metadata = FakeMetadata(world.fake, port=metadata.port)
        world.metadata.authorization = metadata.authorization
        world.metadata.start()
    else:
        metadata.clear()
    util.wait_until(lambda: password(fs, mounted) == "the password after the outage", timeout=30)


@pytest.mark.parametrize("world", ["pod-identity"], indirect=True)
def test_the_token_file_is_read_each_time(world, mount, fs, silent):
    world.metadata.life = 3
    mounted = world.mount(mount)
    silent.append(mounted)
    assert password(fs, mounted) == SECRET["password"]
    world.write_token("the-next-" + TOKEN)
    world.metadata.authorization = "the-next-" + TOKEN
    given = len(world.metadata.given)
    util.wait_until(lambda: password(fs, mounted) and len(world.metadata.given) > given)


@pytest.mark.parametrize("world", ["pod-identity"], indirect=True)
@pytest.mark.parametrize("token, words", [(None, "No such file"), ("two\nlines", "line break"), ("wrong", "HTTP 401")])
def test_a_token_file_that_does_not_do(world, mount, fs, token, words):
    if token is None:
        world.token_file.unlink()
    else:
        world.write_token(token)
    mounted = world.mount(mount)
    assert fs.read_errno(mounted / "prod/db/password")
    mounted.wait_log('"prod/db"', words)
    assert "two" not in mounted.log()
    world.write_token(TOKEN)
    util.wait_until(lambda: fs.read_errno(mounted / "prod/db/password") is None)


@pytest.mark.parametrize("world, kind", [("ecs-full", "status"), ("ecs-full", "close"), ("ecs-full", "cut"),
                                         ("ecs-full", "garbage"), ("ecs-full", "slow"), ("imds-endpoint", "status"),
                                         ("imds-endpoint", "slow")], indirect=["world"])
def test_a_single_fault_is_unseen(world, mount, fs, kind):
    world.metadata.fault(kind, times=1)
    assert password(fs, world.mount(mount)) == SECRET["password"]


def test_a_token_that_the_instance_has_forgotten(world, mount, fs):
    """As after a stop and start of the instance: 401 leads to a new token."""
    mounted = world.mount(mount)
    assert password(fs, mounted) == SECRET["password"]
    world.metadata.forget_tokens()
    world.metadata.rotate()
    world.fake.expire_user(world.metadata.given[-1])
    util.wait_until(lambda: password(fs, mounted) and len(world.metadata.given) == 2)
    assert world.metadata.count("PUT /latest/api/token") == 2


def test_expired_credentials_that_aws_still_takes(world, mount, fs):
    """In an outage within EC2 the service gives old credentials, and they are used: AWS decides."""
    metadata = world.metadata
    metadata.life, metadata.tolerance, metadata.frozen = -60, 3600, True
    mounted = world.mount(mount)
    for number in range(5):
        world.fake.put("prod/db", {"password": f"password number {number}"})
        util.wait_until(lambda: password(fs, mounted) == f"password number {number}")
    assert metadata.count("GET " + ROLE_PATH) == 1
    assert len(metadata.given) == 1


def test_hop_limit(world, mount, fs):
    """The connection is made, and the PUT gets no answer."""
    world.metadata.fault("hang", path="/latest/api/token")
    mounted = world.mount(mount, "--secret", "prod/*", "--timeout", "5s")
    assert fs.read_errno(mounted / "prod/db/password") == "ETIMEDOUT"
    mounted.wait_log('"prod/db"', "modify-instance-metadata-options --http-put-response-hop-limit 2")


@pytest.mark.parametrize("world", ["ecs-relative", "ecs-full", "imds-endpoint", "imds"], indirect=True)
def test_never_through_a_proxy(world, mount, fs):
    dead = f"http://127.0.0.1:{util.free_port()}"
    proxies = {name: dead for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY",
                                       "all_proxy")}
    mounted = world.mount(mount, "--secret", "prod/*", "--timeout", "5s", env=proxies)
    assert fs.read_errno(mounted / "prod/db/password") == "ETIMEDOUT"  # Secrets Manager itself is asked by proxy
    assert len(world.metadata.given) == 1
    assert world.fake.count() == 0


@pytest.mark.parametrize("world", ["imds-endpoint", "imds"], indirect=True)
def test_region_of_the_instance(world, mount, fs):
    mounted = world.mount(mount, env={"AWS_REGION": None})
    assert password(fs, mounted) == SECRET["password"]  # the fake checks the region of the signature
    assert world.metadata.count("GET /latest/meta-data/placement/region") == 1


def test_no_region_anywhere(world, mount):
    world.metadata.fault("status", status=404, path="/latest/meta-data/placement")
    mounted = world.mount(mount, env={"AWS_REGION": None}, ready=False)
    assert mounted.wait() == 1
    assert "no AWS region is set: use --region" in mounted.log()


def test_an_instance_without_a_role(world, mount, fs):
    world.metadata.role = None
    mounted = world.mount(mount)
    assert fs.read_errno(mounted / "prod/db/password") == "EKEYEXPIRED"
    mounted.wait_log('"prod/db"', "no AWS credentials found", "instance metadata: ", "does not exist")


def test_container_wins_over_instance(world, mount, fs):
    """One that is configured but fails is the end."""
    mounted = world.mount(mount, env={FULL: world.metadata.url + "/nothing/here"})
    assert fs.read_errno(mounted / "prod/db/password") == "EKEYEXPIRED"
    mounted.wait_log('"prod/db"', FULL, "taskRoleArn")
    assert world.metadata.given == []


@pytest.mark.parametrize("world, source", [("ecs-full", "EcsContainer"), ("imds-endpoint", "Ec2InstanceMetadata")],
                         indirect=["world"])
def test_a_role_on_top(world, mount, fs, tmp_path, source):
    """A profile's credential_source: the container's or the instance's credentials assume a role, and do no more."""
    role = "arn:aws:iam::123456789012:role/reader"
    world.fake.role(role)
    world.metadata.allow = {}
    config = tmp_path / "config"
    config.write_text(f"[default]\nrole_arn = {role}\ncredential_source = {source}\n")
    assert password(fs, world.mount(mount, env={"AWS_CONFIG_FILE": str(config)})) == SECRET["password"]
    assert len(world.metadata.given) == 1


@pytest.mark.parametrize("url, words", [("http://203.0.113.7/v1", "must not be http://"),
                                        ("http://127.0.0.1@203.0.113.7/", "not a usable URL")])
def test_a_url_that_is_refused(world, mount, fs, url, words):
    mounted = world.mount(mount, env={FULL: url})
    assert fs.read_errno(mounted / "prod/db/password") == "EKEYEXPIRED"
    mounted.wait_log('"prod/db"', words)


def test_nobody_there(world, mount, fs):
    begin = time.monotonic()
    mounted = world.mount(mount, env={ENDPOINT: f"http://127.0.0.1:{util.free_port()}"})
    assert fs.read_errno(mounted / "prod/db/password") == "EKEYEXPIRED"
    mounted.wait_log('"prod/db"', "no AWS credentials found", "cannot be reached; is this an EC2 instance?")
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("world", ["ecs-relative"], indirect=True)
def test_packets_that_are_lost(world, mount, fs):
    """Outside EC2 the address of the instance metadata may swallow everything: it counts as missing after a second."""
    world.network.swallow("169.254.169.254")
    mounted = world.mount(mount, env={RELATIVE: None, DISABLED: None})
    assert fs.read_errno(mounted / "prod/db/password") == "EKEYEXPIRED"
    mounted.wait_log('"prod/db"', "http://169.254.169.254 cannot be reached; is this an EC2 instance?")
