"""The SDK signs in, and finds all of RQL, users, roles and tokens where it looks for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from taskdock.identity.directory import ADMINISTRATOR
from taskdock.testing.clock import ManualClock
from taskdock.testing.fakes.runtime import serve
from taskdock.testing.zips import base64_of, zip_of
from tests.sdk.conftest import CLIENT, variables
from tests.support.builders import Dock, StartDock
from tests.support.people import administrator
from tests.support.sdk import Sdk

pytestmark = pytest.mark.timeout(600)


def test_everything_that_the_sdk_signs_is_accepted(sdk: Sdk, strict: Dock) -> None:
    strict.engine.programs["oak.handler"] = serve(lambda event, runtime: {"rings": 7})
    code = base64_of(zip_of({"oak.py": ""}))

    answers: dict[str, Any] = sdk.run(
        CLIENT
        + """
const answers = {};
const calls = {
  me: () => exh.users.me(),
  createFunction: () => exh.tasks.functions.create({
    name: 'oak', code: v.CODE, entryPoint: 'oak.handler', runtime: 'python3.11' }),
  functions: () => exh.tasks.functions.find(),
  aFunction: () => exh.tasks.functions.getByName('oak'),
  update: () => exh.tasks.functions.update('oak', { description: 'leaves & acorns' }),
  disable: () => exh.tasks.functions.disable('oak'),
  enable: () => exh.tasks.functions.enable('oak'),
  execute: () => exh.tasks.functions.execute('oak', { text: 'ä=1&b(2)' }),
  create: () => exh.tasks.create({ functionName: 'oak', startTimestamp: new Date('2040-01-01') }),
  cancel: () => exh.tasks.cancel(answers.create.id),
  logs: () => exh.tasks.logs.find(answers.execute.id),
  since: () => exh.tasks.logs.find(answers.execute.id,
    { rql: rql().ge('timestamp', new Date('2020-01-01').toISOString()).limit(3).build() }),
  plain: () => exh.tasks.find(),
  first: () => exh.tasks.findFirst(),
  byId: () => exh.tasks.findById(answers.execute.id),
  statuses: () => exh.tasks.find({ rql: rql().in('status', ['new', 'inProgress']).build() }),
  date: () => exh.tasks.find(
    { rql: rql().gt('creationTimestamp', new Date('2020-01-01').toISOString()).build() }),
  text: () => exh.tasks.find({ rql: rql().eq('data.text', 'ä=1&b(2)').build() }),
  like: () => exh.tasks.find({ rql: rql().like('functionName', 'o k').build() }),
  paged: () => exh.tasks.find(
    { rql: rql().sort('-priority').limit(10, 20).select(['id', 'status']).build() }),
  either: () => exh.tasks.find(
    { rql: rql().or(rql().eq('status', 'new').intermediate(),
                    rql().ne('status', 'failed').intermediate()).build() }),
  without: () => exh.tasks.find({ rql: rql().excludes('tags').build() }),
  uncounted: () => exh.tasks.find({ rql: rql().skipCount().build() }),
  userByEmail: () => exh.users.findByEmail(v.EMAIL),
  applications: () => exh.auth.applications.find(),
  tokens: () => exh.auth.oauth1.tokens.find(),
  permissions: () => exh.users.globalRoles.getPermissions(),
  remove: () => exh.tasks.functions.remove('oak'),
};
for (const [name, call] of Object.entries(calls)) answers[name] = await outcome(call);
print(answers);
""",
        variables(strict, CODE=code),
    )

    assert {name: answer for name, answer in answers.items() if isinstance(answer, str)} == {}
    assert answers["me"]["id"] == answers["userByEmail"]["id"] == administrator(strict).id
    assert answers["execute"]["result"] == {"rings": 7}
    assert answers["execute"]["createdByUserId"] == answers["me"]["id"]
    assert [task["id"] for task in answers["text"]["data"]] == [answers["execute"]["id"]]
    assert answers["cancel"] == answers["update"] == answers["remove"] == {"affectedRecords": 1}


def test_the_exh_commands_way_to_give_a_function_its_own_user_works(sdk: Sdk, strict: Dock) -> None:
    answers = sdk.run(
        CLIENT
        + """
const email = 'exh.tasks+oak@extrahorizon.com', password = '0Oo-0123456789abcdef';
const roleName = 'exh.tasks.oak';
const { globalRoles } = exh.users;
const byName = () => rql().eq('name', roleName).build();

