"""Runs a server under steady load for an hour, and writes docs/performance: does anything grow?

The server is a real one, on this machine's Docker Engine, with a data folder of its own. Its limit
for stored data is low, so that the retention works within the hour. A run of less than 20 minutes
only prints the table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.document import replaced
from benchmarks.peers import Machine, Taskdock
from benchmarks.signals import heed
from benchmarks.soak import table
from benchmarks.soak.load import RATE, STATUS, Caller, Load, await_rest
from benchmarks.soak.watch import Sample, Watch, summed
from benchmarks.speed.__main__ import memory_gib, processor

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
SHORT = 20  # minutes from which on a run counts
LOOKS = 60  # samples of a whole run
REST_LIMIT = 120.0  # seconds for what is still queued at the end
SHOWN = 5  # failures that are named


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second")
    chosen = parser.parse_args()
    heed()
    machine = Machine()
    machine.image("python3.11")
    with tempfile.TemporaryDirectory(prefix="taskdock-soak-") as folder:
        keep = max(round(chosen.minutes / 4), 1)  # MB; reached within the first quarter
        contender = Taskdock(machine, ["--keep-mb", str(keep)], Path(folder))
        version = contender.version()
        try:
            samples, ended, failed, left = soak(contender, machine, chosen.minutes, chosen.rate)
        finally:
            contender.close()
            machine.remove_containers(**contender.containers)
    found = "\n\n".join(
        [
            describe(machine, version, chosen.minutes, chosen.rate, keep),
            f"Calls: {', '.join(f'{count:,} {kind}' for kind, count in ended.most_common())}.",
            *([f"Not as they should be: {named(failed)}."] if failed else []),
            table.verdict(samples, left),
            table.markdown(samples),
            table.RULE,
        ]
    )
    print(f"{found}\n\nraw samples: {kept(samples)}")
    if chosen.minutes < SHORT:
        print(f"not written into {DOCUMENT.name}: that takes {SHORT} minutes")
    else:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), found, "soak"))
        print(f"written into {DOCUMENT}")


def soak(
    contender: Taskdock, machine: Machine, minutes: float, rate: float
) -> tuple[list[Sample], Counter[str], Counter[str], int]:
    """The samples, the calls by kind, those that failed, and how many tasks were left."""
    server = contender.server
    watch = Watch(
        server=server.pid,
        data_dir=contender.data_dir,
        docker=machine.docker,
        containers=contender.containers,
    )
    caller = Caller(server.port)
    samples: list[Sample] = []
    all_ended, all_failed = [], []
    pause = minutes * 60 / LOOKS
    with Load(server.port, rate) as load:
        began, busy = time.monotonic(), time.process_time()
        for number in range(1, LOOKS + 1):
            time.sleep(max(began + number * pause - time.monotonic(), 0))
            second = time.monotonic() - began
            taken, ended, failed = load.take()
            status = caller.expect(STATUS)
            samples.append(watch.look(second, status, taken, ended.total(), failed.total()))
            all_ended.append(ended)
            all_failed.append(failed)
            print(line(samples[-1]), flush=True)
    caller.close()
    own = (time.process_time() - busy) / (time.monotonic() - began)
    print(f"the callers took {own:.0%} of one processor")
    return samples, summed(all_ended), summed(all_failed), await_rest(server.port, REST_LIMIT)


def line(sample: Sample) -> str:
    return (
        f"{sample.second:6.0f} s  {sample.calls:5} calls, {sample.failed} failed,"
        f" {sample.median:.1f} / {sample.p99:.0f} ms; {sample.rss:.1f} MiB RSS,"
        f" {sample.descriptors} descriptors, {sample.threads} threads,"
        f" {sample.containers} containers; database {sample.used:.1f} of {sample.file:.1f} MiB,"
        f" log {sample.log:.1f} MiB, {sample.removed} rows removed; {sample.busy:.0%} busy"
    )


def describe(machine: Machine, version: str, minutes: float, rate: float, keep: int) -> str:
    engine = machine.docker.version()["Version"]
    return (
        f"{minutes:g} minutes on {datetime.now(timezone.utc):%d %B %Y}: {version} with --keep-mb"
        f" {keep}, {rate:g} calls a second; {machine.image('python3.11').tags[0]} on Docker"
        f" {engine}; Python {platform.python_version()}, SQLite {sqlite3.sqlite_version};"
        f" {processor()}, {os.cpu_count()} processors, {memory_gib():.0f} GiB,"
        f" Linux {platform.release()}."
    )


def named(failed: Counter[str]) -> str:
    return "; ".join(f"{count:,} `{what}`" for what, count in failed.most_common(SHOWN))


def kept(samples: list[Sample]) -> str:
    with tempfile.NamedTemporaryFile("w", prefix="soak-", suffix=".json", delete=False) as file:
        json.dump([asdict(sample) for sample in samples], file, indent=1)
    return file.name


if __name__ == "__main__":
    main()
