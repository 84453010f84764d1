"""The story of `taskdock demo --ui`, as a list of calls."""

from __future__ import annotations

from itertools import islice, pairwise, takewhile

from taskdock.base import resources
from taskdock.client.demo import story
from taskdock.client.demo.story import Kind

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

    assert {beat.kind for beat in opening} >= {Kind.TASK, Kind.API_REQUEST, Kind.EXECUTION}
    assert all(beat.why for beat in opening[:3])
