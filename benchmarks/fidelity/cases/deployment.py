"""Cases of AWS's Lambda API without Invoke: its refusals and its answers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.call import VERSION, Answer, Called
from benchmarks.fidelity.case import Case, Look, Row, python
from benchmarks.fidelity.seen import Seen
from benchmarks.function import Function, create_request
from benchmarks.server import CannotServe

FUNCTIONS = f"{VERSION}/functions"
_ECHO = python(
    """
    def handler(event, context):
        return event
    """
)
_JSON = {"Content-Type": "application/json"}


def _ask(called: Called, method: str, path: str, body: object = None) -> Answer:
    if body is None:
        return called.request(method, path, None)
    return called.request(method, path, json.dumps(body).encode(), _JSON)


def _create(called: Called, **changes: Any) -> Answer:
    """Another function, which is removed again if it was taken."""
    body = create_request(f"{called.name}-other", _ECHO) | changes
    answer = _ask(called, "POST", FUNCTIONS, body)
    if answer.status == 201:
        _ask(called, "DELETE", f"{FUNCTIONS}/{json.loads(answer.body)['FunctionName']}")
    return answer


def _refusal(number: int) -> Look:
    """Status and kind of an error, or the status alone."""

    def look(seen: Seen) -> str:
        answer = seen.answers[number]
        kind = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
        return f"{seen.status(number)} {kind}".strip()

    return look


def _said(number: int, begins: str) -> Look:
    """The beginning of an error's message, where it begins like this; otherwise all of it."""

    def look(seen: Seen) -> str:
        found = json.loads(seen.answers[number].body)
        message = str(found.get("message") or found.get("Message"))
        return begins if message.startswith(begins) else message

    return look


def _answer(number: int, what: Callable[[Any], object]) -> Look:
    """A value from an answer that is no error; text unchanged, any other value as JSON."""

    def look(seen: Seen) -> str:
        if seen.answers[number].status >= 300:
            return _refusal(number)(seen)
        found = what(json.loads(seen.answers[number].body))
        return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))

    return look


# What is refused


def _variables(size: int) -> Mapping[str, object]:
    """As JSON they have so many bytes; names and values alone have fewer than 4096."""
    variables = {f"VARIABLE_{number:03}": "x" * 8 for number in range(150)}
    variables["LAST"] = ""
    variables["LAST"] = "x" * (size - len(json.dumps(variables, separators=(",", ":"))))
    return {"Variables": variables}


def _play_refused(called: Called) -> list[Answer]:
    function = f"{FUNCTIONS}/{called.name}"
    large = Function({"app.py": "", "large": os.urandom(50 * 1024 * 1024)})
    return [
        _create(called, Architectures=["x86_64", "arm64"]),
        _create(called, Architectures=["mips"]),
        _create(called, SnapStart={"ApplyOn": "Always"}),
        _create(called, EphemeralStorage={"Size": 100}),
        _create(called, Timeout=1800),
        _create(called, Timeout=1801),
        _create(called, FunctionName="n" * 65),
        _create(called, FunctionName=f"{called.name}:1"),
        _create(called, FunctionName=f"{called.name}-other:$LATEST"),
        _create(called, Environment=_variables(4096)),
        _create(called, Environment=_variables(4097)),
        _create(called, Code=create_request("", large)["Code"]),
        _ask(called, "GET", f"{FUNCTIONS}/?FunctionVersion=SOME"),
        _ask(called, "GET", f"{function}?Qualifier=a%20b"),
        _ask(called, "GET", f"{function}?Qualifier={'q' * 129}"),
    ]


_INVALID = "400 ValidationException"
_PARAMETER = "400 InvalidParameterValueException"
_TOO_MUCH = (
    "Lambda was unable to configure your environment variables because the environment variables"
    " you have provided exceeded the 4KB limit. String measured: {"
)

