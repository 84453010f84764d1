"""Two web frameworks behind their usual adapters, served unchanged as API functions."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from taskdock.testing.task_client import Json
from tests.support.live import REPOSITORY, CommandLine, LiveServer, TaskService, ask

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

_SECONDS_TO_INSTALL = 300
INSTALL = {
    "express-api": ("npm", "install", "--no-audit", "--no-fund"),
    "flask-api": (
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-warn-conflicts"),
        *("--target", ".", "--requirement", "requirements.txt"),
        *("--python-version", "3.11", "--only-binary", ":all:"),
    ),
}


@pytest.fixture(scope="module", params=sorted(INSTALL))
def name(
    request: pytest.FixtureRequest, server: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A copy of a sample with its packages, deployed with the command under a name of its own."""
    sample, name = str(request.param), f"ready-{request.param}"
    folder = tmp_path_factory.mktemp("samples") / sample
    shutil.copytree(REPOSITORY / "sample_functions" / sample, folder)
    _install(sample, folder / "src")
    config = folder / "task-config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "name": name}))
    CommandLine(folder, server.service.url).succeed("deploy", ".")
    return name


@pytest.fixture
def url(service: TaskService, name: str) -> str:
    return f"{service.url}/tasks/v1/api/{name}"


@pytest.mark.parametrize(
    ("query", "name_in_it"),
    [("", "world"), ("?name=Ada", "Ada"), ("?x=1&name=Ada+L%C3%B6we%26Co", "Ada Löwe&Co")],
)
def test_a_get_has_its_query(url: str, query: str, name_in_it: str) -> None:
    response = ask("GET", f"{url}/hello{query}")

    assert (response.status_code, response.json()) == (200, {"greeting": f"Hello {name_in_it}!"})
    assert response.headers["content-type"].startswith("application/json")


def test_json_is_posted_and_answered(url: str) -> None:
    note = {"text": "Nußbaum 🌳", "legs": [4, 3.5, None]}

    response = ask("POST", f"{url}/notes", json=note)

    assert (response.status_code, response.json()) == (201, {"kept": note})


@pytest.mark.parametrize("megabytes", [0.001, 4])
def test_a_file_is_uploaded(url: str, megabytes: float) -> None:
    content = os.urandom(int(megabytes * 1024 * 1024))

    response = ask(
        "POST", f"{url}/files", data=content, headers={"Content-Type": "application/octet-stream"}
    )

    sha256 = hashlib.sha256(content).hexdigest()
    assert response.json() == {"bytes": len(content), "sha256": sha256}


def test_a_file_is_downloaded(url: str) -> None:
    response = ask("GET", f"{url}/files/bytes")

    assert response.content == bytes(range(256))
    assert response.headers["content-type"] == "application/octet-stream"


def test_cookies_go_and_come(url: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        visits = [session.get(f"{url}/visits", timeout=60).json()["visits"] for _ in range(3)]
        cookies = session.cookies.get_dict()

    assert visits == [1, 2, 3]
    assert cookies == {"visits": "3", "theme": "dark"}


def test_a_redirect_leads_to_another_path_of_the_function(url: str) -> None:
    response = ask("GET", f"{url}/welcome")

    assert response.url == f"{url}/hello?name=guest"
    assert response.json() == {"greeting": "Hello guest!"}
    assert [step.status_code for step in response.history] == [302]


def test_a_header_that_is_repeated_comes_whole(url: str) -> None:
    command = ["curl", "--silent", "-H", "X-Tag: oak", "-H", "X-Tag: round", f"{url}/tags"]

    answer = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout

    assert json.loads(answer) == {"tags": ["oak", "round"]}


def test_what_the_framework_does_not_know_is_its_own_404(url: str, name: str) -> None:
    unknown = ask("GET", f"{url}/nowhere")
    other_method = ask("DELETE", f"{url}/notes")

    assert unknown.status_code == 404
    assert unknown.headers["content-type"].startswith("text/html")
    assert other_method.status_code == (405 if name == "ready-flask-api" else 404)


def test_head_and_options_are_the_frameworks_too(url: str) -> None:
    head = ask("HEAD", f"{url}/hello", allow_redirects=False)
    options = ask("OPTIONS", f"{url}/hello")

    assert (head.status_code, head.content) == (200, b"")
    assert "GET" in options.headers["allow"]


def test_a_request_is_recorded_with_its_log(service: TaskService, name: str, url: str) -> None:
    ask("GET", f"{url}/hello?name=Grace")

    recorded = _last_request(service, name)
    lines = service.get(f"/apiRequests/{recorded['id']}/logs")["data"]

    assert (recorded["method"], recorded["path"]) == ("GET", "hello?name=Grace")
    assert recorded["statusCode"] == 200
    assert 0 < recorded["duration"] < 30
    assert any("Greeting Grace" in line["message"] for line in lines)


def _install(sample: str, folder: Path) -> None:
    done = subprocess.run(
        INSTALL[sample],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_SECONDS_TO_INSTALL,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(INSTALL[sample])}\n{done.stdout}{done.stderr}"


def _last_request(service: TaskService, name: str) -> Json:
    rql = f"eq(functionName,{name})&sort(-timestamp)&limit(1)"
    (found,) = service.get(f"/apiRequests?{rql}")["data"]
    return dict(found)
