"""`taskdock env`: what it prints, what it writes, and which calls the command signs."""

from __future__ import annotations

import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from taskdock.client.servers import credentials
from taskdock.commands import main
from tests.support.live import REPOSITORY
from tests.support.stub_service import StubService

KEYS = {
    "API_OAUTH_CONSUMER_KEY": "key",
    "API_OAUTH_CONSUMER_SECRET": "secret",
    "API_OAUTH_TOKEN": "token",
    "API_OAUTH_TOKEN_SECRET": "token-secret",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def run(data: Path, *words: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["env", "--data-dir", str(data), *words], input=answer)


def serve(data: Path, url: str) -> dict[str, str]:
    data.mkdir()
    variables = {"API_HOST": url, **KEYS}
    (data / credentials.FILE).write_text(credentials.as_file(variables))
    return variables


def test_the_variables_are_printed_for_the_shell(data: Path) -> None:
    with StubService() as stub:
        serve(data, stub.url)

        result = run(data)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"export API_HOST={stub.url}",
        "export API_OAUTH_CONSUMER_KEY=key",
        "export API_OAUTH_CONSUMER_SECRET=secret",
        "export API_OAUTH_TOKEN=token",
        "export API_OAUTH_TOKEN_SECRET=token-secret",
    ]


def test_without_a_server_nothing_is_printed_but_why(data: Path) -> None:
    result = run(data)

    assert (result.exit_code, result.stdout) == (2, "false\n")
    assert f"no taskdock server runs on the data folder {data}" in result.stderr


def test_a_server_that_was_killed_does_not_run(data: Path) -> None:
    with StubService() as stub:
        serve(data, stub.url)

    result = run(data)

    assert (result.exit_code, result.stdout) == (2, "false\n")
    assert "no taskdock server answers" in result.stderr


def test_the_file_of_the_exh_command_is_written_for_its_owner_only(data: Path, home: Path) -> None:
    with StubService() as stub:
        variables = serve(data, stub.url)

        result = run(data, "--exh")

    file = home / ".exh" / "credentials"
    assert (result.exit_code, result.stdout) == (0, f"wrote  {file}\n")
    assert credentials.read(data) == variables
    assert file.read_text().splitlines()[0] == f"API_HOST={stub.url}"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("words", "answer", "replaced"),
    [((), "", False), ((), "n\n", False), ((), "y\n", True), (("--yes",), "", True)],
)
def test_a_file_that_is_there_is_replaced_only_when_that_is_wanted(
    data: Path, home: Path, words: tuple[str, ...], answer: str, replaced: bool
) -> None:
    file = home / ".exh" / "credentials"
    file.parent.mkdir()
    file.write_text("API_HOST=https://api.example.com\n")
    with StubService() as stub:
        serve(data, stub.url)

        result = run(data, "--exh", *words, answer=answer)

    assert (result.exit_code == 0) is replaced
    assert ("example.com" not in file.read_text()) is replaced


def test_calls_to_the_server_that_the_credentials_are_for_are_signed() -> None:
    environment = {"API_HOST": "http://localhost:8080/", **KEYS}
    sign = credentials.signature("http://localhost:8080", environment)
    url = "http://localhost:8080/tasks/v1/?eq(id,a%2520b)"

    request = requests.Request("GET", url, auth=sign).prepare()

    assert request.url == url
    assert 'oauth_consumer_key="key"' in request.headers["Authorization"]


@pytest.mark.parametrize(
    "changes",
    [
        {"API_HOST": "https://api.example.com"},
        {"API_HOST": "http://localhost:8081"},
        {"API_OAUTH_TOKEN_SECRET": ""},
    ],
)
def test_no_other_call_is_signed(changes: dict[str, str]) -> None:
    environment = {"API_HOST": "http://localhost:8080", **KEYS, **changes}

    assert credentials.signature("http://localhost:8080", environment) is None


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_that_evaluates_nothing_hears_of_it(data: Path, shell: str) -> None:
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(REPOSITORY / 'cli.py'))} env"
    script = f'set -e; eval "$({command} --data-dir {shlex.quote(str(data))})"; echo reached'

    done = subprocess.run(
        [shell, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "no taskdock server runs on the data folder" in done.stderr
