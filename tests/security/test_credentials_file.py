"""`taskdock env` with a credentials file that came from others: a shell runs nothing of it."""

from __future__ import annotations

import fcntl
import os
import shlex
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from taskdock.client.errors import NotWritten
from taskdock.client.servers import credentials
from taskdock.commands import main
from tests.support.foreign_folder import Trap, hard_link, link, mode, pipe
from tests.support.live import COMMAND, REPOSITORY
from tests.support.stub_service import StubService

KEYS = {
    "API_OAUTH_CONSUMER_KEY": "key",
    "API_OAUTH_CONSUMER_SECRET": "secret",
    "API_OAUTH_TOKEN": "token",
    "API_OAUTH_TOKEN_SECRET": "token-secret",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def serve(data: Path, url: str) -> dict[str, str]:
    variables = {"API_HOST": url, **KEYS}
    (data / credentials.FILE).write_text(credentials.as_file(variables))
    return variables


def env(data: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["env", "--data-dir", str(data), *words])


def evaluated(data: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What becomes of: eval "$(taskdock env)"."""
    words = [*COMMAND, "env", "--data-dir", str(data)]
    said = 'echo "host=$API_HOST token=$API_OAUTH_TOKEN"'
    return subprocess.run(
        ["bash", "-c", f'eval "$({shlex.join(words)})"; {said}'],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


# What goes to the shell


def test_a_servers_own_file_reaches_the_shell(data: Path, tmp_path: Path) -> None:
    with StubService() as stub:
        serve(data, stub.url)

        done = evaluated(data, tmp_path)

    assert done.stdout == f"host={stub.url} token=token\n"


@pytest.mark.parametrize(
    "line",
    [
        "x;touch PWNED;y=1",
        "API_HOST;touch PWNED=1",
        "$(touch PWNED)=1",
        "`touch PWNED`=1",
        "PATH=/tmp/evil",
        "LD_PRELOAD=/tmp/evil.so",
        "API_OAUTH_TOKEN=$(touch PWNED)",
        "API_OAUTH_TOKEN=';touch PWNED;'",
        "API_OAUTH_TOKEN=a b",
        "API_OAUTH_TOKEN=a\rtouch PWNED",
        "API_OAUTH_TOKEN=\x1b]0;title\x07",
        "API_OAUTH_TOKEN=",
        "API_OAUTH_TOKEN=" + "a" * 5000,
        "touch PWNED",
        "# touch PWNED",
        "",
    ],
)
@pytest.mark.parametrize("place", ["instead", "besides"])
def test_a_shell_runs_nothing_of_a_file_that_no_server_has_written(
    data: Path, tmp_path: Path, line: str, place: str
) -> None:
    """`place`: of the token's own line."""
    with StubService() as stub:
        serve(data, stub.url)
        file = data / credentials.FILE
        right = "API_OAUTH_TOKEN=token\n"
        text = file.read_text().replace(right, "" if place == "besides" else f"{line}\n")
        file.write_text(text + (f"{right}{line}\n" if place == "besides" else ""))

        result = env(data)
        subprocess.run(["bash", "-c", result.stdout], cwd=tmp_path, timeout=60, check=False)

    assert (result.exit_code, result.stdout) == (2, "false\n")
    assert f"{file} was not written by a taskdock server of this machine" in result.stderr
    assert not (tmp_path / "PWNED").exists()
    assert stub.calls == []


def test_a_whole_shell_hears_why_it_was_given_nothing(data: Path, tmp_path: Path) -> None:
    with StubService() as stub:
        serve(data, stub.url)
        with (data / credentials.FILE).open("a") as file:
            file.write("x;touch PWNED;y=1\n")

        done = evaluated(data, tmp_path)

    assert done.stdout == "host= token=\n"
    assert "was not written by a taskdock server" in done.stderr
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("value", ["a b", "';x;'", "$(x)", "`x`", "a\nb", '"', "\\", "!!"])
def test_whatever_a_value_is_it_is_one_word_for_the_shell(value: str) -> None:
    exports = credentials.as_exports({"API_OAUTH_TOKEN": value})

    done = subprocess.run(
        ["bash", "-c", f'{exports}; printf %s "$API_OAUTH_TOKEN"'],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert (done.stdout, done.stderr) == (value, "")


# Where it says that the server is


@pytest.mark.parametrize(
    "host",
    [
        "http://evil.example:8080",
        "http://localhost.evil.example:8080",
        "http://127.0.0.1.evil.example:8080",
        "http://192.0.2.1:8080",
        "http://[2001:db8::1]:8080",
        "http://224.0.0.1:8080",
        "http://1:8080",
    ],
)
def test_requests_never_go_to_another_machine(data: Path, host: str) -> None:
    serve(data, host)

    result = env(data)

    assert (result.exit_code, result.stdout) == (2, "false\n")
    assert f"API_HOST {host} is no address of this machine" in result.stderr


@pytest.mark.parametrize(
    "host",
    [
        "https://localhost:8080",
        "file:///etc/passwd",
        "http://localhost:8080@evil.example",
        "http://localhost:8080/path",
        "http://user:word@localhost:8080",
        "http://localhost:8080#x",
        "http://",
    ],
)
def test_what_is_no_plain_url_is_no_servers(data: Path, host: str) -> None:
    serve(data, host)

    result = env(data)

    assert (result.exit_code, result.stdout) == (2, "false\n")
    assert "API_HOST is no http://HOST:PORT" in result.stderr


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.8.0.1", "a.localhost", "LOCALHOST."]
)
def test_this_machine_has_many_names(host: str) -> None:
    assert credentials.is_here(host)
    assert credentials.is_here(socket.gethostname())


def test_another_name_is_believed_of_a_server_that_holds_the_folder(data: Path) -> None:
    variables = serve(data, "http://box.example:8080")

    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert credentials.read(data) == variables


# Files that are something else


@pytest.mark.parametrize("trap", [link, hard_link, pipe])
def test_a_file_that_is_none_of_a_servers_is_not_read(
    data: Path, tmp_path: Path, trap: Trap
) -> None:
    with StubService() as stub:
        (tmp_path / "precious").write_text(credentials.as_file({"API_HOST": stub.url, **KEYS}))
        trap(data / credentials.FILE, tmp_path)

        result = env(data)

    assert (result.exit_code, result.stdout) == (2, "false\n")
    assert str(data / credentials.FILE) in result.stderr


def test_a_folder_of_the_default_name_that_is_a_link_is_not_read(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".taskdock").symlink_to(data)
    monkeypatch.chdir(tmp_path)
    with StubService() as stub:
        serve(data, stub.url)

        result = CliRunner().invoke(main, ["env"])

    assert (result.exit_code, result.stdout) == (2, "false\n")
    assert "is a symbolic link" in result.stderr


# ~/.exh/credentials


def test_a_link_in_place_of_the_exh_commands_file_is_replaced_and_its_target_stays(
    data: Path, home: Path
) -> None:
    (home / "precious").write_text("mine\n")
    (home / "precious").chmod(0o644)
    file = home / ".exh" / "credentials"
    file.parent.mkdir()
    file.symlink_to(home / "precious")
    with StubService() as stub:
        serve(data, stub.url)

        refused = env(data, "--exh")
        was_left = file.is_symlink()
        done = env(data, "--exh", "--yes")

    assert (refused.exit_code, was_left, done.exit_code) == (1, True, 0)
    assert ((home / "precious").read_text(), mode(home / "precious")) == ("mine\n", 0o644)
    assert (file.is_symlink(), mode(file)) == (False, 0o600)


def test_a_folder_of_the_exh_command_that_is_a_link_is_not_written_to(
    data: Path, home: Path
) -> None:
    (home / "elsewhere").mkdir()
    (home / ".exh").symlink_to(home / "elsewhere")
    with StubService() as stub:
        serve(data, stub.url)

        result = env(data, "--exh", "--yes")

    assert result.exit_code == 2
    assert "it may be a link" in result.stderr
    assert not list((home / "elsewhere").iterdir())


def test_the_exh_commands_file_is_for_its_owner_from_its_making_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    before = os.umask(0)
    monkeypatch.setattr(os, "fsync", lambda number: seen.append(os.fstat(number).st_mode))
    try:
        credentials.write_exh(credentials.exh_file(home), KEYS)
    finally:
        os.umask(before)

    assert [stat.S_IMODE(each) for each in seen] == [0o600]
    assert mode(home / ".exh") == 0o700


def test_a_full_disk_leaves_what_was_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = credentials.exh_file(home)
    credentials.write_exh(file, {"API_HOST": "https://api.example.com"})

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(NotWritten, match="No space left on device"):
        credentials.write_exh(file, KEYS)

    assert file.read_text() == "API_HOST=https://api.example.com\n"
    assert list(file.parent.iterdir()) == [file]
