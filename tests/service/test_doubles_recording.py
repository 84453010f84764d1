"""Recording: calls without a double go on to a cluster, and its answers come back as doubles."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from taskdock.base.errors import StartupError
from taskdock.testing.fakes.engine import FakeEngine
from tests.support.builders import Dock, StartDock
from tests.support.doubles import add, ask, calls
from tests.support.people import refusal

VARIABLES = ("CONSUMER_KEY", "CONSUMER_SECRET", "TOKEN", "TOKEN_SECRET")
TOKEN = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


class Cluster:
    """A plain HTTP server in a cluster's place. `answers`: by method and path with query."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                cluster.seen.append((self.command, self.path, headers, body))
                status, sent, content = cluster.answers.get(
                    f"{self.command} {self.path}", (404, {}, b"nothing here")
                )
                self.send_response(status)
                for name, value in {**sent, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = serve

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, call: str, value: Any, status: int = 200) -> None:
        kind = {"Content-Type": "application/json", "Set-Cookie": "session=walnut-cookie"}
        self.answers[call] = (status, kind, json.dumps(value).encode())


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    with made.server:
        thread = threading.Thread(target=made.server.serve_forever, daemon=True)
        thread.start()
        yield made
        made.server.shutdown()
        thread.join(10)


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"TASKDOCK_RECORD_{name}", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "doubles"
    made.mkdir()
    return made


@pytest.fixture
def recording(start_dock: StartDock, folder: Path, cluster: Cluster) -> Dock:
    return start_dock(doubles=folder, doubles_record=cluster.url)


@pytest.fixture
def offline(tmp_path: Path, folder: Path) -> Iterator[Callable[[], Dock]]:
    """Starts a server with what has been recorded, and without the cluster."""
    started: list[Dock] = []

    def start() -> Dock:
        started.append(Dock(tmp_path / "offline", engine=FakeEngine(), doubles=folder))
        return started[-1]

    yield start
    for dock in started:
        dock.stop()


def written(folder: Path) -> str:
    """All that was recorded."""
    return "\n".join(
        path.read_bytes().decode("latin-1") for path in sorted(folder.rglob("*")) if path.is_file()
    )


def test_an_answer_is_handed_back_written_down_and_replayed_offline(
    recording: Dock, cluster: Cluster, folder: Path, offline: Callable[[], Dock]
) -> None:
    path = "/data/v1/rooms/documents?eq(data.wood,oak)&limit(3)"
    value = {"page": {"total": 1}, "data": [{"id": "1", "data": {"wood": "Éiche: no\u2028 😀"}}]}
    cluster.answer(f"GET {path}", value)
    cluster.answer("POST /mail/v1/", {"id": "7"}, 201)
    mail = {"to": "ada", "on": "no", "n": 1.5}

    assert ask(recording, "GET", path).json() == value
    assert ask(recording, "POST", "/mail/v1/", mail).json() == {"id": "7"}
    assert ask(recording, "GET", path).json() == value

    assert [each[:2] for each in cluster.seen] == [("GET", path), ("POST", "/mail/v1/")]
    assert [each["double"] for each in calls(recording)] == [
        None,
        None,
        "recorded-127.0.0.1.yaml:4",
    ]
    [file] = folder.glob("*.yaml")
    assert [each["method"] for each in yaml.safe_load(file.read_text())] == ["GET", "POST"]
    dock = offline()
    again = ask(dock, "GET", "/data/v1/rooms/documents?limit(3)&data.wood=oak")
    assert (again.json(), again.headers["Content-Type"]) == (value, "application/json")
    sent = ask(dock, "POST", "/mail/v1", mail)
    assert (sent.status_code, sent.json()) == (201, {"id": "7"})
    assert ask(dock, "POST", "/mail/v1", {**mail, "to": "bob"}).status_code == 404


def test_a_double_comes_before_the_cluster(recording: Dock, cluster: Cluster) -> None:
    add(recording, "GET", "/shop", {"text": "double"})

    assert ask(recording, "GET", "/shop").text == "double"
    assert cluster.seen == []


