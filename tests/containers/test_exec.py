# SPDX-License-Identifier: Apache-2.0
"""`secretsfs exec` as what a container starts, with and without privileges."""

import pytest

import util

FUSE = ["--device=/dev/fuse", "--cap-add=SYS_ADMIN"]
USER = "--user=1000:1000"
READ = "cat $SECRETS_DIR/prod/db/password; exit 7"
PASSWORD = "the password of the database"


@pytest.fixture
def run(fake, own_image, aws, start):
    """run(options, words…): a container that does `secretsfs exec WORDS`."""
    fake.put("prod/db", {"password": PASSWORD})

    def run_one(options, *words, before=()):
        return start(own_image, *before, "secretsfs", "exec", *words, options=[*options, *aws])
    return run_one


@pytest.mark.parametrize("options", [FUSE, [*FUSE, USER], ["--privileged"], ["--privileged", USER],
                                     [*FUSE, "--read-only"], [*FUSE, "--cap-drop=ALL"],
                                     [*FUSE, "--uidmap=0:100000:65536"]], ids=" ".join)
def test_with_fuse(run, options):
    container = run(options, "--", "sh", "-c", READ)
    assert container.wait() == 7, container.logs()
    assert container.logs() == PASSWORD


def test_as_docker_runs_a_user(run):
    """The filter of system calls lets pass what CAP_SYS_ADMIN needs, but the process itself has no capability."""
    drop = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=-all", "--ambient-caps=-all"]
    container = run(FUSE, "--", "sh", "-c", f"grep CapEff /proc/self/status; {READ}", before=drop)
    assert container.wait() == 7, container.logs()
    assert container.logs().split("\n") == ["CapEff:\t0000000000000000", PASSWORD]


def test_other_processes_of_the_container_see_nothing(run):
    """Unless it is the first process, whose namespace `docker exec` enters: then that sees the files, too."""
    words = ["--mkdir", "--at=/tmp/secrets", "--", "sh", "-c", "ls /tmp/secrets; sleep 1000"]
    container = run([*FUSE, USER], *words, before=["sh", "-c", "\"$@\" & wait", "sh"])
    util.wait_until(lambda: "prod" in container.logs())
    assert container.exec("ls", "/tmp/secrets", user="1000").stdout == b""
    assert b"secretsfs" not in container.read("/proc/self/mounts")

    container = run([*FUSE, USER], *words)
    util.wait_until(lambda: "prod" in container.logs())
    assert container.exec("ls", "/tmp/secrets", user="1000").stdout == b"prod\n"
    assert container.exec("ls", "/tmp/secrets/prod/db", user="1001", check=False).returncode != 0


@pytest.mark.parametrize("how", ["mount", "files"])
@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 1", 1), ("exec no-such-program", 127),
                                            ("kill -KILL $$", 128 + 9)])
def test_status_of_the_first_process(run, how, script, status):
    options, words = (FUSE, []) if how == "mount" else ([], ["--no-fuse", "--secret=prod/db"])
    assert run(options, *words, "--", "sh", "-c", script).wait() == status


def test_signals_reach_the_command(run):
    """As `docker stop` sends them; the kernel would not give them to a first process that does not ask for them."""
    container = run(FUSE, "--", "sh", "-c", "trap 'echo told; exit 9' TERM; echo begun; while :; do sleep 0.1; done")
    util.wait_until(lambda: "begun" in container.logs())
    container.signal("TERM")
    assert container.wait() == 9
    assert "told" in container.logs()

    container = run(FUSE, "--", "sh", "-c", "echo begun; exec sleep 1000")
    util.wait_until(lambda: "begun" in container.logs())
    container.signal("TERM")
    assert container.wait() == 128 + 15


def test_orphans_are_reaped(run):
    container = run(FUSE, "--", "sh", "-c", "for i in 1 2 3 4 5; do (true & exec true) & done; wait; echo begun; "
                                            "exec sleep 1000")
    util.wait_until(lambda: "begun" in container.logs())

    def states():
        return [line.strip()[0:1] for line in container.exec("ps", "-eo", "stat=").stdout.decode().splitlines()]
    util.wait_until(lambda: "Z" not in states(), what="no zombie")


def test_without_privileges(run, unprivileged):
    """What refuses is named, and what to do."""
    container = run([*unprivileged, USER, "--device=/dev/fuse"], "--", "sh", "-c", READ)
    assert container.wait() == 125
    assert "seccomp" in container.logs() and "--no-fuse" in container.logs(), container.logs()


def test_without_the_device(run):
    container = run([USER], "--", "sh", "-c", READ)
    assert container.wait() == 125
    assert "--device /dev/fuse" in container.logs() and "--no-fuse" in container.logs(), container.logs()


def test_files_without_privileges(run, fake, unprivileged):
    """On a tmpfs of the container's, by a user who may do nothing; changes arrive; nothing stays."""
    container = run([*unprivileged, USER, "--read-only", "--read-only-tmpfs=false", "--tmpfs=/secrets:mode=0700,U"],
                    "--no-fuse", "--at=/secrets", "--secret=prod/db", "--poll=200ms", "--", "sh", "-c",
                    "stat -c %u:%a $SECRETS_DIR/prod/db/password; sleep 1000")
    util.wait_until(lambda: "1000:400" in container.logs(), what="files")
    fake.put("prod/db", {"password": "another password"})
    util.wait_until(lambda: container.read("/secrets/prod/db/password", user="1000") == b"another password")
    container.signal("TERM")
    assert container.wait() == 128 + 15


def test_files_below_dev_shm(run, unprivileged):
    """Without --at: the one place in memory that every container has."""
    container = run([*unprivileged, USER], "--no-fuse", "--secret=prod/db", "--", "sh", "-c",
                    f"case $SECRETS_DIR in /dev/shm/*) {READ} ;; esac")
    assert container.wait() == 7, container.logs()
    assert container.logs().endswith(PASSWORD)
