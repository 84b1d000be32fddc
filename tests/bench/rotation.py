"""Measurements of rotation: how soon a watcher knows, and what the watching costs."""

import json
import statistics
import sys
import time
import uuid

from world import TESTS, Mount, wait_until

sys.path.append(str(TESTS / "integration"))

from motoserver import Moto  # noqa: E402
from watching import Watch  # noqa: E402

POLL_SECONDS = 0.5
LATEST_POLL_SECONDS = POLL_SECONDS * 1.1  # jitter
TTL_SECONDS, DEFAULT_POLL_SECONDS = 300, 60


def seconds_to_event(directory, change):
    """From the end of a change at the server to IN_CLOSE_WRITE of the key."""
    with Watch(directory) as watch:
        change()
        begin = time.perf_counter()
        watch.wait("key", "CLOSE_WRITE")
        return time.perf_counter() - begin


def by_poll(bench):
    """Seconds of ten rotations that polling finds."""
    def put(number):
        bench.server.control(put={"name": "rotating", "value": {"key": f"value {number}"}})

    put(0)
    with bench.mount("--poll", f"{POLL_SECONDS * 1000:.0f}ms", "--secret", "rotating") as mount:
        (mount.path / "rotating/key").read_bytes()
        times = [seconds_to_event(mount.path / "rotating", lambda number=number: put(number))
                 for number in range(1, 11)]
    bench.server.control(remove={"name": "rotating"})
    return times


def by_queue(bench):
    """Seconds from a message in the queue (of moto) to the event, for ten rotations."""
    moto = Moto()
    try:
        name = f"push/{uuid.uuid4()}"
        arn = moto.put(name, {"key": "value"})
        sqs = moto.client("sqs")
        url = sqs.create_queue(QueueName="bench")["QueueUrl"]
        moto.environment = moto.user("secretsmanager:GetSecretValue", "sqs:*").environment()

        def send():
            event = {"source": "aws.secretsmanager", "detail-type": "Secret Label Updated", "resources": [arn],
                     "detail": {"name": name, "labelUpdated": "AWSCURRENT", "versionId": str(uuid.uuid4())}}
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))

        times = []
        with Mount(bench.binary, bench.folder, moto, "--poll", "0", "--secret", name, "--events-queue", url) as mount:
            (mount.path / name / "key").read_bytes()
            wait_until(lambda: mount.status()["push"]["state"] == "listening")
            for number in range(10):
                moto.change(name, json.dumps({"key": f"value {number}"}))
                times.append(seconds_to_event(mount.path / name, send))
        return times
    finally:
        moto.stop()


def calls_per_poll(bench, count):
    """Calls that one round of checks makes for so many secrets in use."""
    bench.server.control(generate={"count": count})
    with bench.mount("--poll", "1s", "--list-interval", "0") as mount:
        mount.wait_names(30)
        for index in range(count):
            (mount.path / f"gen/0000/{index:06d}/key").read_bytes()
        rounds = []
        for _ in range(3):
            before = mount.status()["calls"]["wire"]
            wait_until(lambda before=before: mount.status()["calls"]["wire"] > before)
            time.sleep(0.4)  # the rest of the round, which is over well before the next
            rounds.append(mount.status()["calls"]["wire"] - before)
    return statistics.median(rounds)


def calls_per_hour(bench, count):
    """(ours, those of one call per secret and TTL) at the default intervals."""
    return calls_per_poll(bench, count) * 3600 / DEFAULT_POLL_SECONDS, count * 3600 / TTL_SECONDS
