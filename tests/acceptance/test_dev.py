"""`taskdock dev` and the bucket `hot-reload` with real containers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import docker
import pytest

from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.aws import lambda_client
from tests.support.live import COMMAND, LiveServer

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

CODE = "def handler(event, context):\n    return {'n': NUMBER, 'data': event.get('data')}\n"


class Command:
    """`taskdock dev`, with all that it prints."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.results: list[str] = []
        self.notes: list[str] = []
        self.process = subprocess.Popen(
            [*COMMAND, "dev", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._read(self.process.stdout, self.results)
        self._read(self.process.stderr, self.notes)

    @staticmethod
    def _read(stream: IO[str] | None, into: list[str]) -> None:
        assert stream is not None

        def read() -> None:
            with stream:
                into.extend(iter(stream.readline, ""))

        threading.Thread(target=read, daemon=True).start()

    def has(self, text: str) -> bool:
        return text in "".join(self.results) or text in "".join(self.notes)

    def awaits(self, text: str) -> None:
        eventually(lambda: self.has(text), text, state=lambda: self.notes + self.results)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a space in its path, with one function."""
    folder = tmp_path / "my code" / "hello"
    (folder / "src").mkdir(parents=True)
    save(folder, "1")
    fields = {"name": "hello", "path": "src", "entryPoint": "index.handler"}
    (folder / "task-config.json").write_text(json.dumps({**fields, "runtime": "python3.11"}))
    return folder


def save(folder: Path, number: str) -> None:
    (folder / "src" / "index.py").write_text(CODE.replace("NUMBER", number))


@pytest.fixture
def dev(images: None, folder: Path) -> Iterator[Command]:
    """The command with a server of its own, which it starts."""
    url = f"http://localhost:{free_port()}"
    command = Command(folder.parent, "--url", url, "--run", '{"word": "known"}')
    yield command
    command.process.kill()
    command.process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return int(found.getsockname()[1])


def test_a_save_is_answered_by_the_new_code_and_nothing_is_left(
    dev: Command, folder: Path, engine: docker.DockerClient
) -> None:
    dev.awaits('"n": 1')

    save(folder, "2")
    dev.awaits("changed  /n: 1 -> 2")
    save(folder, "1 / 0")
    dev.awaits("ZeroDivisionError: division by zero")
    data = folder.parent / ".taskdock"
    assert data.is_dir()
    dev.process.send_signal(signal.SIGINT)

    assert dev.process.wait(60) == 0, dev.notes
    assert '"word": "known"' in "".join(dev.results)
    assert LiveServer(engine, data).containers() == []


def test_a_function_in_a_hot_folder_answers_with_its_newest_code(
    start_server: StartServer, folder: Path
) -> None:
    server = start_server("--hot-reload", str(folder))
    aws: Any = lambda_client(server.service.url)
    aws.create_function(
        FunctionName="hot",
        Runtime="python3.11",
        Handler="index.handler",
        Role="arn:aws:iam::123456789012:role/any",
        Code={"S3Bucket": "hot-reload", "S3Key": str(folder / "src")},
    )

    def answer() -> Any:
        return json.loads(aws.invoke(FunctionName="hot", Payload=b"{}")["Payload"].read())["n"]

    assert answer() == 1
    save(folder, "2")
    eventually(lambda: answer() == 2)
    aws.close()
