"""A run copied as code of the JavaScript SDK, which runs as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from taskdock.web.ui.shown.snippets import AgainCall, snippets
from tests.sdk.conftest import variables
from tests.support.builders import StartDock
from tests.support.sdk import Sdk

DATA = {"name": 'O\'Neill "Ada" ${x}\n</script>', "legs": 4}


def work(event: Any, runtime: Any) -> Any:
    return {"statusCode": 200, "body": json.dumps({"got": event.get("data", event.get("body"))})}


@pytest.mark.parametrize("kind", ["task", "execution", "api"])
def test_the_sdk_does_it_again(start_dock: StartDock, sdk: Sdk, kind: str) -> None:
    dock = start_dock()
    dock.deploy(work)
    call = AgainCall(
        kind=kind,
        function="walnut-table",
        url=dock.url,
        data=DATA,
        event={"body": json.dumps(DATA)} if kind == "api" else {"data": DATA},
        method="POST",
        path="/items?limit=2",
    )
    (text,) = [each.text for each in snippets(call) if each.name == "JavaScript SDK"]

    answer = sdk.run(text, variables(dock))

    if kind == "task":
        assert answer["data"] == DATA
    elif kind == "execution":
        assert json.loads(answer["result"]["body"]) == {"got": DATA}
    else:
        assert json.loads(answer["got"]) == DATA
