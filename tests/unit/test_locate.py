"""Finding the engine: real sockets, a real answerer, nothing else of the machine."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from taskdock.base.errors import EngineUnreachable
from taskdock.engines.docker import locate
from taskdock.engines.docker.locate import SystemSockets

Listen = Callable[..., str]


class _Ping(BaseHTTPRequestHandler):
    status, body = 200, b"OK"

    def do_GET(self) -> None:
        assert self.path == "/_ping"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


class _Teapot(_Ping):
    status, body = 418, b"short and stout"


class _UnixServer(HTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", 0

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        return self.socket.accept()[0], ("unix", 0)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a path short enough for sockets; the machine's own sockets are out of sight."""
    with tempfile.TemporaryDirectory(prefix="dock") as folder:
        root = Path(folder)
        yield root


def system(environment: Mapping[str, str]) -> SystemSockets:
    """The machine's own sockets, in the home."""
    home = Path(environment["HOME"])
    return SystemSockets(home / "system-docker.sock", home / "system-podman.sock")


def find(environment: Mapping[str, str]) -> str:
    return locate.find_engine(environment, system(environment))


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "runtime")}


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Starts an answerer on a Unix socket, or on a free TCP port, and gives its address."""
    with ExitStack() as running:

        def start(path: Path | None = None, handler: type[_Ping] = _Ping) -> str:
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            server = (
                _UnixServer(str(path), handler) if path else HTTPServer(("127.0.0.1", 0), handler)
            )  # type: ignore[arg-type]
            running.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            running.callback(thread.join)
            running.callback(server.shutdown)
            return f"unix://{path}" if path else f"tcp://127.0.0.1:{server.server_port}"

        yield start


def write_context(folder: Path, *, name: str, address: str) -> None:
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": address}}}))
    (folder / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_usual_socket_is_found(home: Path, environment: dict[str, str], listen: Listen) -> None:
    address = listen(home / "system-docker.sock")

    assert find(environment) == address


@pytest.mark.parametrize(
    "path",
    [
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        "runtime/docker.sock",
        ".colima/default/docker.sock",
        ".config/colima/default/docker.sock",
        ".rd/docker.sock",
        "runtime/podman/podman.sock",
        "system-podman.sock",
    ],
)
def test_an_engine_of_the_user_is_found(
    path: str, home: Path, environment: dict[str, str], listen: Listen
) -> None:
    address = listen(home / path)

    assert find(environment) == address


def test_docker_host_wins(home: Path, environment: dict[str, str], listen: Listen) -> None:
    listen(home / "system-docker.sock")
    environment["DOCKER_HOST"] = listen(home / "mine.sock")

    assert find(environment) == f"unix://{home}/mine.sock"


def test_no_other_engine_stands_in_for_docker_host(
    home: Path, environment: dict[str, str], listen: Listen
) -> None:
    listen(home / "system-docker.sock")
    environment["DOCKER_HOST"] = f"unix://{home}/mine.sock"

    with pytest.raises(
        EngineUnreachable, match=r"mine\.sock \(DOCKER_HOST\): no such socket"
    ) as caught:
        find(environment)

    assert "system-docker.sock" not in caught.value.message


@pytest.mark.parametrize("cut", ["", "tcp://"])
def test_docker_host_may_be_a_tcp_address(
    cut: str, environment: dict[str, str], listen: Listen
) -> None:
    address = listen()
    environment["DOCKER_HOST"] = address.removeprefix(cut)

    assert find(environment) == address


@pytest.mark.parametrize("address", ["ssh://me@elsewhere", "npipe:////./pipe/docker", "tcp://"])
def test_an_address_that_cannot_be_used_is_named(address: str, environment: dict[str, str]) -> None:
    environment["DOCKER_HOST"] = address

    with pytest.raises(EngineUnreachable, match=f"{address} "):
        find(environment)


def test_the_current_docker_context_comes_before_the_usual_sockets(
    home: Path, environment: dict[str, str], listen: Listen
) -> None:
    listen(home / "system-docker.sock")
    write_context(home / ".docker", name="bench", address=listen(home / "bench.sock"))

    assert find(environment) == f"unix://{home}/bench.sock"


def test_docker_config_and_docker_context_choose_the_context(
    home: Path, environment: dict[str, str], listen: Listen
) -> None:
    write_context(home / "elsewhere", name="bench", address=listen(home / "bench.sock"))
    (home / "elsewhere" / "config.json").unlink()
    environment |= {"DOCKER_CONFIG": str(home / "elsewhere"), "DOCKER_CONTEXT": "bench"}

    assert find(environment) == f"unix://{home}/bench.sock"


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("unix:///nowhere/bench.sock", "no such socket"),
        ("ssh://me@elsewhere", "ssh:// addresses cannot be used here; taskdock needs an engine on"),
        ("tcp://", "the address names no host"),
        ("", "there is no such context in "),
    ],
)
def test_no_other_engine_stands_in_for_the_current_context(
    address: str, fault: str, home: Path, environment: dict[str, str], listen: Listen
) -> None:
    listen(home / "system-docker.sock")
    write_context(home / ".docker", name="bench", address=address)

    with pytest.raises(EngineUnreachable) as caught:
        find(environment)

    _, tried, advice = caught.value.message.splitlines()
    assert f"{address} (docker context bench): {fault}" in tried
    assert advice == (
        "  No other engine is looked for. Start that one, or: docker context use default"
    )


def test_a_context_of_the_environment_that_does_not_exist_is_told(
    home: Path, environment: dict[str, str], listen: Listen
) -> None:
    listen(home / "system-docker.sock")
    environment["DOCKER_CONTEXT"] = "bench"

    with pytest.raises(EngineUnreachable, match="no such context") as caught:
        find(environment)

    assert caught.value.message.endswith("or: unset DOCKER_CONTEXT")


def test_the_default_context_is_no_order(
    home: Path, environment: dict[str, str], listen: Listen
) -> None:
    address = listen(home / "system-docker.sock")
    environment["DOCKER_CONTEXT"] = "default"

    assert find(environment) == address


@pytest.mark.parametrize("switch", ["DOCKER_TLS_VERIFY", "DOCKER_TLS"])
def test_an_engine_that_wants_tls_is_refused_in_words(
    switch: str, environment: dict[str, str], listen: Listen
) -> None:
    environment |= {"DOCKER_HOST": listen(), switch: "1"}

    with pytest.raises(EngineUnreachable, match="TLS cannot be used here; taskdock needs"):
        find(environment)


def test_a_context_with_keys_for_tls_is_refused_in_words(
    home: Path, environment: dict[str, str], listen: Listen
) -> None:
    write_context(home / ".docker", name="bench", address=listen())
    keys = home / ".docker" / "contexts" / "tls" / hashlib.sha256(b"bench").hexdigest() / "docker"
    keys.mkdir(parents=True)

    with pytest.raises(EngineUnreachable, match="TLS cannot be used here; taskdock needs"):
        find(environment)


def test_tls_does_not_matter_at_a_socket_of_this_machine(
    home: Path, environment: dict[str, str], listen: Listen
) -> None:
    address = listen(home / "mine.sock")
    environment |= {"DOCKER_HOST": address, "DOCKER_TLS_VERIFY": "1"}

    assert find(environment) == address


@pytest.mark.parametrize("text", ["", "[]", "{", '{"currentContext": 5}'])
def test_a_strange_docker_configuration_is_passed_over(
    text: str, home: Path, environment: dict[str, str], listen: Listen
) -> None:
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text(text)
    address = listen(home / "system-docker.sock")

    assert find(environment) == address


def test_every_place_is_listed_when_there_is_no_engine(
    environment: dict[str, str],
) -> None:
    with pytest.raises(EngineUnreachable) as caught:
        find(environment)

    tried = caught.value.message.splitlines()[1:]
    assert [line.split()[0] for line in tried] == [
        one.address for one in locate.addresses(environment, system(environment))
    ]
    assert all(line.endswith(": no such socket") for line in tried)


def test_a_socket_that_nobody_listens_on_is_told(home: Path, environment: dict[str, str]) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(home / "system-docker.sock"))

    assert locate.ping(f"unix://{home}/system-docker.sock") == "nobody listens there"


def test_an_answer_that_is_not_an_engines_is_told(home: Path, listen: Listen) -> None:
    address = listen(home / "teapot.sock", _Teapot)

    assert locate.ping(address) == "something answers, but not an engine (HTTP status 418)"


def test_silence_is_told(home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(home / "silent.sock"))
        silent.listen()

        assert locate.ping(f"unix://{home}/silent.sock", 0.05) == "no answer within 0.05 seconds"


def test_a_missing_permission_is_told(home: Path, listen: Listen) -> None:
    address = listen(home / "system-docker.sock")
    (home / "system-docker.sock").chmod(0)
    home.chmod(0o711)

    assert as_nobody(lambda: locate.ping(address)) == "permission denied"


def as_nobody(call: Callable[[], str | None]) -> str | None:
    """What `call` returns to an ordinary user: root's permissions are dropped while it runs."""
    if os.geteuid() != 0:
        return call()
    os.seteuid(65534)
    try:
        return call()
    finally:
        os.seteuid(0)


def test_the_command_prints_the_address(
    home: Path,
    environment: dict[str, str],
    listen: Listen,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "environ", environment | {"DOCKER_HOST": listen(home / "mine.sock")})

    assert locate.main(system(os.environ)) == 0
    assert capsys.readouterr().out == f"unix://{home}/mine.sock\n"


def test_the_command_says_why_there_is_none(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", environment)

    assert locate.main(system(os.environ)) == 10
    assert "no such socket" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("unix://{home}/system-docker.sock", 10),
        ("unix://{home}/other.sock", 11),
        ("ssh://me@far", 11),
    ],
)
def test_the_command_tells_an_engine_to_be_started_from_one_elsewhere(
    host: str,
    code: int,
    home: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", environment | {"DOCKER_HOST": host.format(home=home)})

    assert locate.main(system(os.environ)) == code
