"""Rows of the table: each takes samples from its contenders in turn.

A row's contenders are called A B C A B C ..., a few calls at a time, so that other load of the
machine affects all alike.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

from benchmarks import tasks_page
from benchmarks.call import Called, request
from benchmarks.function import Function, code_folder
from benchmarks.ministack import MiniStack
from benchmarks.rie import Rie
from benchmarks.speed import memory
from benchmarks.speed.clients import Target
from benchmarks.speed.commands import LINES as COMMAND_LINES
from benchmarks.speed.commands import commands
from benchmarks.speed.deploying import LINES as DEPLOYING_LINES
from benchmarks.speed.deploying import deploying
from benchmarks.speed.development import LINES as DEVELOPMENT_LINES
from benchmarks.speed.development import development
from benchmarks.speed.harness import LINES as HARNESS_LINES
from benchmarks.speed.harness import harness
from benchmarks.speed.pages import LINES as OPEN_PAGES_LINES
from benchmarks.speed.pages import open_pages, page_lines, pages
from benchmarks.speed.table import OURS, Goal, Line, Samples
from benchmarks.speed.world import (
    OK,
    Own,
    TooSlow,
    World,
    await_true,
    expect_ok,
    own_server,
    target,
)
from taskdock.store.database import Store

SLOW = Function(
    {"app.py": "import time\n\n\ndef handler(event, context):\n    time.sleep(2)\n"}, timeout=30
)
TELLS_WHEN = Function(
    {"app.py": "import time\n\n\ndef handler(event, context):\n    print('at', time.time())\n"}
)
RIE, EAGER, MINISTACK = "rie", "sam-eager", "ministack"  # contenders
DIRECT, EMPTY = "direct", "queue, empty"  # series that others are compared with
STOCKED = ", stocked pool"  # behind the name of a series
PREWARM = "--prewarm"
UNPREPARED = (PREWARM, "0")  # keeps a taskdock server from preparing environments
LARGE = ("--direct-concurrency", "32")


@dataclass(frozen=True)
class Row:
    measure: Callable[[World], Samples]
    lines: tuple[Line, ...]


def collect() -> Samples:
    return defaultdict(lambda: defaultdict(list))


# Warm calls


def warm(world: World) -> Samples:
    found = collect()
    targets = {name: world.targets(name)[0] for name in world.having(OURS, RIE, EAGER, MINISTACK)}
    for name, each in targets.items():
        world.load([each], calls=2 if name == EAGER else 20)
    world.settle()
    for _ in range(world.amount(10, 40)):
        for name, each in targets.items():
            calls = world.amount(5, 10) if name == EAGER else 20 if name == MINISTACK else 100
            found["warm"][name] += world.load([each], calls=calls).taken
        if OURS in targets:
            found[DIRECT][OURS] += world.load([direct(targets[OURS])], calls=20).taken
    for name in world.having(RIE):
        found[DIRECT][name] = found["warm"][name]
    return found


def direct(invoke: Target) -> Target:
    return Target(invoke.port, "/tasks/v1/functions/speed/execute", '{"data": {}}')


def rates(world: World) -> Samples:
    """The RIE gets as many containers as there are clients, but for 32; taskdock and MiniStack make
    them themselves, before they are measured."""
    found = collect()
    seconds = 1.0 if world.quick else 3.0
    for clients in (1, 8, 32):
        names = world.having(OURS, RIE, EAGER, MINISTACK, "moto")
        names = [name for name in names if clients <= 8 or name not in (RIE, "moto")]
        for name in names:
            targets = world.targets(name, clients)
            if name in (OURS, MINISTACK):  # then so many environments are warm
                world.load(targets, clients=clients, calls=4 * clients)
                world.settle()
        for _ in range(world.amount(1, 4)):
            for name in names:
                result = world.load(world.targets(name, clients), clients=clients, seconds=seconds)
                found[f"rate {clients}"][name].append(result.rate)
    return found


# Cold calls


def cold(world: World) -> Samples:
    """The RIE's container is asked every millisecond whether it answers; the others' servers wait
    for their containers themselves.

    taskdock takes part twice: with nothing prepared, and with a pool of environments that are no
    function's yet. Nobody else is asked while it fills that up again, or removes what it has made.
    """
    found = collect()
    peers = world.having(RIE, "sam", MINISTACK, "moto")
    for name in peers:
        world.serve(name)
    with ExitStack() as stack:
        owns = cold_servers(world, stack) if OURS in world.contenders else {}
        for count, series, rounds in ((1, "cold", (3, 15)), (8, "cold 8", (1, 5))):
            for round_ in range(world.amount(*rounds)):
                for suffix, own in owns.items():
                    prewarmed, name = suffix == STOCKED, f"{count}-{round_}"
                    taken = cold_functions(world, own, count, name, prewarmed=prewarmed)
                    found[series + suffix][OURS].append(taken)
                for name in peers:
                    found[series][name].append(cold_calls(world, name, count))
        for series in ("cold", "cold 8"):
            found[series + STOCKED] |= {name: found[series][name] for name in peers}
    for _ in range(world.amount(1, 5)):
        for name in world.having(EAGER):
            found["cold" + STOCKED][name].append(first_call(world, name))
    return found


def cold_servers(world: World, stack: ExitStack) -> dict[str, Own]:
    """taskdock servers by what is put behind the series' names."""
    options = {"": UNPREPARED, STOCKED: (PREWARM, "8")}
    return {
        suffix: stack.enter_context(
            own_server(world, world.folder / f"cold{suffix}", *LARGE, *each)
        )
        for suffix, each in options.items()
    }


