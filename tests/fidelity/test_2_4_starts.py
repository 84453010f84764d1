"""What the caller sees of programs that cannot be started, and of images that have next to nothing.

Through the Invoke API. A name begins with the section of its fact: 2.4 what the platform says of a
runtime that gives no answer, 3.3 who a function is, 6.1 images.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import docker
import pytest

from taskdock.base import ids
from taskdock.base.files import user_folders
from taskdock.engines.docker.images.images import Images
from taskdock.engines.docker.images.probe import Probe
from taskdock.engines.images import ImageRequest
from taskdock.testing.waiting import eventually
from tests.support.aws import ROLE, lambda_client
from tests.support.live import zipped
from tests.support.live_dock import LiveDock
from tests.support.workshop import Workshop

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

LOOP = b"""while :; do
  h=$(mktemp); curl -sS -LD "$h" http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next
  id=$(grep -i aws-request-id "$h" | tr -d '[:space:]' | cut -d: -f2)
  curl -s http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response -d '"ran"'
done
"""
WHO = """import getpass, os, pwd
def handler(event, context):
    user = pwd.getpwuid(os.getuid())
    home = os.path.expanduser("~")
    return [os.getuid(), os.getgid(), getpass.getuser(), user.pw_name, *user[5:], home]
"""
USER = "sbx_user1051"
HOME = f"/home/{USER}"
NO_USER = "RUN sed -i /:993:/d /etc/passwd && sed -i /:990:/d /etc/group\n"
OTHER_NAME = "RUN sed -i s/^sbx_user1051:/app:/ /etc/passwd && grep ^app:x:993: /etc/passwd\n"

# There is no /tmp in its image.
BARE_LOOP = """#!/busybox sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while /busybox wget -q -S -O /dev/shm/event "$api/next" 2> /dev/shm/head; do
  id=$(/busybox sed -n 's/\\r//; s/^ *lambda-runtime-aws-request-id: //Ip' /dev/shm/head)
  case $(/busybox cat /dev/shm/event) in
    '"leave"') echo leaving; exit 3 ;;
  esac
  /busybox wget -q -O /dev/shm/said --post-data "\\"$(/busybox head -n 1 /etc/passwd)\\"" \\
    "$api/$id/response"
done
"""
BARE = """FROM {probe} AS probe
FROM scratch
COPY --from=probe /bin/busybox /busybox
COPY begin /begin
ENTRYPOINT ["/begin"]
"""


@dataclass(frozen=True)
class Reply:
    """What the Invoke API answers."""

    body: bytes
    error: str | None
    request_id: str
    log: list[str]

    def of_platform(self, name: str, why: str) -> tuple[str, bytes]:
        """What it should be for this error of the platform, byte for byte."""
        message = json.dumps(f"RequestId: {self.request_id} Error: {why}")
        return "Unhandled", f'{{"errorType":"{name}","errorMessage":{message}}}'.encode()

    @property
    def told(self) -> tuple[str | None, bytes]:
        return self.error, self.body


class Caller:
    """AWS's client, and the functions that a test makes with it."""

    def __init__(self, live: LiveDock) -> None:
        self._live = live
        self._client = lambda_client(live.emulator.url)
        self._made: list[str] = []

    def create(self, **fields: Any) -> str:
        name = f"start-{ids.word(8)}"
        self._client.create_function(FunctionName=name, Role=ROLE, Timeout=10, **fields)
        self._made.append(name)
        return name

    def zip(self, bootstrap: bytes, mode: int = 0o755) -> str:
        code = {"ZipFile": zipped({"bootstrap": bootstrap}, mode)}
        return self.create(Runtime="provided.al2023", Handler="x", Code=code)

    def image(self, reference: str, **config: Any) -> str:
        return self.create(PackageType="Image", Code={"ImageUri": reference}, ImageConfig=config)

    def invoke(self, name: str, event: Any = None) -> Reply:
        answer = self._client.invoke(
            FunctionName=name, LogType="Tail", Payload=json.dumps(event).encode()
        )
        return Reply(
            body=answer["Payload"].read(),
            error=answer.get("FunctionError"),
            request_id=answer["ResponseMetadata"]["RequestId"],
            log=base64.b64decode(answer["LogResult"]).decode().splitlines(),
        )

    def close(self) -> None:
        """No container is left: images can be removed."""
        for name in self._made:
            self._client.delete_function(FunctionName=name)
        self._client.close()
        eventually(lambda: not self._has_environments(), "its functions have no environment")

    def _has_environments(self) -> bool:
        environments = list(self._live.emulator.pool._fleet.values())
        return any(environment.function.name in self._made for environment in environments)


