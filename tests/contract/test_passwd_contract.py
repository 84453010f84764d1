"""What is made of an image's /etc/passwd: with real images, on Docker."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from taskdock.base import ids
from taskdock.engines.docker.containers.passwd import PasswdFiles
from taskdock.engines.docker.images.images import Images
from taskdock.engines.images import ImageRequest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]

USER = b"sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
ROOT = b"root:x:0:0:root:/root:/bin/bash\n"
NOBODY = "USER root\nRUN sed -i /993/d /etc/passwd"

Import = Callable[..., str]


@pytest.fixture
def imported(docker_client: docker.DockerClient) -> Iterator[Import]:
    """Makes an image of nothing but these entries of a tar, and with no command; its id."""
    made: list[str] = []

    def imported(*entries: tuple[str, bytes | str | None]) -> str:
        """Bytes: a file; a text: a link there; None: a folder."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            for name, what in entries:
                entry = tarfile.TarInfo(name)
                if isinstance(what, bytes):
                    entry.size = len(what)
                elif what is None:
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                else:
                    entry.type, entry.linkname = tarfile.SYMTYPE, what
                archive.addfile(entry, io.BytesIO(what) if isinstance(what, bytes) else None)
        name = f"taskdock-test/{ids.word()}"
        docker_client.api.import_image_from_data(data.getvalue(), repository=name, tag="1")
        made.append(f"{name}:1")
        return str(docker_client.images.get(made[-1]).id)

    yield imported
    for reference in made:
        with contextlib.suppress(ImageNotFound):
            docker_client.images.remove(reference)


@pytest.fixture
def passwords(docker_client: docker.DockerClient) -> PasswdFiles:
    return PasswdFiles(docker_client.api)


def test_an_image_that_does_not_know_the_user_is_given_it(
    docker_client: docker.DockerClient, passwords: PasswdFiles
) -> None:
    standin = Images(docker_client, lambda _: None).find(ImageRequest("", "python:3.11")).reference
    dockerfile = io.BytesIO(f"FROM {standin}\n{NOBODY}\n".encode())
    image, _ = docker_client.images.build(fileobj=dockerfile, rm=True)
    try:
        found = passwords.for_image(image.id)
    finally:
        docker_client.images.remove(image.id)

    assert found is not None
    first, second, *_ = found.splitlines(keepends=True)
    assert (first, second[:9]) == (USER, b"root:x:0:")
    assert passwords.for_image(docker_client.images.get(standin).id) is None


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([("main", b"")], USER + b"root:x:0:0:root:/root:/sbin/nologin\n"),
        ([("etc/passwd", ROOT)], USER + ROOT),
        ([("etc/passwd", "../lib/users"), ("lib/users", "/real"), ("real", ROOT)], USER + ROOT),
        ([("etc/passwd", "/no/such")], USER + b"root:x:0:0:root:/root:/sbin/nologin\n"),
        ([("etc/passwd", "passwd")], None),
        ([("etc/passwd", None)], None),
        ([("etc/passwd", ROOT * 40_000)], None),
    ],
    ids=["none", "a file", "links", "a link to nothing", "a circle", "a folder", "too large"],
)
def test_what_an_image_has_there_is_added_to_where_that_can_be_done(
    imported: Import,
    passwords: PasswdFiles,
    entries: list[tuple[str, bytes | str | None]],
    found: bytes | None,
) -> None:
    assert passwords.for_image(imported(*entries)) == found


def test_an_image_is_looked_into_once_and_no_container_stays(
    docker_client: docker.DockerClient, imported: Import, passwords: PasswdFiles
) -> None:
    image, label = imported(("etc/passwd", ROOT)), ids.word()
    found = passwords.for_image(image, {"dev.taskdock.test": label})
    left = docker_client.containers.list(all=True, filters={"label": f"dev.taskdock.test={label}"})
    docker_client.images.remove(image, force=True)

    again = passwords.for_image(image)

    assert (found, again, left) == (USER + ROOT, USER + ROOT, [])


def test_many_who_ask_for_an_image_at_once_have_it_looked_into_once(
    docker_client: docker.DockerClient,
    imported: Import,
    passwords: PasswdFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, made = imported(("etc/passwd", ROOT)), []
    create = docker_client.api.create_container

    def count(*words: Any, **fields: Any) -> Any:
        made.append(words)
        return create(*words, **fields)

    monkeypatch.setattr(docker_client.api, "create_container", count)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(passwords.for_image, [image] * 8))

    assert (found, len(made)) == ([USER + ROOT] * 8, 1)


def test_an_engine_that_refuses_spoils_nothing_and_is_asked_again(
    docker_client: docker.DockerClient,
    imported: Import,
    passwords: PasswdFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise APIError("no space left on device")

    image = imported(("etc/passwd", ROOT))
    with monkeypatch.context() as patch:
        patch.setattr(docker_client.api, "create_container", refuse)
        before = passwords.for_image(image)

    after = passwords.for_image(image)

    assert (before, after) == (None, USER + ROOT)