def cold_functions(world: World, own: Own, count: int, name: str, *, prewarmed: bool) -> float:
    """Milliseconds until the first calls of so many new functions, begun at once, were answered."""
    with ExitStack() as stack:
        served = [
            stack.enter_context(own.serve(f"cold-{name}-{number}", OK)) for number in range(count)
        ]
        own.contender.await_rest(prewarmed=prewarmed)
        targets = [target(called, OURS) for called in served]
        taken = world.load(targets, clients=count, calls=count).seconds * 1000
    own.contender.await_rest()
    return taken


def cold_calls(world: World, contender: str, count: int) -> float:
    """The same of a peer."""
    if contender == RIE:
        return cold_containers(world, count)
    if contender == MINISTACK:
        return cold_at_ministack(world, count)
    targets = world.targets(contender)  # each call has a container of its own
    return world.load(targets, clients=count, calls=count).seconds * 1000


def cold_at_ministack(world: World, count: int) -> float:
    """Of functions that are Active, and have no container yet."""
    contender = world.contenders[MINISTACK]
    with ExitStack() as stack, ThreadPoolExecutor(count) as threads:  # each waits for its state
        contexts = [contender.serve(f"cold-{n}", OK) for n in range(count)]
        served = list(threads.map(stack.enter_context, contexts))
        targets = [target(called, MINISTACK) for called in served]
        return world.load(targets, clients=count, calls=count).seconds * 1000


def first_call(world: World, contender: str) -> float:
    """Milliseconds of the first call that a new server answers."""
    with world.contenders[contender].serve("first", OK) as called:
        return world.load([target(called, contender)], calls=1).taken[0]


def cold_containers(world: World, count: int) -> float:
    rie = world.contenders[RIE]
    assert isinstance(rie, Rie), "it is the RIE's name"
    api = world.machine.docker.api
    made: list[str] = []

    def first_answer(folder: str) -> None:
        created = rie.create("cold", OK, folder)
        made.append(created.id)
        api.start(created.id)
        path = "/2015-03-31/functions/function/invocations"
        await_true(
            lambda: request(("127.0.0.1", created.port), "POST", path, b"{}").status == 200, 0.001
        )

    with code_folder(OK) as folder, ThreadPoolExecutor(count) as threads:
        begun = time.perf_counter()
        try:
            list(threads.map(first_answer, [folder] * count))
            return (time.perf_counter() - begun) * 1000
        finally:
            for id in made:
                api.remove_container(id, force=True, v=True)


