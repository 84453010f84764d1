"""Sample events of SQS, SNS and Kinesis. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from __future__ import annotations

import base64
import hashlib

from taskdock.web.common.sample_events.sample import (
    ACCOUNT,
    Json,
    Option,
    OptionType,
    Sample,
    Values,
)

_SEQUENCE = 49590338271490256608559692538361571095921575989136588898
_FIFO_SEQUENCE = 18849496460467696128


def _sqs(values: Values) -> Json:
    return {
        "Records": [_sqs_message(values, body, number) for number, body in enumerate(values.body)]
    }


def _sqs_message(values: Values, body: str, number: int) -> Json:
    id = values.new_uuid()
    of_fifo = {}
    if values.queue.endswith(".fifo"):
        of_fifo = {
            "SequenceNumber": str(_FIFO_SEQUENCE + number),
            "MessageGroupId": values.group or "1",
            "MessageDeduplicationId": id,
        }
    return {
        "messageId": id,
        "receiptHandle": "MessageReceiptHandle",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(values.epoch),
            **of_fifo,
            "SenderId": ACCOUNT,
            "ApproximateFirstReceiveTimestamp": str(values.epoch + 1),
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": values.arn("sqs", values.queue),
        "awsRegion": values.region,
    }


def _sns(values: Values) -> Json:
    topic = values.arn("sns", values.topic)
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": f"{topic}:{values.new_uuid()}",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": values.new_uuid(),
                    "TopicArn": topic,
                    "Subject": values.subject,
                    "Message": values.message,
                    "Timestamp": values.iso,
                    "SignatureVersion": "1",
                    "Signature": "EXAMPLE",
                    "SigningCertUrl": "EXAMPLE",
                    "UnsubscribeUrl": "EXAMPLE",
                    "MessageAttributes": {},
                },
            }
        ]
    }


def _kinesis(values: Values) -> Json:
    return {"Records": [_record(values, data, number) for number, data in enumerate(values.data)]}


def _record(values: Values, data: str, number: int) -> Json:
    sequence = str(_SEQUENCE + number)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": values.partition_key,
            "sequenceNumber": sequence,
            "data": base64.b64encode(data.encode()).decode(),
            "approximateArrivalTimestamp": values.epoch / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/lambda-role",
        "awsRegion": values.region,
        "eventSourceARN": values.arn("kinesis", f"stream/{values.stream}"),
    }


SQS = Sample(
    about="A queue of SQS has messages.",
    options=(
        Option(
            name="body",
            about="A message; repeat for more.",
            default=("Hello from SQS!",),
            type=OptionType.TEXTS,
        ),
        Option(name="queue", about="The queue; one that ends in .fifo is one.", default="my-queue"),
        Option(name="group", about="The message group of a FIFO queue."),
    ),
    make=_sqs,
)
SNS = Sample(
    about="A topic of SNS has a notification.",
    options=(
        Option(name="message", about="The message.", default="Hello from SNS!"),
        Option(name="topic", about="The topic.", default="my-topic"),
        Option(name="subject", about="The subject."),
    ),
    make=_sns,
)
KINESIS = Sample(
    about="A stream of Kinesis has records.",
    options=(
        Option(
            name="data",
            about="A record's data, as text; repeat for more.",
            default=("Hello from Kinesis!",),
            type=OptionType.TEXTS,
        ),
        Option(name="stream", about="The stream.", default="my-stream"),
        Option(name="partition-key", about="The partition key.", default="1"),
    ),
    make=_kinesis,
)
