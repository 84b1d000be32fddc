"""What the lints share: which files the project has, and C source without comments and string contents."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What a layer may include and link besides itself.
LAYERS = {
    "base": set(),
    "auth": {"base"},
    "backend": {"base", "auth"},
    "cache": {"base"},
    "tree": {"base"},
    "fs": {"base", "tree", "cache"},
    "sync": {"base", "tree", "cache"},
    "cli": {"base", "auth", "backend", "cache", "tree", "fs", "sync"},
}

COMMENT_OR_TEXT = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


def project_files(*suffixes, root=ROOT):
    """Paths relative to the root of what git tracks or would track, in order."""
    command = ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [Path(name) for name in sorted(set(names)) if name.endswith(suffixes) and (root / name).is_file()]


def blank(match):
    """Keeps line breaks, and the quotes of a text, so that positions stay true."""
    text = match.group()
    if text[0] == "/":
        return " " + "\n" * text.count("\n")
    return text[0] + text[-1]


def code_only(text):
    """C source without comments and without what stands inside string and character literals."""
    return COMMENT_OR_TEXT.sub(blank, text)


def without_comments(text):
    """C source without comments; strings (and so names of included files) stay."""
    return COMMENT_OR_TEXT.sub(lambda match: blank(match) if match.group()[0] == "/" else match.group(), text)


def report(findings):
    """Prints findings (path, line, text) and ends the program: 1 when there are any."""
    for path, line, text in findings:
        print(f"{path}:{line}: {text}")
    sys.exit(1 if findings else 0)
