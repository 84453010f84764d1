"""Sample events of EventBridge, CloudWatch Logs and API Gateway's REST APIs. Pure.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from urllib.parse import parse_qsl

from taskdock.web.common.sample_events.sample import (
    ACCOUNT,
    Json,
    Option,
    OptionType,
    Sample,
    Values,
)


def _eventbridge(values: Values) -> Json:
    return _event(values, values.detail_type, values.source, values.detail, [])


def _schedule(values: Values) -> Json:
    rule = values.arn("events", f"rule/{values.rule}")
    return _event(values, "Scheduled Event", "aws.events", {}, [rule])


def _event(
    values: Values, detail_type: str, source: str, detail: Any, resources: list[str]
) -> Json:
    return {
        "version": "0",
        "id": values.new_uuid(),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": values.iso_seconds,
        "region": values.region,
        "resources": resources,
        "detail": detail,
    }


def _logs(values: Values) -> Json:
    """The data is JSON, compressed, as base64."""
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": values.log_group,
        "logStream": values.log_stream,
        "subscriptionFilters": ["example-filter"],
        "logEvents": [
            {"id": f"{values.epoch:032}{number:024}", "timestamp": values.epoch, "message": text}
            for number, text in enumerate(values.message)
        ],
    }
    packed = gzip.compress(json.dumps(data, ensure_ascii=False).encode(), mtime=0)
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def _rest(values: Values) -> Json:
    """Payload format 1.0."""
    headers = headers_of(values.header)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(values.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    last = {name: each[-1] for name, each in query.items()}
    return {
        "resource": "/{proxy+}",
        "path": values.path,
        "httpMethod": values.method,
        "headers": headers or None,
        "multiValueHeaders": {name: [value] for name, value in headers.items()} or None,
        "queryStringParameters": last or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": values.path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "example-id",
            "domainName": f"example-id.execute-api.{values.region}.amazonaws.com",
            "domainPrefix": "example-id",
            "extendedRequestId": "EXAMPLE=",
            "httpMethod": values.method,
            "identity": {"sourceIp": "127.0.0.1", "userAgent": headers.get("user-agent")},
            "path": f"/prod{values.path}",
            "protocol": "HTTP/1.1",
            "requestId": values.new_uuid(),
            "requestTime": values.now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": values.epoch,
            "resourceId": "123456",
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": values.body,
        "isBase64Encoded": False,
    }


def headers_of(lines: tuple[str, ...]) -> dict[str, str]:
    """Headers by their names in lower case; of lines such as `accept: text/html`. Raises
    `ValueError` for another line."""
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"'{line}' is no header such as 'accept: text/html'")
        headers[name.strip().lower()] = value.strip()
    return headers


REQUEST = (
    Option(name="method", about="The request's method.", default="GET"),
    Option(name="path", about="Its path.", default="/"),
    Option(name="query", about="Its query, without the ?: a=1&b=2", default=""),
    Option(
        name="header",
        about="A header, as NAME: VALUE; repeat for more.",
        default=(),
        type=OptionType.TEXTS,
    ),
    Option(name="body", about="Its body, as text."),
)
EVENTBRIDGE = Sample(
    about="EventBridge has an event of your own.",
    options=(
        Option(name="source", about="Who sends it.", default="com.example.shop"),
        Option(name="detail-type", about="Its type.", default="order placed"),
        Option(name="detail", about="What it says.", default={"id": "1"}, type=OptionType.JSON),
    ),
    make=_eventbridge,
)
SCHEDULE = Sample(
    about="An EventBridge rule is due. A schedule of taskdock's gives its function a task.",
    options=(Option(name="rule", about="The rule.", default="example-rule"),),
    make=_schedule,
)
CLOUDWATCH_LOGS = Sample(
    about="A log group of CloudWatch has new lines.",
    options=(
        Option(
            name="message",
            about="A line; repeat for more.",
            default=("ERROR a leg is missing",),
            type=OptionType.TEXTS,
        ),
        Option(name="log-group", about="The log group.", default="/aws/lambda/example"),
        Option(name="log-stream", about="The log stream.", default="example-stream"),
    ),
    make=_logs,
)
API_GATEWAY_REST = Sample(
    about="A REST API of API Gateway is called: payload format 1.0. API functions get api-request.",
    options=REQUEST,
    make=_rest,
)
