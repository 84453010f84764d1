"""What Lambda functions do that know of no task; the event's "do" says which."""

import os
import time
import urllib.error
import urllib.request


def handler(event, context):
    return globals()[f"do_{event.get('do', 'nothing')}"](event, context)


def do_nothing(event, context):
    pass


def do_echo(event, context):
    print("hello from the inside")
    return event


def do_context(event, context):
    sent = context.client_context
    return {
        "arn": context.invoked_function_arn,
        "custom": sent and sent.custom,
        "requestId": context.aws_request_id,
        "wood": os.environ.get("WOOD"),
    }


def do_fail(event, context):
    raise ValueError("no legs")


def do_exit(event, context):
    os._exit(3)


def do_sleep(event, context):
    time.sleep(event["seconds"])


def do_grow(event, context):
    kept = []
    while True:
        kept.append(bytearray(b"x" * 8_000_000))


def do_administer(event, context):
    """The status of a look at all functions, from here."""
    try:
        url = f"{os.environ['API_HOST']}/2015-03-31/functions"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
