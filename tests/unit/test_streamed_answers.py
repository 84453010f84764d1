"""A function's streamed answer from its post to its caller: over raw HTTP, through a mailbox."""

from __future__ import annotations

import asyncio
import base64
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from taskdock.engines.ending import ProgramExit
from taskdock.lambdas.environment.mailbox import Mailbox, NextEvent
from taskdock.lambdas.environment.runtime_state import RuntimeState
from taskdock.lambdas.outcome import (
    MAX_RESPONSE,
    Answer,
    Failure,
    Outcome,
    StreamBroken,
    Streamed,
    function_error,
)
from taskdock.web.http.body import BodyCutOff
from taskdock.web.http.messages import Reply, Request
from taskdock.web.http.site import Site
from taskdock.web.runtime_api import endpoints, replies
from taskdock.web.runtime_api.endpoints import RuntimeApi
from tests.unit.test_streams import GET, Client, chunks, eventually, later, site_of

API = b"/2018-06-01/runtime/invocation/"
POST = (
    b"POST " + API + b"one/response HTTP/1.1\r\nHost: x\r\nContent-Type: text/wood\r\n"
    b"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
)
END = b"0\r\n\r\n"
EVENT = NextEvent(request_id="one", event=b"{}", deadline_ms=0, function_arn="arn", trace_id="t")


@dataclass
class Stage:
    """A runtime, the caller of its function, and what passes between them."""

    runtime: Client
    caller: Client
    mailbox: Mailbox
    heard: list[str] = field(default_factory=list)
    outcomes: list[Outcome | ProgramExit] = field(default_factory=list)
    streams: list[Streamed] = field(default_factory=list)

    async def begin(self, *, streams: bool = True) -> None:
        """The caller calls, and the runtime gets the event."""
        self.takes_streams = streams
        await self.caller.send(GET % b"call")
        await self.runtime.send(b"GET " + API + b"next HTTP/1.1\r\nHost: x\r\n\r\n")
        await self.runtime.read_until(EVENT.event)
        self.runtime.came.clear()

    def call(self, _: Request) -> Any:
        return later(self._call())

    async def _call(self) -> Reply:
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def reply(outcome: Outcome | ProgramExit) -> None:
            self.outcomes.append(outcome)
            if not answered.done():
                body = outcome.body if isinstance(outcome, Answer) else b"failed"
                answered.set_result(Reply(200, body, ()))

        def take_stream(streamed: Streamed) -> None:
            self.streams.append(streamed)
            answered.set_result(Reply(200, _sent(streamed), ()))

        self.mailbox.offer(EVENT, reply, take_stream if self.takes_streams else None)
        return await answered

    async def posted(self) -> bytes:
        """The reply to the post."""
        return await self.runtime.read_until(b"}")


async def _sent(streamed: Streamed) -> Any:
    """As a view of the Lambda API would translate it for HTTP."""
    try:
        async for piece in streamed.body:
            yield piece
    except StreamBroken as broken:
        raise BodyCutOff(str(broken)) from None
    finally:
        await streamed.body.aclose()  # type: ignore[attr-defined]


def staged(play: Any, **fields: Any) -> Stage:
    async def run() -> Stage:
        heard: list[str] = []
        mailbox = Mailbox(
            polled=lambda: heard.append("polled"),
            answered=lambda: heard.append("answered"),
            init_failed=lambda: heard.append("init failed"),
        )
        calls = RuntimeApi({"e": mailbox}.get, **fields)
        runtime_site = Site(
            answer=calls,
            refuse=replies.refuse,
            max_head=endpoints.MAX_HEAD,
            max_body=endpoints.MAX_BODY,
            max_dropped=endpoints.MAX_DROPPED,
            judge=calls.judge,
            streams=calls.streams,
        )
        caller_site = site_of(lambda request: stage.call(request))  # noqa: PLW0108 - it is made below
        async with Client(runtime_site) as runtime, Client(caller_site) as caller:
            stage = Stage(runtime, caller, mailbox, heard)
            await play(stage)
            assert runtime.complaints == caller.complaints == []
        return stage

    return asyncio.run(run())


