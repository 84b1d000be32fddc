# SPDX-License-Identifier: Apache-2.0
"""`secretsfs exec`: a mount for one command, made by an ordinary user (or root), seen by nobody else."""

import os
import pathlib
import pty
import select
import signal
import sys
import textwrap
import time

import pytest

from executing import Execs, children, field
from mounting import BINARY
from util import PATIENCE, run, wait_until

USER, OTHER = 12345, 34567
PASSWORD = "the password of the database"
SECRETS = {"prod/db": {"username": "app", "password": PASSWORD, "pool": {"limit": 20}}, "prod/jwt-secret": "a text"}
READ = ("--", "sh", "-c", 'cat "$SECRETS_DIR/prod/db/password"')
# Says each signal that it gets.
LISTENER = textwrap.dedent("""
    import os, signal, sys
    numbers = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    print("ready", flush=True)
    while True:
        print(signal.Signals(signal.sigwait(numbers)).name, flush=True)
""")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes other users' ids, which only root may")


@pytest.fixture
def execs_of(place, fuse_for_all):
    """execs_of(uid): who runs them, None for root."""
    made = []

    def get(user):
        if user is not None and run("test", "-x", BINARY, user=user, group=user, extra_groups=[]).returncode != 0:
            pytest.skip(f"{BINARY} is not for everyone here")
        made.append(Execs(place, user))
        return made[-1]
    yield get
    for execs in made:
        execs.finish()


@pytest.fixture
def as_user(execs_of):
    return execs_of(USER)


@pytest.fixture(params=[USER, None], ids=["user", "root"])
def execs(request, execs_of):
    return execs_of(request.param)


@pytest.fixture(params=["fake", "local"])
def source(request, fake):
    if request.param == "local":
        return SECRETS
    fake.put_many(SECRETS)
    return fake


def read_line(process):
    """One line of its output, in time."""
    assert select.select([process.stdout], [], [], PATIENCE)[0], "no line came"
    line = process.stdout.readline().decode()
    assert line, process.communicate(timeout=PATIENCE)[1].decode()
    return line.strip()


# --- what the command gets ---

def test_the_command_reads(execs, source):
    done = execs.run(source, *READ)
    assert (done.returncode, done.stdout, done.stderr) == (0, PASSWORD.encode(), b"")


def test_the_first_read_races_the_list_of_names(as_user, fake):
    """Not root, who may enter a directory whatever its mode."""
    fake.put_many(SECRETS)
    enter = ("--", "sh", "-c", 'cd "$SECRETS_DIR/prod/db"')
    assert [as_user.run(fake, *enter).stderr for _ in range(40)] == [b""] * 40


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


def test_without_a_runtime_directory(execs):
    done = execs.run(SECRETS, "--", "sh", "-c", 'echo "$SECRETS_DIR"; cat "$SECRETS_DIR/prod/db/password"',
                     env={"XDG_RUNTIME_DIR": "/nonexistent", "TMPDIR": str(execs.runtime)})
    path, text = done.stdout.decode().split("\n")
    assert text == PASSWORD and path.startswith(f"{execs.runtime}/") and not os.path.exists(path)


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


def test_the_command_cannot_look_into_the_others(as_user):
    look = textwrap.dedent("""
        import os
        parent = os.getppid()
        others = [parent, *map(int, open(f"/proc/{parent}/task/{parent}/children").read().split())]
        others.remove(os.getpid())
        for pid in others:
            for name in ("mem", "environ", "maps", "fd/0", "root/etc"):
                try:
                    os.open(f"/proc/{pid}/{name}", os.O_RDONLY)
                    print("open:", name)
                except PermissionError:
                    print("denied")
    """)
    done = as_user.run(SECRETS, "--", sys.executable, "-c", look)
    assert done.stdout.split() == [b"denied"] * 10, done.stderr


def test_the_daemon_has_no_file_of_the_callers(execs):
    process = execs.start(SECRETS, "--", "sh", "-c", "echo begun; cat")
    read_line(process)
    daemon = next(pid for pid in children(process.pid) if field(pid, "Name") == "secretsfs")
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


