"""Runs until the Task Service has data.count tasks that match the RQL in data.until."""

import json
import os
import time
from urllib.request import urlopen

LIMIT = 25  # seconds


def handler(task, context):
    data = task["data"]
    print("The gate is closed", flush=True)
    deadline = time.monotonic() + LIMIT
    while count(data["until"]) < data["count"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not {data['count']} tasks within {LIMIT} s: {data['until']}")
        time.sleep(0.05)
    print("The gate is open")


def count(rql):
    with urlopen(f"{os.environ['API_HOST']}/tasks/v1/?{rql}", timeout=5) as response:
        return json.load(response)["page"]["total"]
