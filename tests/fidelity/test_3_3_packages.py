"""What a function has of its zip: permissions, links and names as the zip has them.

The developer guide ("Deployment package file permissions") asks for 0644 and 0755; this is what
becomes of the rest. docs/fidelity.md says what is known of each case.
"""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from taskdock.base import ids
from tests.support.aws import ROLE, lambda_client
from tests.support.live_dock import LiveDock
from tests.support.zips import WINDOWS, zipped

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

FILE, FOLDER, LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK
READABLE = FILE | 0o644

MODES = b"""import os
def handler(event, context):
    return {name: oct(os.lstat(name).st_mode) for name in sorted(os.listdir())}
"""
LINKS = b"""import json, os, through
def handler(event, context):
    return {
        "through": through.wood,
        "folder": open("store-too/lib.py").read(),
        "layer": os.readlink("layer"),
        "nowhere": os.path.lexists("nowhere") and not os.path.exists("nowhere"),
        "passwd": open("machine/passwd").read() == open("/etc/passwd").read(),
        "above": sorted(os.listdir("above")) == sorted(os.listdir("/var")),
        "chain": open("libx.so").read(),
        "loop": loop(),
    }
def loop():
    try:
        return open("round").read()
    except OSError as error:
        return os.strerror(error.errno)
"""
NODE = b"exports.handler = async () => 'ran';\n"
TOOL = b"#!/bin/sh\necho ran\n"
RUNS_TOOL = b"""import subprocess
def handler(event, context):
    return subprocess.run(["./tool"], capture_output=True, text=True, check=True).stdout
"""


@dataclass(frozen=True)
class Reply:
    error: str | None
    body: Any
    log: str


Run = Callable[..., Reply]


@pytest.fixture
def run(live: LiveDock) -> Iterator[Run]:
    """Makes a function of a zip, calls it once, and has what it answered."""
    client = lambda_client(live.emulator.url)
    made: list[str] = []

    def run(zipped: bytes, runtime: str = "python3.11", handler: str = "app.handler") -> Reply:
        name = f"zip-{ids.word(8)}"
        client.create_function(
            FunctionName=name,
            Role=ROLE,
            Timeout=20,
            Runtime=runtime,
            Handler=handler,
            Code={"ZipFile": zipped},
        )
        made.append(name)
        answer = client.invoke(FunctionName=name, LogType="Tail")
        return Reply(
            error=answer.get("FunctionError"),
            body=json.loads(answer["Payload"].read()),
            log=base64.b64decode(answer["LogResult"]).decode(),
        )

    yield run
    for name in made:
        client.delete_function(FunctionName=name)
    client.close()


def test_3_3_the_modes_of_a_zip_are_kept(run: Run) -> None:
    reply = run(
        zipped(
            ("app.py", MODES, READABLE),
            ("key", "", FILE | 0o600),
            ("nothing", "", FILE),
            ("tool", TOOL, FILE | 0o755),
            ("closed/", "", FOLDER | 0o700),
            ("closed/in.py", "", READABLE),
            ("implied/in.py", "", READABLE),
            ("link", "key", LINK | 0o777),
        )
    )

    assert reply.body == {
        "app.py": "0o100644",
        "closed": "0o40700",
        "implied": "0o40755",
        "key": "0o100600",
        "link": "0o120777",
        "nothing": "0o100000",
        "tool": "0o100755",
    }


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0])
def test_3_3_code_for_its_owner_alone_cannot_be_read_by_the_function(run: Run, mode: int) -> None:
    python = run(zipped(("app.py", MODES, FILE | mode)))
    node = run(zipped(("app.js", NODE, FILE | mode)), "nodejs20.x")

    assert python.error == "Unhandled"
    assert python.body["errorType"] == "PermissionError"
    assert python.body["errorMessage"] == "[Errno 13] Permission denied: '/var/task/app.py'"
    assert node.error == "Unhandled"
    assert "EACCES: permission denied, open '/var/task/app.js'" in node.body["errorMessage"]


@pytest.mark.parametrize("mode", [0o700, 0o644])
def test_3_3_what_is_in_a_folder_that_is_closed_is_not_there(run: Run, mode: int) -> None:
    reply = run(
        zipped(
            ("lib/", "", FOLDER | mode),
            ("lib/code.py", "wood = 1", READABLE),
            ("app.py", b"from lib import code\n" + MODES, READABLE),
        )
    )

    assert reply.error == "Unhandled"
    assert reply.body["errorType"] == "Runtime.ImportModuleError"
    assert reply.body["errorMessage"].startswith("Unable to import module 'app': ")
    assert "lib" in reply.body["errorMessage"]