const before = await globalRoles.findByName(roleName);
const role = await globalRoles.create({ name: roleName, description: 'for the task oak' });
await globalRoles.addPermissions(byName(), { permissions: ['CREATE_TASKS', 'VIEW_TASKS'] });
await globalRoles.removePermissions(byName(), { permissions: ['VIEW_TASKS'] });
const nobody = await exh.users.findFirst({ rql: rql().eq('email', email).build() });
const free = await exh.users.isEmailAvailable(email);
const user = await exh.users.createAccount({
  activationMode: 'manual', firstName: 'oak', lastName: 'exh.tasks', email, password,
  phoneNumber: '0000000000', language: 'EN' });
const given = await globalRoles.addToUsers(
  rql().eq('id', user.id).build(), { roles: [role.id] });
const token = (await exh.raw.post('/auth/v2/oauth1/tokens', { email, password })).data;
const found = await exh.users.findFirst({ rql: rql().eq('email', email).build() });

await exh.auth.authenticate({ token: token.token, tokenSecret: token.tokenSecret });
const me = await exh.users.me();
const task = await exh.tasks.create({ functionName: 'oak' });
const refused = await outcome(() => exh.tasks.find());
print({ before, nobody, free, user, given, found, me, task, refused });
""",
        variables(strict),
    )

    assert "before" not in answers
    assert "nobody" not in answers
    assert answers["free"] == {"emailAvailable": True}
    assert answers["given"] == {"affectedRecords": 1}
    (role,) = answers["found"]["roles"]
    assert (role["name"], [each["name"] for each in role["permissions"]]) == (
        "exh.tasks.oak",
        ["CREATE_TASKS"],
    )
    assert answers["me"]["id"] == answers["user"]["id"] == answers["task"]["createdByUserId"]
    assert answers["refused"] == "NoPermissionError"


def test_the_sdk_signs_in_with_a_password(sdk: Sdk, strict: Dock) -> None:
    answers = sdk.run(
        CLIENT
        + """
exh.auth.logout();
const before = await outcome(() => exh.users.me());
const wrong = await outcome(() => exh.auth.authenticate({ email: v.EMAIL, password: 'oak' }));
const token = await exh.auth.authenticate({ email: v.EMAIL, password: v.PASSWORD });
print({ before, wrong, user: token.userId, me: (await exh.users.me()).id });
""",
        variables(strict),
    )

    assert answers["before"] == "UserNotAuthenticatedError"
    assert answers["wrong"] == "AuthenticationError"
    assert answers["user"] == answers["me"] == administrator(strict).id


@pytest.mark.parametrize("confidential", [True, False])
def test_the_sdk_refreshes_an_access_token_that_has_expired(
    sdk: Sdk, start_dock: StartDock, clock: ManualClock, confidential: bool
) -> None:
    dock = start_dock(auth="strict", clock=clock)
    local = dock.emulator.directory.local
    secret = {"SECRET": local.application.client_secret} if confidential else {}
    script = """
const v = process.env;
const secret = v.SECRET ? { clientSecret: v.SECRET } : {};
const kept = v.TOKENS ? JSON.parse(v.TOKENS) : {};
const exh = sdk.createOAuth2Client({ host: v.API_HOST, clientId: v.CLIENT, ...secret, ...kept,
  freshTokensCallback: async tokens => { fresh = tokens; } });
var fresh = null;
if (!v.TOKENS) await exh.auth.authenticate({ username: v.EMAIL, password: v.PASSWORD });
const me = await exh.users.me();
console.log(JSON.stringify({ me: me.id, fresh }));
"""
    given = {
        "API_HOST": dock.emulator.url,
        "CLIENT": local.application.client_id,
        "EMAIL": ADMINISTRATOR,
        "PASSWORD": local.password or "",
        **secret,
    }

    first = sdk.run(script, given)
    clock.jump(301)
    kept = {name: first["fresh"][name] for name in ("accessToken", "refreshToken")}
    second = sdk.run(script, {**given, "TOKENS": json.dumps(kept)})

    assert first["me"] == second["me"] == administrator(dock).id
    assert second["fresh"]["accessToken"] != first["fresh"]["accessToken"]
    assert first["fresh"]["expiresIn"] == 300
