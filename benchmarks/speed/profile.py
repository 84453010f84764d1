"""The profile: tables of the time of each part of a warm call, a queued task and a cold call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks.call import Called
from benchmarks.function import Function
from benchmarks.speed import processors, rows
from benchmarks.speed.memory import processes_below
from benchmarks.speed.processors import Spent
from benchmarks.speed.stacks import recording, shares
from benchmarks.speed.table import OURS, text
from benchmarks.speed.world import OK, Own, World, own_server, target

SECONDS = 5.0  # of warm calls, once without py-spy and once with it
TASKS = 600
COLD = [f"cold-{number}" for number in range(7)]
SERVER = "taskdock's server"
LEAST = 0.01  # a part that takes less of the server's time is not shown

# Its answer says, in seconds since 1970, when its process began, when its code was loaded and when
# it was called. The kernel knows the first to 10 ms.
TELLS_ALL = Function(
    {
        "app.py": "import os, time\n"
        "LOADED = time.time()\n"
        "with open('/proc/self/stat') as stat:\n"
        "    ticks = int(stat.read().rpartition(')')[2].split()[19])\n"
        "ALIVE = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf('SC_CLK_TCK')\n"
        "BEGAN = time.time() - ALIVE\n"
        "def handler(event, context):\n"
        "    return [BEGAN, LOADED, time.time()]\n"
    }
)
MOMENTS = (
    "the engine has created the container",
    "the engine has started it",
    "the runtime's process begins",
    "the function's code is loaded",
    "the function is called",
    "the caller has the answer",
)

STEP = 0.01  # seconds: how exactly the kernel knows when a process began
Moments = dict[str, float]
"""Milliseconds from the beginning of a call to those of the `MOMENTS` that were in it."""


@dataclass(frozen=True)
class Cost:
    """The cost of one of `count` calls or tasks."""

    what: str
    count: int
    took: float  # milliseconds of one; of tasks side by side, of all divided by their number
    processor: Mapping[str, Spent]  # by group of processes
    parts: Sequence[tuple[str, float]]  # of the server: shares of its time in Python


def profile(world: World) -> str:
    """Markdown. Only taskdock is asked."""
    with ExitStack() as stack:
        own = stack.enter_context(own_server(world, world.folder / "profile", *rows.UNPREPARED))
        called = stack.enter_context(own.serve("speed", OK))
        costs = [warm(world, own, called), queued(world, own, stack)]
        turns = [(cold_call(own, name), engine_alone(world), joined(world)) for name in COLD]
        folder = world.folder / "profile-stocked"
        own = stack.enter_context(own_server(world, folder, rows.PREWARM, "2"))
        timelines = {
            "A cold call, nothing prepared": [call for call, _, _ in turns],
            "The engine alone, in turn with these": [alone for _, alone, _ in turns],
            "The same in another's network name space": [into for _, _, into in turns],
            "A cold call, stocked pool": [cold_call(own, name, prewarmed=True) for name in COLD],
        }
    drawn = [markdown_of_moments(what, calls) for what, calls in timelines.items()]
    return "\n\n".join([*map(markdown_of_cost, costs), *drawn])


def warm(world: World, own: Own, called: Called) -> Cost:
    targets = [target(called, OURS)]
    world.load(targets, calls=200)

    def calls() -> tuple[int, float]:
        result = world.load(targets, seconds=SECONDS)
        return len(result.taken), median(result.taken)

    return measured("A warm call", world, own, calls)


def queued(world: World, own: Own, stack: ExitStack) -> Cost:
    stack.enter_context(own.serve("queue", OK))
    rows.drained(world, own, 64)

    def tasks() -> tuple[int, float]:
        return TASKS, 1000 / rows.drained(world, own, TASKS)

    return measured("A queued task, 8 at a time", world, own, tasks)


def measured(what: str, world: World, own: Own, run: Callable[[], tuple[int, float]]) -> Cost:
    """`run` says how many there were and what one took. It runs twice, since py-spy disturbs."""
    first = container_processes(world, own)
    groups: dict[str, processors.Group] = {
        SERVER: processors.tree(own.pid),
        "Docker's daemon": processors.named("dockerd"),
        "containerd": processors.named("containerd"),
        "the containers' shims": lambda: {processors.parent(pid) for pid in first},
        "the containers' own": lambda: [each for pid in first for each in processes_below(pid)],
        "the callers": processors.tree(world.clients.pid),
    }
    before = processors.spent(groups)
    count, took = run()
    after = processors.spent(groups)
    with recording(own.pid) as stacks:
        run()
    each = {
        name: Spent(
            *((now - then) / count for now, then in zip(after[name], before[name], strict=True))
        )
        for name in groups
    }
    return Cost(what, count, took, each, shares(stacks))


def container_processes(world: World, own: Own) -> list[int]:
    """The first process of each of the server's containers."""
    api = world.machine.docker.api
    listed = api.containers(filters=own.contender.containers)
    return [api.inspect_container(each["Id"])["State"]["Pid"] for each in listed]


