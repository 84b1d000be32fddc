# SPDX-License-Identifier: Apache-2.0
"""secretsfs doctor as the tests run it."""

import collections
import json

import mounting
import util
from conftest import LONG_ENOUGH_TO_TELL, fake_environment
from server import ACCESS_KEY, SECRET_KEY

ACCOUNT = "123456789012"
RESULTS = {"ok", "note", "skipped", "failed"}

Report = collections.namedtuple("Report", "code text steps")


def step(report, name, subject=None):
    """The one step of that name (and about that)."""
    found = [each for each in report.steps if each["step"] == name and subject in (None, each.get("subject"))]
    assert len(found) == 1, f"{name} {subject}: {found}\n{report.text}"
    return found[0]


def words(found):
    return f"{found.get('detail')} {found.get('cause')} {found.get('remedy')}"


def failed(report):
    return [each["step"] for each in report.steps if each["result"] == "failed"]


def results(report, *names):
    return [step(report, name)["result"] for name in names]


class Doctor:
    """Runs it as text and as JSON; both must agree, and neither may tell a secret."""

    def __init__(self, place):
        self.place, self.told_nowhere = place, {SECRET_KEY}

    def environment(self, fake, key, changes):
        environment = self.place.environment()
        if fake:
            environment.update(fake_environment(fake, key))
            values = fake.values + [user.secret_key for user in fake.users.values()]
            values += [user.token for user in fake.users.values()]
            for value in values:
                self.told_nowhere.update(leaf.decode("latin-1") for leaf in mounting.leaves(value)
                                         if len(leaf) >= LONG_ENOUGH_TO_TELL)
        environment.update(changes or {})
        return {name: value for name, value in environment.items() if value is not None}

    def check(self, text):
        assert not mounting.SANITIZER.search(text), text
        for secret in self.told_nowhere:
            assert secret not in text, f"a secret is told: {secret[:12]!r}..."

    def files(self):
        return sorted(str(path) for path in self.place.home.rglob("*"))

    def __call__(self, fake, *arguments, key=ACCESS_KEY, env=None, wrapper=(), user=None, timeout=util.PATIENCE):
        environment = self.environment(fake, key, env)
        ids = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        before = self.files()
        runs = [util.run(*wrapper, mounting.BINARY, "doctor", *options, *arguments, env=environment, cwd="/",
                         timeout=timeout, **ids) for options in ((), ("--json",))]
        assert self.files() == before
        for run in runs:
            self.check(run.stdout.decode() + run.stderr.decode())
            assert run.stderr == b"", run.stderr
        text = runs[0].stdout.decode()
        whole = json.loads(runs[1].stdout)
        assert runs[0].returncode == runs[1].returncode, text
        assert whole["ok"] == (runs[0].returncode == 0)
        report = Report(runs[0].returncode, text, whole["steps"])
        self.agree(report)
        return report

    @staticmethod
    def agree(report):
        assert {each["result"] for each in report.steps} <= RESULTS
        assert bool(failed(report)) == (report.code == 1), report.text
        assert report.text.count("\u2717") == len(failed(report)), report.text
        for each in report.steps:
            assert each["step"] in report.text
            if each["result"] == "failed":
                assert each.get("cause") and each.get("remedy"), each


def statement(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def arn_of(name, region="eu-west-1"):
    return f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{name}"
