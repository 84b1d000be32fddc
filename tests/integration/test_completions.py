# SPDX-License-Identifier: Apache-2.0
"""Completions of shells, asked as the shells ask them."""

import os
import re

import pytest

import util
from mounting import BINARY

COMPLETIONS = util.HERE.parents[1] / "packaging/completions"
LIBRARY = "/usr/share/bash-completion/bash_completion"

BASH = f"""
. {LIBRARY}
. {COMPLETIONS / 'secretsfs.bash'}
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMP_LINE="$*"
COMP_POINT=${{#COMP_LINE}}
_secretsfs
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

# zsh completes in a terminal only: it gets one, and a TAB.
ZSH = f"""
zmodload zsh/zpty
zpty zsh zsh -f -i
zpty -w zsh "PROMPT=; fpath=({COMPLETIONS} \\$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w zsh "zstyle ':completion:*' list-separator ' -- '; LISTMAX=0; setopt no_always_last_prompt; print REA''DY"
zpty -r -m zsh seen '*READY*'
zpty -w -n zsh "$1"$'\\t\\t'
zpty -r -m zsh seen "*$2*"
print -r -- $seen
"""


def environment():
    return {**os.environ, "PATH": f"{os.path.dirname(BINARY)}:{os.environ['PATH']}", "TERM": "dumb"}


def bash(*words):
    done = util.run("bash", "-c", BASH, "bash", *words, env=environment())
    return done.stdout.decode().split()


def fish(line):
    script = f"source {COMPLETIONS / 'secretsfs.fish'}; complete -C $argv"
    done = util.run("fish", "-c", script, line, env=environment())
    return [answer.split("\t")[0] for answer in done.stdout.decode().splitlines()]


def commands():
    usage = util.run(BINARY, "--help").stdout.decode()
    return set(re.findall(r"^  secretsfs ([a-z]+) ", usage, re.MULTILINE))


def options(command):
    return set(re.findall(r"^  (--[a-z-]+)", util.run(BINARY, command, "--help").stdout.decode(), re.MULTILINE))


def test_commands():
    assert {"mount", "unmount"} <= commands()
    assert set(bash("secretsfs", "")) == commands() | {"--help", "--version"}
    assert set(fish("secretsfs ")) == commands()


@pytest.mark.parametrize("command", sorted(commands()))
def test_options(command):
    assert set(bash("secretsfs", command, "--")) == options(command) | {"--help"}
    assert set(fish(f"secretsfs {command} --")) == options(command)


def test_values_and_places():
    assert bash("secretsfs", "mount", "--log-level", "w") == ["warning"]
    assert bash("secretsfs", "mount", "--log-level=w") == ["warning"]
    assert bash("secretsfs", "mount", "--ttl", "") == []
    assert bash("secretsfs", "mount", "/us") == ["/usr"]
    assert fish("secretsfs unmount /us") == ["/usr/"]


def test_zsh():
    for line, expected in (("secretsfs unmo", "unmount"), ("secretsfs mount --list-int", "--list-interval")):
        done = util.run("zsh", "-c", ZSH, "zsh", line, expected, env=environment())
        assert expected in done.stdout.decode(), done.stdout.decode()
