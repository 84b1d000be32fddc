"""Every check that .clang-tidy names exists, and the file is understood: clang-tidy itself goes on without a word."""

import re
import subprocess
import sys
from fnmatch import fnmatch

from common import ROOT


def output(*arguments):
    return subprocess.run(["clang-tidy", *arguments], check=True, capture_output=True, text=True, cwd=ROOT).stdout


def main():
    text = (ROOT / ".clang-tidy").read_text() + (ROOT / "tests/.clang-tidy").read_text()
    known = output("--list-checks", "--checks=*").split()
    named = re.findall(r"^  -?(\w[\w.-]*\*?),?$", text, re.MULTILINE)
    named += re.findall(r"{key: ([\w.-]+)\.\w+,", text)
    problems = [f"no check is called {name}" for name in named if not any(fnmatch(check, name) for check in known)]
    if "function-cognitive-complexity.Threshold" not in output("--dump-config") or not named:
        problems.append("clang-tidy cannot read it")
    for problem in problems:
        print(f".clang-tidy: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
