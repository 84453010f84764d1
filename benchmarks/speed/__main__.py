"""Measures taskdock and its peers in turn, and writes table and plot into docs/performance.

A run of some rows or some contenders only prints the table. `--profile` writes the profile of
taskdock instead: the time of each part. `--harness` writes the rows of the test harness alone, and
`--pages` those of the dashboard.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.document import replaced
from benchmarks.installed import install_peers
from benchmarks.ministack import MiniStack
from benchmarks.peers import Contender, Machine, Taskdock
from benchmarks.rie import Rie
from benchmarks.sam import Sam
from benchmarks.signals import heed
from benchmarks.speed.clients import Clients
from benchmarks.speed.moto import Moto
from benchmarks.speed.pages import WITHOUT
from benchmarks.speed.plot import svg
from benchmarks.speed.profile import profile
from benchmarks.speed.rows import DIRECT, EMPTY, LARGE, STOCKED, Row, all_rows, rows_of
from benchmarks.speed.table import OURS, Samples, markdown
from benchmarks.speed.world import World

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
PLOT = DOCUMENT.with_suffix(".svg")
LIMITS = {True: 170, False: 18 * 60}  # seconds until no more rows are begun, by quickness
BUSY = 0.3  # load average for each processor, from which on figures are not to be trusted
DRAWN = ("warm", DIRECT, "rate 1", "rate 8", "start", "rss", "container")
DRAWN += ("cold", "cold" + STOCKED, "cold 8", "cold 8" + STOCKED)


def main() -> None:
    chosen = options()
    heed()
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    machine = Machine()
    contenders = {
        each.name: each
        for each in all_contenders(machine)
        if not chosen.contender or each.name in chosen.contender
    }
    if chosen.profile or chosen.harness or chosen.pages:
        contenders = {OURS: contenders[OURS]}
    install_peers(each.package for each in contenders.values() if each.package)
    with tempfile.TemporaryDirectory(prefix="taskdock-speed-") as folder, Clients() as clients:
        world = World(machine, clients, contenders, chosen.quick, Path(folder))
        if chosen.profile:
            write_profile(world, busy)
            return
        if chosen.harness or chosen.pages:
            write_alone(world, busy, "harness" if chosen.harness else "pages")
            return
        rows = all_rows(f"{rows_of(world):,}")
        if chosen.only:
            rows = {name: row for name, row in rows.items() if name in chosen.only}
        try:
            samples, notes = measure(world, rows)
            kind = "A quick run" if chosen.quick else "A whole run"
            about = describe(world, kind, busy, notes)
        finally:
            world.close()
    titles = {name: each.title for name, each in contenders.items()}
    titles |= {EMPTY: "an empty table's", **WITHOUT}
    lines = [line for row in rows.values() for line in row.lines]
    results = f"{about}\n\n{markdown(lines, samples, titles)}"
    print(f"raw samples: {keep(samples)}")
    if chosen.only or chosen.contender:
        print(results)
    else:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), results))
        drawn = [line for line in lines if line.series in DRAWN and line.percentile == 50]
        PLOT.write_text(svg(drawn, samples, titles))
        print(f"written into {DOCUMENT} and {PLOT}")


def write_profile(world: World, busy: float) -> None:
    try:
        tables = profile(world)
        found = f"{describe(world, 'A profile', busy, [])}\n\n{tables}"
    finally:
        world.close()
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(), found, "profile"))
    print(f"{found}\nwritten into {DOCUMENT}")


ALONE = {"harness": ("harness",), "pages": ("open-pages", "pages")}
"""Rows by the place in the document that has them alone."""


def write_alone(world: World, busy: float, place: str) -> None:
    rows = {
        name: row for name, row in all_rows(f"{rows_of(world):,}").items() if name in ALONE[place]
    }
    try:
        samples, notes = measure(world, rows)
        about = describe(world, "A quick run" if world.quick else "A run", busy, notes)
    finally:
        world.close()
    lines = [line for row in rows.values() for line in row.lines]
    titles = {OURS: world.contenders[OURS].title, **WITHOUT}
    found = f"{about}\n\n{markdown(lines, samples, titles)}"
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(), found, place))
    print(f"{found}\nwritten into {DOCUMENT}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples, in 3 minutes")
    parser.add_argument("--only", action="append", choices=[*all_rows("")])
    parser.add_argument("--profile", action="store_true", help="where taskdock's time goes")
    parser.add_argument("--harness", action="store_true", help="the test harness alone")
    parser.add_argument("--pages", action="store_true", help="the dashboard alone")
    names = [OURS, "rie", "sam-eager", "sam", "ministack", "moto"]
    parser.add_argument("--contender", action="append", choices=names)
    return parser.parse_args()


def all_contenders(machine: Machine) -> list[Contender]:
    return [
        Taskdock(machine, LARGE),
        Rie(machine),
        Sam(machine, "sam-eager", "SAM CLI, warm (EAGER)", ["--warm-containers", "EAGER"]),
        Sam(machine, "sam", "SAM CLI, default", []),
        MiniStack(machine),
        Moto(machine),
    ]


def measure(world: World, rows: Mapping[str, Row]) -> tuple[Samples, list[str]]:
    """Also why there are no samples of a row, if so."""
    samples: Samples = {}
    notes = []
    begun = time.monotonic()
    for name, row in rows.items():
        passed = time.monotonic() - begun
        print(f"{passed:5.0f} s  {name}", flush=True)
        if passed > LIMITS[world.quick]:
            notes.append(f"{name}: not measured, the time was over")
            continue
        try:
            samples |= row.measure(world)
        except Exception as error:  # the other rows are worth having
            traceback.print_exc()
            notes.append(f"{name}: not measured: {type(error).__name__}: {error}")
    print(f"{time.monotonic() - begun:5.0f} s  end")
    return samples, notes


def describe(world: World, kind: str, busy: float, notes: Sequence[str]) -> str:
    """`busy`: the load average for each processor before the run."""
    contenders = world.contenders.values()
    versions = ", ".join(dict.fromkeys(each.version() for each in contenders))
    engine = world.machine.docker.version()["Version"]
    image = world.machine.image("python3.11").tags[0]
    kind += " on a machine that was busy with other things" if busy > BUSY else ""
    lines = [
        f"{kind} on {datetime.now(timezone.utc):%d %B %Y}: {versions}; {image} on Docker {engine};"
        f" Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}.",
        f"The machine: {processor()}, {os.cpu_count()} processors, {memory_gib():.0f} GiB,"
        f" Linux {platform.release()}; load average before the run {busy:.1f} for each processor."
        f" The clients took {world.clients.share:.0%} of one processor at most.",
        *(f"Not in the table: {note}" for note in notes),
    ]
    return "\n\n".join(lines)


def processor() -> str:
    with open("/proc/cpuinfo") as listed:
        names = [line.partition(":")[2].strip() for line in listed if "model name" in line]
    return names[0] if names else platform.machine()


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3


def keep(samples: Samples) -> str:
    with tempfile.NamedTemporaryFile("w", prefix="speed-", suffix=".json", delete=False) as file:
        json.dump(samples, file, indent=1)
    return file.name


if __name__ == "__main__":
    main()
