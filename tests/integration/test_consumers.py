# SPDX-License-Identifier: Apache-2.0
"""Real programs see each of three rotations in a row: on the file, on its directory, and from elsewhere."""

import pytest

import util
from consumers import COMMANDS, Consumer

QUICK = ("--poll", "100ms", "--ttl", "1h", "--grace", "200ms")
# Runs a command in a mount namespace that receives what is mounted here.
ELSEWHERE = ("unshare", "--mount", "--propagation", "slave")
BOUND = (*ELSEWHERE, "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"')


@pytest.fixture
def path(fake, mount, fs):
    fake.put("prod/db", {"password": "not rotated yet", "user": "app"})
    mounted = mount(fake, *QUICK)
    util.wait_until(lambda: fs.list(mounted.path) == ["prod"])
    fs.tree(mounted / "prod")
    return mounted / "prod/db/password"


def rotate_thrice(fake, consumer):
    for number in range(3):
        value = f"rotation number {number}{'!' * number}"
        fake.put("prod/db", {"password": value, "user": "app"})
        consumer.wait_for(value)


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("watched", ["file", "directory"])
def test_three_rotations(fake, path, kind, watched):
    with Consumer(kind, path if watched == "file" else path.parent, path) as consumer:
        rotate_thrice(fake, consumer)


@pytest.mark.parametrize("watched", ["file", "directory"])
def test_from_another_mount_namespace(fake, path, watched):
    with Consumer("raw inotify", path if watched == "file" else path.parent, path, ELSEWHERE) as consumer:
        rotate_thrice(fake, consumer)


def test_a_single_bound_file(fake, path, tmp_path):
    """As a container has it that gets one file of the mount: nothing but its inode leads there."""
    target = tmp_path / "password"
    target.touch()
    with Consumer("raw inotify", target, target, (*BOUND, str(path), str(target))) as consumer:
        rotate_thrice(fake, consumer)
