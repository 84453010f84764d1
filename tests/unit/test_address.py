"""The server that a command talks to: as people write its address, and which one is meant."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from taskdock.base.files import registry
from taskdock.client.errors import WrongCall
from taskdock.client.servers import address, credentials, running
from taskdock.commands import main
from tests.support.stub_service import StubService

KEYS = {f"API_OAUTH_{name}": "word" for name in credentials._KEYS}


@pytest.fixture
def stub() -> Iterator[StubService]:
    with StubService() as stub:
        stub.add_function("hello")
        yield stub


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, of a user who has no server yet."""
    for name in ("TASKDOCK_URL", "TASKDOCK_DATA_DIR", "API_HOST", *KEYS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def holding() -> Iterator[ExitStack]:
    """Locks of data folders, until the end of the test."""
    with ExitStack() as stack:
        yield stack


def serve(data: Path, url: str, holding: ExitStack) -> Path:
    """A data folder as that of a server that runs at `url`."""
    data.mkdir(mode=0o700, parents=True)
    (data / credentials.FILE).write_text(credentials.as_file({"API_HOST": url, **KEYS}))
    lock = holding.enter_context((data / "lock").open("w"))
    fcntl.flock(lock, fcntl.LOCK_EX)
    return data


def call(*words: str, **variables: str) -> Result:
    return CliRunner().invoke(main, words, env=variables)


# As it is written


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("HTTP://LocalHost:8080//", "http://localhost:8080"),
        (" localhost:9000 ", "http://localhost:9000"),
        ("localhost:9000/", "http://localhost:9000"),
        ("localhost", "http://localhost:8080"),
        (":9000", "http://localhost:9000"),
        ("9000", "http://localhost:9000"),
        ("http://:9000", "http://localhost:9000"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("0.0.0.0:9000", "http://localhost:9000"),
        ("http://[::]:9000", "http://localhost:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("::1", "http://[::1]:8080"),
        ("http://[0:0::1]:9000", "http://[::1]:9000"),
        ("http://box", "http://box"),
        ("box", "http://box:8080"),
        ("task_dock-1.example:80", "http://task_dock-1.example:80"),
        ("https://box.example:8443", "https://box.example:8443"),
    ],
)
def test_an_address_is_read_as_people_write_it(written: str, meant: str) -> None:
    assert address.parse(written, "--url") == meant


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("ftp://localhost:21", "a server is called by http, not by ftp; write one such as"),
        ("unix:///run/x.sock", "a server is called by http, not by unix"),
        ("localhost:http", "--url localhost:http: http is no port: write 1 to 65535"),
        ("localhost:0", "0 is no port"),
        ("localhost:65536", "65536 is no port"),
        ("localhost:123456789012345678901234567890", "is no port"),
        ("localhost:²", "² is no port"),
        ("http://localhost:8080/tasks/v1", "a server's address ends with its port; write one such"),
        ("localhost:8080?a=b", "ends with its port"),
        ("localhost:8080#a", "ends with its port"),
        ("http://", "this is no server's address; write one such as http://localhost:8080"),
        ("[::1", "this is no server's address"),
        ("[box]:80", "this is no server's address"),
        ("fe80::1%eth0", "this is no server's address"),
        ("local host", "this is no server's address"),
        ("bücher:80", "this is no server's address"),
        ("localhost:80\n80", "80\n80 is no port"),
    ],
)
def test_an_address_that_is_none_is_refused_in_a_sentence(written: str, complaint: str) -> None:
    with pytest.raises(WrongCall) as refusal:
        address.parse(written, "--url")

    assert complaint in refusal.value.message


def test_a_password_in_an_address_is_not_repeated() -> None:
    result = call("status", "--url", "http://ada:secret@localhost:8080")

    assert result.exit_code == 2
    assert "--url: an address has no user and no password" in result.stderr
    assert "secret" not in result.stderr


def test_a_variable_is_named_when_it_is_wrong() -> None:
    result = call("functions", "list", TASKDOCK_URL="localhost:many")

    assert result.exit_code == 2
    assert result.stderr == (
        "Error: TASKDOCK_URL is localhost:many: many is no port: write 1 to 65535\n"
    )


# Before and after the command


@pytest.mark.parametrize(
    "place",
    [
        ["--url", "{}", "functions", "list"],
        ["functions", "--url", "{}", "list"],
        ["functions", "list", "--url", "{}"],
        ["--url", "{}", "functions", "list", "--url", "localhost:{port}/"],
        ["--url={}", "functions", "list"],
    ],
)
def test_the_url_stands_before_the_command_or_after_it(stub: StubService, place: list[str]) -> None:
    port = stub.url.rpartition(":")[2]
    words = [word.format(stub.url, port=port) for word in place]

    result = call(*words, TASKDOCK_URL="http://localhost:1")

    assert result.exit_code == 0, result.output
    assert "hello" in result.stdout


