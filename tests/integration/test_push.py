# SPDX-License-Identifier: Apache-2.0
"""Rotations told by events: EventBridge puts them into an SQS queue (both by moto), the mount acts on them."""

import json
import os
import time
import uuid

import pytest

import util
from watching import Watch

# For DeleteMessageBatch AWS asks for sqs:DeleteMessage; moto has an action of its own.
QUEUE_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:DeleteMessageBatch")
# No polling: whatever is seen was pushed.
PUSHED = ("--poll", "0", "--ttl", "1h", "--list-interval", "0")


class Bus:
    """A queue, and a rule that feeds it."""

    def __init__(self, moto):
        self.moto, self.name = moto, f"q-{uuid.uuid4()}"
        self.sqs, self.events = moto.client("sqs"), moto.client("events")
        self.url = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.events.put_rule(Name=self.name, EventPattern=json.dumps({"source": ["aws.secretsmanager"]}))
        self.events.put_targets(Rule=self.name, Targets=[{"Id": "1", "Arn": arn}])

    def put_event(self, detail_type, detail, resources=()):
        entry = {"Source": "aws.secretsmanager", "DetailType": detail_type, "Detail": json.dumps(detail),
                 "Resources": list(resources)}
        assert self.events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    def send(self, body):
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def left(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))

    def remove(self):
        self.events.remove_targets(Rule=self.name, Ids=["1"])
        self.events.delete_rule(Name=self.name)
        self.sqs.delete_queue(QueueUrl=self.url)


@pytest.fixture
def bus(moto):
    bus = Bus(moto)
    yield bus
    bus.remove()


@pytest.fixture
def pushed(moto, bus, mount, fs):
    """(name, ARN, mount) of a secret that has been read, on a mount that listens to the queue."""
    name = f"push/{uuid.uuid4()}"
    arn = moto.put(name, {"key": "before any event"})
    user = moto.user("secretsmanager:GetSecretValue", *QUEUE_ACTIONS)
    mounted = mount(user, "--secret", name, "--events-queue", bus.url, *PUSHED)
    assert fs.read(mounted / name / "key") == b"before any event"
    util.wait_until(lambda: mounted.status()["push"]["state"] == "listening")
    return name, arn, mounted


def test_native_events(moto, bus, pushed, fs):
    name, arn, mounted = pushed
    for number in range(3):
        with Watch(mounted / name) as directory:
            value = f"value of rotation {number}"
            moto.change(name, json.dumps({"key": value}))
            begin = time.monotonic()
            bus.put_event("Secret Label Updated", {"name": name, "labelUpdated": "AWSCURRENT",
                                                   "versionId": str(uuid.uuid4())}, [arn])
            directory.wait("key", "CLOSE_WRITE")
            print(f"{(time.monotonic() - begin) * 1000:.0f} ms from message to event")
            assert fs.read(mounted / name / "key") == value.encode()
    util.wait_until(lambda: bus.left() == 0)  # each was deleted after it was acted on


@pytest.mark.parametrize("detail_type,detail", [
    ("AWS API Call via CloudTrail", {"eventName": "PutSecretValue", "responseElements": {"arn": "ARN"}}),
    ("AWS API Call via CloudTrail", {"eventName": "PutSecretValue", "responseElements": {"aRN": "ARN"}}),
    ("AWS API Call via CloudTrail", {"eventName": "UpdateSecret", "requestParameters": {"secretId": "NAME"}}),
    ("AWS Service Event via CloudTrail", {"eventName": "RotationSucceeded",
                                          "additionalEventData": {"SecretId": "ARN"}}),
])
def test_events_by_cloudtrail(moto, bus, pushed, fs, detail_type, detail):
    name, arn, mounted = pushed
    moto.change(name, json.dumps({"key": "changed, says CloudTrail"}))
    text = json.dumps({"eventSource": "secretsmanager.amazonaws.com", **detail})
    bus.put_event(detail_type, json.loads(text.replace("ARN\"", arn + "\"").replace("NAME\"", name + "\"")))
    util.wait_until(lambda: fs.read(mounted / name / "key") == b"changed, says CloudTrail")


def test_wrapped_by_sns(moto, bus, pushed, fs):
    name, arn, mounted = pushed
    moto.change(name, json.dumps({"key": "changed, says SNS"}))
    event = {"source": "aws.secretsmanager", "detail-type": "Secret Label Updated", "resources": [arn],
             "detail": {"name": name, "labelUpdated": "AWSCURRENT", "versionId": str(uuid.uuid4())}}
    bus.send(json.dumps({"Type": "Notification", "MessageId": "1", "Message": json.dumps(event)}))
    util.wait_until(lambda: fs.read(mounted / name / "key") == b"changed, says SNS")


def test_foreign_and_broken_messages_do_no_harm(moto, bus, pushed, fs):
    name, arn, mounted = pushed
    for body in ("not JSON", "[]", "null", '{"detail": 7}', '{"source": "aws.ec2", "detail-type": "x", "detail": {}}',
                 '{"Message": "{"}', json.dumps({"detail-type": "Secret Label Updated", "resources": ["arn:no"]})):
        bus.send(body)
    calls = mounted.status()["calls"]["get"]
    util.wait_until(lambda: bus.left() == 0)
    assert mounted.status()["calls"]["get"] == calls
    event = {"source": "aws.secretsmanager", "detail-type": "Secret Label Updated", "resources": [arn],
             "detail": {"name": name, "labelUpdated": "AWSCURRENT", "versionId": str(uuid.uuid4())}}
    moto.change(name, json.dumps({"key": "still listening"}))
    for _ in range(3):  # duplicates
        bus.send(json.dumps(event))
    util.wait_until(lambda: fs.read(mounted / name / "key") == b"still listening")


def test_an_event_about_what_is_known_costs_no_call(moto, bus, pushed):
    name, arn, mounted = pushed
    version = os.getxattr(mounted / name, "user.secretsfs.version_id").decode()
    calls = mounted.status()["calls"]
    bus.put_event("Secret Label Updated", {"name": name, "labelUpdated": "AWSCURRENT", "versionId": version}, [arn])
    util.wait_until(lambda: mounted.status()["push"]["received"] == 1)
    util.wait_until(lambda: bus.left() == 0)
    assert mounted.status()["calls"]["get"] == calls["get"]


def test_a_dead_queue_falls_back_to_polling(moto, mount, fs):
    name = f"push/{uuid.uuid4()}"
    moto.put(name, {"key": "the value at first"})
    user = moto.user("secretsmanager:GetSecretValue", *QUEUE_ACTIONS)
    mounted = mount(user, "--secret", name, "--events-queue", f"{moto.url}/123456789012/none", "--poll", "200ms",
                    "--ttl", "1h")
    assert fs.read(mounted / name / "key") == b"the value at first"
    mounted.wait_log("queue")
    util.wait_until(lambda: mounted.status()["push"]["state"] == "failing")
    moto.change(name, json.dumps({"key": "another value at last"}))
    util.wait_until(lambda: fs.read(mounted / name / "key") == b"another value at last")


def test_a_denied_queue_says_what_to_allow(moto, bus, mount):
    user = moto.user("secretsmanager:GetSecretValue")
    mounted = mount(user, "--secret", "some/name", "--events-queue", bus.url, *PUSHED)
    mounted.wait_log("sqs:ReceiveMessage", "sqs:DeleteMessage")