def test_what_somebody_has_written_into_the_file_stays_whatever_its_bytes(
    recording: Dock, cluster: Cluster, folder: Path
) -> None:
    note = b"# f\xfcr Ada"  # in an encoding of its own, as an editor of another locale writes it
    cluster.answer("GET /one", {"wood": "\u00c9iche"})
    cluster.answer("GET /two", {})
    assert ask(recording, "GET", "/one").ok
    [file] = folder.glob("*.yaml")
    file.write_bytes(file.read_bytes() + note + b"\n")

    assert ask(recording, "GET", "/two").json() == {}

    text = file.read_bytes()
    assert note in text
    assert "\u00c9iche".encode() in text
    assert b"path: /two" in text


def test_content_of_any_kind_is_replayed(
    recording: Dock, cluster: Cluster, folder: Path, offline: Callable[[], Dock]
) -> None:
    picture, long = bytes(range(256)) * 300, {"rows": ["walnut"] * 5000}
    named = {"Content-Type": "image/png", "Content-Disposition": 'attachment; filename="é.png"'}
    latin = {name: value.encode("utf-8").decode("latin-1") for name, value in named.items()}
    cluster.answers["GET /picture"] = (200, latin, picture)
    cluster.answers["GET /text?a%20b=c%26d"] = (200, {"Content-Type": "text/csv"}, b"a\r\nb: - #\t")
    cluster.answers["DELETE /one"] = (204, {}, b"")
    cluster.answers["GET /moved"] = (302, {"Location": "https://other.example/x"}, b"")
    cluster.answer("GET /long", long)
    cluster.answer("GET /missing", {"code": 16}, 404)

    for dock in (recording, offline()):
        got = ask(dock, "GET", "/picture")
        assert (got.content, got.headers["Content-Type"]) == (picture, "image/png")
        assert ask(dock, "GET", "/text?a%20b=c%26d").content == b"a\r\nb: - #\t"
        assert ask(dock, "GET", "/text").status_code == 404
        assert ask(dock, "DELETE", "/one").status_code == 204
        moved = ask(dock, "GET", "/moved", allow_redirects=False)
        assert (moved.status_code, moved.headers["Location"]) == (302, "https://other.example/x")
        assert ask(dock, "GET", "/long").json() == long
        assert ask(dock, "GET", "/missing").json() == {"code": 16}
    assert max(len(each) for each in written(folder).splitlines()) < 100_000


def test_what_says_something_of_the_recording_alone_is_not_written(
    recording: Dock, cluster: Cluster, folder: Path
) -> None:
    for status in (401, 429, 500, 503):
        cluster.answer(f"GET /a/{status}", {"code": 1}, status)
        assert ask(recording, "GET", f"/a/{status}").status_code == status
    cluster.answer("HEAD /a", {})
    assert ask(recording, "HEAD", "/a").status_code == 200

    assert list(folder.iterdir()) == []


def test_secrets_and_tokens_are_masked_the_same_wherever_they_are(
    recording: Dock, cluster: Cluster, folder: Path, offline: Callable[[], Dock]
) -> None:
    files = {"data": [{"name": "a.txt", "tokens": [{"token": TOKEN, "accessLevel": "full"}]}]}
    cluster.answer("GET /files/v1/", files)
    cluster.answers[f"GET /files/v1/{TOKEN}/file"] = (200, {"Content-Type": "text/plain"}, b"hello")
    account = {"password": "walnut-password", "api_key": "walnut-key", "note": f"see {JWT}"}
    cluster.answer("POST /profiles/v1/?token=walnut-query", {**account, "accessToken": "walnut-at"})

    replaying = offline()
    for dock in (recording, recording, replaying):
        listed = ask(dock, "GET", "/files/v1/").json()
        token = listed["data"][0]["tokens"][0]["token"]
        assert ask(dock, "GET", f"/files/v1/{token}/file").text == "hello"
    cluster.answer(f"GET /files/v1/{TOKEN}/details", {"size": 5})
    assert ask(recording, "GET", f"/files/v1/{token}/details").json() == {"size": 5}
    assert ask(
        recording,
        "POST",
        "/profiles/v1/?token=walnut-query",
        {"password": "walnut-sent", "name": "Ada"},
        headers={"Authorization": "Basic d2FsbnV0", "Cookie": "walnut=1"},
    ).ok

    text = written(folder)
    for secret in (TOKEN, JWT, "walnut", "d2FsbnV0"):
        assert secret not in text, secret
    assert "full" in text
    assert ask(replaying, "POST", "/profiles/v1/?token=x", {"name": "Ada"}).status_code == 404
    assert "authorization" not in cluster.seen[-1][2]
    assert "cookie" not in cluster.seen[-1][2]


