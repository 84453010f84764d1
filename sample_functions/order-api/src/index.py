"""A small website that needs no packages: GET /hello?name=... greets, POST /orders takes an order.

An order makes a task of the function that it names, and sends a mail, both through API_HOST. The
mail service is a double's: see sample_functions/doubles.
"""

import base64
import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

WORKER = "takes-its-time"


def handler(event, context):
    method, path = event["requestContext"]["http"]["method"], event["rawPath"]
    if method == "GET" and path.endswith("/hello"):
        name = (event.get("queryStringParameters") or {}).get("name", "world")
        print(f"Greeting {name}")
        return answer(200, {"greeting": f"Hello {name}!"})
    if method == "POST" and path.endswith("/orders"):
        return answer(201, take(json.loads(body(event) or "{}")))
    return answer(404, {"error": f"there is no {method} {path}"})


def take(order):
    item = order.get("item", "tea")
    worker = order.get("functionName", WORKER)
    task = send("/tasks/v1/", {"functionName": worker, "data": {"item": item}})
    print(f"The order of {item} is task {task['id']}")
    try:
        send("/mail/v1/", {"recipients": {"to": ["ada@example.com"]}, "subject": f"Your {item}"})
    except HTTPError as error:
        print(f"No mail was sent: HTTP {error.code}")
    return {"item": item, "taskId": task["id"]}


def body(event):
    text = event.get("body") or ""
    return base64.b64decode(text).decode() if event.get("isBase64Encoded") else text


def answer(status, content):
    headers = {"Content-Type": "application/json"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(content)}


def send(path, content):
    request = Request(
        os.environ["API_HOST"].rstrip("/") + path,
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=5) as response:
        return json.load(response)
