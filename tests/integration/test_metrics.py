# SPDX-License-Identifier: Apache-2.0
""".secretsfs/metrics: valid for a strict reader of Prometheus's text format, and true."""

import re

import pytest

import util

SECRET = {"key": "a value that no metric may hold"}
NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
LABEL = rf'({NAME})="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)")


def unescape(text):
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), text)


def parse(text):
    """{(metric, frozenset of its labels): value}. Each metric has help and type, stands in one piece, names nothing
    twice, and is a counter if and only if its name ends in _total."""
    assert text.endswith("\n")
    found, types, current = {}, {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            current, text = re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line).groups()
            assert current not in types and current.startswith("secretsfs_")
            types[current] = None
        elif line.startswith("# TYPE "):
            name, kind = re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge)", line).groups()
            assert name == current and types[name] is None
            assert (kind == "counter") == name.endswith("_total")
            types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match and match[1] == current and types[current], line
            labels = [(name, unescape(value)) for name, value in re.findall(LABEL, match[2] or "")]
            assert len(dict(labels)) == len(labels)
            key = current, frozenset(labels)
            assert key not in found, line
            found[key] = float(match[len(match.groups())])
    assert all(types.values())
    return found


def metrics(fs, mounted):
    text = fs.read(mounted / ".secretsfs/metrics").decode()
    found = parse(text)
    return lambda name, **labels: found.get((f"secretsfs_{name}", frozenset(labels.items())))


@pytest.mark.parametrize("text", [
    "secretsfs_a 1\n", "# HELP secretsfs_a A.\nsecretsfs_a 1\n", "# HELP secretsfs_a A.\n# TYPE secretsfs_a counter\n",
    '# HELP secretsfs_a A.\n# TYPE secretsfs_a gauge\nsecretsfs_a{b="c\\d"} 1\n',
    '# HELP secretsfs_a A.\n# TYPE secretsfs_a gauge\nsecretsfs_a{b="c"d"} 1\n',
    "# HELP secretsfs_a A.\n# TYPE secretsfs_a gauge\nsecretsfs_a 1\nsecretsfs_a 1\n",
    "# HELP secretsfs_a A.\n# TYPE secretsfs_a gauge\nsecretsfs_a 1",
])
def test_the_reader_is_strict(text):
    with pytest.raises((AssertionError, AttributeError)):
        parse(text)


def test_what_is_told(fake, mount, fs):
    fake.put_many({"prod/db": SECRET, "prod/api": SECRET, "prod/none": SECRET})
    fake.user("AKIAREADER", "secret key of a reader",
              allow={"GetSecretValue": ["prod/*"], "ListSecrets": ["*"]})
    fake.fault("error", action="GetSecretValue", secret="prod/none", code="AccessDeniedException", message="no")
    mounted = mount(fake, key="AKIAREADER")
    util.wait_until(lambda: mounted.status()["names"]["state"] == "complete")
    before = metrics(fs, mounted)
    assert before("secrets_known") == before("calls_total", operation="get", result="ok") == 0
    for name in ("db", "api"):
        fs.read(mounted / "prod" / name / "key")
    assert fs.read_errno(mounted / "prod/none/key") == "EACCES"
    now = metrics(fs, mounted)
    assert now("build_info", version=mounted.status()["version"]) == 1
    assert now("uptime_seconds") > 0
    assert now("calls_total", operation="get", result="ok") == 2
    assert now("calls_total", operation="get", result="failed") == 1
    assert now("calls_total", operation="list", result="ok") == 1
    assert now("failures_total", kind="access-denied") == 1 and now("failures_total", kind="throttled") == 0
    assert now("http_requests_total") == len(fake.calls())
    assert now("secrets_known") == now("secrets_in_use") == 2
    assert now("secrets_stale") == 0 and now("secrets_failing") == 1
    assert now("value_bytes") > 2 * len(SECRET["key"])
    assert 0 <= now("secret_age_seconds", secret="prod/db") < 60
    assert now("secret_age_seconds", secret="prod/none") is None
    assert now("names_listed") == 3 and now("names_state", state="complete") == 1
    assert now("queue_state", state="off") == 1
    assert now("requests_total", operation="lookup") > before("requests_total", operation="lookup")
    assert b"a value that" not in fs.read(mounted / ".secretsfs/metrics")


def test_stale(fake, mount, fs):
    fake.put("s", SECRET)
    mounted = mount(fake, "--ttl", "200ms", "--poll", "200ms", "--timeout", "1s")
    with open(mounted / "s/key", "rb"):
        fake.fault("status")
        util.wait_until(lambda: metrics(fs, mounted)("secret_stale", secret="s") == 1)
        assert metrics(fs, mounted)("secrets_stale") == 1
        fake.clear()
        util.wait_until(lambda: metrics(fs, mounted)("secret_stale", secret="s") == 0)


def test_hostile_names(mount, fs):
    names = ['quote"d', "back\\slash", "new\nline", '"} 1\nsecretsfs_uptime_seconds 0', "t\u00e4g"]
    mounted = mount({name: "the value of a hostile name" for name in names})
    for name in names:
        fs.read(mounted / name / "value")
    now = metrics(fs, mounted)
    assert all(now("secret_age_seconds", secret=name) is not None for name in names)


def test_the_number_of_series_is_bounded(mount, fs):
    names = [f"many/s{number:04}" for number in range(1200)]
    mounted = mount({name: f"value {name}" for name in names})
    for name in names:
        fs.read(mounted / name / "value")
    found = parse(fs.read(mounted / ".secretsfs/metrics").decode())
    assert found["secretsfs_secrets_in_use", frozenset()] == 1200
    assert sum(name == "secretsfs_secret_age_seconds" for name, _ in found) == 1000
    status = mounted.status()
    assert (len(status["secrets"]), status["secrets_omitted"]) == (1000, 200)
