# SPDX-License-Identifier: Apache-2.0
"""`secretsfs exec`: a mount for one command, made by an ordinary user (or root), seen by nobody else."""

import os
import pathlib
import select
import signal
import sys
import textwrap

import pytest

from conftest import EXEC_USER
from executing import children, field, read_line
from util import PATIENCE, run, wait_until

USER, OTHER = EXEC_USER, 34567
PASSWORD = "the password of the database"
SECRETS = {"prod/db": {"username": "app", "password": PASSWORD, "pool": {"limit": 20}}, "prod/jwt-secret": "a text"}
ALL = ("--no-fuse", "--secret", "prod/*")
READ = ("--", "sh", "-c", 'cat "$SECRETS_DIR/prod/db/password"')
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes other users' ids, which only root may")


@pytest.fixture(params=["fake", "local"])
def source(request, fake):
    if request.param == "local":
        return SECRETS
    fake.put_many(SECRETS)
    return fake


# --- what the command gets ---

def test_the_command_reads(execs, source):
    done = execs.run(source, *READ)
    assert (done.returncode, done.stdout, done.stderr) == (0, PASSWORD.encode(), b"")


def test_the_first_read_races_the_list_of_names(as_user, fake):
    """Not root, who may enter a directory whatever its mode."""
    fake.put_many(SECRETS)
    enter = ("--", "sh", "-c", 'cd "$SECRETS_DIR/prod/db"')
    assert [as_user.run(fake, *enter).stderr for _ in range(40)] == [b""] * 40


def test_home_of_another_user(as_user, fake, tmp_path):
    """As setpriv(1) and others leave it to who was root: it has no files, as for the SDKs."""
    fake.put_many(SECRETS)
    aws = tmp_path / "home/.aws"
    aws.mkdir(parents=True)
    (aws / "config").write_text("[default]\nregion = nowhere\n", encoding="utf-8")
    aws.parent.chmod(0o700)
    assert as_user.run(fake, *READ, env={"HOME": str(aws.parent)}).stdout == PASSWORD.encode()
    named = as_user.run(fake, *READ, env={"HOME": str(aws.parent), "AWS_CONFIG_FILE": "~/.aws/config"})
    assert named.returncode == 125 and b"Permission denied" in named.stderr


def test_standard_input_passes_through(execs):
    assert execs.run(SECRETS, "cat", stdin=b"as it was").stdout == b"as it was"


def test_arguments_are_the_commands(execs):
    done = execs.run(SECRETS, "printf", "%s|", "", "--local", "-x", "--", "a b")
    assert done.stdout == b"|--local|-x|--|a b|"
    assert execs.run(SECRETS, "--", "printf", "%s", "-n").stdout == b"-n"


def test_process_attributes_are_as_before(execs):
    look = ("sh", "-c", "id -u; id -g; umask; ulimit -c; ulimit -l; pwd; grep Sig /proc/self/status | grep -v SigQ; "
            "echo $NOTIFY_SOCKET")
    ids = {} if execs.user is None else {"user": execs.user, "group": execs.user, "extra_groups": []}
    bare = run(*look, cwd="/", env=execs.environment(SECRETS), **ids)
    assert execs.run(SECRETS, "--", *look).stdout == bare.stdout


def test_no_capability_is_left_to_an_ordinary_user(as_user):
    done = as_user.run(SECRETS, "--", "cat", "/proc/self/status")
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert f"{name}:\t{0:016x}".encode() in done.stdout
    assert as_user.run(SECRETS, "--", "sh", "-c", 'umount "$SECRETS_DIR"').returncode not in (0, 125)


def test_root_keeps_its_privileges(execs_of):
    look = ("grep", "-E", "^(Cap|NoNewPrivs)", "/proc/self/status")
    assert execs_of(None).run(SECRETS, "--", *look).stdout == run(*look).stdout