@pytest.fixture
def aws(live: LiveDock) -> Iterator[Caller]:
    caller = Caller(live)
    yield caller
    caller.close()


Build = Callable[..., str]


@pytest.fixture(scope="module")
def build(docker_client: docker.DockerClient, standin: str) -> Iterator[Build]:
    """Builds an image from the stand-in of Python, or from what is told; its reference."""
    workshop = Workshop(docker_client)

    def build(recipe: str, base: str = f"FROM {standin}\nUSER root\n", **files: str) -> str:
        return workshop.build(ids.word(8), base + recipe, **files)

    yield build
    workshop.clear()


@pytest.fixture(scope="module")
def standin(docker_client: docker.DockerClient) -> str:
    return Images(docker_client, lambda _: None).find(ImageRequest("", "python:3.11")).reference


# 2.4 Programs that cannot be started

BOOTSTRAPS = {
    "a DOS file": (b"#!/bin/sh\r\necho hi\r\n", 0o755, "no such file or directory"),
    "no interpreter": (b"#!/no/such\n", 0o755, "no such file or directory"),
    "no program": (b"\x7fELF\x02\x01\x01junkjunkjunkjunk", 0o755, "exec format error"),
    "no first line": (LOOP, 0o755, "exec format error"),
    "nothing in it": (b"", 0o755, "exec format error"),
    "not executable": (b"#!/bin/sh\necho hi\n", 0o644, "permission denied"),
}


@pytest.mark.parametrize("case", BOOTSTRAPS)
def test_2_4_a_bootstrap_that_cannot_be_started_is_told_with_the_reason(
    aws: Caller, case: str
) -> None:
    bootstrap, mode, reason = BOOTSTRAPS[case]

    reply = aws.invoke(aws.zip(bootstrap, mode))

    assert reply.told == reply.of_platform(
        "Runtime.InvalidEntrypoint", f"fork/exec /var/task/bootstrap: {reason}"
    )


PROGRAMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no such program": (
        {"EntryPoint": ["/does/not/exist"], "Command": ["app.handler"]},
        "Runtime.InvalidEntrypoint",
        "fork/exec /does/not/exist: no such file or directory",
    ),
    "a folder": (
        {"EntryPoint": ["/var/task"]},
        "Runtime.InvalidEntrypoint",
        "fork/exec /var/task: permission denied",
    ),
    "no program": (
        {"EntryPoint": ["/etc/passwd"]},
        "Runtime.InvalidEntrypoint",
        "fork/exec /etc/passwd: permission denied",
    ),
    "through a file": (
        {"EntryPoint": ["/etc/passwd/x"]},
        "Runtime.InvalidEntrypoint",
        "fork/exec /etc/passwd/x: not a directory",
    ),
    "not in PATH": (
        {"EntryPoint": ["app.handler"]},
        "Runtime.InvalidEntrypoint",
        'exec: "app.handler": executable file not found in $PATH',
    ),
    "no such folder": (
        {"WorkingDirectory": "/no/such/dir"},
        "Runtime.InvalidWorkingDir",
        "the working directory doesn't exist: /no/such/dir",
    ),
    "no folder": (
        {"WorkingDirectory": "/etc/passwd"},
        "Runtime.InvalidWorkingDir",
        "chdir /etc/passwd: not a directory",
    ),
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_2_4_an_image_whose_program_cannot_be_started_is_told_with_the_reason(
    aws: Caller, standin: str, case: str
) -> None:
    config, name, why = PROGRAMS[case]

    reply = aws.invoke(aws.image(standin, **config))

    assert reply.told == reply.of_platform(name, why)


