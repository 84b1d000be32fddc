"""Checks that a linked binary has what the flags in meson.build promise: hardening.py BINARY."""

import re
import subprocess
import sys


def missing_protections(headers):
    """What the output of readelf does not show, in words."""
    checks = (
        (r"Type:\s+DYN", "position-independent (PIE)"),
        (r"GNU_RELRO", "read-only relocations (RELRO)"),
        (r"FLAGS\).*BIND_NOW", "all symbols bound at start (BIND_NOW)"),
        (r"FLAGS_1\).*PIE", "marked as PIE"),
        (r"GNU_STACK\s+(0x\S+\s+)+RW\s", "a stack that is not executable"),
        (r"__stack_chk_fail", "stack protectors"),
        (r"__\w+_chk\b", "fortified functions (_FORTIFY_SOURCE)"),
    )
    missing = [words for pattern, words in checks if not re.search(pattern, headers)]
    if re.search(r"LOAD.*\sRWE\s", headers):
        missing.append("no segment both writable and executable")
    if re.search(r"\((RPATH|RUNPATH)\)", headers):
        missing.append("no RPATH")
    return missing


def main():
    binary = sys.argv[1]
    command = ["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", "--dyn-syms", binary]
    headers = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    missing = missing_protections(headers)
    for words in missing:
        print(f"{binary}: not there: {words}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