# Start and memory


def start(world: World) -> Samples:
    """Servers that have only just begun to answer: how soon, and what they hold a second later."""
    found = collect()
    for _ in range(world.amount(1, 5)):
        for name in world.having(OURS, "sam", MINISTACK, "moto"):
            with fresh(world, name) as (pid, answered_after):
                found["start"][name].append(answered_after)
                time.sleep(1)
                held = memory.tree(pid)
            found["rss"][name].append(held["Rss"])
            found["pss"][name].append(held["Pss"])
    return found


@contextmanager
def fresh(world: World, name: str) -> Iterator[tuple[int, float]]:
    """A server that has just begun: its process id, and after how many seconds it answered."""
    with ExitStack() as stack:
        if name == OURS:
            own = stack.enter_context(own_server(world, world.folder / uuid.uuid4().hex))
            yield own.pid, own.contender.server.answered_after
        elif name == MINISTACK:
            server = stack.enter_context(closing(MiniStack(world.machine))).server
            yield server.pid, server.answered_after
        else:
            called = stack.enter_context(world.contenders[name].serve("fresh", OK))
            yield called.server, called.answered_after


def containers(world: World) -> Samples:
    """A container that has answered a call, and waits; taskdock's is the only one of its server."""
    found = collect()
    with ExitStack() as stack:
        served = {name: world.serve(name)[0] for name in world.having(RIE, EAGER, MINISTACK)}
        if OURS in world.contenders:
            folder = world.folder / "containers"
            own = stack.enter_context(own_server(world, folder, *UNPREPARED))
            served[OURS] = stack.enter_context(own.serve("speed", OK))
        for _ in range(world.amount(1, 3)):
            for name, called in served.items():
                expect_ok(called, name)
                stats = world.machine.docker.api.stats(ids(world, called)[0], stream=False)
                found["container"][name].append(memory.container(stats))
    return found


def ids(world: World, called: Called) -> list[str]:
    listed = world.machine.docker.api.containers(filters=dict(called.containers))
    return [each["Id"] for each in listed]


def environments(world: World) -> Samples:
    """The server's additional memory for each environment, after `count` of them have run at the
    same time and are idle."""
    found = collect()
    count = world.amount(8, 32)
    options = ["--direct-concurrency", str(count), "--memory-budget", "100000", *UNPREPARED]
    with ExitStack() as stack:
        own = stack.enter_context(own_server(world, world.folder / "environments", *options))
        called = stack.enter_context(own.serve("slow", SLOW))
        world.load([target(called, OURS)], calls=1)
        before = memory.tree(own.pid)["Pss"]
        world.load([target(called, OURS)], clients=count, calls=count)
        time.sleep(1)
        there = len(ids(world, called))
        if there < 2:
            raise TooSlow(f"{there} environments for {count} calls at once")
        more = memory.tree(own.pid)["Pss"] - before
        found["environment"][OURS].append(more / (there - 1))
    return found


# The queue


def queue(world: World) -> Samples:
    """Tasks that all become due at one moment; their rate is from then to the end of the last.

    Two servers in turn, one of which has a table full of ended tasks.
    """
    found = collect()
    full = fill_table(world, found)
    with ExitStack() as stack:
        owns = {
            EMPTY: stack.enter_context(own_server(world, world.folder / "empty")),
            "queue, full": stack.enter_context(own_server(world, full)),
        }
        for own in owns.values():
            stack.enter_context(own.serve("queue", OK))
            drained(world, own, 64)
        for _ in range(world.amount(2, 11)):
            for series, own in owns.items():
                found[series][OURS].append(drained(world, own, world.amount(150, 1000)))
        own = owns[EMPTY]
        stack.enter_context(own.serve("tells-when", TELLS_WHEN))
        timed(own)
        own.contender.await_rest()
        for _ in range(world.amount(10, 100)):
            running, complete = timed(own)
            found["running"][OURS].append(running)
            found["complete"][OURS].append(complete)
    return found


