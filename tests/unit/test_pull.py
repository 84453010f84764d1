"""How far a pull is, by the engine's report; and what is shown of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from taskdock.engines.docker.images.pull import Layers, Puller, awaited
from taskdock.engines.images import Progress
from taskdock.server.provision import teller
from taskdock.testing.clock import ManualClock

REF = "public.ecr.aws/lambda/python:3.11"
LIMIT = 20  # seconds


def line(status: str, layer: str = "a", done: int | None = None, total: int = 100) -> Any:
    detail = {} if done is None else {"current": done, "total": total}
    return {"id": layer, "status": status, "progressDetail": detail}


def told(*lines: Any) -> list[tuple[str, int | None, int | None]]:
    layers, heard = Layers(), []
    for one in lines:
        layers.note(one)
        for progress in layers.progress(REF):
            heard.append((progress.what.partition(" ")[0], progress.done, progress.total))
    return heard


def test_a_pull_is_told_in_bytes_over_all_layers() -> None:
    heard = told(
        {"status": "Pulling from lambda/python", "id": "3.11"},
        line("Downloading", "a", 10),
        line("Downloading", "b", 30),
        line("Download complete", "a"),
    )

    assert heard == [
        ("pulling", None, None),
        ("pulling", 10, 100),
        ("pulling", 40, 200),
        ("pulling", 130, 200),
    ]


def test_a_layer_of_unknown_size_is_taken_for_as_large_as_the_others() -> None:
    heard = told(
        line("Pulling fs layer", "a"),
        line("Pulling fs layer", "b"),
        line("Downloading", "a", 50),
        line("Download complete", "a"),
    )

    assert heard[-2:] == [("pulling", 50, 200), ("pulling", 100, 200)]


def test_a_layer_is_complete_when_the_engine_says_so_and_not_when_it_counts_so() -> None:
    """When a download breaks off, it counts all of it, and takes up the rest as a new one."""
    heard = told(
        line("Downloading", "a", 40),
        line("Downloading", "a", 100),
        line("Retrying in 5 seconds"),
        line("Downloading", "a", 10, total=60),
        line("Download complete", "a"),
    )

    assert heard == [
        ("pulling", 40, 100),
        ("pulling", 40, 100),
        ("pulling", None, None),
        ("pulling", 50, 100),
        ("pulling", 100, 100),
    ]


def test_what_is_told_never_goes_back() -> None:
    heard = told(line("Downloading", "a", 90), line("Downloading", "b", 0, total=900))

    assert heard == [("pulling", 90, 100), ("pulling", 900, 1000)]


def test_unpacking_is_told_once_all_is_fetched() -> None:
    heard = told(
        line("Downloading", "a", 50),
        line("Downloading", "b", 50),
        line("Extracting", "a", 20),
        line("Extracting", "b", 30),
        line("Pull complete", "a"),
    )

    assert heard == [
        ("pulling", 50, 100),
        ("pulling", 100, 200),
        ("pulling", 150, 200),
        ("pulling", 200, 200),
        ("unpacking", 50, 200),
        ("pulling", 200, 200),
        ("unpacking", 130, 200),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"status": "Downloading"},
        {"status": None, "id": None, "progressDetail": None},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": 5}},
        {"status": "Downloading", "id": "a", "progressDetail": {"total": 100}},
        {"status": "Extracting", "id": "never announced", "progressDetail": {}},
        {"status": "Pull complete", "id": "never announced"},
    ],
)
def test_a_report_that_leaves_things_out_is_read_as_far_as_it_goes(odd: Any) -> None:
    told(odd, line("Downloading", "a", 50), odd)


def test_who_waits_is_told_for_how_long() -> None:
    heard_twice, waits = threading.Event(), []

    def lines() -> Iterator[Any]:
        yield line("Waiting")
        assert heard_twice.wait(LIMIT)
        yield line("Downloading")

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            heard_twice.set()

    come = list(awaited(lines(), wait, 0.01))

    assert [one["status"] for one in come] == ["Waiting", "Downloading"]
    assert waits[:2] == [0.01, 0.02]


def test_what_breaks_the_report_reaches_who_reads_it() -> None:
    def lines() -> Iterator[Any]:
        yield line("Waiting")
        raise ConnectionError("the engine is gone")

    with pytest.raises(ConnectionError, match="the engine is gone"):
        list(awaited(lines(), lambda _: None, 1.0))


def test_each_tenth_of_a_pull_is_shown_or_what_there_is_after_five_seconds() -> None:
    clock, shown = ManualClock(), []
    announce = teller(shown.append, clock)

    for done, seconds in ((1, 0), (2, 0), (3, 5), (3, 5), (10, 0), (11, 0), (100, 0)):
        clock.jump(seconds)
        announce(Progress("pulling x", done, 100))

    assert [text.rpartition(": ")[2] for text in shown] == ["1 %", "3 %", "10 %", "100 %"]


def test_the_same_line_is_not_shown_twice_in_a_row() -> None:
    shown: list[str] = []
    announce = teller(shown.append, ManualClock())

    for what in ("pulling x", "pulling x", "pulling y", "pulling x"):
        announce(Progress(what))

    assert shown == ["pulling x", "pulling y", "pulling x"]


class StubReply:
    """An engine's answer that comes in these pieces."""

    ok = True

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __enter__(self) -> StubReply:
        return self

    def __exit__(self, *_: object) -> None: ...

    def iter_content(self, size: None) -> Iterator[bytes]:
        yield from self._pieces


@pytest.mark.parametrize(
    "pieces",
    [
        (b'{"status": "one"}\r\n{"status": "two"}\r\n',),
        (b'{"status"', b': "one"}\r\n{"status":', b' "two"}'),
        (b'{"status": "one"}\n\n[]\n{"status": "two"}\n{"sta',),
    ],
)
def test_a_report_is_read_however_it_is_cut_into_pieces(
    monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]
) -> None:
    engine: Any = SimpleNamespace(api=None)
    puller = Puller(engine, lambda _: None)
    monkeypatch.setattr(puller, "_begin", lambda *_: StubReply(*pieces))

    lines = [line for line in puller._lines(REF, None) if line]

    assert lines == [{"status": "one"}, {"status": "two"}]
