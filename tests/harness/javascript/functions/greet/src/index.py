"""Greets somebody by a mail."""

import json
import os
import urllib.request


def handler(task, context):
    name = task["data"]["name"]
    print(os.environ["GREETING"], name)
    mail = {"recipients": {"to": [f"{name.lower()}@example.org"]}}
    request = urllib.request.Request(
        os.environ["API_HOST"] + "/mail/v1/",
        json.dumps(mail).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return {"sent": json.load(answer)["id"]}
