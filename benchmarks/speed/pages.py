"""Rows of the dashboard: what open pages cost a busy server, and its pages beside a large table.

Nobody else has such pages, so the figures are compared with the same server without them, or with
their goals alone.
"""

from __future__ import annotations

import http.client
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urlsplit

from benchmarks import tasks_page
from benchmarks.speed import processors
from benchmarks.speed.open_pages import OpenPages
from benchmarks.speed.table import OURS, Goal, Line, Samples
from benchmarks.speed.world import LIMIT, OK, Own, TooSlow, World, own_server, target
from taskdock.store.database import Store
from taskdock.web.ui.page import PAGES, ROOT

OPEN = 100
QUIET = "rate, no page open"  # a series that others are compared with
CROWDED = f"rate, {OPEN} pages open"
QUIET_TIME = "server's time, no page open"
CROWDED_TIME = f"server's time, {OPEN} pages open"
WITHOUT = {QUIET: "the rate without", QUIET_TIME: "the time without"}  # in words
CLIENTS = 8
BUSY = ("--direct-concurrency", "32")
KEEPS_ALL = ("--keep-days", "0", "--keep-mb", "0")  # else it removes the table meanwhile
WITHIN = Goal(100)  # ms
RUNS = f"{ROOT}runs"
KINDS = {
    "one run": "page of one run",
    "filtered": "page Runs, filtered by click or by a task's own fields, the slowest",
    "data": "the same, filtered by what is in the tasks' data",
    "older": "page Runs, ten pages further back",
    "part": "part of one of these pages, the slowest",
}
"""Addresses beside those of the navigation, by series."""
FILTERS = (
    "status=failed",
    "functionName=f7",
    "functionName=f7&status=retried",
    "kind=execution",
    "failed=1",
    "rql=" + quote("in(status,failed,retried)&eq(functionName,f7)"),
)
IN_DATA = "rql=" + quote("eq(status,failed)&eq(data.patient,42)")
"""No index can have what a task's data are, so this has no goal: one task after the other is read.
A page for which that takes over a second says so."""
WITHOUT_GOAL = {"data"}


def page_lines(many: str) -> tuple[Line, ...]:
    """`many`: how many tasks are in the table, in words."""
    own = {each.title: f"page {each.title}" for each in PAGES}
    return tuple(
        Line(
            f"{words}, of {many} tasks",
            "ms",
            f"page {series}",
            goals=() if series in WITHOUT_GOAL else (WITHIN,),
        )
        for series, words in {**own, **KINDS}.items()
    )


LINES = (
    Line("calls/s of a busy server, 8 clients", "/s", QUIET, more_is_better=True),
    Line(
        f"the same with {OPEN} pages of the dashboard open",
        "/s",
        CROWDED,
        more_is_better=True,
        base=(QUIET, OURS),
        goals=(Goal(0.95, (QUIET, OURS), at_least=True),),
    ),
    Line("processor time of the server for each of these calls, no page open", "ms", QUIET_TIME),
    Line(
        f"the same with {OPEN} pages of the dashboard open, whose parts are made in that time too",
        "ms",
        CROWDED_TIME,
        base=(QUIET_TIME, OURS),
        goals=(Goal(1.05, (QUIET_TIME, OURS)),),
    ),
)
"""Calls per second are what callers get, and differ by a third from round to round on a machine
that has few processors, where the readers of the pages use them too. The server's own time for a
call is steadier, and counts the server alone: it says what the pages cost."""


