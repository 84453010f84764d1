"""What engines say of themselves: recorded answers, and every one of them with any part missing."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from taskdock.engines.docker.facts import (
    EngineFacts,
    EngineKind,
    ImageFacts,
    read_engine,
    read_image,
)

_FOLDER = Path(__file__).parents[1] / "data" / "engines"
ANSWERS = {file.stem: json.loads(file.read_text()) for file in sorted(_FOLDER.glob("*.json"))}

_STRANGE = (None, "", [], {}, 0, -1, False, "?", ["?"], [None], {"?": None})


def engine(name: str) -> EngineFacts:
    return read_engine(ANSWERS[name]["info"], ANSWERS[name]["version"])


@pytest.mark.parametrize(
    ("name", "kind", "version", "api"),
    [
        ("docker-20.10-first-start", EngineKind.DOCKER, "20.10.24+dfsg1", "1.41"),
        ("docker-24.0", EngineKind.DOCKER, "24.0.7", "1.43"),
        ("docker-26.1", EngineKind.DOCKER, "26.1.5+dfsg1", "1.45"),
        ("docker-28.5", EngineKind.DOCKER, "28.5.2+dfsg4", "1.51"),
        ("docker-29", EngineKind.DOCKER, "29.2.1", "1.53"),
        ("docker-desktop", EngineKind.DESKTOP, "27.1.1", "1.46"),
        ("docker-rootless", EngineKind.ROOTLESS_DOCKER, "20.10.5", "1.41"),
        ("podman-5.4", EngineKind.PODMAN, "5.4.2", "1.41"),
        ("podman-rootless", EngineKind.ROOTLESS_PODMAN, "5.4.2", "1.41"),
        ("podman-4.3-rootless", EngineKind.ROOTLESS_PODMAN, "4.3.1", "1.41"),
    ],
)
def test_an_engine_is_known_by_its_answers(
    name: str, kind: EngineKind, version: str, api: str
) -> None:
    found = engine(name)

    assert (found.kind, found.version, found.api) == (kind, version, api)


def test_every_recorded_engine_is_in_that_list() -> None:
    (mark,) = [
        mark
        for mark in test_an_engine_is_known_by_its_answers.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    ]

    assert sorted(row[0] for row in mark.args[1]) == sorted(ANSWERS)


def test_an_image_of_api_1_52_has_no_empty_fields() -> None:
    assert "Cmd" not in ANSWERS["docker-29"]["image"]["Config"]

    found = read_image(ANSWERS["docker-29"]["image"])

    assert found == ImageFacts(
        id=ANSWERS["docker-29"]["image"]["Id"],
        entrypoint=("/lambda-entrypoint.sh",),
        arguments=(),
        variables={"PATH": "/var/lang/bin:/usr/bin", "LANG": "en_US.UTF-8"},
        working_directory="/var/task",
    )


@pytest.mark.parametrize(
    ("said", "volumes"),
    [({"/a": {}, "b": {}}, ("/a", "b")), ({}, ()), (None, ()), (["/a"], ()), ("/a", ())],
)
def test_an_images_volumes_are_the_keys_of_what_it_says(said: Any, volumes: Any) -> None:
    assert read_image({"Config": {"Volumes": said}}).volumes == volumes


@pytest.mark.parametrize("left_out", ["Cmd", "Entrypoint", "Env", "Config"])
@pytest.mark.parametrize("absent", [True, False], ids=["absent", "null"])
def test_what_an_image_leaves_out_is_empty(left_out: str, absent: bool) -> None:
    config: dict[str, Any] = {"Entrypoint": ["/a"], "Cmd": ["b"], "Env": ["C=d=e", "E"]}
    image: dict[str, Any] = {"Config": config}
    of = image if left_out == "Config" else config
    if absent:
        del of[left_out]
    else:
        of[left_out] = None

    found = read_image(image)

    gone = {"Cmd", "Entrypoint", "Env"} if left_out == "Config" else {left_out}
    assert found.entrypoint == (() if "Entrypoint" in gone else ("/a",))
    assert found.arguments == (() if "Cmd" in gone else ("b",))
    usual = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    assert found.variables == (usual if "Env" in gone else {**usual, "C": "d=e", "E": ""})


@pytest.mark.parametrize("name", ["docker-rootless", "podman-4.3-rootless"])
def test_a_rootless_engine_without_control_groups_limits_nothing_whatever_it_says(
    name: str,
) -> None:
    assert ANSWERS[name]["info"]["MemoryLimit"] is True

    found = engine(name)

    assert (found.limits_memory, found.limits_swap) == (False, False)


@pytest.mark.parametrize(("said", "limits"), [(True, True), (False, False), (None, True)])
def test_an_engine_without_the_control_group_of_memory_says_so(
    said: bool | None, limits: bool
) -> None:
    found = read_engine({"MemoryLimit": said, "SwapLimit": said}, {})

    assert (found.limits_memory, found.limits_swap) == (limits, limits)


@pytest.mark.parametrize(("name", "labels"), [("podman-5.4", True), ("docker-26.1", False)])
def test_selinux_is_among_the_security_options(name: str, labels: bool) -> None:
    assert engine(name).labels_files is labels


def test_docker_desktop_says_by_which_proxy_it_reaches_registries() -> None:
    assert engine("docker-desktop").proxy == "http.docker.internal:3128"


def _spoilt(answer: Any) -> Iterator[Any]:
    """The answer with each of its parts replaced by each strange value, and left out."""
    for path in _paths(answer):
        for strange in (*_STRANGE, ...):
            spoilt = copy.deepcopy(answer)
            parent = spoilt
            for key in path[:-1]:
                parent = parent[key]
            if strange is not ...:
                parent[path[-1]] = strange
            elif isinstance(parent, dict):
                del parent[path[-1]]
            yield spoilt


def _paths(answer: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    pairs = answer.items() if isinstance(answer, dict) else enumerate(answer)
    for key, value in pairs:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _paths(value, *path, key)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_any_part_of_an_answer_may_be_missing_or_wrong(name: str) -> None:
    answers = ANSWERS[name]
    spoilt = 0

    for info in _spoilt(answers["info"]):
        assert isinstance(read_engine(info, answers["version"]), EngineFacts)
        spoilt += 1
    for version in _spoilt(answers["version"]):
        assert isinstance(read_engine(answers["info"], version), EngineFacts)
        spoilt += 1
    for image in _spoilt(answers["image"]):
        assert isinstance(read_image(image), ImageFacts)
        spoilt += 1

    assert spoilt > 200


@pytest.mark.parametrize("answer", _STRANGE)
def test_an_answer_may_be_no_answer_at_all(answer: object) -> None:
    assert read_engine(answer, answer).kind is EngineKind.DOCKER
    assert replace(read_image(answer), variables={}) == ImageFacts()
