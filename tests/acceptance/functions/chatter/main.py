"""Prints its task's id and the environment it runs in, several times in a fifth of a second."""

import os
import time


def handler(task, context):
    for number in range(5):
        print(f"{number} {task['id']} {os.environ['AWS_LAMBDA_LOG_STREAM_NAME']}")
        time.sleep(0.04)