def test_without_user_namespaces(execs_of):
    """Switched off in a user namespace of the test's own, where secretsfs then has no capability."""
    switch_off = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
                  'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh",
                  "setpriv", "--bounding-set=-all", "--inh-caps=-all")
    done = execs_of(None).run(SECRETS, "true", before=switch_off)
    assert done.returncode == 125
    assert b"user.max_user_namespaces is 0" in done.stderr and b"--no-fuse" in done.stderr


# --- signals ---

@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT", "TSTP", "ALRM"])
def test_signals_are_passed_on(execs, name):
    process = execs.start(SECRETS, "--", sys.executable, "-c", LISTENER)
    assert read_line(process) == "ready"
    process.send_signal(signal.Signals[f"SIG{name}"])
    assert read_line(process) == f"SIG{name}"


def test_a_signal_for_the_group_comes_once(execs):
    process = execs.start(SECRETS, "--", sys.executable, "-c", LISTENER, start_new_session=True)
    assert read_line(process) == "ready"
    os.killpg(process.pid, signal.SIGTERM)
    assert read_line(process) == "SIGTERM"
    process.send_signal(signal.SIGUSR1)
    assert read_line(process) == "SIGUSR1"


def test_sigterm_ends_the_command_and_the_mount(execs):
    process = execs.start(SECRETS, "--", "sh", "-c", "echo begun; exec cat")
    read_line(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == -signal.SIGTERM
    assert execs.inside() == []


@pytest.mark.parametrize("victim", ["exec", "daemon"])
def test_sigkill(execs, victim):
    process = execs.start(SECRETS, "--", "sh", "-c", "echo begun; exec cat")
    read_line(process)
    inside = execs.inside()
    assert len(inside) == 3
    if victim == "exec":
        process.kill()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") and field(pid, "State")[0] != "Z" for pid in inside
                                   if pid != process.pid))
    else:  # the command goes on
        os.kill(next(pid for pid in children(process.pid) if field(pid, "Name") == "secretsfs"), signal.SIGKILL)
        assert b"has ended" in process.stderr.readline()
        assert process.communicate(b"still there", PATIENCE)[0] == b"still there"
        assert process.returncode == 0
    wait_until(lambda: not os.listdir(execs.runtime))


def test_what_the_command_leaves_running_loses_the_secrets(execs):
    leave = '(read line; cat "$SECRETS_DIR/prod/db/password"; echo end) <&3 3<&- & exit 5'
    process = execs.start(SECRETS, "--", "sh", "-c", f'exec 3<&0; cat "$SECRETS_DIR/prod/db/password"; {leave}')
    assert process.wait(PATIENCE) == 5
    out, err = process.communicate(b"go on\n", PATIENCE)
    assert out.decode() == PASSWORD + "end\n" and b"cat:" in err


# --- as the first process, and inside another ---

ORPHANS = textwrap.dedent("""
    import os, time
    for _ in range(5):
        child = os.fork()
        if child == 0:
            if os.fork() == 0:
                os._exit(0)     # whose parent has ended already, or soon will
            os._exit(0)
        os.waitpid(child, 0)
    def processes():
        return [name for name in os.listdir("/proc") if name.isdigit()]
    end = time.monotonic() + 10
    while len(processes()) > 3 and time.monotonic() < end:
        time.sleep(0.01)
    print(len(processes()))
    print(os.getppid())
""")


def first_process(execs):
    mine = () if execs.user is None else ("--user", "--map-current-user")
    return "unshare", *mine, "--pid", "--fork", "--mount-proc", "--kill-child"


def test_as_the_first_process_it_reaps(execs):
    done = execs.run(SECRETS, "--", sys.executable, "-c", ORPHANS, before=first_process(execs))
    assert done.stdout.split() == [b"3", b"1"]  # itself, the daemon, the command; whose parent is the first