def rows_of(world: World) -> int:
    return world.amount(100_000, 1_000_000)


PAGES = {
    "by id": "one task by its id",
    "page": "by status, newest first",
    "page, not counted": "the same, not counted",
}


def fill_table(world: World, found: Samples) -> Path:
    """Also takes the times of pages out of it, before a server has it."""
    folder = world.folder / "full"
    store = Store(folder / "taskdock.db")
    tasks_page.fill(store, rows_of(world), ("complete", "complete", "failed"))
    for _ in range(3):
        for series, name in PAGES.items():
            query = tasks_page.QUERIES[name].format(id=f"{rows_of(world) // 2:024x}")
            found[series][OURS].append(tasks_page.milliseconds(store, query))
    store.close()
    return folder


def drained(world: World, own: Own, count: int) -> float:
    """Tasks a second."""
    own.contender.await_rest()
    for pace in (200, 50):  # tasks a second that we hope to post
        due = datetime.fromtimestamp(round(time.time() + 1 + count / pace, 3), timezone.utc)
        body = f'{{"functionName": "queue", "startTimestamp": "{due:%Y-%m-%dT%H:%M:%S.%f}Z"}}'
        world.load([Target(own.port, "/tasks/v1/", body)], clients=4, calls=count)
        in_time = datetime.now(timezone.utc) < due
        seconds = until_complete(own, due, count)
        if in_time:
            return count / seconds
    raise TooSlow(f"{count} tasks were not posted at {pace} a second")


def until_complete(own: Own, due: datetime, count: int) -> float:
    """Seconds that all tasks of that moment took."""
    moment = round(due.timestamp() * 1000)
    sql = "SELECT status, status_changed_timestamp FROM task"
    sql += " WHERE function_name = 'queue' AND start_timestamp = ?"
    ended: list[int] = []

    def all_complete() -> bool:
        ended[:] = [when for status, when in own.rows(sql, moment) if status == "complete"]
        return len(ended) == count

    time.sleep(max(0, due.timestamp() - time.time()))
    await_true(all_complete, 0.2)
    return (max(ended) - moment) / 1000


def timed(own: Own) -> tuple[float, float]:
    """Milliseconds from the POST of a task until its function runs, and until it is complete."""
    begun = time.time()
    id = own.post("/tasks/v1/", {"functionName": "tells-when"})["id"]
    ended: list[int] = []
    lines: list[str] = []

    def over() -> bool:
        sql = "SELECT status_changed_timestamp FROM task WHERE id = ? AND status = 'complete'"
        ended[:] = [when for (when,) in own.rows(sql, id)]
        sql = "SELECT message FROM task_log WHERE task_id = ? AND message LIKE 'at %'"
        lines[:] = [line for (line,) in own.rows(sql, id)]
        return bool(ended and lines)

    await_true(over, 0.05)
    return (float(lines[0].split()[1]) - begun) * 1000, ended[0] - begun * 1000


# Freezing


def freezing(world: World) -> Samples:
    """The time that freezing adds to the median call of a round. The container is frozen in a
    pause before each call."""
    found = collect()
    with ExitStack() as stack:
        targets = []
        for after in ("0", "3600"):
            folder = world.folder / f"freeze-{after}"
            own = stack.enter_context(own_server(world, folder, "--freeze-after", after))
            called = stack.enter_context(own.serve("speed", OK))
            targets.append(target(called, OURS))
            world.load(targets[-1:], calls=20)
            own.contender.await_rest()
        for _ in range(world.amount(6, 30)):
            frozen, thawed = (median(rare_calls(world, each)) for each in targets)
            found["freezing"][OURS].append(frozen - thawed)
    return found


def rare_calls(world: World, called: Target) -> list[float]:
    taken = []
    for _ in range(20):
        time.sleep(0.01)
        taken += world.load([called], calls=1).taken
    return taken


