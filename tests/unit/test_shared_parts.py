"""Parts of pages that are made once for all pages that were told of the same change."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.messages import Headers, PendingReply, Reply, Request
from taskdock.web.ui.stream.shared_parts import ANSWER, LARGEST, MOST_KEPT, TOLD, ToldParts

ETAG = '"oak"'
COST = 0.01


class Stage:
    """Shared parts, and an application that answers when it is told to."""

    def __init__(self, *, status: int = 200, body: bytes = b"<section>") -> None:
        self.told = 1
        self.spent = 0.0
        self.calls: list[Request] = []
        self.waiting: list[asyncio.Future[tuple[Reply, float]]] = []
        headers = [("Content-Type", "text/html"), ("ETag", ETAG), ("X-Wood", "oak")]
        self.made = Reply(status, body, headers)
        self.parts = ToldParts(self, told=lambda: self.told, spend=self._spend)  # type: ignore[arg-type]

    def _spend(self, seconds: float) -> None:
        self.spent += seconds

    def timed_reply(self, request: Request) -> asyncio.Future[tuple[Reply, float]]:
        self.calls.append(request)
        self.waiting.append(asyncio.get_running_loop().create_future())
        return self.waiting[-1]

    async def answer(self, error: Exception | None = None) -> None:
        for each in self.waiting:
            if error is None:
                each.set_result((self.made, COST))
            else:
                each.set_exception(error)
        self.waiting.clear()
        await asyncio.sleep(0)

    async def fetch(self, request: Request) -> Reply | Exception:
        pending = self.parts.reply(request)
        await self.answer()
        await asyncio.sleep(0)
        return reply_of(pending)


def reply_of(pending: PendingReply) -> Reply | Exception:
    found: list[Reply | Exception] = []
    pending.then(found.append)
    (reply,) = found
    return reply


def asks(
    path: str = "/ui/now/board", *, told: str | None = "1", address: str = "127.0.0.1", **more: str
) -> Request:
    headers: Headers = [(b"host", b"localhost"), (b"user-agent", b"oak/1")]
    if told is not None:
        headers.append((TOLD.encode(), told.encode()))
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
    return Request(
        method="GET",
        target=path.encode(),
        path=path.partition("?")[0],
        query=path.partition("?")[2].encode(),
        headers=headers,
        version="1.1",
        peer=Peer(address),
        server=("127.0.0.1", 1),
    )


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_a_part_is_made_once_for_all_that_were_told_of_the_same() -> None:
    async def story() -> None:
        stage = Stage()
        pages = [stage.parts.reply(asks(user_agent=f"pine/{number}")) for number in range(100)]
        await stage.answer()
        await asyncio.sleep(0)
        late = await stage.fetch(asks())

        replies = [reply_of(page) for page in pages]
        assert len(stage.calls) == 1
        assert {reply.body for reply in [*replies, late]} == {b"<section>"}  # type: ignore[union-attr]
        assert stage.spent == pytest.approx(COST + 101 * ANSWER)

    run(story())


def test_a_part_of_before_a_telling_does_not_serve_those_who_were_told() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.fetch(asks(told="1"))
        stage.told = 2

        await stage.fetch(asks(told="1"))
        assert len(stage.calls) == 1
        await stage.fetch(asks(told="2"))
        assert len(stage.calls) == 2
        await stage.fetch(asks(told="1"))
        assert len(stage.calls) == 2

    run(story())


def test_a_part_that_was_begun_before_a_telling_does_not_serve_it_either() -> None:
    async def story() -> None:
        stage = Stage()
        stage.parts.reply(asks(told="1"))
        stage.told = 2
        stage.parts.reply(asks(told="2"))

        assert len(stage.calls) == 2
        await stage.answer()

    run(story())


@pytest.mark.parametrize("told", ["", "x", "-1", "9" * 30, "²", "999999"])
def test_a_number_that_nobody_was_told_does_no_harm(told: str) -> None:
    async def story() -> None:
        stage = Stage()
        for _ in range(3):
            assert isinstance(await stage.fetch(asks(told=told)), Reply)

        assert len(stage.calls) == 1

    run(story())


@pytest.mark.parametrize(
    "other",
    [
        asks("/ui/now/board?present=1"),
        asks("/ui/runs/list"),
        asks(address="192.0.2.7"),
        asks(cookie="session=oak"),
        asks(sec_fetch_site="cross-site"),
        asks(x_forwarded_for="192.0.2.7"),
        asks(anything_else="1"),
    ],
)
def test_nobody_gets_a_part_that_was_made_for_another_address_or_other_rights(
    other: Request,
) -> None:
    async def story() -> None:
        stage = Stage()
        await stage.fetch(asks())
        await stage.fetch(other)

        assert len(stage.calls) == 2

    run(story())


def test_two_sessions_never_share() -> None:
    async def story() -> None:
        stage = Stage()
        stage.parts.reply(asks(cookie="session=oak"))
        stage.parts.reply(asks(cookie="session=pine"))

        assert len(stage.calls) == 2
        await stage.answer()

    run(story())


@pytest.mark.parametrize(
    "request_",
    [
        asks(told=None),
        asks(authorization="Bearer oak"),
        asks(address=""),
        asks("/tasks/v1/"),
    ],
)
def test_signed_calls_containers_and_other_paths_are_the_applications(request_: Request) -> None:
    async def story() -> None:
        assert not Stage().parts.serves(request_)

    run(story())


def test_a_page_that_has_the_part_gets_304_without_a_body() -> None:
    async def story() -> None:
        stage = Stage()
        first = await stage.fetch(asks(if_none_match=f'"pine", W/{ETAG}'))
        other = await stage.fetch(asks(if_none_match='"pine"'))

        assert isinstance(first, Reply)
        assert isinstance(other, Reply)
        assert (first.status, first.body) == (304, b"")
        assert dict(first.headers) == {"ETag": ETAG, "X-Wood": "oak"}
        assert (other.status, other.body) == (200, b"<section>")
        assert stage.calls[0].header("if-none-match") is None

    run(story())


@pytest.mark.parametrize(
    "stage_options", [{"status": 403}, {"status": 303}, {"body": b"x" * (LARGEST + 1)}]
)
def test_refusals_and_large_parts_are_not_kept(stage_options: dict[str, Any]) -> None:
    async def story() -> None:
        stage = Stage(**stage_options)
        for _ in range(2):
            assert await stage.fetch(asks()) == stage.made

        assert len(stage.calls) == 2

    run(story())


def test_a_fault_reaches_all_who_wait_and_is_not_kept() -> None:
    async def story() -> None:
        stage = Stage()
        pages = [stage.parts.reply(asks()) for _ in range(3)]
        await stage.answer(ValueError("oak"))
        await asyncio.sleep(0)

        assert all(isinstance(reply_of(page), ValueError) for page in pages)
        assert isinstance(await stage.fetch(asks()), Reply)

    run(story())


def test_parts_that_are_kept_are_bounded() -> None:
    async def story() -> None:
        stage = Stage()
        for number in range(3 * MOST_KEPT):
            await stage.fetch(asks(f"/ui/runs?page={number}"))

        assert len(stage.parts._parts) == MOST_KEPT

    run(story())


def test_a_part_from_before_an_action_serves_nobody_who_asks_after_it() -> None:
    async def story() -> None:
        stage = Stage()
        await stage.fetch(asks())
        being_made = stage.parts.reply(asks("/ui/runs"))

        stage.parts.forget()
        after = [stage.parts.reply(asks()), stage.parts.reply(asks("/ui/runs"))]
        await stage.answer()
        await asyncio.sleep(0)

        assert len(stage.calls) == 4
        for pending in (being_made, *after):
            assert reply_of(pending) == stage.made

    run(story())