REFUSED = Case(
    "refused",
    "Requests at the limits of the Lambda API",
    _ECHO,
    _play_refused,
    (
        Row("`Architectures` of two", _INVALID, "R", _refusal(0)),
        Row("`Architectures` of an unknown one", _INVALID, "R", _refusal(1)),
        Row("`SnapStart.ApplyOn` that is unknown", _INVALID, "R", _refusal(2)),
        Row("`EphemeralStorage` of 100 MB", _INVALID, "R", _refusal(3)),
        Row("`Timeout` of 1800 s", "201", "D", _refusal(4)),
        Row("`Timeout` of 1801 s", "400", "D", lambda seen: seen.status(5)),
        Row("a name of 65 characters", _PARAMETER, "R", _refusal(6)),
        Row("a name with a version", "400", "D", lambda seen: seen.status(7)),
        Row("a name with `$LATEST`", "400", "D", lambda seen: seen.status(8)),
        Row("variables of 4096 bytes of JSON", "201", "R", _refusal(9)),
        Row("variables of 4097 bytes of JSON", _PARAMETER, "R", _refusal(10)),
        Row("message begins", _TOO_MUCH, "R", _said(10, _TOO_MUCH)),
        Row("a zip over 50 MB", "413 RequestEntityTooLargeException", "R", _refusal(11)),
        Row(
            "message",
            "Zipped size must be smaller than 52428800 bytes",
            "R",
            _said(11, "Zipped size must be smaller than 52428800 bytes"),
        ),
        Row("ListFunctions of an unknown `FunctionVersion`", _INVALID, "R", _refusal(12)),
        Row("a qualifier with a space", _INVALID, "R", _refusal(13)),
        Row("a qualifier of 129 characters", _INVALID, "R", _refusal(14)),
    ),
    needs="deployment",
)


# Qualifiers


def _play_qualifiers(called: Called) -> list[Answer]:
    """Each way of deleting is tried on a function of its own, which is then looked for."""
    answers = []
    name = f"{called.name}-other"
    for target in (f"{name}?Qualifier=%24LATEST", f"{name}:%24LATEST", f"{name}?Qualifier=7"):
        made = _ask(called, "POST", FUNCTIONS, create_request(name, _ECHO))
        if made.status != 201:
            raise CannotServe(f"CreateFunction: {made.status} {made.text}")
        answers.append(_ask(called, "DELETE", f"{FUNCTIONS}/{target}"))
        answers.append(_ask(called, "GET", f"{FUNCTIONS}/{name}"))
        _ask(called, "DELETE", f"{FUNCTIONS}/{name}")
    for target in (f"{called.name}/invocations?Qualifier=7", f"{called.name}:7/invocations"):
        answers.append(_ask(called, "POST", f"{FUNCTIONS}/{target}", {}))
    answers.append(_ask(called, "POST", f"{FUNCTIONS}/{called.name}:%24LATEST/invocations", {}))
    return answers


def _there(number: int) -> Row:
    look = _refusal(number)
    return Row(
        "the function afterwards",
        "there",
        "R",
        lambda seen: "there" if seen.answers[number].status == 200 else look(seen),
    )


_LATEST = "$LATEST version cannot be deleted without deleting the function."
_NO_VERSION = "404 ResourceNotFoundException"

QUALIFIERS = Case(
    "qualifiers",
    "Qualifiers of a function that has no versions",
    _ECHO,
    _play_qualifiers,
    (
        Row("DeleteFunction, `Qualifier` `$LATEST`", _PARAMETER, "R", _refusal(0)),
        Row("message", _LATEST, "R", _said(0, _LATEST)),
        _there(1),
        Row("DeleteFunction of `NAME:$LATEST`", _PARAMETER, "R", _refusal(2)),
        _there(3),
        Row("DeleteFunction of a version that is not there", "204", "R", _refusal(4)),
        _there(5),
        Row("Invoke, a version that is not there", _NO_VERSION, "R", _refusal(6)),
        Row("Invoke of `NAME:7`", _NO_VERSION, "R", _refusal(7)),
        Row("Invoke of `NAME:$LATEST`", "200", "D", _refusal(8)),
    ),
    needs="deployment",
)


# What is answered


def _play_described(called: Called) -> list[Answer]:
    """`_create` sends variables that are empty."""
    return [_create(called), _ask(called, "GET", f"{FUNCTIONS}/{called.name}")]


def _if_matches(pattern: str, words: str) -> Callable[[object], str]:
    return lambda found: words if re.fullmatch(pattern, str(found)) else str(found) or "empty"


_AN_ARN = _if_matches(r"arn:aws:lambda:[a-z0-9-]+::runtime:[0-9a-f]{64}", "an ARN")
_AN_ADDRESS = _if_matches(r"https?://.+", "an address")
_HEX = _if_matches("[0-9a-f]{64}", "64 hex digits")
_BASE64 = _if_matches("[A-Za-z0-9+/]{43}=", "base64 of 32 bytes")