def test_an_answer_reaches_its_caller_while_the_function_makes_it() -> None:
    async def play(stage: Stage) -> None:
        await stage.begin()
        await stage.runtime.send(POST + chunks(b"walnut"))
        await stage.caller.read_until(chunks(b"walnut"))
        assert stage.mailbox.state is RuntimeState.INVOCATION_RESPONSE
        assert stage.outcomes == []
        await stage.runtime.send(chunks(b"oak") + END)
        await stage.caller.read_until(chunks(b"oak") + END)
        assert b"202 Accepted" in await stage.posted()

    stage = staged(play)

    assert stage.streams[0].content_type == "text/wood"
    assert stage.heard == ["polled", "answered"]
    assert stage.outcomes == [Answer(b"")]
    assert stage.mailbox.state is RuntimeState.RESPONSE_SENT


def test_while_an_answer_is_streamed_the_runtime_may_ask_for_nothing_else() -> None:
    """As on AWS, where it is in `InvocationResponse`."""

    async def play(stage: Stage) -> None:
        await stage.begin()
        await stage.runtime.send(POST + chunks(b"walnut"))
        await stage.caller.read_until(chunks(b"walnut"))
        async with Client(stage.runtime.site) as other:
            await other.send(b"GET " + API + b"next HTTP/1.1\r\nHost: x\r\n\r\n")
            await other.read_until(b"}")
            assert b"403 Forbidden" in other.came
            other.came.clear()
            await other.send(POST + chunks(b"second") + END)
            await other.read_until(b"}")
            assert b"403 Forbidden" in other.came
        await stage.runtime.send(END)
        await stage.posted()

    stage = staged(play)

    assert stage.outcomes == [Answer(b"")]


def test_a_function_waits_for_its_callers_caller() -> None:
    """Through http, mailbox, outcome and http: nothing in between keeps more than a window."""
    piece, count = bytes(16 * 1024), 1000

    async def play(stage: Stage) -> None:
        await stage.begin()
        sending = asyncio.ensure_future(stage.runtime.send(POST + chunks(*[piece] * count) + END))
        outgoing = stage.caller.connection._outgoing  # type: ignore[attr-defined]
        await eventually(lambda: outgoing.is_full)
        for _ in range(200):
            await asyncio.sleep(0)
        reading = stage.runtime.connection._transport.is_reading()  # type: ignore[attr-defined]
        came = stage.runtime.site.turns.came
        assert (reading, sending.done(), came < 1024 * 1024) == (False, False, True)
        while not stage.caller.came.endswith(END):
            await stage.caller.read()
        await sending
        assert b"202 Accepted" in await stage.posted()

    stage = staged(play)

    assert stage.caller.came.count(b"\0") == count * len(piece)
    assert stage.outcomes == [Answer(b"")]


def test_a_post_is_cut_when_its_caller_goes_and_the_runtime_may_go_on() -> None:
    async def play(stage: Stage) -> None:
        await stage.begin()
        await stage.runtime.send(POST + chunks(b"walnut"))
        await stage.caller.read_until(chunks(b"walnut"))
        stage.caller.socket.close()
        assert b"400 Bad Request" in await stage.posted()
        assert b"Connection: close" in stage.runtime.came
        assert stage.mailbox.state is RuntimeState.RESPONSE_SENT

    stage = staged(play)

    assert stage.outcomes == [Answer(b"")]
    assert stage.heard == ["polled", "answered"]


@pytest.mark.parametrize("first", ["its end is known", "its connection is cut"])
def test_the_callers_reply_ends_badly_when_the_runtime_dies_midway(first: str) -> None:
    end = ProgramExit(code=3)

    async def play(stage: Stage) -> None:
        await stage.begin()
        await stage.runtime.send(POST + chunks(b"walnut"))
        await stage.caller.read_until(chunks(b"walnut"))
        if first == "its end is known":
            stage.mailbox.close(end)
        stage.runtime.socket.shutdown(socket.SHUT_RDWR)
        came = await stage.caller.read_all()
        assert came.endswith(chunks(b"walnut"))
        stage.mailbox.close(end)

    stage = staged(play)

    assert stage.outcomes == [end]
    assert stage.heard == ["polled"]


