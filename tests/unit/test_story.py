"""The story of `taskdock demo --ui`, as a list of calls."""

from __future__ import annotations

import signal
import sys
from itertools import islice, pairwise, takewhile
from pathlib import Path

import pytest

from taskdock.base import resources
from taskdock.base.errors import TaskdockError
from taskdock.base.timing.clock import SystemClock
from taskdock.client.demo import show, story
from taskdock.client.demo.story import CallKind

MINUTES = 10


def told() -> list[story.Beat]:
    return list(takewhile(lambda beat: beat.at < MINUTES * 60, story.beats()))


def test_something_happens_every_few_seconds_and_never_many_things_at_once() -> None:
    moments = [beat.at for beat in told()]

    assert moments == sorted(moments)
    assert max(after - before for before, after in pairwise(moments)) <= 10  # a rush runs meanwhile
    assert len(moments) <= MINUTES * 25


def test_each_function_of_the_story_is_a_sample_and_has_its_part() -> None:
    functions = {*story.CODE_FIRST, story.IMAGE_LATER}

    assert {beat.function for beat in told()} == functions
    for name in functions:
        assert (resources.folder("sample_functions") / name / "task-config.json").is_file()


def test_there_is_always_a_task_that_waits_for_its_time() -> None:
    waits = [(beat.at, beat.at + beat.start_in) for beat in told() if beat.start_in]

    for second in range(3, MINUTES * 60 - 60):
        assert any(made <= second < begins for made, begins in waits), second


def test_the_opening_has_a_call_of_each_kind_that_needs_no_explanation_first() -> None:
    opening = list(islice(story.beats(), 30))

    assert {beat.kind for beat in opening} >= {
        CallKind.TASK,
        CallKind.API_REQUEST,
        CallKind.EXECUTION,
    }
    assert all(beat.why for beat in opening[:3])


ENDS = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def do_POST(self):
        os._exit(9)
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
print(f"  Task Service  http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


def test_a_server_that_goes_away_in_the_middle_of_the_story_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process is not only the demo's

    with pytest.raises(TaskdockError) as caught:
        show.run(
            server_command=[sys.executable, "-c", ENDS],
            data_dir=tmp_path,
            port=0,
            build_image=lambda *_, **__: "built",
            clock=SystemClock(),
        )

    assert caught.value.message.splitlines() == [
        "the demo's server went away; it ended with exit code 9",
        "What is wrong with this machine, and how to mend it, says: taskdock doctor",
    ]
    printed = capsys.readouterr().out
    assert printed.index("/ui/?present=1") < printed.index("2. Deploy")