def test_2_4_an_image_that_names_no_program_has_none(
    aws: Caller, docker_client: docker.DockerClient
) -> None:
    """As `locateBootstrap` of AWS's emulator says it."""
    image = Probe(docker_client, cache=user_folders.cache(os.environ)).image()

    reply = aws.invoke(aws.image(image))

    why = "Couldn't find valid bootstrap(s): []"
    assert reply.told == reply.of_platform("Runtime.InvalidEntrypoint", why)


def test_2_4_an_entry_point_without_a_first_line_is_no_program(aws: Caller, build: Build) -> None:
    recipe = 'COPY begin /begin\nENTRYPOINT ["/begin"]\n'
    image = build(recipe, begin='exec /lambda-entrypoint.sh "$@"\n')

    reply = aws.invoke(aws.image(image, Command=["app.handler"]))

    assert reply.told == reply.of_platform(
        "Runtime.InvalidEntrypoint", "fork/exec /begin: exec format error"
    )


def test_2_4_the_log_tells_of_both_attempts_and_once_why(aws: Caller, standin: str) -> None:
    """As in a log of July 2025: github.com/ed-roh/learning-management/issues/9."""
    name = aws.image(standin, EntryPoint=["/no/such"])

    first, second = aws.invoke(name), aws.invoke(name)

    status = r"Status: error\tError Type: Runtime\.InvalidEntrypoint"
    init = rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: {{}}\t{status}"
    for reply, phases in (first, ("init", "invoke")), (second, ("invoke",)):
        why = f"RequestId: {reply.request_id} Error: fork/exec /no/such: no such file or directory"
        patterns = [
            *(init.format(phase) for phase in phases),
            rf"START RequestId: {reply.request_id} Version: \$LATEST",
            why,
            r"Runtime\.InvalidEntrypoint",
            f"END RequestId: {reply.request_id}",
            rf"REPORT RequestId: {reply.request_id}\t.*\t{status}\t",
        ]
        assert len(reply.log) == len(patterns), reply.log
        for line, pattern in zip(reply.log, patterns, strict=True):
            assert re.fullmatch(pattern, line)


# 6.1 An image without a shell, 3.3 the user's name


@pytest.fixture(scope="module")
def bare(docker_client: docker.DockerClient, build: Build) -> str:
    """One static program and a script for it."""
    probe = Probe(docker_client, cache=user_folders.cache(os.environ)).image()
    return build("", BARE.format(probe=probe), begin=BARE_LOOP)


def test_6_1_an_image_with_neither_shell_nor_folders_runs(aws: Caller, bare: str) -> None:
    name = aws.image(bare)

    answer, left = aws.invoke(name), aws.invoke(name, "leave")

    assert answer.told == (None, f'"{USER}:x:993:990::{HOME}:/sbin/nologin"'.encode()), answer.log
    assert "leaving" in left.log
    assert left.told == left.of_platform(
        "Runtime.ExitError", "Runtime exited with error: exit status 3"
    )


@pytest.mark.parametrize("users", ["", NO_USER, OTHER_NAME], ids=["known", "unknown", "renamed"])
def test_3_3_a_function_has_a_name_and_a_home_in_every_image(
    aws: Caller, build: Build, users: str
) -> None:
    image = build(f'{users}COPY app.py /var/task/app.py\nCMD ["app.handler"]\n', **{"app.py": WHO})

    reply = aws.invoke(aws.image(image))

    assert reply.error is None, reply
    assert json.loads(reply.body) == [993, 990, USER, USER, HOME, "/sbin/nologin", HOME]