def test_the_callers_reply_ends_badly_when_the_time_is_up() -> None:
    async def play(stage: Stage) -> None:
        await stage.begin()
        await stage.runtime.send(POST + chunks(b"walnut"))
        await stage.caller.read_until(chunks(b"walnut"))
        stage.mailbox.withdraw()
        assert (await stage.caller.read_all()).endswith(chunks(b"walnut"))
        assert b"InvalidRequestID" in await stage.posted()

    stage = staged(play)

    assert stage.outcomes == [None]


def test_an_error_behind_a_stream_is_the_outcome_and_the_reply_ends_badly() -> None:
    error = b'{"errorType":"Glue","errorMessage":"out of wood"}'
    trailers = (
        b"0\r\nLambda-Runtime-Function-Error-Type: Function.Glue\r\n"
        b"Lambda-Runtime-Function-Error-Body: " + base64.b64encode(error) + b"\r\n\r\n"
    )

    async def play(stage: Stage) -> None:
        await stage.begin()
        await stage.runtime.send(POST + chunks(b"walnut") + trailers)
        assert (await stage.caller.read_all()).endswith(chunks(b"walnut"))
        assert b"202 Accepted" in await stage.posted()

    stage = staged(play)

    assert stage.outcomes == [function_error(error, "Function.Glue")]
    assert stage.heard == ["polled", "answered"]


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "collected"])
def test_a_stream_has_a_largest_size(streams: bool) -> None:
    """It is read to its end, and refused then; the connection goes on."""
    piece = bytes(256 * 1024)

    async def play(stage: Stage) -> None:
        await stage.begin(streams=streams)
        sending = asyncio.ensure_future(stage.runtime.send(POST + chunks(*[piece] * 25) + END))
        if streams:
            await stage.caller.read_all()
        await sending
        assert b"HTTP/1.1 413 " in await stage.posted()
        assert b"Connection: close" not in stage.runtime.came

    stage = staged(play, max_streamed=5 * MAX_RESPONSE // 6 if streams else sys.maxsize)

    (outcome,) = stage.outcomes
    assert isinstance(outcome, Failure)
    assert outcome.name == "Function.ResponseSizeTooLarge"
    assert ("5242963 bytes" in outcome.message) is streams


def test_a_stream_is_collected_for_a_caller_who_takes_it_whole() -> None:
    async def play(stage: Stage) -> None:
        await stage.begin(streams=False)
        await stage.runtime.send(POST + chunks(b"walnut"))
        await eventually(lambda: stage.runtime.site.turns.came)
        assert stage.mailbox.state is RuntimeState.RUNNING
        await stage.runtime.send(chunks(b"oak") + END)
        await stage.caller.read_until(b"walnutoak")
        assert b"202 Accepted" in await stage.posted()

    stage = staged(play)

    assert stage.outcomes == [Answer(b"walnutoak")]


def test_a_collected_stream_that_breaks_off_answers_nothing() -> None:
    async def play(stage: Stage) -> None:
        await stage.begin(streams=False)
        await stage.runtime.send(POST + chunks(b"walnut"))
        stage.runtime.socket.shutdown(socket.SHUT_WR)
        assert b"TruncatedHTTPRequest" in await stage.posted()
        assert stage.mailbox.state is RuntimeState.RUNNING

    stage = staged(play)

    assert stage.outcomes == []


def test_a_caller_who_takes_streams_gets_a_whole_answer_whole() -> None:
    async def play(stage: Stage) -> None:
        await stage.begin()
        post = POST.replace(b"Lambda-Runtime-Function-Response-Mode: streaming\r\n", b"")
        await stage.runtime.send(post + chunks(b"walnut") + END)
        await stage.caller.read_until(b"walnut")

    stage = staged(play)

    assert (stage.outcomes, stage.streams) == ([Answer(b"walnut")], [])
