"""The published SDK against services that only doubles stand for."""

from __future__ import annotations

import pytest

from taskdock.base import resources
from taskdock.web.access import elsewhere
from tests.sdk.conftest import CLIENT, SIGNATURES, variables
from tests.service.conftest import StartDock
from tests.support.doubles import add, calls
from tests.support.sdk import Sdk

ONE_CALL = {
    "configurations": "exh.configurations.general.get()",
    "data": "exh.data.schemas.find()",
    "dispatchers": "exh.dispatchers.find()",
    "files": "exh.files.find()",
    "localizations": "exh.localizations.find()",
    "logs": "exh.logs.access.find()",
    "mail": "exh.mails.find()",
    "notifications": "exh.notifications.find()",
    "payments": "exh.payments.products.find()",
    "profiles": "exh.profiles.find()",
    "templates": "exh.templates.find()",
}
"""A call of each service that is not here."""


@pytest.mark.parametrize("signature", SIGNATURES)
def test_each_service_that_is_not_here_is_told_the_rule_to_write(
    start_dock: StartDock, sdk: Sdk, signature: str
) -> None:
    dock = start_dock(auth="strict", harness="on")
    asked = ",".join(f"{name}: () => {call}" for name, call in ONE_CALL.items())

    told = sdk.run(
        f"""{CLIENT}
        const told = {{}};
        for (const [name, call] of Object.entries({{ {asked} }})) {{
          try {{ await call(); told[name] = 'no error'; }}
          catch (error) {{ told[name] = error.response.message; }}
        }}
        print(told);
        """,
        variables(dock, signature),
    )

    assert ONE_CALL.keys() == elsewhere.SERVICES
    for name, message in told.items():
        assert f"- method: GET\n  path: /{name}/v" in message, name
    unmatched = calls(dock, "?unmatched=true")
    assert [each["path"].split("/")[1] for each in unmatched] == list(ONE_CALL)


@pytest.mark.parametrize("signature", SIGNATURES)
def test_documents_mails_and_files_work_by_the_samples(
    start_dock: StartDock, sdk: Sdk, signature: str
) -> None:
    dock = start_dock(
        auth="strict", harness="on", doubles=resources.folder("sample_functions") / "doubles"
    )
    upload = {"name": "a.txt", "size": 5, "tokens": [{"token": "f-1", "accessLevel": "full"}]}
    add(dock, "POST", "/files/v1/", {"json": upload})
    add(dock, "GET", "/files/v1/{token}/file", {"base64": "AP8="})

    seen = sdk.run(
        f"""{CLIENT}
        const documents = exh.data.documents;
        const oak = await documents.create('rooms', {{ wood: 'oak', age: 7, a_b: {{ cD: 1 }} }});
        const elm = await documents.create('rooms', {{ wood: "e'l (m) & 100%", age: 11 }});
        const changed = await documents.update('rooms', oak.id, {{ age: 8 }});
        const trimmed = await documents.removeFields('rooms', oak.id, {{ fields: ['wood'] }});
        const byText = await documents.find('rooms',
          {{ rql: rql().eq('data.wood', "e'l (m) & 100%").build() }});
        const sorted = await documents.findAll('rooms', {{ rql: rql().sort('-data.age').build() }});
        const since = await documents.find('rooms',
          {{ rql: rql().ge('creationTimestamp', oak.creationTimestamp.toISOString()).build() }});
        const removed = await documents.remove('rooms', elm.id);
        const left = await documents.findById('rooms', oak.id);
        const sent = await exh.mails.send({{ recipients: {{ to: ['ada@example.org'] }},
          subject: 'Hi', templateName: 'report', content: {{ firstName: 'Ada' }} }});
        const outbox = await exh.mails.find();
        const queued = await exh.mails.findOutbound();
        const file = await exh.files.create('a.txt', Buffer.from([0, 255, 1]));
        const content = await exh.files.retrieve(file.tokens[0].token);
        print({{
          ids: [oak.id.length, oak.creationTimestamp instanceof Date], changed, trimmed, removed,
          byText: byText.data.map(each => each.id === elm.id), total: byText.page.total,
          sorted: sorted.map(each => each.data.age), since: since.page.total, left: left.data,
          mails: outbox.data.map(each =>
            [each.id === sent.id, each.subject, each.content, each.templateName]),
          queued: queued.page.total, content: [...content],
        }});
        """,
        variables(dock, signature),
    )

    assert seen == {
        "ids": [24, True],
        "changed": {"affectedRecords": 1},
        "trimmed": {"affectedRecords": 1},
        "removed": {"affectedRecords": 1},
        "byText": [True],
        "total": 1,
        "sorted": [11, 8],
        "since": 2,
        "left": {"age": 8, "a_b": {"cD": 1}},
        "mails": [[True, "Hi", {"firstName": "Ada"}, "report"]],
        "queued": 0,
        "content": [0, 255],
    }
    [uploaded] = [each for each in calls(dock) if each["path"] == "/files/v1/"]
    assert "multipart/form-data" in uploaded["headers"]["content-type"]
    assert "base64" in uploaded
    assert all(each["headers"]["authorization"] == "***" for each in calls(dock))