def test_two_urls_are_refused(stub: StubService) -> None:
    result = call("--url", ":9000", "functions", "list", "--url", stub.url)

    assert result.exit_code == 2
    assert f"--url :9000 and --url {stub.url} are two servers; give one of them" in result.stderr
    assert stub.calls == []


@pytest.mark.parametrize("words", [["version"], ["serve"], ["doctor"], ["runtimes"]])
def test_a_url_for_a_command_that_talks_to_no_server_is_refused(words: list[str]) -> None:
    result = call("--url", ":9000", *words)

    assert result.exit_code == 2
    assert f"{words[-1]} talks to no server, so it takes no --url" in result.stderr


def test_an_empty_url_is_refused() -> None:
    result = call("functions", "list", "--url", "")

    assert result.exit_code == 2
    assert "it is empty" in result.stderr


# The server that is meant


def test_the_server_of_this_folder_is_meant_and_of_a_folder_below(
    stub: StubService, here: Path, holding: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(here / ".taskdock", stub.url, holding)
    below = here / "a" / "b"
    below.mkdir(parents=True)

    found_here = call("functions", "list")
    monkeypatch.chdir(below)
    found_below = call("functions", "list")

    assert (found_here.exit_code, found_below.exit_code) == (0, 0)
    assert [path for _, path, _ in stub.calls].count("/tasks/v1/functions?") == 2


def test_a_nearer_folder_whose_server_has_ended_does_not_count(
    stub: StubService, here: Path, holding: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(here / ".taskdock", stub.url, holding)
    with ExitStack() as ended:
        serve(here / "a" / ".taskdock", "http://localhost:1", ended)
    monkeypatch.chdir(here / "a")

    assert call("functions", "list").exit_code == 0


@pytest.mark.parametrize("first", [0, 1, 2])
def test_what_is_named_counts_before_what_is_found(
    stub: StubService, here: Path, holding: ExitStack, first: int
) -> None:
    """The option, then the variable, then `API_HOST` with its credentials, then the folder."""
    other = "http://localhost:1"
    names = [stub.url if place == first else other for place in range(3)]
    serve(here / ".taskdock", other, holding)
    words = ["functions", "list"] + (["--url", names[0]] if first == 0 else [])
    variables = {"API_HOST": names[2], **KEYS}
    if first <= 1:
        variables["TASKDOCK_URL"] = names[1]

    assert call(*words, **variables).exit_code == 0


def test_api_host_of_a_real_cluster_is_never_called(stub: StubService) -> None:
    meant = address.choose(None, {"API_HOST": "https://api.example.com", **KEYS})
    unsigned = address.choose(None, {"API_HOST": stub.url})

    assert meant == unsigned == address.Address("http://localhost:8080", "the default")


def test_a_folder_that_is_a_link_names_no_server(
    stub: StubService, here: Path, tmp_path: Path, holding: ExitStack
) -> None:
    serve(tmp_path / "theirs", stub.url, holding)
    (here / ".taskdock").symlink_to(tmp_path / "theirs")

    assert running.nearest({}) is None


def test_without_a_server_the_others_of_this_user_are_named(
    stub: StubService, tmp_path: Path, holding: ExitStack
) -> None:
    data = serve(tmp_path / "else where" / ".taskdock", stub.url, holding)
    registry.enter(data, {"XDG_CACHE_HOME": str(tmp_path / "cache")})

    result = call("functions", "list", API_HOST="http://localhost:1", **KEYS)
    named = call("functions", "list", "--url", ":1")

    assert (result.exit_code, named.exit_code) == (2, 2)
    assert result.stderr == (
        "Error: no taskdock server answers at http://localhost:1 (from API_HOST, as taskdock env"
        " has set it); start one with: taskdock serve --port 1\n"
        f"Running: {stub.url} (of {data}); choose one by --url\n"
    )
    assert named.stderr == (
        "Error: no taskdock server answers at http://localhost:1; start one with: taskdock serve"
        " --port 1\n"
    )


# The default, where a data folder is here


@pytest.fixture
def other(tmp_path: Path, holding: ExitStack) -> Path:
    """The data folder of another server of this user, which has the default address."""
    data = serve(tmp_path / "other" / ".taskdock", "http://localhost:8080", holding)
    registry.enter(data, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    return data


def stopped(data: Path) -> Path:
    with ExitStack() as ended:
        return serve(data, "http://localhost:1", ended)


@pytest.mark.parametrize("words", [["functions", "list"], ["env"], ["status"], ["deploy", "."]])
def test_another_folders_server_is_not_called_for_one_that_is_stopped(
    here: Path, other: Path, words: list[str]
) -> None:
    own = stopped(here / ".taskdock")

    result = call(*words)

    assert result.exit_code == 2
    assert (
        f"the server of {own} does not run, and the one at http://localhost:8080 is that of {other}"
    ) in result.stderr
    assert "start yours with: taskdock serve --port 0; or call that one by --url :8080" in (
        result.stderr
    )


def test_the_data_folder_of_a_folder_above_is_named_to_be_started(
    here: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = stopped(here / ".taskdock")
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")

    result = call("functions", "list")

    assert f"start yours with: taskdock serve --port 0 --data-dir {own};" in result.stderr


def test_a_named_server_is_called_though_that_of_this_folder_is_stopped(
    stub: StubService, here: Path, other: Path
) -> None:
    stopped(here / ".taskdock")

    assert call("functions", "list", "--url", stub.url).exit_code == 0
    assert call("functions", "list", TASKDOCK_URL=stub.url).exit_code == 0


def test_without_a_data_folder_the_default_is_called(tmp_path: Path, other: Path) -> None:
    variables = {"XDG_CACHE_HOME": str(tmp_path / "cache")}

    assert running.at("http://localhost:8080", variables) is not None
    assert address.choose(None, variables).is_default


@pytest.mark.parametrize("above", [False, True])
def test_stop_ends_no_server_of_another_folder(
    here: Path, other: Path, holding: ExitStack, above: bool
) -> None:
    own = stopped(here / ".taskdock")
    if above:
        serve(here.parent / ".taskdock", "http://localhost:1", holding)

    result = call("stop", "--timeout", "0.1")

    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"the server of {own} does not run\nRunning: http://localhost:8080 (of {other}); stop one"
        " with: taskdock stop --url URL\n"
    )
    assert not list(here.parent.rglob(".taskdock/stop"))


def test_stop_means_the_server_of_this_folder_before_that_of_the_default(
    here: Path, other: Path, holding: ExitStack
) -> None:
    serve(here / ".taskdock", "http://localhost:1", holding)

    result = call("stop", "--timeout", "0.1")

    assert f"the server of {here / '.taskdock'} has not ended within 0.1 s" in result.stderr
    assert not (other / "stop").exists()


# env


def test_env_finds_a_running_server_from_any_folder(
    stub: StubService, tmp_path: Path, holding: ExitStack
) -> None:
    data = serve(tmp_path / "elsewhere", stub.url, holding)
    registry.enter(data, {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    port = stub.url.rpartition(":")[2]

    for name in (f":{port}", f"127.0.0.1:{port}", stub.url):
        result = call("env", "--url", name)
        assert result.stdout.splitlines()[0] == f"export API_HOST={stub.url}", result.output
    assert call("--url", f":{port}", "env", API_HOST="http://localhost:1").exit_code == 0
    assert call("env", TASKDOCK_URL=stub.url).exit_code == 0


def test_env_asks_for_anew_what_it_has_set_before(
    stub: StubService, here: Path, holding: ExitStack
) -> None:
    serve(here / ".taskdock", stub.url, holding)

    result = call("env", API_HOST="http://localhost:1", **KEYS)

    assert result.stdout.splitlines()[0] == f"export API_HOST={stub.url}", result.output


def test_env_says_of_a_server_that_is_not_of_this_user_what_to_type(stub: StubService) -> None:
    result = call("env", "--url", stub.url)

    assert (result.exit_code, result.stdout) == (2, "false\n")
    assert f"the server at {stub.url} is none of yours" in result.stderr
    assert "name its data folder with --data-dir" in result.stderr


def test_env_takes_one_name_of_a_server(tmp_path: Path) -> None:
    result = call("env", "--url", ":9000", "--data-dir", str(tmp_path))

    assert (result.exit_code, result.stdout) == (2, "false\n")
    assert "give --url or --data-dir, not both" in result.stderr


@pytest.mark.parametrize("words", [["--url", ":1"], ["--bogus"], ["--url", "a:b"]])
def test_a_shell_that_evaluates_env_fails_where_env_does(words: list[str]) -> None:
    assert call("env", *words).stdout == "false\n"