def test_open_files_are_the_commands_alone(execs):
    read_end, write_end = os.pipe()
    close = f"import os; os.close({write_end}); print('closed', flush=True); input()"
    process = execs.start(SECRETS, "--", sys.executable, "-c", close, pass_fds=[write_end])
    os.close(write_end)
    assert read_line(process) == "closed"
    assert select.select([read_end], [], [], PATIENCE)[0] and os.read(read_end, 1) == b""  # nobody else has it
    os.close(read_end)
    shown = execs.run(SECRETS, "--", sys.executable, "-c", "import os; print(sorted(os.listdir('/proc/self/fd')))")
    assert shown.stdout.decode().strip() == "['0', '1', '2', '3']"  # 3: the directory itself


def test_credentials_in_the_environment(execs, fake):
    look = ("--", "sh", "-c", "env | grep -c ^AWS_")
    assert int(execs.run(fake, *look).stdout) == 5
    assert int(execs.run(fake, "--clear-aws-env", *look).stdout) == 0


def test_at(execs):
    done = execs.run(SECRETS, "--at", execs.place.mountpoint, "--", "sh", "-c",
                     f'echo $SECRETS_DIR; cat {execs.place.mountpoint}/prod/db/password')
    assert done.stdout.decode() == f"{execs.place.mountpoint}\n{PASSWORD}"
    assert os.listdir(execs.place.mountpoint) == []


def test_at_a_missing_directory(execs):
    path = execs.runtime / "new"
    assert execs.run(SECRETS, "--at", path, "--mkdir", *READ).stdout == PASSWORD.encode()
    path.rmdir()


@pytest.mark.parametrize("path", ["/", "/proc", "/proc/../"])
@pytest.mark.parametrize("how", [(), ALL], ids=["fuse", "files"])
def test_at_what_everybody_needs(execs, path, how):
    done = execs.run(SECRETS, *how, "--at", path, "true")
    assert done.returncode == 125 and b"name another directory" in done.stderr


def test_without_a_runtime_directory(execs):
    done = execs.run(SECRETS, "--", "sh", "-c", 'echo "$SECRETS_DIR"; cat "$SECRETS_DIR/prod/db/password"',
                     env={"XDG_RUNTIME_DIR": "/nonexistent", "TMPDIR": str(execs.runtime)})
    path, text = done.stdout.decode().split("\n")
    assert text == PASSWORD and path.startswith(f"{execs.runtime}/") and not os.path.exists(path)


@pytest.mark.parametrize("how", [(), ALL], ids=["fuse", "files"])
def test_in_a_directory_of_roots(execs, how):
    done = execs.run(SECRETS, *how, "--", "sh", "-c", "echo $SECRETS_DIR",
                     env={"XDG_RUNTIME_DIR": "/nonexistent", "TMPDIR": "/nonexistent"})
    path = done.stdout.decode().strip()
    assert path.startswith("/tmp/secretsfs.") and not os.path.exists(path), done.stderr


def test_a_directory_where_others_could_replace_it_is_passed_over(as_user):
    open_to_all = as_user.place.home / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    done = as_user.run(SECRETS, "--", "sh", "-c", "echo $SECRETS_DIR",
                       env={"XDG_RUNTIME_DIR": str(open_to_all), "TMPDIR": str(as_user.runtime)})
    assert done.stdout.decode().startswith(str(as_user.runtime)), done.stderr


def test_a_directory_of_root_is_taken_where_nobody_can_replace_what_is_made_there(as_user):
    """As /tmp: root's, and sticky."""
    sticky = as_user.place.home / "sticky"
    sticky.mkdir()
    sticky.chmod(0o1777)
    done = as_user.run(SECRETS, "--", "sh", "-c", "echo $SECRETS_DIR",
                       env={"XDG_RUNTIME_DIR": str(sticky), "TMPDIR": str(as_user.runtime)})
    assert done.stdout.decode().startswith(str(sticky)), done.stderr


def test_owner_and_mode(execs_of):
    done = execs_of(None).run(SECRETS, "--uid", USER, "--mode", "0440", "--", "sh", "-c",
                              'stat -c "%u %a" "$SECRETS_DIR/prod/db/password"')
    assert done.stdout.decode().split() == [str(USER), "440"]


# --- what others get ---

