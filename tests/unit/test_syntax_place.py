"""The second start of a runtime of Node.js after a syntax error."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from taskdock.engines.engine import Program
from taskdock.lambdas.environment.provision.syntax_place import telling
from taskdock.lambdas.outcome import Failure, function_error

SYNTAX = function_error(b'{"errorType": "Runtime.UserCodeSyntaxError", "errorMessage": "no"}')
OTHER = function_error(b'{"errorType": "Runtime.ImportModuleError", "errorMessage": "no"}')


def program(**variables: str) -> Program:
    return Program(arguments=("index.handler",), environment=variables)


@pytest.mark.parametrize(
    ("runtime", "failure"),
    [
        ("nodejs22.x", None),
        ("nodejs22.x", OTHER),
        ("nodejs12.x", SYNTAX),
        ("python3.11", SYNTAX),
        ("provided.al2023", SYNTAX),
        (None, SYNTAX),
    ],
)
def test_no_other_start_is_changed(runtime: str | None, failure: Failure | None) -> None:
    given = program(A="b")

    assert telling(given, runtime, failure) is given


@pytest.mark.parametrize(
    ("runtime", "option"),
    [
        ("nodejs14.x", "--no-warnings --experimental-loader=data:text/javascript,"),
        ("nodejs16.x", "--no-warnings --experimental-loader=data:text/javascript,"),
        ("nodejs18.x", "--import=data:text/javascript,"),
        ("nodejs24.x", "--import=data:text/javascript,"),
    ],
)
def test_node_imports_a_module_before_the_client(runtime: str, option: str) -> None:
    changed = telling(program(A="b"), runtime, SYNTAX)

    options = changed.environment["NODE_OPTIONS"]
    assert options.startswith(option)
    assert "SyntaxError.prototype" in unquote(options)
    assert len(options.split()) == len(option.split()), "NODE_OPTIONS are split at spaces"
    assert not set("\"'\\`$") & set(options), "neither Node.js nor a shell reads more into it"
    assert (changed.environment["A"], changed.arguments) == ("b", ("index.handler",))


def test_the_functions_own_options_stay_in_front() -> None:
    changed = telling(program(NODE_OPTIONS="--enable-source-maps"), "nodejs22.x", SYNTAX)

    assert changed.environment["NODE_OPTIONS"].startswith("--enable-source-maps --import=data:")


@pytest.mark.parametrize("own", ["", "--enable-source-maps", "--import=data:text/javascript,1"])
@pytest.mark.parametrize("behind", ["", " --enable-source-maps"])
def test_the_function_sees_its_own_options_alone(own: str, behind: str) -> None:
    """`behind`: what a wrapper script of the function's has added."""
    changed = telling(program(NODE_OPTIONS=own), "nodejs20.x", SYNTAX).environment["NODE_OPTIONS"]
    module = unquote(changed)
    ours = re.search(r"\nconst OURS = /(.*)/;$", module, re.MULTILINE)
    assert ours is not None

    assert re.sub(ours[1], "", changed + behind, count=1).strip() == f"{own}{behind}".strip()