def open_pages(world: World) -> Samples:
    """The same server in turn with and without open pages, one page of the navigation after the
    other. The order changes from round to round, so that no warmth favours one of them."""
    found: Samples = defaultdict(lambda: defaultdict(list))
    seconds = 2.0 if world.quick else 5.0
    paths = [each.path for each in PAGES]
    with ExitStack() as stack:
        own = stack.enter_context(own_server(world, world.folder / "pages", *BUSY))
        called = target(stack.enter_context(own.serve("busy", OK)), OURS)
        world.load([called], clients=CLIENTS, calls=50 * CLIENTS)

        def load(rate: str, time_of_call: str) -> None:
            before = processors.of(own.pid)
            result = world.load([called], clients=CLIENTS, seconds=seconds)
            found[rate][OURS].append(result.rate)
            found[time_of_call][OURS].append((processors.of(own.pid) - before) / len(result.taken))

        def quiet() -> None:
            load(QUIET, QUIET_TIME)

        def crowded() -> None:
            with OpenPages(own.port, paths, OPEN) as pages:
                load(CROWDED, CROWDED_TIME)
            if pages.seen.failed:
                raise TooSlow(f"pages failed: {pages.seen.failed}")
            print(f"        {pages.seen}", flush=True)

        for number in range(world.amount(4, 12)):
            for each in (quiet, crowded) if number % 2 else (crowded, quiet):
                each()
                time.sleep(0.3)
    return found


# A large table


def pages(world: World) -> Samples:
    """The time until a page has been read, on one connection that is kept."""
    found: Samples = defaultdict(lambda: defaultdict(list))
    folder = large_table(world)
    with own_server(world, folder, *KEEPS_ALL) as own:
        addresses = dict(found_addresses(own))
        for _ in range(world.amount(5, 15)):
            for series, paths in addresses.items():
                slowest = max(timed(own, path) for path in paths)
                found[f"page {series}"][OURS].append(slowest)
    return found


def large_table(world: World) -> Path:
    """Ended tasks, and ten thousand that wait for another year."""
    count = world.amount(100_000, 1_000_000)
    folder = world.folder / "table of pages"
    store = Store(folder / "taskdock.db")
    tasks_page.fill(store, count, ("complete",) * 12 + ("failed", "retried"))
    store.close()
    with closing(sqlite3.connect(folder / "taskdock.db")) as database:
        wait = "UPDATE task SET status = 'new', claim = 0, start_timestamp = ?"
        wait += " WHERE rowid % ? = 0"
        database.execute(wait, (4_102_444_800_000, count // 10_000))  # 2100-01-01
        database.commit()
    return folder


def found_addresses(own: Own) -> Iterator[tuple[str, list[str]]]:
    """By series. Parts, runs and older pages are found as a reader finds them: by links."""
    parts = set()
    for each in PAGES:
        parts |= set(Addresses(read(own, each.path)).parts)
        yield each.title, [each.path]
    links = Addresses(read(own, RUNS)).links
    one = [link for link in links if link.startswith(f"{RUNS}/")]
    lists = [link for link in links if urlsplit(link).path == RUNS and urlsplit(link).query]
    further = [link for link in lists if links[link] & OLDER]
    if one:
        parts |= set(Addresses(read(own, one[0])).parts)
        yield "one run", one[:1]
    filtered = [link for link in lists if link not in further][:20]
    yield "filtered", [*(f"{RUNS}?{words}" for words in FILTERS), *filtered]
    yield "data", [f"{RUNS}?{IN_DATA}"]
    if further:
        yield "older", [far_back(own, further[0])]
    if parts:
        yield "part", sorted(parts)


OLDER = frozenset({"older", "next"})


def far_back(own: Own, path: str) -> str:
    for _ in range(10):
        links = Addresses(read(own, path)).links
        path = next((link for link in links if links[link] & OLDER), path)
    return path


def timed(own: Own, path: str) -> float:
    begun = time.perf_counter()
    read(own, path)
    return (time.perf_counter() - begun) * 1000


def read(own: Own, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=LIMIT)
    with closing(connection):
        connection.request("GET", path)
        reply = connection.getresponse()
        text = reply.read().decode()
    if reply.status != 200:
        raise TooSlow(f"GET {path}: {reply.status}")
    return text


class Addresses(HTMLParser):
    """The addresses that a page leads to: of links, with their words, and of its live parts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: dict[str, set[str]] = {}
        self.parts: list[str] = []
        self._link = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "data-live" in given and "hx-get" in given:
            self.parts.append(given["hx-get"])
        if tag == "a" and given.get("href", "").startswith(ROOT):
            self._link = given["href"]
            self.links.setdefault(self._link, set()).update(given.get("rel", "").lower().split())

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = ""

    def handle_data(self, data: str) -> None:
        if self._link:
            self.links[self._link].update(data.lower().split())
