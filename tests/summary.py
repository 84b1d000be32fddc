"""Adds up the results of ./dev test: a table, then the closing line. Exits with 1 when anything failed.

In the given folder each stage has left NAME.status (the exit status of the stage) and its results: NAME.json (meson's
log of tests) or NAME.xml (pytest's JUnit file). A stage that failed without a failed test, because it did not build
or a sanitizer has reported something, counts as one failure.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

CMOCKA_PASSED = re.compile(r"^\[  PASSED  \] (\d+) test", re.MULTILINE)
CMOCKA_FAILED = re.compile(r"^\[  FAILED  \] (\d+) test", re.MULTILINE)


def count_meson_test(test):
    """(passed, failed) of one executable; the test functions inside it where cmocka has counted them."""
    output = test.get("stdout", "") + test.get("stderr", "")
    passed = sum(map(int, CMOCKA_PASSED.findall(output)))
    failed = sum(map(int, CMOCKA_FAILED.findall(output)))
    if test["result"] == "OK":
        return (passed or 1), failed
    return passed, max(failed, 1)


def count_meson(path):
    tests = [json.loads(line) for line in path.read_text().splitlines()]
    counts = [count_meson_test(test) for test in tests]
    return sum(passed for passed, _ in counts), sum(failed for _, failed in counts), 0


def count_pytest(path):
    suites = ElementTree.parse(path).getroot().iter("testsuite")
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in suites:
        for key in totals:
            totals[key] += int(suite.get(key, 0))
    failed = totals["failures"] + totals["errors"]
    return totals["tests"] - failed - totals["skipped"], failed, totals["skipped"]


def count_stage(status_file):
    """(passed, failed, skipped, remark) of one stage."""
    passed = failed = skipped = 0
    for suffix, count in ((".json", count_meson), (".xml", count_pytest)):
        results = status_file.with_suffix(suffix)
        if results.exists():
            passed, failed, skipped = count(results)
    if failed == 0 and status_file.read_text().strip() != "0":
        return passed, 1, skipped, "the stage itself failed"
    if passed + failed == 0:
        return 0, 1, skipped, "no test was run"
    return passed, failed, skipped, ""


def main():
    stages = sorted(Path(sys.argv[1]).glob("*.status"), key=lambda path: path.stat().st_mtime_ns)
    counts = [(stage.stem, *count_stage(stage)) for stage in stages]
    for name, passed, failed, skipped, remark in counts:
        print(f"{name:12} {passed:5} passed {failed:5} failed {skipped:5} skipped  {remark}".rstrip())
    passed, failed, skipped = (sum(row[column] for row in counts) for column in (1, 2, 3))
    print(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
