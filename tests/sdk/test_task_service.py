"""Every method under the SDK's `tasks`, signed either way: what it gives and how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from taskdock.testing.zips import base64_of, zip_of
from tests.sdk.conftest import CLIENT, SIGNATURES, variables
from tests.service.conftest import StopLater
from tests.support.builders import Dock, Gate, Json, StartDock
from tests.support.people import administrator, person
from tests.support.sdk import Sdk

pytestmark = pytest.mark.timeout(600)

CODE = base64_of(zip_of({"oak.py": ""}))
MANY = 130  # more than two pages of the most that a page can have

TOUR = """
const { tasks } = exh, { functions, schedules, api, logs, apiRequests } = tasks;
const later = new Date('2040-01-01T00:00:00.000Z');
const data = { text: 'ä=1&b(2)', snake_case: 1, camelCase: { inner_key: [2] } };
const daily = { functionName: 'oak', interval: 86400, startTimestamp: later };
const pages = async iterator => {
  const all = [];
  for await (const page of iterator) all.push(page);
  return all;
};
const tagged = { rql: rql().in('tags', ['many']).build() };
const is = {};  // what each method gave

const steps = {
  'functions.create': () => functions.create({
    name: 'oak', code: v.CODE, entryPoint: 'oak.handler', runtime: 'python3.11',
    environmentVariables: { LEAF_COLOUR: { value: 'green' } } }),
  'functions.find': () => functions.find(),
  'functions.update': () => functions.update('oak', { description: 'leaves & acorns' }),
  'functions.getByName': () => functions.getByName('oak'),
  'functions.disable': () => functions.disable('oak'),
  'functions.enable': () => functions.enable('oak'),
  'functions.execute': () => functions.execute('oak', data),
  'logs.find': () => logs.find(is['functions.execute'].id),
  'logs.findFirst': () => logs.findFirst(is['functions.execute'].id,
    { rql: rql().ge('timestamp', '2020-01-01T00:00:00.000Z').build() }),
  'create': () => tasks.create({
    functionName: 'oak', data, tags: ['one'], priority: -3, startTimestamp: later }),
  'find': () => tasks.find({ rql: rql().eq('data.text', data.text).sort('-priority').build() }),
  'findById': () => tasks.findById(is.create.id),
  'findFirst': () => tasks.findFirst({ rql: rql().eq('status', 'new').build() }),
  'cancel': () => tasks.cancel(is.create.id),
  'findAll': async () => {
    for (let at = 0; at < +v.MANY; at += 26)
      await Promise.all(Array.from({ length: 26 }, () =>
        tasks.create({ functionName: 'oak', tags: ['many'], startTimestamp: later })));
    return tasks.findAll(tagged);
  },
  'findAllIterator': () => pages(tasks.findAllIterator(tagged)),
  'schedules.create': () => schedules.create({ ...daily, data, priority: 5 }),
  'schedules.find': async () => {
    await schedules.create(daily);
    const first = await schedules.find({ rql: rql().limit(1).build() });
    const second = await first.next();
    return { first, second, again: await second.previous() };
  },
  'schedules.findAll': () => schedules.findAll(),
  'schedules.findAllIterator': () => pages(schedules.findAllIterator()),
  'schedules.findFirst': () => schedules.findFirst(
    { rql: rql().eq('id', is['schedules.create'].id).build() }),
  'schedules.remove': () => schedules.remove(is['schedules.create'].id),
  'schedules.delete': async () => schedules.delete((await schedules.findFirst()).id),
  'api.get': () => api.get('api', '/leaves?age=7'),
  'api.post': () => api.post('api', 'leaves', data),
  'api.put': () => api.put('api', '/leaves/3', data),
  'api.patch': () => api.patch('api', '/leaves/3', data),
  'api.delete': () => api.delete('api', '/leaves/3'),
  'apiRequests.find': async () => {
    const first = await apiRequests.find({ rql: rql().sort('timestamp').limit(2).build() });
    return { first, second: await first.next() };
  },
  'apiRequests.findAll': () => apiRequests.findAll(),
  'apiRequests.findAllIterator': () => pages(apiRequests.findAllIterator(
    { rql: rql().limit(2).build() })),
  'apiRequests.findFirst': () => apiRequests.findFirst(
    { rql: rql().eq('method', 'PATCH').build() }),
  'apiRequests.logs.find': () => apiRequests.logs.find(is['apiRequests.findFirst'].id),
  'apiRequests.logs.findFirst': () => apiRequests.logs.findFirst(is['apiRequests.findFirst'].id),
  'functions.remove': () => functions.remove('oak'),
};
const methods = (service, prefix = '') => Object.entries(service).flatMap(([name, value]) =>
  typeof value === 'function' ? [prefix + name] : methods(value, `${prefix}${name}.`));

