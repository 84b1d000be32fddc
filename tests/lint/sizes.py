"""Files of at most 500 lines, functions of at most 80. clang-format puts a function's braces into column 0."""

from common import ROOT, project_files, report

FILE_LINES = 500
FUNCTION_LINES = 80


def check_functions(path, lines):
    start = 0
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start + 1 > FUNCTION_LINES:
                yield path, start, f"function of {number - start + 1} lines, more than {FUNCTION_LINES}"
            start = 0


def main():
    findings = []
    for path in project_files(".c", ".h", ".py", ".sh", "dev"):
        lines = (ROOT / path).read_text().splitlines()
        if len(lines) > FILE_LINES:
            findings.append((path, FILE_LINES, f"file of {len(lines)} lines, more than {FILE_LINES}"))
        if path.suffix in (".c", ".h"):
            findings += check_functions(path, lines)
    report(findings)


if __name__ == "__main__":
    main()
