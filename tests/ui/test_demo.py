"""`taskdock demo --ui`, as a trainer has it: a story that the dashboard shows, and an end."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Page, expect

from taskdock.base.files.data_folder import label_of
from taskdock.client.demo import story
from taskdock.lambdas.environment.spec import LABEL
from taskdock.testing.waiting import eventually
from tests.harness.page import examples
from tests.support.live import REPOSITORY, CommandLine, TaskService, make_images
from tests.support.piped import Piped

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

SECONDS_TO_SHOW = 60  # for all parts of the story, with their images here
ADDRESS = re.compile(r"Dashboard +(http://localhost:\d+)/ui/$")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, where the demo's server has its files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "taskdock"


@pytest.fixture
def demo(cache: Path) -> Iterator[Piped]:
    make_images("python3.11", "nodejs20.x")
    demo = Piped("demo", "--ui", "--port", "0")
    yield demo
    demo.close()


def test_the_dashboard_shows_the_story_until_ctrl_c_which_leaves_nothing(
    demo: Piped, cache: Path, page: Page, tmp_path: Path
) -> None:
    url = eventually(lambda: address(demo), "the dashboard's address", within=SECONDS_TO_SHOW)
    assert not any("Deploy" in line for line in demo.lines[: demo.lines.index(line_of(demo)) + 1])
    page.goto(f"{url}/ui/")
    main = page.get_by_role("main")
    for name in (*story.CODE_FIRST, story.IMAGE_LATER):
        expect(main.get_by_text(name).first).to_be_visible(timeout=SECONDS_TO_SHOW * 1000)
    service = TaskService(url)
    eventually(lambda: told(service), "all parts of the story", within=SECONDS_TO_SHOW)
    for line in lines_of_the_script():
        assert line[0] == "taskdock"
        CommandLine(tmp_path, url).succeed(*line[1:])
    expect(page.locator("#connection")).to_have_text("live")
    (folder,) = cache.glob("exec-*")
    engine = docker.from_env()
    ours = {"label": f"{LABEL}.server={label_of(folder)}"}
    assert engine.containers.list(filters=ours)

    code = demo.interrupt()

    assert code == 0, demo.notes
    assert demo.lines[-1].strip() == "stopped"
    assert not any("Traceback" in note for note in demo.notes)
    assert engine.containers.list(all=True, filters=ours) == []
    assert not folder.exists()


def lines_of_the_script() -> list[list[str]]:
    """Those that a trainer types while the story goes on."""
    page = examples(REPOSITORY / "docs" / "demo.md")
    lines = [line for example in page for line in example.text.splitlines()]
    return [shlex.split(line) for line in lines if not line.startswith("make ")]


def line_of(demo: Piped) -> str:
    return next((line for line in demo.lines if ADDRESS.search(line)), "")


def address(demo: Piped) -> str:
    """The server's, once the demo has printed it; "" before."""
    assert demo.runs, demo.notes
    found = ADDRESS.search(line_of(demo))
    return found[1] if found else ""


def told(service: TaskService) -> bool:
    """Whether each part of the story has come to the end that it is there to show."""
    ends = {
        (task["functionName"], task["status"], (task.get("error") or {}).get("name"))
        for task in service.get("/?limit(50)")["data"]
    }
    return ends >= {
        ("recurring-chain", "complete", None),
        ("fails-then-succeeds", "retried", "NotReadyYet"),
        ("fails-then-succeeds", "complete", None),
        ("too-slow", "failed", "Sandbox.Timedout"),
        ("too-hungry", "failed", "Runtime.OutOfMemory"),
        ("hello-world-docker", "complete", None),
        ("takes-its-time", "complete", None),
        ("hello-world-python", "new", None),
    } and bool(service.get("/apiRequests")["data"])