@pytest.mark.parametrize("command, status", [(["sh", "-c", "exit 3"], 3), (["sh", "-c", "kill -TERM $$"], 143)])
def test_as_the_first_process_it_ends_as_the_command(execs, command, status):
    assert execs.run(SECRETS, "--", *command, before=first_process(execs)).returncode == status


def test_as_the_first_process_it_passes_signals_on(execs):
    process = execs.start(SECRETS, "--", sys.executable, "-c", LISTENER, before=first_process(execs))
    assert read_line(process) == "ready"
    first = children(process.pid)[0]
    os.kill(first, signal.SIGTERM)
    assert read_line(process) == "SIGTERM"
    os.kill(next(pid for pid in children(first) if field(pid, "Name") != "secretsfs"), signal.SIGKILL)
    assert process.wait(PATIENCE) == 128 + signal.SIGKILL


def test_nested(execs):
    inner = (BINARY, "exec", "--local", execs.place.home / "local.json")
    done = execs.run(SECRETS, "--", "sh", "-c", 'OUTER=$SECRETS_DIR exec "$@"', "sh", *inner, "--", "sh", "-c",
                     'cat "$OUTER/prod/db/password" "$SECRETS_DIR/prod/db/password"; test "$OUTER" != "$SECRETS_DIR"')
    assert (done.returncode, done.stdout) == (0, PASSWORD.encode() * 2), done.stderr


# --- a terminal ---

class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, execs, fake):
        self.text = b""
        pid, self.fd = pty.fork()
        if pid == 0:
            if execs.user is not None:
                os.setgroups([])
                os.setresgid(execs.user, execs.user, execs.user)
                os.setresuid(execs.user, execs.user, execs.user)
            environment = {**execs.environment(fake), "PS1": "$ ", "TERM": "dumb"}
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], environment)
        self.pid = pid

    def send(self, text):
        os.write(self.fd, text.encode())

    def comes(self, text, within):
        """Whether that comes; what came before it is passed over."""
        end = time.monotonic() + within
        while text.encode() not in self.text:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                return False
            self.text += os.read(self.fd, 4096)
        self.text = self.text.split(text.encode(), 1)[1]
        return True

    def wait_for(self, text):
        assert self.comes(text, PATIENCE), self.text

    def ask(self, question, answer):
        """Again and again: the shell throws away what is typed while it takes the terminal back."""
        def answered():
            self.send(question)
            return self.comes(answer, 1)
        wait_until(answered)

    def close(self):
        os.close(self.fd)  # hangs up
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminal(execs, fake):
    terminal = Terminal(execs, fake)
    terminal.wait_for("$ ")
    yield terminal
    terminal.close()


def test_control_c_comes_once(execs, terminal):
    (execs.place.home / "listener.py").write_text(LISTENER, encoding="utf-8")
    terminal.send(f"{BINARY} exec --secret x -- {sys.executable} {execs.place.home}/listener.py\n")
    terminal.wait_for("\nready")
    terminal.send("\x03")
    terminal.wait_for("SIGINT")
    terminal.send("\x1c")
    terminal.wait_for("SIGQUIT")
    assert b"SIGINT" not in terminal.text


STOPPABLE = textwrap.dedent("""
    import signal, sys
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCONT])
    print("begun", flush=True)
    print(signal.Signals(signal.sigwait([signal.SIGCONT])).name, flush=True)
    sys.exit(3)
""")


def test_job_control(execs, terminal):
    """In a pipeline: stopped and continued by the shell, which alone hands the terminal on."""
    (execs.place.home / "stoppable.py").write_text(STOPPABLE, encoding="utf-8")
    terminal.send(f"set -o pipefail; {BINARY} exec --secret x -- {sys.executable} {execs.place.home}/stoppable.py | "
                  "sed -u 's/^/got: /'\n")
    terminal.wait_for("\ngot: begun")
    terminal.send("\x1a")
    terminal.wait_for("Stopped")
    terminal.ask("fg\n", "\ngot: SIGCONT")
    terminal.wait_for("$ ")
    terminal.ask("echo status: $((status = status + $?))\n", "\nstatus: 3")  # $? is 0 after it


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
