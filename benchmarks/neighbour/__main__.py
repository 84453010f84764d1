"""Measures a neighbour's warm calls beside a hostile function, and writes docs/performance.md.

The server is a real one, on this machine's Docker Engine. For each kind of hostility, the neighbour
is called in turn while the server is idle otherwise, and while one environment of the hostile
function is at work.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import threading
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.call import Called
from benchmarks.document import replaced
from benchmarks.function import Function
from benchmarks.neighbour import hostile, table
from benchmarks.neighbour.table import Row
from benchmarks.peers import Machine, Taskdock
from benchmarks.server import CannotServe
from benchmarks.signals import heed
from benchmarks.speed import memory
from benchmarks.speed.__main__ import memory_gib, processor
from benchmarks.speed.clients import Clients, Target

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
NEIGHBOUR = Function({"app.py": "def handler(event, context):\n    return {'ok': True}\n"})
ROUNDS = 2
IDLE, BESIDE = 2.0, 4.0  # seconds of calls in a round
HEAD_START = 2.0  # seconds that a hostile function is at it before the neighbour is measured
MEMORY = 1769  # MB, with which a function may use one processor
ENOUGH = 30  # seconds for the end of an invocation, when it should be over


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbour", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(hostile.ATTACKS))
    chosen = parser.parse_args()
    heed()
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    machine = Machine()
    machine.image("python3.11")
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="taskdock-neighbour-"))
        contender = Taskdock(machine, data_dir=Path(folder))
        try:
            with contender.serve("neighbour", NEIGHBOUR) as neighbour, Clients() as clients:
                for title in chosen.only or hostile.ATTACKS:
                    row = measure(title, contender, neighbour, clients)
                    rows.append(row)
                    print(f"{title}: {row.ratio:.3g} x, {row.memory:.0f} MiB", flush=True)
        finally:
            contender.close()
            machine.remove_containers(**contender.containers)
    found = "\n\n".join(
        [
            describe(machine, contender.version(), clients.share, load),
            table.verdict(rows),
            table.markdown(rows),
        ]
    )
    print(f"\n{found}")
    if chosen.only:
        print(f"not written into {DOCUMENT.name}: that takes all kinds")
    else:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), found, "neighbour"))
        print(f"written into {DOCUMENT}")


def measure(title: str, contender: Taskdock, neighbour: Called, clients: Clients) -> Row:
    """A hostile function of its own for each kind: what one leaves behind is not the next one's."""
    name = f"hostile-{list(hostile.ATTACKS).index(title)}"
    limit = int(HEAD_START + BESIDE) + ENOUGH
    function = Function(
        {"app.py": Path(hostile.__file__).read_text()}, memory=MEMORY, timeout=limit
    )
    target = Target(neighbour.address[1], f"{neighbour.path}/invocations")
    with contender.serve(name, function) as attacker:
        answer = attacker.call({"attack": title, "seconds": 0})  # it is warm from here on
        if answer.status != 200:
            raise CannotServe(f"{title}: {answer.text}")
        clients.call([target], calls=50)
        idle, beside, failed, held = [], [], 0, 0.0
        event = {"attack": title, "seconds": HEAD_START + BESIDE + 1}
        for _ in range(ROUNDS):
            contender.await_rest()
            idle += clients.call([target], seconds=IDLE).taken
            at_it = threading.Thread(target=attacker.call, args=(event,))
            at_it.start()
            time.sleep(HEAD_START)
            found = clients.call([target], seconds=BESIDE)
            beside += found.taken
            failed += sum(found.failed.values())
            held = max(held, memory.tree(contender.server.pid)["Rss"])
            at_it.join(ENOUGH)
    return Row(title, idle, beside, failed, held)


def describe(machine: Machine, version: str, share: float, load: float) -> str:
    engine = machine.docker.version()["Version"]
    return (
        f"A run on {datetime.now(timezone.utc):%d %B %Y}: {version};"
        f" {machine.image('python3.11').tags[0]} on Docker {engine}; Python"
        f" {platform.python_version()}; {processor()}, {os.cpu_count()} processors,"
        f" {memory_gib():.0f} GiB, Linux {platform.release()}; load average before the run"
        f" {load:.1f} for each processor. The neighbour's client took {share:.0%} of one processor"
        " at most."
    )


if __name__ == "__main__":
    main()