DESCRIBED = Case(
    "described",
    "What CreateFunction and GetFunction say of a function from a zip",
    _ECHO,
    _play_described,
    (
        Row(
            "`Environment`, given without variables",
            '{"Variables":{}}',
            "R",
            _answer(0, lambda found: found["Environment"]),
        ),
        Row(
            "`RuntimeVersionConfig.RuntimeVersionArn`",
            "an ARN",
            "R",
            _answer(0, lambda found: _AN_ARN(found["RuntimeVersionConfig"]["RuntimeVersionArn"])),
        ),
        Row(
            "`CodeSha256`",
            "base64 of 32 bytes",
            "R",
            _answer(0, lambda found: _BASE64(found["CodeSha256"])),
        ),
        Row(
            "`Code.Location`",
            "an address",
            "R",
            _answer(1, lambda found: _AN_ADDRESS(found["Code"]["Location"])),
        ),
    ),
    needs="deployment",
)


IMAGE_DESCRIBED = Case(
    "image-described",
    "What GetFunction says of a function from an image",
    Function(
        {"app.py": "def handler(event, context):\n    return event\n"},
        recipe='COPY app.py /var/task/app.py\nCMD ["app.handler"]\n',
    ),
    lambda called: [_ask(called, "GET", f"{FUNCTIONS}/{called.name}")],
    (
        Row(
            "`CodeSha256`",
            "64 hex digits",
            "R",
            _answer(0, lambda found: _HEX(found["Configuration"]["CodeSha256"])),
        ),
        Row(
            "`Code.RepositoryType`",
            "ECR",
            "R",
            _answer(0, lambda found: found["Code"]["RepositoryType"]),
        ),
    ),
    needs="deployment",
)


# Reads


def _play_reads(called: Called) -> list[Answer]:
    function = f"functions/{called.name}"
    arn = called.created["FunctionArn"]
    permission = {
        "StatementId": "one",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    }
    return [
        _ask(called, "GET", f"/2015-03-31/{function}/versions"),
        _ask(called, "GET", f"/2015-03-31/{function}/aliases"),
        _ask(called, "GET", f"/2015-03-31/{function}/policy"),
        _ask(called, "GET", f"/2017-03-31/tags/{arn}"),
        _ask(called, "GET", f"/2019-09-30/{function}/concurrency"),
        _ask(called, "GET", f"/2019-09-25/{function}/event-invoke-config"),
        _ask(called, "GET", f"/2020-06-30/{function}/code-signing-config"),
        _ask(called, "GET", "/2016-08-19/account-settings/"),
        _ask(called, "POST", f"/2015-03-31/{function}/policy", permission),
        _ask(called, "GET", f"/2015-03-31/{function}/policy"),
        _ask(called, "POST", f"/2017-03-31/tags/{arn}", {"Tags": {"team": "one"}}),
        _ask(called, "GET", f"/2017-03-31/tags/{arn}"),
    ]


_NOTHING = "404 ResourceNotFoundException"

READS = Case(
    "reads",
    "Reads that tools make of every function",
    _ECHO,
    _play_reads,
    (
        Row(
            "ListVersionsByFunction",
            '["$LATEST"]',
            "D",
            _answer(0, lambda found: [one["Version"] for one in found["Versions"]]),
        ),
        Row("ListAliases", "[]", "D", _answer(1, lambda found: found["Aliases"])),
        Row("GetPolicy", _NOTHING, "R", _refusal(2)),
        Row("ListTags", "{}", "D", _answer(3, lambda found: found["Tags"])),
        Row("GetFunctionConcurrency", "{}", "R", _answer(4, lambda found: found)),
        Row("GetFunctionEventInvokeConfig", _NOTHING, "R", _refusal(5)),
        Row("GetFunctionCodeSigningConfig", "200", "D", _refusal(6)),
        Row("GetAccountSettings", "200", "D", _refusal(7)),
        Row("AddPermission", "201", "D", _refusal(8)),
        Row(
            "GetPolicy, after it",
            "its statement",
            "D",
            _answer(
                9,
                lambda found: (
                    "its statement"
                    if [one["Sid"] for one in json.loads(found["Policy"])["Statement"]] == ["one"]
                    else found
                ),
            ),
        ),
        Row("TagResource", "204", "D", _refusal(10)),
        Row("ListTags, after it", '{"team":"one"}', "D", _answer(11, lambda found: found["Tags"])),
    ),
    needs="deployment",
)