for (const [name, call] of Object.entries(steps)) is[name] = await outcome(call);
print({ is, methods: methods(tasks), dates: {
  task: is.create.startTimestamp instanceof Date,
  listed: is.find.data[0].creationTimestamp instanceof Date,
  line: is['logs.findFirst'].timestamp instanceof Date,
  schedule: is['schedules.create'].nextTimestamp instanceof Date,
  request: is['apiRequests.findFirst'].timestamp instanceof Date } });
"""

DATA = {"text": "ä=1&b(2)", "snake_case": 1, "camelCase": {"inner_key": [2]}}
DONE = {"affectedRecords": 1}


def rings(event: Any, runtime: FakeRuntime) -> Json:
    runtime.print("counting")
    return {"rings": 7, "snake_case": event["data"], "innerKey": 1}


def echo(event: Any, runtime: FakeRuntime) -> Json:
    runtime.print(event["requestContext"]["http"]["method"])
    seen = {name: event.get(name) for name in ("rawPath", "rawQueryString", "body")}
    return {"statusCode": 200, "body": {**seen, "snake_case": event["headers"]["content-type"]}}


def api_function(event: Any, runtime: FakeRuntime) -> Json:
    event["headers"].setdefault("content-type", "")
    return echo(event, runtime)


@pytest.fixture(scope="module", params=SIGNATURES)
def tour(
    request: pytest.FixtureRequest,
    sdk: Sdk,
    tmp_path_factory: pytest.TempPathFactory,
    stop_later: StopLater,
) -> Iterator[tuple[Dock, Json]]:
    """A server, and what each method gave there, one after the other."""
    dock = Dock(tmp_path_factory.mktemp("tour") / "data", auth="strict")
    dock.engine.programs = {"oak.handler": serve(rings), "api": serve(api_function)}
    administrator(dock).post("/tasks/v1/functions", new_function("api", entryPoint="api"))
    given = variables(dock, request.param, CODE=CODE, MANY=str(MANY))
    yield dock, sdk.run(CLIENT + TOUR, given)
    stop_later(dock)


@pytest.fixture
def gave(tour: tuple[Dock, Json]) -> Json:
    _, seen = tour
    given: Json = seen["is"]
    return given


def test_every_method_is_called_and_none_fails(tour: tuple[Dock, Json]) -> None:
    _, seen = tour

    assert sorted(seen["is"]) == sorted(seen["methods"])
    assert {name: gave for name, gave in seen["is"].items() if isinstance(gave, str)} == {}


def test_times_are_dates(tour: tuple[Dock, Json]) -> None:
    _, seen = tour

    assert set(seen["dates"].values()) == {True}


def test_functions_are_created_listed_changed_and_removed(gave: Json) -> None:
    created, found = gave["functions.create"], gave["functions.getByName"]

    assert (created["name"], created["enabled"], created["timeLimit"]) == ("oak", True, 30)
    assert created["environmentVariables"] == {"LEAF_COLOUR": {"value": "green"}}
    assert found["description"] == "leaves & acorns"
    assert found["environmentVariables"] == created["environmentVariables"]
    assert [each["name"] for each in gave["functions.find"]["data"]] == ["api", "oak"]
    for name in ("update", "disable", "enable", "remove"):
        assert gave[f"functions.{name}"] == DONE


def test_a_function_is_executed_with_its_data_as_it_was_sent(tour: tuple[Dock, Json]) -> None:
    dock, seen = tour
    executed = seen["is"]["functions.execute"]

    assert executed["result"] == {"rings": 7, "snake_case": DATA, "innerKey": 1}
    assert (executed["status"], executed["data"]) == ("complete", DATA)
    assert executed["createdByUserId"] == administrator(dock).id


def test_logs_are_lines_with_times(gave: Json) -> None:
    lines = gave["logs.find"]

    assert any("counting" in line["message"] for line in lines)
    assert gave["logs.findFirst"] == lines[0]
    assert set(lines[0]) == {"timestamp", "message"}


def test_a_task_is_created_found_and_canceled(gave: Json) -> None:
    created = gave["create"]

    assert (created["status"], created["tags"], created["priority"]) == ("new", ["one"], -3)
    assert (created["data"], created["startTimestamp"]) == (DATA, "2040-01-01T00:00:00.000Z")
    assert gave["findById"] == gave["findFirst"] == created
    assert [task["id"] for task in gave["find"]["data"]] == [
        gave["functions.execute"]["id"],
        created["id"],
    ]
    assert gave["find"]["page"] == {"total": 2, "offset": 0, "limit": 20}
    assert gave["cancel"] == DONE


def test_all_of_many_tasks_are_found_once(gave: Json) -> None:
    pages = gave["findAllIterator"]

    assert len(gave["findAll"]) == len({task["id"] for task in gave["findAll"]}) == MANY
    assert [len(page["data"]) for page in pages] == [50, 50, 30]
    assert [task for page in pages for task in page["data"]] == gave["findAll"]


def test_schedules_are_created_paged_and_removed(gave: Json) -> None:
    created, pages = gave["schedules.create"], gave["schedules.find"]

    assert (created["interval"], created["priority"], created["data"]) == (86400, 5, DATA)
    assert created["nextTimestamp"] == created["startTimestamp"] == "2040-01-01T00:00:00.000Z"
    assert pages["first"]["data"] == pages["again"]["data"] == [created]
    assert gave["schedules.findAll"] == pages["first"]["data"] + pages["second"]["data"]
    assert gave["schedules.findAllIterator"][0]["data"] == gave["schedules.findAll"]
    assert gave["schedules.findFirst"] == created
    assert gave["schedules.remove"] == gave["schedules.delete"] == DONE


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("get", "/leaves", "?age=7"),
        ("post", "/leaves", ""),
        ("put", "/leaves/3", ""),
        ("patch", "/leaves/3", ""),
        ("delete", "/leaves/3", ""),
    ],
)
def test_an_api_function_is_called_with_path_query_and_body(
    gave: Json, method: str, path: str, query: str
) -> None:
    answer = gave[f"api.{method}"]

    assert (answer["rawPath"], answer["rawQueryString"]) == (path, query)
    assert ("snake_case" in (answer["body"] or "")) == (method in ("post", "put", "patch"))
    assert "snake_case" in answer


def test_api_requests_are_found_with_their_logs(tour: tuple[Dock, Json]) -> None:
    dock, seen = tour
    gave = seen["is"]
    requests, patched = gave["apiRequests.findAll"], gave["apiRequests.findFirst"]

    assert len(requests) == 5
    assert len(gave["apiRequests.findAllIterator"]) == 3
    methods = [each["method"] for each in gave["apiRequests.find"]["first"]["data"]]
    assert methods == ["GET", "POST"]
    assert gave["apiRequests.find"]["second"]["page"]["offset"] == 2
    assert (patched["path"], patched["statusCode"]) == ("leaves/3", 200)
    assert patched["userId"] == administrator(dock).id
    lines = gave["apiRequests.logs.find"]
    assert any("PATCH" in line["message"] for line in lines)
    assert gave["apiRequests.logs.findFirst"] == lines[0]


# Errors

ERRORS = """
const { tasks } = exh, { functions, schedules, api, logs, apiRequests } = tasks;
const oak = { name: 'oak', code: v.CODE, entryPoint: 'oak.handler', runtime: 'python3.11' };
const named = (name, more) => ({ ...oak, name, ...more });
await functions.create(oak);
await functions.create(named('elm', { timeLimit: 60 }));
await functions.create(named('fir'));
await functions.disable('fir');
await functions.create(named('yew', { entryPoint: 'yew.handler' }));
const queued = await tasks.create({ functionName: 'oak', startTimestamp: new Date('2040-01-01') });
const run = await functions.execute('oak');
await outcome(() => api.get('elm', '/'));
const request = await apiRequests.findFirst();
const future = { rql: rql().ge('timestamp', '2040-01-01T00:00:00.000Z').build() };
const nowhere = '0123456789abcdef01234567';

