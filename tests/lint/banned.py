"""Functions that must not be called, and libraries that only their one place may include."""

import re

from common import ROOT, code_only, project_files, report, without_comments

# function -> what to use instead
EVERYWHERE = {
    "alloca": "malloc with a bound",
    "asctime": "strftime",
    "atof": "base/parse",
    "atoi": "base/parse",
    "atol": "base/parse",
    "atoll": "base/parse",
    "bcopy": "memmove",
    "bzero": "an initialiser, or explicit_bzero to wipe",
    "ctime": "strftime",
    "gets": "fgets",
    "gmtime": "gmtime_r",
    "inet_ntoa": "inet_ntop",
    "localtime": "localtime_r",
    "mktemp": "mkstemp",
    "popen": "posix_spawn",
    "rand": "clock_jitter_ns or getrandom",
    "random": "clock_jitter_ns or getrandom",
    "scanf": "base/parse",
    "sprintf": "snprintf",
    "sscanf": "base/parse",
    "strcat": "base/buffer",
    "strcpy": "memcpy with a known size",
    "strncat": "base/buffer",
    "strncpy": "memcpy with a known size",
    "strtok": "strcspn, strsep",
    "strtok_r": "strcspn, strsep",
    "system": "posix_spawn",
    "tmpnam": "mkstemp",
    "usleep": "nanosleep",
    "vsprintf": "vsnprintf",
}

ENVIRONMENT = "the environment is read in auth/ and cli/, and for proxies in base/http.c"
LIBRARY = "libraries return errors"
ONE_THREAD = "not safe beside other threads; cli/ may, before there are any"

# function -> (the files or folders that may call it, why the others may not)
IN_PLACES = {
    "abort": (("cli/", "tests/"), LIBRARY),
    "exit": (("cli/", "tests/"), LIBRARY),
    "fprintf": (("cli/", "tests/"), LIBRARY),
    "getenv": (("auth/", "cli/", "tests/"), ENVIRONMENT),
    "getgrnam": (("cli/",), ONE_THREAD),
    "getpwnam": (("cli/",), ONE_THREAD),
    "memset": (("tests/",), "use an initialiser, or explicit_bzero to wipe: compilers remove a memset before a return"),
    "perror": (("cli/", "tests/"), LIBRARY),
    "printf": (("cli/", "tests/"), LIBRARY),
    "secure_getenv": (("auth/", "cli/", "base/http.c"), ENVIRONMENT),
    "setenv": (("cli/", "tests/"), ONE_THREAD),
    "unsetenv": (("cli/", "tests/"), ONE_THREAD),
}

# beginning of a header's name -> the files or folders that may include it
LIBRARIES = {
    "curl/": ("base/http.c",),
    "json-c/": ("base/json.c",),
    "json.h": ("base/json.c",),
    "openssl/": ("auth/", "base/"),
    "expat.h": ("auth/xml.c",),
    "fuse": ("fs/", "cli/"),
}

CALL = re.compile(r"(?<![\w.>])(\w+)\s*\(")
SYSTEM_INCLUDE = re.compile(r"^\s*#\s*include\s*<([^>]+)>", re.MULTILINE)


def check_calls(path, text):
    for number, line in enumerate(code_only(text).splitlines(), 1):
        for match in CALL.finditer(line):
            name = match.group(1)
            if name in EVERYWHERE:
                yield path, number, f"{name}() is banned: use {EVERYWHERE[name]}"
            elif name in IN_PLACES and not path.as_posix().startswith(IN_PLACES[name][0]):
                yield path, number, f"{name}() is banned here: {IN_PLACES[name][1]}"


def check_includes(path, text):
    if path.parts[0] == "tests":
        return
    text = without_comments(text)
    for match in SYSTEM_INCLUDE.finditer(text):
        for library, places in LIBRARIES.items():
            if match.group(1).startswith(library) and not path.as_posix().startswith(places):
                line = text.count("\n", 0, match.start(1)) + 1
                yield path, line, f"<{match.group(1)}> is for {' and '.join(places)} alone"


def main():
    findings = []
    for path in project_files(".c", ".h"):
        text = (ROOT / path).read_text()
        findings += check_calls(path, text)
        findings += check_includes(path, text)
    report(findings)


if __name__ == "__main__":
    main()
