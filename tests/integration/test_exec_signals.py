# SPDX-License-Identifier: Apache-2.0
"""`secretsfs exec` between a command and who started it: signals, a terminal, the first process of a container."""

import os
import pty
import select
import signal
import sys
import textwrap
import time

import pytest

from executing import children, field, read_line
from mounting import BINARY
from util import PATIENCE, wait_until

PASSWORD = "the password of the database"
SECRETS = {"prod/db": {"password": PASSWORD}}
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


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_signal_before_the_command_begins(as_user, fake, name):
    fake.put_many(SECRETS)
    fake.fault("hang")
    process = as_user.start(fake, "--no-fuse", "--secret", "prod/db", "--", "echo", "begun")
    wait_until(lambda: fake.count() > 0, what="it waits for AWS")
    process.send_signal(signal.Signals[f"SIG{name}"])
    assert process.wait(PATIENCE) == -signal.Signals[f"SIG{name}"]
    assert process.stdout.read() == b""


@pytest.mark.parametrize("how", [(), ("--no-fuse", "--secret", "prod/*")], ids=["fuse", "files"])
def test_a_daemon_that_crashes_is_replaced(execs, fake, how):
    """With the same credentials; while the command runs on."""
    fake.put_many(SECRETS)
    process = execs.start(fake, *how, "--poll", "100ms", "--ttl", "1s", "--", "sh", "-c",
                          'while read line; do cat "$SECRETS_DIR/prod/db/password"; echo; done')

    def reads(expected):
        process.stdin.write(b"\n")
        return read_line(process) == expected
    wait_until(lambda: reads(PASSWORD))
    supervisor = execs.supervisor(process.pid)
    for password in ("the second", "the third"):
        fake.put("prod/db", {"password": password})
        daemon, = children(supervisor)
        os.kill(daemon, signal.SIGKILL)
        wait_until(lambda before=daemon: children(supervisor) not in ([], [before]), what="there is another daemon")
        wait_until(lambda expected=password: reads(expected), what=f"the command reads {password}")
    err = process.communicate(b"", PATIENCE)[1]
    assert process.returncode == 0 and err.count(b"another one takes its place") == 2


@pytest.mark.parametrize("victim", ["exec", "supervisor"])
def test_sigkill(execs, victim):
    process = execs.start(SECRETS, "--", "sh", "-c", "echo begun; exec cat")
    read_line(process)
    inside = execs.inside()
    assert len(inside) == 4
    if victim == "exec":
        process.kill()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") and field(pid, "State")[0] != "Z" for pid in inside
                                   if pid != process.pid))
    else:  # the command goes on
        os.kill(execs.supervisor(process.pid), signal.SIGKILL)
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
    while len(processes()) > 4 and time.monotonic() < end:
        time.sleep(0.01)
    print(len(processes()))
    print(os.getppid())
""")


def first_process(execs):
    mine = () if execs.user is None else ("--user", "--map-current-user")
    return "unshare", *mine, "--pid", "--fork", "--mount-proc", "--kill-child"


def test_as_the_first_process_it_reaps(execs):
    done = execs.run(SECRETS, "--", sys.executable, "-c", ORPHANS, before=first_process(execs))
    assert done.stdout.split() == [b"4", b"1"]  # itself, supervisor, daemon, command; whose parent is the first


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
        self.before = self.text = b""
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
        """Whether that comes; what came before it is put aside."""
        end = time.monotonic() + within
        while text.encode() not in self.text:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                return False
            self.text += os.read(self.fd, 4096)
        self.before, self.text = self.text.split(text.encode(), 1)
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
    assert b"SIGINT" not in terminal.before


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