const other = keys => sdk.createOAuth1Client({ host: v.API_HOST, ...consumer,
  token: v.API_OAUTH_TOKEN, tokenSecret: v.API_OAUTH_TOKEN_SECRET, ...keys });
const reader = other({ token: v.TOKEN, tokenSecret: v.TOKEN_SECRET });
const nobody = sdk.createOAuth1Client({ host: v.API_HOST, ...consumer });
const bearer = sdk.createOAuth2Client({ host: v.API_HOST, clientId: v.CLIENT,
  clientSecret: v.SECRET, refreshToken: 'walnut', accessToken: 'walnut' });

const calls = [
  [10, 'NoPermissionError', () => reader.tasks.functions.find()],
  [12, 'IDFormatError', () => tasks.cancel('walnut')],
  [13, 'EmptyBodyError', () => exh.raw.post('/tasks/v1/')],
  [14, 'MissingRequiredFieldsError', () => tasks.create({})],
  [15, 'FieldFormatError', () => tasks.create({ functionName: 'oak', priority: 1.5 })],
  [16, 'ResourceUnknownError', () => tasks.cancel(nowhere)],
  [16, 'ResourceUnknownError', () => functions.getByName('walnut')],
  [16, 'ResourceUnknownError', () => functions.execute('walnut')],
  [16, 'ResourceUnknownError', () => schedules.remove(nowhere)],
  [16, 'ResourceUnknownError', () => api.get('walnut', '/')],
  [17, 'ResourceAlreadyExistsError', () => functions.create(oak)],
  [19, 'InvalidRqlError', () => tasks.find({ rql: '?walnut(status,new)' })],
  [22, 'BodyFormatError', () => exh.raw.post('/tasks/v1/', ['oak'])],
  [27, 'IllegalStateError', () => tasks.cancel(run.id)],
  [27, 'IllegalStateError', () => logs.find(queued.id)],
  [104, 'UserNotAuthenticatedError', () => nobody.tasks.find()],
  [106, 'AuthenticationError',
    () => nobody.auth.authenticate({ email: v.EMAIL, password: 'oak' })],
  [107, 'OauthKeyError', () => other({ consumerKey: 'walnut' }).tasks.find()],
  [108, 'OauthTokenError', () => other({ token: 'walnut' }).tasks.find()],
  [109, 'OauthSignatureError', () => other({ tokenSecret: 'walnut' }).tasks.find()],
  [119, 'RefreshTokenUnknownError', () => bearer.tasks.find()],
  [1401, 'InvalidFunctionCodeError', () => functions.create(named('ash', { code: 'AAAA' }))],
  [1402, 'InvalidFunctionParameterError',
    () => functions.update('oak', { environmentVariables: { AWS_REGION: { value: 'x' } } })],
  [1404, 'TimeLimitExceedsDirectExecutionMaximumError', () => functions.execute('elm')],
  [1405, 'LambdaInvocationError', () => functions.execute('fir')],
  [1406, 'LambdaRuntimeError', () => functions.execute('yew')],
  [1406, 'LambdaRuntimeError', () => api.get('yew', '/')],
  [1407, 'InvalidFunctionNameError', () => functions.create(named('walnut & oak'))],
  [1408, 'NoTaskLogsFoundError', () => logs.find(run.id, future)],
  [1409, 'InvalidApiFunctionResultError', () => api.get('oak', '/')],
  [1411, 'TimeLimitExceedsApiFunctionMaximumError', () => api.get('elm', '/')],
  [1413, 'NoApiRequestLogsFoundError', () => apiRequests.logs.find(request.id)],
];
const differ = [], told = [];
for (const [code, name, call] of calls) {
  let error;
  try { await call(); } catch (caught) { error = caught; }
  // the SDK leaves the response out of the errors 104 and 108, and has a message of its own
  const seen = [error?.response?.code ?? code, error?.constructor.name,
                error instanceof sdk.ErrorClassMap[code]];
  if (seen.join() !== [code, name, true].join() || !error.message)
    differ.push([call.toString(), seen]);
  if (name === 'LambdaRuntimeError') told.push(error.response);
}
print({ differ, told });
"""


@pytest.mark.parametrize("signature", SIGNATURES)
def test_refusals_are_the_sdks_typed_errors(sdk: Sdk, strict: Dock, signature: str) -> None:
    strict.engine.programs = {"oak.handler": serve(rings_of_nothing), "yew.handler": serve(fall)}
    reader = person(strict, "VIEW_TASKS")
    keys = {"TOKEN": reader.auth.client.resource_owner_key}  # type: ignore[union-attr]
    keys["TOKEN_SECRET"] = reader.auth.client.resource_owner_secret  # type: ignore[union-attr]

    seen = sdk.run(CLIENT + ERRORS, variables(strict, signature, CODE=CODE, **keys))

    assert seen["differ"] == []
    executed, called = seen["told"]
    assert executed["runtimeError"] == {"name": "ValueError", "message": "it fell"}
    assert len(executed["taskId"]) == 24
    assert called["runtimeError"] == executed["runtimeError"]


def rings_of_nothing(event: Any, runtime: FakeRuntime) -> Json:
    return {"rings": 0}


def fall(event: Any, runtime: FakeRuntime) -> None:
    raise ValueError("it fell")


def test_too_many_at_once_have_errors_of_their_own(sdk: Sdk, start_dock: StartDock) -> None:
    dock, gate = start_dock(direct_concurrency=1), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime), "oak")
    script = """
print([await outcome(() => exh.tasks.functions.execute('oak')),
       await outcome(() => exh.tasks.api.get('oak', '/'))]);
"""

    with ThreadPoolExecutor() as pool:
        running = pool.submit(dock.execute, "oak")
        dock.eventually(lambda: gate.waiting == 1)
        errors = sdk.run(CLIENT + script, variables(dock))
        gate.open()

    assert errors == ["ConcurrentExecutionLimitError", "ConcurrentApiFunctionLimitError"]
    assert running.result().status_code == 200


def test_a_get_that_met_an_internal_error_is_tried_five_times(
    sdk: Sdk, strict: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []

    def break_down(query: Any) -> Any:
        asked.append(datetime.now())
        raise RuntimeError("a fault that this test has planted")

    monkeypatch.setattr(strict.emulator.service, "find", break_down)

    error = sdk.run(CLIENT + "print(await outcome(() => exh.tasks.find()));", variables(strict))

    assert (error, len(asked)) == ("ServerError", 5)
