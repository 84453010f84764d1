"""Does what data.do says."""

import logging
import os
import sys


def handler(task, context):
    data = task["data"]
    return globals()[f"do_{data['do']}"](data, context)


def do_hello(data, context):
    return {"hello": data["name"]}


def do_fail(data, context):
    raise ValueError("boom")


def do_exit(data, context):
    sys.exit(data["code"])


def do_grow(data, context):
    """A result of `bytes` bytes of JSON, the quotes among them."""
    return "x" * (data["bytes"] - 2)


def do_print(data, context):
    print("one")
    print("two", file=sys.stderr)
    logging.getLogger().warning("three")


def do_tell(data, context):
    return {
        "environment": dict(os.environ),
        "functionName": context.function_name,
        "functionVersion": context.function_version,
        "invokedFunctionArn": context.invoked_function_arn,
        "memoryLimit": context.memory_limit_in_mb,
        "logGroup": context.log_group_name,
        "logStream": context.log_stream_name,
        "requestId": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
    }
