"""A chain of tasks: each one makes its successor through the Task Service's own API.

API_HOST, which taskdock puts into every function's environment, is where that API is.
"""

import json
import os
from datetime import datetime, timedelta
from urllib.request import Request, urlopen

DEFAULT_INTERVAL = 5  # seconds


def handler(task, context):
    data = task.get("data") or {}
    remaining = int(data.get("remaining", 0))
    if remaining <= 0:
        print("The chain ends here")
        return {"remaining": 0, "nextTaskId": None}

    start = begun(task) + timedelta(seconds=data.get("interval", DEFAULT_INTERVAL))
    successor = create_task(
        {
            "functionName": task["functionName"],
            "data": {**data, "remaining": remaining - 1},
            "startTimestamp": start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
    )
    print(f"Made task {successor['id']}, to start at {successor['startTimestamp']}")
    return {"remaining": remaining, "nextTaskId": successor["id"]}


def begun(task):
    """When this task was begun, by the service's clock, which a test may have moved."""
    return datetime.fromisoformat(task["updateTimestamp"].replace("Z", "+00:00"))


def create_task(task):
    request = Request(
        f"{os.environ['API_HOST'].rstrip('/')}/tasks/v1/",
        data=json.dumps(task).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=5) as response:
        return json.load(response)