def test_nobody_outside_sees_anything(execs, fs_as):
    show = 'cat "$SECRETS_DIR/prod/db/password"; echo; echo $SECRETS_DIR; cat'
    process = execs.start(SECRETS, "--", "sh", "-c", show)
    assert read_line(process) == PASSWORD
    path = read_line(process)
    command = next(pid for pid in children(process.pid) if field(pid, "Name") == "sh")
    for watcher in (fs_as(), fs_as(USER), fs_as(OTHER)):
        assert watcher.errno("listdir", path) == "EACCES" or watcher.call("listdir", path) == []
    assert fs_as(OTHER).errno("listdir", f"/proc/{command}/root{path}") is not None
    if execs.user is not None:
        assert fs_as(USER).errno("listdir", f"/proc/{command}/root{path}") is not None
    assert process.communicate(b"", PATIENCE) == (b"", b"")
    assert process.returncode == 0


def test_the_mount_stays_inside(execs_of):
    """Also where mounts propagate, as they do on machines with systemd."""
    execs = execs_of(None)
    propagate = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$0" && mount --make-shared "$0" && "$@"; true',
                 execs.place.home)
    process = execs.start(SECRETS, "--", "sh", "-c", "echo begun; cat", before=propagate)
    assert read_line(process) == "begun"
    table = pathlib.Path(f"/proc/{process.pid}/mountinfo").read_text(encoding="utf-8")
    assert str(execs.place.home) in table and str(execs.runtime) not in table
    process.communicate(b"", PATIENCE)


def test_the_command_cannot_look_into_the_others(as_user):
    look = textwrap.dedent("""
        import os
        parent = os.getppid()
        others = [parent, *map(int, open(f"/proc/{parent}/task/{parent}/children").read().split())]
        others.remove(os.getpid())
        others += map(int, open(f"/proc/{others[1]}/task/{others[1]}/children").read().split())
        for pid in others:
            for name in ("mem", "environ", "maps", "fd/0", "root/etc"):
                try:
                    os.open(f"/proc/{pid}/{name}", os.O_RDONLY)
                    print("open:", name)
                except PermissionError:
                    print("denied")
    """)
    done = as_user.run(SECRETS, "--", sys.executable, "-c", look)
    assert done.stdout.split() == [b"denied"] * 15, done.stderr


def test_the_daemon_has_no_file_of_the_callers(execs):
    process = execs.start(SECRETS, "--", "sh", "-c", "echo begun; cat")
    read_line(process)
    daemon, = children(execs.supervisor(process.pid))
    assert [os.readlink(f"/proc/{daemon}/fd/{fd}") for fd in (0, 1)] == ["/dev/null"] * 2
    assert os.readlink(f"/proc/{daemon}/cwd") == "/"
    process.communicate(b"", PATIENCE)


# --- how it ends ---

@pytest.mark.parametrize("command, status", [
    (["true"], 0), (["false"], 1), (["sh", "-c", "exit 77"], 77), (["/nonexistent"], 127), (["no-such-command"], 127),
    (["/etc/passwd"], 126), (["sh", "-c", "kill -TERM $$"], -signal.SIGTERM),
    (["sh", "-c", "kill -9 $$"], -signal.SIGKILL),
])
def test_exit_status(execs, command, status):
    assert execs.run(SECRETS, "--", *command).returncode == status


@pytest.mark.parametrize("words, message", [
    (["--at", "/nonexistent", "--", "true"], b"mkdir -p"),
    (["--nonsense", "true"], b"no such option"),
    (["--local", "/nonexistent", "true"], b"/nonexistent"),
    ([], b"a command is missing"),
    (["--"], b"a command is missing"),
    (["--uid", "1", "true"], b"--uid"),
])
def test_own_failures_are_125(as_user, words, message):
    done = as_user.run(SECRETS, *words)
    assert done.returncode == 125 and message in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_the_command_does_not_begin_without_a_mount(as_user, fake):
    done = as_user.run(fake, "--", "echo", "begun", env={"AWS_REGION": "", "AWS_ENDPOINT_URL": ""})
    assert (done.returncode, done.stdout) == (125, b"") and b"region" in done.stderr