@pytest.mark.parametrize("runtime", ["python3.11", "provided.al2023"])
def test_3_3_nothing_in_a_zip_of_windows_can_be_executed(run: Run, runtime: str) -> None:
    """Even where it has a Unix mode: AWS's build-lambda-zip says "Unix" for that to count."""
    code = zipped(
        ("app.py", RUNS_TOOL, 0),
        ("tool", TOOL, FILE | 0o755),
        ("bootstrap", TOOL, FILE | 0o755),
        system=WINDOWS,
    )

    reply = run(code, runtime)

    assert reply.error == "Unhandled"
    if runtime == "python3.11":
        assert reply.body["errorMessage"] == "[Errno 13] Permission denied: './tool'"
    else:
        assert reply.body["errorType"] == "Runtime.InvalidEntrypoint"
        assert "fork/exec /var/task/bootstrap: permission denied" in reply.body["errorMessage"]


def test_3_3_everything_in_a_zip_of_windows_can_be_read(run: Run) -> None:
    reply = run(zipped(("app.py", MODES, 0), ("lib/", "", 0), ("lib/in.py", "", 0), system=WINDOWS))

    assert reply.body == {"app.py": "0o100644", "lib": "0o40755"}


def test_3_3_links_are_links_and_lead_where_the_container_has_it(run: Run) -> None:
    reply = run(
        zipped(
            ("through.py", "store/lib.py", LINK | 0o777),
            ("store-too", "store", LINK | 0o777),
            ("layer", "/opt/nodejs/node_modules", LINK | 0o777),
            ("nowhere", "nothing", LINK | 0o777),
            ("machine", "/etc", LINK | 0o777),
            ("above", "..", LINK | 0o777),
            ("libx.so", "libx.so.1", LINK | 0o777),
            ("libx.so.1", "./store/../libx.so.1.2", LINK | 0o777),
            ("libx.so.1.2", "ELF", READABLE),
            ("round", "about", LINK | 0o777),
            ("about", "round", LINK | 0o777),
            ("store/lib.py", "wood = 'oak'", READABLE),
            ("app.py", LINKS, READABLE),
        )
    )

    assert reply.body == {
        "through": "oak",
        "folder": "wood = 'oak'",
        "layer": "/opt/nodejs/node_modules",
        "nowhere": True,
        "passwd": True,
        "above": True,
        "chain": "ELF",
        "loop": "Too many levels of symbolic links",
    }


def test_3_3_a_bootstrap_may_be_a_link_to_a_program(run: Run) -> None:
    reply = run(
        zipped(("bootstrap", "tool", LINK | 0o777), ("tool", b"#!/bin/sh\nexit 7\n", FILE | 0o755)),
        "provided.al2023",
    )

    assert reply.body["errorType"] == "Runtime.ExitError"
    assert reply.body["errorMessage"].endswith("Runtime exited with error: exit status 7")


def test_3_3_packages_of_pnpm_are_found_through_their_links(run: Run) -> None:
    store = "node_modules/.pnpm/oak@1.0.0/node_modules"
    reply = run(
        zipped(
            (f"{store}/oak/index.js", "module.exports = require('leaf')", READABLE),
            (f"{store}/leaf", "../../leaf@2.0.0/node_modules/leaf", LINK | 0o777),
            (
                "node_modules/.pnpm/leaf@2.0.0/node_modules/leaf/index.js",
                "module.exports = 'green'",
                READABLE,
            ),
            ("node_modules/oak", ".pnpm/oak@1.0.0/node_modules/oak", LINK | 0o777),
            ("node_modules/.bin/oak", "../oak/cli.js", LINK | 0o777),
            ("app.js", "exports.handler = async () => require('oak');", READABLE),
        ),
        "nodejs20.x",
    )

    assert reply.body == "green"


def test_3_3_a_backslash_is_a_letter_of_a_name(run: Run) -> None:
    reply = run(zipped(("app.py", MODES, READABLE), ("lib\\x.py", "", READABLE)))

    assert reply.body == {"app.py": "0o100644", "lib\\x.py": "0o100644"}
