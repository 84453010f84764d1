"""Samples of events have the shapes of real ones."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from datetime import datetime, timezone
from typing import Any
from urllib.parse import unquote_plus

import pytest
from click.testing import CliRunner, Result

from taskdock.commands import main
from taskdock.identity.account import Account
from taskdock.tasks.api_functions.gateway_event import GatewayRequest, to_event
from taskdock.tasks.model import task_json
from taskdock.tasks.model.task import Status, new_task
from taskdock.web.common.sample_events.samples import SAMPLES

TIME = "2026-01-02T03:04:05.678Z"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
EPOCH = 1767323045678
ADA, SHOP = "5e9fff9d90135a2a9a718e2f", "5e9fff9d90135a2a9a718e30"


def call(*words: str) -> Result:
    return CliRunner().invoke(main, ["events", "generate", *words])


def sample(*words: str) -> Any:
    result = call(*words, "--time", TIME)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def record(*words: str) -> Any:
    (only,) = sample(*words)["Records"]
    return only


def test_the_kinds_are_listed() -> None:
    listed = call("--list").stdout.splitlines()[1:]

    assert [line.split()[0] for line in listed] == list(SAMPLES)
    assert all(name in call("--help").stdout for name in SAMPLES)
    assert call().exit_code == 2
    assert "which event? There are api-request, task," in call().stderr


@pytest.mark.parametrize("name", SAMPLES)
def test_each_kind_needs_no_option_and_documents_those_it_has(name: str) -> None:
    assert sample(name)

    help_text = call(name, "--help").stdout
    assert all(f"--{option.name}" in help_text for option in SAMPLES[name].options)


def test_an_api_request_is_the_event_that_an_api_function_gets() -> None:
    made = sample(
        *("api-request", "--method", "post", "--path", "/tables/7", "--query", "legs=4&legs=5"),
        *("--header", "Cookie: a=1; b=2", "--body", '{"wood": "Nußbaum"}'),
        *("--source-ip", "172.17.0.1"),
    )

    request = GatewayRequest(
        method="POST",
        path="/tables/7",
        query="legs=4&legs=5",
        headers={
            "host": "localhost:8080",
            "user-agent": "taskdock",
            "accept": "*/*",
            "content-type": "application/json",
            "cookie": "a=1; b=2",
        },
        body='{"wood": "Nußbaum"}'.encode(),
        source_ip="172.17.0.1",
    )
    id = made["requestContext"]["requestId"]
    caller = Account(user_id=ADA, application_id=SHOP)
    assert made == to_event(request, caller, id=id, now=NOW)
    assert len(id) == 24


def test_a_task_is_what_a_function_gets_for_one() -> None:
    made = sample(
        *("task", "--function-name", "walnut-table", "--data", '{"legs": 4}'),
        *("--tag", "a", "--tag", "b", "--priority", "7"),
    )

    task = new_task(
        id=made["id"],
        function_name="walnut-table",
        data={"legs": 4},
        tags=("a", "b"),
        priority=7,
        start=NOW,
        now=NOW,
        user_id=ADA,
        application_id=SHOP,
    )
    shown = dict(task_json.to_json(task))
    assert made == {**shown, "status": Status.IN_PROGRESS.value}


def test_a_task_that_has_failed_is_told_by_a_task() -> None:
    made = sample("task-failed", "--function-name", "walnut-table", "--error-name", "TypeError")

    assert made["functionName"] == "on-failure"
    event = made["data"]
    assert event["type"] == "task_failed"
    assert event["content"]["functionName"] == "walnut-table"
    assert event["content"]["error"]["name"] == "TypeError"
    assert event["creationTimestamp"] == TIME
    assert "createdByUserId" not in made


def test_an_object_of_s3_has_its_key_as_s3_encodes_it() -> None:
    stored = record("s3", "--bucket", "photos", "--key", "a b/Nußbaum+1.jpg", "--size", "7")
    removed = record("s3", "--event-name", "ObjectRemoved:Delete")

    assert stored["s3"]["bucket"]["name"] == "photos"
    assert stored["s3"]["bucket"]["arn"] == "arn:aws:s3:::photos"
    assert stored["s3"]["object"]["key"] == "a+b/Nu%C3%9Fbaum%2B1.jpg"
    assert unquote_plus(stored["s3"]["object"]["key"]) == "a b/Nußbaum+1.jpg"
    assert (stored["s3"]["object"]["size"], stored["eventTime"]) == (7, TIME)
    assert set(removed["s3"]["object"]) == {"key", "sequencer"}


def test_messages_of_sqs_have_digests_and_one_record_each() -> None:
    both = sample("sqs", "--body", "one", "--body", "Nußbaum", "--queue", "orders")["Records"]
    fifo = record("sqs", "--queue", "orders.fifo", "--group", "7")

    assert [each["body"] for each in both] == ["one", "Nußbaum"]
    assert both[1]["md5OfBody"] == hashlib.md5("Nußbaum".encode()).hexdigest()
    assert both[0]["messageId"] != both[1]["messageId"]
    assert both[0]["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:orders"
    assert both[0]["attributes"]["SentTimestamp"] == str(EPOCH)
    assert "MessageGroupId" not in both[0]["attributes"]
    assert fifo["attributes"]["MessageGroupId"] == "7"


def test_a_notification_of_sns_has_its_message_topic_and_time() -> None:
    made = record("sns", "--message", "hello", "--topic", "news", "--region", "eu-west-1")

    assert made["Sns"]["Message"] == "hello"
    assert made["Sns"]["TopicArn"] == "arn:aws:sns:eu-west-1:123456789012:news"
    assert (made["Sns"]["Timestamp"], made["Sns"]["Subject"]) == (TIME, None)


def test_an_item_of_dynamodb_has_the_types_that_dynamodb_gives() -> None:
    new = '{"a": 1, "b": "x", "c": true, "d": null, "e": [1.5], "f": {"g": "h"}}'
    inserted = record("dynamodb", "--key", '{"id": "7"}', "--new", new)["dynamodb"]
    removed = record("dynamodb", "--operation", "remove")

    assert inserted["Keys"] == {"id": {"S": "7"}}
    assert inserted["NewImage"] == {
        "id": {"S": "7"},
        "a": {"N": "1"},
        "b": {"S": "x"},
        "c": {"BOOL": True},
        "d": {"NULL": True},
        "e": {"L": [{"N": "1.5"}]},
        "f": {"M": {"g": {"S": "h"}}},
    }
    assert "OldImage" not in inserted
    assert removed["eventName"] == "REMOVE"
    assert "NewImage" not in removed["dynamodb"]


def test_data_of_kinesis_is_base64() -> None:
    made = record("kinesis", "--data", "Nußbaum", "--stream", "orders")

    assert base64.b64decode(made["kinesis"]["data"]).decode() == "Nußbaum"
    assert made["eventSourceARN"].endswith(":stream/orders")
    assert made["kinesis"]["approximateArrivalTimestamp"] == EPOCH / 1000


def test_events_of_eventbridge_have_whole_seconds() -> None:
    own = sample("eventbridge", "--source", "shop", "--detail", '{"id": 7}')
    due = sample("schedule", "--rule", "nightly")

    assert (own["source"], own["detail"]) == ("shop", {"id": 7})
    assert own["time"] == "2026-01-02T03:04:05Z"
    assert (due["source"], due["detail-type"]) == ("aws.events", "Scheduled Event")
    assert due["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/nightly"]


def test_lines_of_cloudwatch_are_compressed() -> None:
    made = sample("cloudwatch-logs", "--message", "one", "--message", "two")

    data = json.loads(gzip.decompress(base64.b64decode(made["awslogs"]["data"])))
    assert [each["message"] for each in data["logEvents"]] == ["one", "two"]
    assert data["logEvents"][0]["timestamp"] == EPOCH


def test_a_rest_api_has_each_value_of_a_parameter() -> None:
    made = sample(
        *("api-gateway-rest", "--path", "/items", "--query", "a=1&a=2", "--header", "X-Wood: oak")
    )

    assert made["queryStringParameters"] == {"a": "2"}
    assert made["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert made["headers"] == {"x-wood": "oak"}
    assert (made["body"], made["isBase64Encoded"]) == (None, False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("task", "--data", "{"), "--data was given no valid JSON"),
        (("task", "--data", "[1]"), "--data takes a JSON object"),
        (("task", "--time", "soon"), "--time: 'soon' is no ISO 8601 time"),
        (("task", "--priority", "high"), "has to be a whole number"),
        (("api-request", "--header", "no colon"), "is no header such as 'accept: text/html'"),
        (("dynamodb", "--operation", "drop"), "not 'drop'"),
        (("s4",), "there is no command 's4'"),
    ],
)
def test_what_makes_no_event_is_told(words: tuple[str, ...], message: str) -> None:
    result = call(*words)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