def cold_call(own: Own, name: str, *, prewarmed: bool = False) -> Moments:
    with own.serve(name, TELLS_ALL) as called:
        own.contender.await_rest(prewarmed=prewarmed)
        begun = time.time()
        inside = json.loads(called.call().body)
        answered = time.time()
        events = own.contender.engine_events(begun, answered)
    own.contender.await_rest()
    times = [events.get("create"), events.get("start"), *inside, answered]
    return {
        moment: (at - begun) * 1000
        for moment, at in zip(MOMENTS, times, strict=True)
        if at is not None and at > begun - STEP
    }


def engine_alone(world: World) -> Moments:
    """Until a container of the same image has started that only waits, without any option of
    taskdock's."""
    with waiting_container(world) as (_, moments):
        return moments


def joined(world: World) -> Moments:
    """The same, but the container finds a network name space that another one holds."""
    with (
        waiting_container(world) as (holder, _),
        waiting_container(world, network_mode=f"container:{holder}") as (_, moments),
    ):
        return moments


@contextmanager
def waiting_container(world: World, **config: str) -> Iterator[tuple[str, Moments]]:
    api = world.machine.docker.api
    begun = time.time()
    id: str = api.create_container(
        world.machine.image(OK.runtime).id,
        entrypoint=["/bin/sh", "-c", "read line"],
        stdin_open=True,
        host_config=api.create_host_config(**config),
    )["Id"]
    moments = {MOMENTS[0]: (time.time() - begun) * 1000}
    try:
        api.start(id)
        moments[MOMENTS[1]] = (time.time() - begun) * 1000
        yield id, moments
    finally:
        api.remove_container(id, force=True)


def markdown_of_cost(cost: Cost) -> str:
    server = cost.processor[SERVER].all
    shown = [(part, share) for part, share in cost.parts if share >= LEAST]
    lines = [
        f"**{cost.what}**: {text(cost.took)} ms, of {cost.count:,}. Processor time of one:",
        "| processes | ms | of which in the kernel |\n| --- | --- | --- |\n"
        + "\n".join(
            f"| {name} | {text(spent.all)} | {text(spent.in_kernel)} |"
            for name, spent in cost.processor.items()
        ),
        "| part of the server | of its time in Python | about ms |\n| --- | --- | --- |\n"
        + "\n".join(f"| {part} | {share:.0%} | {text(share * server)} |" for part, share in shown),
    ]
    return "\n\n".join(lines)


def markdown_of_moments(what: str, calls: Sequence[Moments]) -> str:
    """The median of each moment that all calls had, and of the step to it from the one before."""
    lines, before = [], [0.0] * len(calls)
    for moment in MOMENTS:
        at = [call[moment] for call in calls if moment in call]
        if len(at) == len(calls):
            step = median(now - then for now, then in zip(at, before, strict=True))
            lines.append(f"| {moment} | {median(at):.0f} | {step:.0f} |")
            before = at
    head = "| until | ms | of which since the line above |\n| --- | --- | --- |\n"
    return f"**{what}**: the median of {len(calls)}.\n\n{head}" + "\n".join(lines)