def test_calls_are_signed_anew_for_a_second_taskdock_and_credentials_are_not_written(
    start_dock: StartDock, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = Dock(tmp_path / "far", engine=FakeEngine(), auth="strict", harness="on")
    try:
        add(far, "GET", "/data/v1/rooms/documents", {"json": {"data": ["oak"]}})
        add(far, "POST", "/data/v1/forms", {"json": {}}, body="a=b+c")
        secrets = list(far.emulator.directory.local.credentials.values())
        for name, value in zip(VARIABLES, secrets, strict=True):
            monkeypatch.setenv(f"TASKDOCK_RECORD_{name}", value)
        near = start_dock(doubles=folder, doubles_record=far.url)
        near.deploy(lambda event, runtime: None)

        path = "/data/v1/rooms/documents?eq(data.wood,O%2520a%2Bk)&in(id,a,b)"
        assert ask(near, "GET", path).json() == {"data": ["oak"]}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert ask(near, "POST", "/data/v1/forms", data="a=b+c", headers=form).json() == {}
        # A path that neither has is answered by the second one, and is handed on no further.
        assert refusal(ask(near, "GET", "/data/v1/nothing"))[:2] == (404, 11)
    finally:
        far.stop()

    for secret in secrets:
        assert secret not in written(folder)


def test_two_servers_that_record_from_each_other_hand_a_call_on_once(
    start_dock: StartDock, cluster: Cluster, folder: Path, tmp_path: Path
) -> None:
    far = Dock(tmp_path / "far", engine=FakeEngine(), doubles=folder, doubles_record=cluster.url)
    try:
        near = start_dock(doubles=folder, doubles_record=far.url)

        assert ask(near, "GET", "/shop").status_code == 404
    finally:
        far.stop()

    assert cluster.seen == []


def test_a_cluster_that_is_not_there_is_told_as_that(start_dock: StartDock, folder: Path) -> None:
    dock = start_dock(doubles=folder, doubles_record="http://127.0.0.1:9")

    answer = ask(dock, "GET", "/data/v1/rooms")

    assert refusal(answer) == (502, 1, "SERVER_EXCEPTION")
    told = answer.json()["message"]
    assert told.startswith("http://127.0.0.1:9, which --doubles-record names, has not answered: ")
    assert "Connection refused" in told
    assert "nothing was recorded" in told
    assert list(folder.iterdir()) == []


def test_an_answer_that_cannot_be_written_is_given_all_the_same_and_reported(
    recording: Dock, cluster: Cluster, folder: Path
) -> None:
    cluster.answer("GET /shop", {"a": 1})
    (folder / ".recorded-127.0.0.1.yaml.part").mkdir()

    assert ask(recording, "GET", "/shop").json() == {"a": 1}

    [trouble] = recording.emulator.health.troubles()
    assert "could not be written into" in trouble.reason


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("api.example.com", "takes the address of a cluster"),
        ("ftp://api.example.com", "takes the address of a cluster"),
        ("https://ada:secret@api.example.com", "takes the address of a cluster"),
        ("https://api.example.com/data", "takes the address of a cluster"),
        ("https://api.example.com:x", "takes the address of a cluster"),
    ],
)
def test_an_address_that_is_none_keeps_the_server_from_starting(
    start_dock: StartDock, folder: Path, address: str, told: str
) -> None:
    with pytest.raises(StartupError, match=told):
        start_dock(doubles=folder, doubles_record=address)


def test_recording_needs_a_folder_and_whole_credentials(
    start_dock: StartDock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StartupError, match="needs --doubles DIR"):
        start_dock(doubles_record="https://api.example.com")
    monkeypatch.setenv("TASKDOCK_RECORD_CONSUMER_KEY", "k")
    with pytest.raises(StartupError, match="TASKDOCK_RECORD_CONSUMER_SECRET is not set"):
        start_dock(doubles=folder, doubles_record="https://api.example.com")
    monkeypatch.setenv("TASKDOCK_RECORD_CONSUMER_SECRET", "s")
    monkeypatch.setenv("TASKDOCK_RECORD_TOKEN", "t")
    with pytest.raises(StartupError, match="TASKDOCK_RECORD_TOKEN_SECRET is not set"):
        start_dock(doubles=folder, doubles_record="https://api.example.com")