def all_rows(many: str) -> dict[str, Row]:
    """`many`: how many tasks are in the full table, in words."""
    return {
        "warm": Row(
            warm,
            (
                Line(
                    "warm call, median",
                    "ms",
                    "warm",
                    goals=(Goal(1.0, ("warm", RIE)), Goal(0.05, ("warm", EAGER))),
                ),
                Line("warm call, 95th percentile", "ms", "warm", 95),
                Line("warm call, 99th percentile", "ms", "warm", 99),
                Line(
                    "direct execution as a task, warm, median",
                    "ms",
                    DIRECT,
                    goals=(Goal(4.0, (DIRECT, RIE)),),
                ),
            ),
        ),
        "rates": Row(
            rates,
            (
                Line("calls/s, 1 client", "/s", "rate 1", more_is_better=True),
                Line(
                    "calls/s, 8 clients (8 RIEs)",
                    "/s",
                    "rate 8",
                    more_is_better=True,
                    goals=(Goal(1.0, ("rate 8", RIE), at_least=True),),
                ),
                Line("calls/s, 32 clients", "/s", "rate 32", more_is_better=True),
            ),
        ),
        "cold": Row(
            cold,
            (
                Line(
                    "cold call, nothing prepared", "ms", "cold", goals=(Goal(0.8, ("cold", RIE)),)
                ),
                Line(
                    "cold call, stocked pool",
                    "ms",
                    "cold" + STOCKED,
                    goals=(Goal(0.2, ("cold", RIE)),),
                ),
                Line(
                    "8 cold calls at once, nothing prepared, until all are answered",
                    "ms",
                    "cold 8",
                    goals=(Goal(0.5, ("cold 8", RIE)),),
                ),
                Line(
                    "8 cold calls at once, stocked pool, until all are answered",
                    "ms",
                    "cold 8" + STOCKED,
                    goals=(Goal(0.5, ("cold 8", RIE)),),
                ),
            ),
        ),
        "queue": Row(
            queue,
            (
                Line("task, from POST to its function running", "ms", "running", goals=(Goal(10),)),
                Line("task, from POST to complete", "ms", "complete"),
                Line(
                    "tasks/s through the queue, 8 at a time",
                    "/s",
                    EMPTY,
                    more_is_better=True,
                    goals=(Goal(400, at_least=True),),
                ),
                Line(
                    f"the same with {many} tasks in the table",
                    "/s",
                    "queue, full",
                    more_is_better=True,
                    base=(EMPTY, OURS),
                    goals=(Goal(400, at_least=True), Goal(0.9, (EMPTY, OURS), at_least=True)),
                ),
                Line(f"one task by its id, of {many}", "ms", "by id"),
                Line(
                    f"page of 20, by status, newest first, of {many}, with the total",
                    "ms",
                    "page",
                    base=("by id", OURS),
                ),
                Line("the same, not counted", "ms", "page, not counted", base=("by id", OURS)),
            ),
        ),
        "freezing": Row(
            freezing,
            (Line("freezing adds to a warm call", "ms", "freezing", goals=(Goal(0.3),)),),
        ),
        "start": Row(
            start,
            (
                Line("start to first answer", "s", "start", goals=(Goal(1.0),)),
                Line("idle server, RSS", "MiB", "rss", goals=(Goal(80),)),
                Line("idle server, PSS", "MiB", "pss"),
            ),
        ),
        "containers": Row(containers, (Line("idle container", "MiB", "container"),)),
        "environments": Row(
            environments,
            (Line("server, for each warm environment", "MiB", "environment", goals=(Goal(0.3),)),),
        ),
        "harness": Row(harness, HARNESS_LINES),
        "commands": Row(commands, COMMAND_LINES),
        "deploying": Row(deploying, DEPLOYING_LINES),
        "development": Row(development, DEVELOPMENT_LINES),
        "open-pages": Row(open_pages, OPEN_PAGES_LINES),
        "pages": Row(pages, page_lines(many)),
    }