def test_without_the_device(execs_of):
    done = execs_of(None).run(SECRETS, "true", before=("unshare", "--mount", "sh", "-c",
                                                       'mount -t tmpfs tmpfs /dev && exec "$@"', "sh"))
    assert done.returncode == 125 and b"/dev/fuse" in done.stderr and b"--no-fuse" in done.stderr


# In a user namespace of the test's own, where secretsfs then has no capability.
NO_USER_NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
                      'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh",
                      "setpriv", "--bounding-set=-all", "--inh-caps=-all")


def test_without_user_namespaces(execs_of):
    done = execs_of(None).run(SECRETS, "true", before=NO_USER_NAMESPACES)
    assert done.returncode == 125
    assert b"user.max_user_namespaces is 0" in done.stderr and b"--no-fuse" in done.stderr


# --- rotation ---

def test_a_rotation_is_seen(execs, fake):
    fake.put_many(SECRETS)
    watch = 'cd "$SECRETS_DIR/prod/db" && cat password && echo && inotifywait -e modify -t 10 password && cat password'
    process = execs.start(fake, "--poll", "100ms", "--grace", "100ms", "--", "sh", "-c", watch)
    assert read_line(process) == PASSWORD
    wait_until(lambda: b"established" in process.stderr.readline())
    fake.put("prod/db", {**SECRETS["prod/db"], "password": "rotated"})
    out, _ = process.communicate(b"", PATIENCE)
    assert out.split()[-2:] == [b"MODIFY", b"rotated"]


# --- KEY_FILE ---

def variables(execs, source, *options):
    done = execs.run(source, *options, "--", "sh", "-c", "env | grep _FILE=; echo $SECRETS_DIR")
    assert done.returncode == 0, done.stderr
    *lines, folder = done.stdout.decode().splitlines()
    return {name: path.removeprefix(folder + "/") for name, path in (line.split("=", 1) for line in lines)}


def test_file_env(execs, source):
    db = {"USERNAME_FILE": "prod/db/username", "PASSWORD_FILE": "prod/db/password"}
    assert variables(execs, source, "--file-env", "prod/db") == db
    assert variables(execs, source, "--file-env", "prod/db=POSTGRES", "--file-env", "/prod/jwt-secret=") == {
        **{f"POSTGRES_{name}": path for name, path in db.items()}, "JWT_SECRET_FILE": "prod/jwt-secret/value"}
    assert variables(execs, source, "--file-env", "prod/jwt-secret=Key") == {"Key_FILE": "prod/jwt-secret/value"}


def test_file_env_reads(execs, source):
    done = execs.run(source, "--file-env", "prod/db=POSTGRES", "sh", "-c", 'cat "$POSTGRES_PASSWORD_FILE"')
    assert done.stdout == PASSWORD.encode()


def test_file_env_names(as_user):
    keys = {"api.key": "1", "api/url": "2", "9lives": "3", ".dot": "4", "camelCase": "5", "a%b": "6"}
    found = variables(as_user, {"a=b": keys}, "--file-env", "a=b=")
    assert found == {"API_KEY_FILE": "a=b/api.key", "API_URL_FILE": "a=b/api%2Furl", "_9LIVES_FILE": "a=b/9lives",
                     "_DOT_FILE": "a=b/%2Edot", "CAMELCASE_FILE": "a=b/camelCase", "A_B_FILE": "a=b/a%25b"}
    assert set(variables(as_user, {"s": {"9": "x"}}, "--file-env", "s=P")) == {"P_9_FILE"}


@pytest.mark.parametrize("secrets, options, message", [
    ({"a": {"x-y": "1", "x.y": "2"}}, ["a"], b"X_Y_FILE"),
    ({"a": {"x": "1"}, "b": {"x": "1"}}, ["a", "b"], b"X_FILE"),
    ({"a": {"x": "1"}}, ["b"], b"no such secret"),
    ({"a": {"x": "1"}}, ["a=9"], b'"9"'),
    ({"a/b": {"x": "1"}}, ["a"], b"no keys"),
])
def test_file_env_is_refused(as_user, secrets, options, message):
    done = as_user.run(secrets, *(word for option in options for word in ("--file-env", option)), "--", "echo", "begun")
    assert (done.returncode, done.stdout) == (125, b"") and message in done.stderr


