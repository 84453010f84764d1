"""Prints data.mark; then sleeps, or fails at the first attempt, when the data says so."""

import time


class Unsteady(Exception):
    pass


def handler(event, context):
    data = event["data"]
    print("mark", data["mark"])
    time.sleep(data.get("seconds", 0))
    if data.get("fails") and not event.get("retryForTaskIds"):
        raise Unsteady(data["mark"])
    return data["mark"]
