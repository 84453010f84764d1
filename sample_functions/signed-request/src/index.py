"""Creates a task with a request that is signed with OAuth1, as the service asks for it.

taskdock puts API_HOST and the four API_OAUTH_ variables into every function's environment.
"""

import os

from requests_oauthlib import OAuth1Session

API_HOST = os.environ["API_HOST"].rstrip("/")

exh = OAuth1Session(
    os.environ["API_OAUTH_CONSUMER_KEY"],
    os.environ["API_OAUTH_CONSUMER_SECRET"],
    os.environ["API_OAUTH_TOKEN"],
    os.environ["API_OAUTH_TOKEN_SECRET"],
)


def handler(task, context):
    data = task.get("data") or {}
    function_name = data.get("functionName", "hello-world-python")

    me = checked(exh.get(f"{API_HOST}/users/v1/me", timeout=5))
    print(f"Signed in as {me['email']}")

    body = {"functionName": function_name, "data": {"name": data.get("name", "world")}}
    created = checked(exh.post(f"{API_HOST}/tasks/v1/", json=body, timeout=5))
    print(f"Made task {created['id']} for {function_name}")
    return {"taskId": created["id"], "userId": me["id"]}


def checked(response):
    if not response.ok:
        raise RuntimeError(f"{response.status_code}: {response.text}")
    return response.json()