def test_file_env_waits_no_longer_than_the_timeout(as_user, fake):
    fake.put_many(SECRETS)
    fake.fault("hang", secret="prod/db")
    done = as_user.run(fake, "--timeout", "300ms", "--file-env", "prod/db", "--", "echo", "begun")
    assert (done.returncode, done.stdout) == (125, b"") and b"--timeout" in done.stderr
    assert pathlib.Path(as_user.runtime).exists()


# --- files instead of a mount ---

def test_no_fuse(execs, source):
    done = execs.run(source, *ALL, "--file-env", "prod/db=DB", "--", "sh", "-c",
                     'cat "$DB_PASSWORD_FILE"; stat -f -c " %T" "$SECRETS_DIR"; echo $SECRETS_DIR')
    assert (done.returncode, done.stderr) == (0, b"")
    password, kind, path = done.stdout.decode().replace(" tmpfs", "|tmpfs|").split("|")
    assert (password, kind) == (PASSWORD, "tmpfs") and not os.path.exists(path.strip())


def test_no_fuse_says_which_secrets(as_user, fake):
    done = as_user.run(fake, "--no-fuse", "true")
    assert done.returncode == 125 and b"--secret" in done.stderr


def test_no_fuse_without_the_device(execs_of):
    no_device = ("unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /dev/fuse && exec "$@"', "sh")
    assert execs_of(None).run(SECRETS, *ALL, *READ, before=no_device).stdout == PASSWORD.encode()


def test_no_fuse_is_private(execs):
    process = execs.start(SECRETS, *ALL, "--", "sh", "-c", "echo $SECRETS_DIR; cat")
    assert os.listdir(read_line(process)) == []
    process.communicate(b"", PATIENCE)


def test_no_fuse_follows_a_rotation(execs, fake):
    fake.put_many(SECRETS)
    process = execs.start(fake, *ALL, "--poll", "100ms", "--", "sh", "-c",
                          'cd "$SECRETS_DIR/prod/db"; cat password; echo; while grep -q the password; do :; done; '
                          "cat password")
    assert read_line(process) == PASSWORD
    fake.put("prod/db", {**SECRETS["prod/db"], "password": "rotated"})
    assert process.communicate(b"", PATIENCE)[0] == b"rotated"


@pytest.fixture
def shared_memory(execs_of):
    """Root without capabilities and user namespaces; and a tmpfs."""
    execs = execs_of(None)
    assert run("mount", "-t", "tmpfs", "tmpfs", execs.runtime).returncode == 0
    yield execs
    wait_until(lambda: not os.listdir(execs.runtime))
    assert run("umount", execs.runtime).returncode == 0


def test_no_fuse_without_user_namespaces(shared_memory, fs_as):
    process = shared_memory.start(SECRETS, *ALL, "--", "sh", "-c",
                                  'cat "$SECRETS_DIR/prod/db/password"; echo; echo $SECRETS_DIR; cat',
                                  before=NO_USER_NAMESPACES)
    assert read_line(process) == PASSWORD
    path = read_line(process)
    assert path.startswith(str(shared_memory.runtime))
    assert fs_as(OTHER).errno("listdir", path) == "EACCES"
    process.communicate(b"", PATIENCE)
    assert process.returncode == 0 and not os.path.exists(path)


@pytest.mark.parametrize("victim", ["exec", "supervisor"])
def test_no_fuse_without_user_namespaces_leaves_no_file(shared_memory, victim):
    process = shared_memory.start(SECRETS, *ALL, "--", "sh", "-c", "echo begun; exec cat", before=NO_USER_NAMESPACES)
    read_line(process)
    os.kill(process.pid if victim == "exec" else shared_memory.supervisor(process.pid), signal.SIGKILL)
    process.communicate(b"", PATIENCE)
    wait_until(lambda: not os.listdir(shared_memory.runtime))
