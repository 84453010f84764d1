"""Pages of the dashboard that are read over HTTP as a browser does it.

Each page is fetched, and so are the style sheet and the scripts that it names. Then it listens to
the stream. When the stream tells of a change, the page fetches the parts that show it, one after
the other on a connection that is kept, with the number that it was told and the ETag that it has.
What was fetched is not drawn, and no page rests because it is hidden, as most of a hundred would.

The answer to an order is `open` when all pages are, and to the next line what they did since.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_HOST = "127.0.0.1"


class Parts(HTMLParser):
    """Parts of a page that are live, and files that it needs; an HTML parser as in a browser."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.live: dict[str, set[str]] = {}  # topics by address
        self.files: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "data-live" in given and "hx-get" in given:
            self.live[given["hx-get"]] = set(given["data-live"].split())
        if tag == "script" and "src" in given:
            self.files.append(given["src"])
        if tag == "link" and given.get("rel") == "stylesheet":
            self.files.append(given["href"])


class Browser:
    """One connection that is kept: one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        status, fields = await self.begin(path, **headers)
        assert self._reader is not None
        if "chunked" in fields.get("transfer-encoding", ""):
            body = b"".join([piece async for piece in self.pieces()])
        else:
            body = await self._reader.readexactly(
                0 if status == 304 else int(fields.get("content-length", 0))
            )
        return status, fields, body

    async def begin(self, path: str, **headers: str) -> tuple[int, dict[str, str]]:
        """The status and the headers; the body is still to be read."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(_HOST, self._port)
        assert self._reader is not None
        lines = [f"GET {path} HTTP/1.1", f"Host: {_HOST}:{self._port}", "Accept: text/html"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(re.findall(r"^([^:\r]+): *(.*)\r$", head, re.MULTILINE))
        return int(head[9:12]), {name.lower(): value for name, value in fields.items()}

    async def pieces(self) -> Any:
        """Chunks of the body."""
        assert self._reader is not None
        while size := int(await self._reader.readline(), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@dataclass
class Count:
    told: int = 0
    fetched: int = 0
    unchanged: int = 0
    size: int = 0
    late: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)


class OpenPage:
    def __init__(self, port: int, path: str, count: Count) -> None:
        self._path = path
        self._count = count
        self._stream, self._fetches = Browser(port), Browser(port)
        self._live: dict[str, set[str]] = {}
        self._tags: dict[str, str] = {}
        self._told = ""
        self._wanted: dict[str, None] = {}
        self._wakes = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        status, _, text = await self._fetches.get(self._path)
        if status != 200:
            raise OSError(f"{self._path}: {status}")
        parts = Parts(text.decode())
        self._live = parts.live
        for file in parts.files:
            await self._fetches.get(file)
        status, _ = await self._stream.begin("/ui/stream")
        if status != 200:
            raise OSError(f"the stream: {status}")
        self.tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._fetch())]

    def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        self._stream.close()
        self._fetches.close()

    async def _listen(self) -> None:
        came = time.perf_counter()
        with self._counted():
            async for piece in self._stream.pieces():
                now = time.perf_counter()
                self._count.late, came = max(self._count.late, now - came), now
                for event in piece.decode().split("\n\n"):
                    self._hear(dict(re.findall(r"^(\w+): (.*)$", event, re.MULTILINE)))
            self._count.failed["the stream ended"] += 1

    def _hear(self, event: dict[str, str]) -> None:
        if event.get("event") not in ("hello", "changed"):
            return
        self._count.told += 1
        self._told = event["id"]
        topics = set(json.loads(event["data"])) if event["event"] == "changed" else None
        for part, wanted in self._live.items():
            if topics is None or wanted & topics:
                self._wanted[part] = None
        self._wakes.set()

    async def _fetch(self) -> None:
        with self._counted():
            while True:
                await self._wakes.wait()
                self._wakes.clear()
                while self._wanted:
                    part = next(iter(self._wanted))
                    del self._wanted[part]
                    await self._fetch_part(part)

    async def _fetch_part(self, part: str) -> None:
        known = {"If_None_Match": self._tags[part]} if part in self._tags else {}
        more = {"Taskdock_Told": self._told, "HX_Request": "true", **known}
        status, fields, body = await self._fetches.get(part, **more)
        self._tags[part] = fields.get("etag", "")
        self._count.fetched += 1
        self._count.size += len(body)
        self._count.unchanged += status == 304
        if status not in (200, 304):
            self._count.failed[str(status)] += 1

    def _counted(self) -> Any:
        return _Counted(self._count)


class _Counted(suppress):
    def __init__(self, count: Count) -> None:
        super().__init__(OSError, EOFError, ValueError)
        self._count = count

    def __exit__(self, kind: Any, *more: Any) -> bool:
        if kind is not None and issubclass(kind, (OSError, EOFError, ValueError)):
            self._count.failed[kind.__name__] += 1
        return super().__exit__(kind, *more)


async def run(order: dict[str, Any]) -> None:
    count = Count()
    paths = order["paths"]
    pages = [
        OpenPage(order["port"], paths[number % len(paths)], count)
        for number in range(order["count"])
    ]
    try:
        for page in pages:
            await page.open()
    except (OSError, EOFError, ValueError) as error:
        print(json.dumps(repr(error)), flush=True)
        return
    await asyncio.sleep(1)  # each has fetched its parts once
    count.__init__()  # type: ignore[misc]
    busy, begun = time.process_time(), time.perf_counter()
    print(json.dumps("open"), flush=True)
    if not await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        return  # whoever asked has gone
    seen = {
        **vars(count),
        "busy": time.process_time() - busy,
        "seconds": time.perf_counter() - begun,
    }
    print(json.dumps(seen), flush=True)
    for page in pages:
        page.close()


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.stdin.readline())))
