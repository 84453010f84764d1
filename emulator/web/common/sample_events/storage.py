"""Sample events of S3 and DynamoDB. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote_plus

from taskdock.web.common.sample_events.sample import Json, Option, OptionType, Sample, Values

_SEQUENCE = "4421584500000000017450439091"


def _s3(values: Values) -> Json:
    removed = values.event_name.startswith("ObjectRemoved")
    key = quote_plus(values.key, safe="/")  # S3 encodes keys so
    stored = {} if removed else {"size": values.size, "eTag": _digest(values.key)}
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": values.region,
                "eventTime": values.iso,
                "eventName": values.event_name,
                "userIdentity": {"principalId": "AWS:EXAMPLE"},
                "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {
                    "x-amz-request-id": "EXAMPLE123456789",
                    "x-amz-id-2": "EXAMPLE123/5678abcdefghijklambda/mnopqrstuvwxyzABCDEFGH",
                },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "testConfigRule",
                    "bucket": {
                        "name": values.bucket,
                        "ownerIdentity": {"principalId": "EXAMPLE"},
                        "arn": f"arn:aws:s3:::{values.bucket}",
                    },
                    "object": {"key": key, **stored, "sequencer": f"{values.epoch:018X}"},
                },
            }
        ]
    }


def _dynamodb(values: Values) -> Json:
    """With both images, where the operation has them."""
    images: Json = {}
    if values.operation != "REMOVE":
        images["NewImage"] = _item({**values.key, **(values.new or {})})
    if values.operation != "INSERT":
        images["OldImage"] = _item({**values.key, **(values.old or {})})
    change = {"Keys": _item(values.key), **images}
    stream = values.arn("dynamodb", f"table/{values.table}/stream/{values.iso[:23]}")
    return {
        "Records": [
            {
                "eventID": values.new_uuid().replace("-", ""),
                "eventName": values.operation,
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": values.region,
                "dynamodb": {
                    "ApproximateCreationDateTime": values.epoch // 1000,
                    **change,
                    "SequenceNumber": _SEQUENCE,
                    "SizeBytes": len(json.dumps(change)),
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
                "eventSourceARN": stream,
            }
        ]
    }


def _item(fields: Json) -> Json:
    return {name: _attribute(value) for name, value in fields.items()}


def _attribute(value: Any) -> Json:
    """A JSON value with the type that DynamoDB gives it:
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html"""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [_attribute(each) for each in value]}
    return {"M": _item(value)}


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


S3 = Sample(
    about="S3 has stored or removed an object.",
    options=(
        Option(name="bucket", about="The bucket.", default="example-bucket"),
        Option(name="key", about="The object's key, as it is.", default="test/key.txt"),
        Option(name="size", about="Its bytes.", default=1024, type=OptionType.NUMBER),
        Option(
            name="event-name",
            about="Such as ObjectCreated:Put or ObjectRemoved:Delete.",
            default="ObjectCreated:Put",
        ),
    ),
    make=_s3,
)
DYNAMODB = Sample(
    about="An item of a DynamoDB table has changed.",
    options=(
        Option(name="table", about="The table.", default="example-table"),
        Option(
            name="operation",
            about="What has happened to the item.",
            default="INSERT",
            type=OptionType.CHOICE,
            choices=("INSERT", "MODIFY", "REMOVE"),
        ),
        Option(name="key", about="The item's key.", default={"id": "101"}, type=OptionType.JSON),
        Option(
            name="new",
            about="The item's other fields now.",
            default={"legs": 4},
            type=OptionType.JSON,
        ),
        Option(
            name="old", about="The other fields before.", default={"legs": 3}, type=OptionType.JSON
        ),
    ),
    make=_dynamodb,
)
