"""Sleeps for data.seconds."""

import time


def handler(task, context):
    print("Asleep", flush=True)
    time.sleep(task["data"]["seconds"])
    print("Awake")
