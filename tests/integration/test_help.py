# SPDX-License-Identifier: Apache-2.0
"""Help texts, manual pages and refusals of bad command lines."""

import re

import pytest

import util
from mounting import BINARY

MANUAL = util.HERE.parents[1] / "docs/man"
COMMANDS = ("mount", "exec", "unmount", "sync", "status", "health", "doctor")
FOR_ALL = {"--help", "--version"}


def text_of(*words):
    done = util.run(BINARY, *words)
    assert done.returncode == 0 and not done.stderr
    return done.stdout.decode()


def options(command):
    return set(re.findall(r"^  (--[a-z-]+)", text_of(command, "--help"), re.MULTILINE))


def manual(command):
    """Its own page, or the one that speaks of all."""
    page = MANUAL / f"secretsfs-{command}.1"
    return page if page.exists() else MANUAL / "secretsfs.1"


def told(page, macro=r"\w+"):
    """The long options that a page speaks of; with the macro It: that it explains."""
    text = page.read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in re.findall(rf"^\.{macro}\b.*", text, re.MULTILINE) if re.search(r"\bFl ", line)]
    return {f"-{word}" for line in lines for word in line.split() if re.match(r"-[a-z]", word)}


def test_help_names_each_command():
    assert set(re.findall(r"^  secretsfs ([a-z]+) ", text_of("--help"), re.MULTILINE)) == set(COMMANDS)
    assert text_of("help") == text_of("-h") == text_of("--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_is_in_the_manual_and_the_other_way_round(command):
    assert options(command), "no option at all"
    assert options(command) <= told(manual(command)) | told(MANUAL / "secretsfs.1")
    if manual(command).name != "secretsfs.1":
        assert told(manual(command), "It") <= options(command)


def test_the_manual_speaks_of_no_other_options():
    known = set().union(*map(options, COMMANDS)) | FOR_ALL
    for page in MANUAL.glob("secretsfs*.1"):
        assert told(page) and told(page) <= known, page


@pytest.mark.parametrize("words", [("mount", "-f", "--help"), ("mount", "-o", "x", "-h", "/nowhere"),
                                   ("status", "--json", "/nowhere", "--help"), ("doctor", "prod/db", "--help"),
                                   ("exec", "--no-fuse", "--help"), ("umount", "/nowhere", "-h")])
def test_help_wherever_it_stands(words):
    assert text_of(*words).startswith("usage: secretsfs ")


@pytest.mark.parametrize("words", [("mount", "--region", "--help"), ("mount", "-o", "-h"),
                                   ("unmount", "--", "--help"), ("health", "--require", "--help")])
def test_what_only_looks_like_a_question_for_help(words, place):
    done = util.run(BINARY, *words, cwd=place.home, env=place.environment())
    assert done.returncode in (1, 2) and not done.stdout and done.stderr.startswith(b"secretsfs: ")


def test_help_of_the_command_that_exec_runs(place):
    done = util.run(BINARY, "exec", "--local", place.write_local({"s": "x"}), "printf", "%s", "--help",
                    env=place.environment())
    assert done.returncode == 0 and done.stdout == b"--help", done


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("word", ["--none", "--none=1", "-Z", "---", "--lazy=", "--json=1"])
def test_bad_command_lines(command, word, place):
    done = util.run(BINARY, command, word, "a", "b", "c", cwd=place.home, env=place.environment())
    assert done.returncode == (125 if command == "exec" else 2) and not done.stdout
    assert done.stderr.startswith(b"secretsfs: ") and done.stderr.count(b"\n") == 1


def test_no_command_and_a_wrong_one():
    for words in ((), ("none",), ("--none",), ("",)):
        done = util.run(BINARY, *words)
        assert done.returncode == 2 and not done.stdout and b"usage:" in done.stderr
