"""Replies that come late, or not at all, because a double says so."""

from __future__ import annotations

import asyncio

from taskdock.web.doubles import staged
from taskdock.web.doubles.rules.answer import DoubleFailure
from taskdock.web.doubles.staged import STAGED, Staging
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.messages import Broken, Reply, Request

SILENT = Staging(0.0, DoubleFailure.NO_ANSWER)


def request() -> Request:
    return Request(
        method="GET",
        target=b"/silent",
        path="/silent",
        query=b"",
        headers=[],
        version="1.1",
        peer=Peer("127.0.0.1"),
        server=("127.0.0.1", 8080),
        known={STAGED: SILENT},
    )


def test_a_request_is_over_when_its_client_goes_before_or_after_a_double_is_silent() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        for is_gone_before in (True, False):
            asked, made = request(), loop.create_future()
            given: list[Reply | Exception] = []
            staged.reply_to(asked, made).then(given.append)
            if is_gone_before:
                asked.at_end()
            made.set_result(Reply(200, b""))
            await asyncio.sleep(0)
            if not is_gone_before:
                assert given == []
                asked.at_end()
            assert [type(each) for each in given] == [Broken]

    asyncio.run(scene())
