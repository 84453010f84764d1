"""Hints for failures that no container of this machine gives, in the words that libraries use."""

from __future__ import annotations

from typing import Any

import pytest

from taskdock.client.failures.failed_run import FailedRun
from taskdock.client.failures.hints import hint
from tests.support.failures import RecordedCode

PYTHON = {"runtime": "python3.12", "handler": "app.handler"}
NODE = {"runtime": "nodejs22.x", "handler": "index.handler"}
LINUX = "--platform manylinux2014_x86_64 --only-binary=:all: --python-version"
IMPORT = "Runtime.ImportModuleError"


def hint_for(base: dict[str, Any], name: str, message: str, **more: Any) -> str:
    files = more.pop("files", {})
    return (
        hint(FailedRun(name=name, message=message, **{"code": RecordedCode(files), **base, **more}))
        or ""
    )


@pytest.mark.parametrize(
    ("base", "message", "said"),
    [
        (
            NODE,
            "Error loading shared library ld-musl: libc.musl-x86_64.so.1: cannot open shared object"
            " file: No such file or directory",
            "npm install --omit=dev --os=linux --libc=glibc --cpu=x64 --prefix DIR",
        ),
        (
            NODE,
            "The module '/var/task/node_modules/a/a.node'\nwas compiled against a different Node.js"
            " version using\nNODE_MODULE_VERSION 108.",
            "was built for another Node.js: remove node_modules, then npm install",
        ),
        (
            PYTHON,
            "Unable to import module 'app': /lib64/libc.so.6: version `GLIBC_2.38' not found"
            " (required by /var/task/x.so)",
            "was built for a newer Linux (GLIBC_2.38 is not here): pip install --target DIR",
        ),
        (
            PYTHON,
            "Unable to import module 'app': libpq.so.5: cannot open shared object file: No such"
            " file or directory",
            "the system library libpq.so.5 is neither in the runtime nor in the package",
        ),
        (
            PYTHON,
            "Unable to import module 'app': /var/task/x.so: wrong ELF class: ELFCLASS32",
            "--platform manylinux2014_x86_64 --python-version 3.12 --only-binary=:all: PACKAGE",
        ),
    ],
)
def test_a_library_that_cannot_be_loaded(base: dict[str, Any], message: str, said: str) -> None:
    assert said in hint_for(base, IMPORT, message)


def test_the_platform_of_a_machine_with_arm() -> None:
    message = "/var/task/x.so: invalid ELF header"

    python = hint_for(PYTHON, IMPORT, message, machine="arm64", folder="my code")
    node = hint_for(NODE, IMPORT, message, machine="arm64", folder="my code")

    assert "--target 'my code' --upgrade --platform manylinux2014_aarch64" in python
    assert node.endswith("--cpu=arm64 --prefix 'my code'")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"requirements.txt": "PyYAML==6.0\n"},
            "yaml is in requirements.txt and not in the package: pip install --target DIR"
            f" {LINUX} 3.12 -r DIR/requirements.txt",
        ),
        ({"requirements.txt": "boto3\n"}, f"pip install --target DIR {LINUX} 3.12 PyYAML"),
        ({}, f"pip install --target DIR {LINUX} 3.12 PyYAML"),
        ({"yaml/__init__.py": ""}, ""),
    ],
)
def test_a_package_of_pip(files: dict[str, str], said: str) -> None:
    message = "Unable to import module 'app': No module named 'yaml'"

    found = hint_for(PYTHON, IMPORT, message, files={"app.py": "import yaml", **files})

    assert said in found
    assert bool(found) == bool(said)


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ('{"dependencies": {"got": "1"}}', "got is in package.json and not in the package: npm"),
        ('{"devDependencies": {"got": "1"}}', "for development only (devDependencies)"),
        ("{", "npm install got --prefix DIR"),
        ("[]", "npm install got --prefix DIR"),
        ('{"dependencies": null}', "npm install got --prefix DIR"),
    ],
)
def test_a_package_of_npm(package: str, said: str) -> None:
    message = "Error: Cannot find module 'got/lib/x'\nRequire stack:\n- /var/task/index.js"

    assert said in hint_for(NODE, IMPORT, message, files={"package.json": package})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gaierror", "[Errno -3] Temporary failure in name resolution"),
        ("OSError", "[Errno 101] Network is unreachable"),
        ("Error", "getaddrinfo EAI_AGAIN api.example.org"),
    ],
)
def test_no_way_out_to_the_network(name: str, message: str) -> None:
    assert "has no way out to the network" in hint_for(PYTHON, name, message)


def test_localhost_is_the_container() -> None:
    refused = "connect ECONNREFUSED 127.0.0.1:5432"

    assert hint_for(NODE, "Error", refused).startswith("localhost is the function's own container")
    assert hint_for(NODE, "Error", "connect ECONNREFUSED 10.0.0.7:5432") == ""


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (3, 'to give it more: "timeLimit": 6 in'),
        (30, "--time-limit 60 (over 30 s: taskdock run --queue)"),
        (200, "--time-limit 300 "),
    ],
)
def test_more_time(limit: int, said: str) -> None:
    assert said in hint_for(PYTHON, "Sandbox.Timedout", "Task timed out", time_limit=limit)


def test_there_is_no_more_than_all() -> None:
    time = hint_for(PYTHON, "Sandbox.Timedout", "no", time_limit=300)
    memory = hint_for(PYTHON, "Runtime.OutOfMemory", "no", memory_limit=10240)

    assert "to give it more" not in time + memory


@pytest.mark.parametrize(
    "line",
    [
        "taskdock: injected fault timeout",
        '{"time":"T","type":"taskdock.injectedFault","record":{"fault":"timeout"}}',
    ],
)
def test_an_injected_fault_is_the_reason(line: str) -> None:
    found = hint_for(PYTHON, "Sandbox.Timedout", "no", time_limit=3, log=(line,))

    assert found.startswith("the fault was injected: taskdock faults list")


def test_a_fault_with_which_the_function_runs_is_no_reason() -> None:
    log = ("taskdock: injected fault delay of 2 s (6b0b, use 1)",)

    found = hint_for(PYTHON, "Sandbox.Timedout", "no", time_limit=3, log=log)

    assert found.startswith("the time limit of 3 s was over")


@pytest.mark.parametrize("name", ["Error", "TypeError", "ValueError", "KeyError", "OSError"])
@pytest.mark.parametrize("message", ["", "no", "x" * 100_000, "'", "None", "undefined", "\0\x1b["])
@pytest.mark.parametrize("base", [PYTHON, NODE, {}])
def test_any_other_error_gets_none(base: dict[str, Any], name: str, message: str) -> None:
    assert hint_for(base, name, message, log=(message, message), data={"a": 1}) == ""


def test_a_handlers_file_that_a_module_of_python_hides() -> None:
    files = {"json.py": "def handler(event, context): ..."}
    python = {**PYTHON, "handler": "json.handler"}

    found = hint_for(
        python,
        "Runtime.HandlerNotFound",
        "Handler 'handler' missing on module 'json'",
        files=files,
    )

    assert found.startswith("Python's own module json is loaded before json.py and hides it: ")
