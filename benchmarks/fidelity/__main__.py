"""Runs the cases on the contenders, and writes the table into docs/fidelity.md.

A run of some cases or some contenders only prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timezone
from pathlib import Path
from threading import Event

from benchmarks.call import Unanswered
from benchmarks.document import replaced
from benchmarks.fidelity.case import Case, Row
from benchmarks.fidelity.cases import CASES
from benchmarks.fidelity.seen import Seen
from benchmarks.fidelity.table import Finding, markdown
from benchmarks.installed import install_peers
from benchmarks.ministack import MiniStack, gateway
from benchmarks.peers import Contender, Machine, Taskdock
from benchmarks.rie import Rie
from benchmarks.sam import Sam
from benchmarks.server import CannotServe
from benchmarks.signals import heed

DOCUMENT = Path(__file__).parents[2] / "docs" / "fidelity.md"
LIMIT = 25 * 60  # seconds for everything
Texts = list[str | None]  # one for each row of a case


class Stopped(Exception):
    """Before the last case: the time was over, or something else had gone wrong."""


def main() -> None:
    chosen = options()
    heed()
    cases = [case for case in CASES if not chosen.only or case.name in chosen.only]
    machine = Machine()
    contenders = all_contenders(machine)
    if chosen.contender:
        contenders = [one for one in contenders if one.name in chosen.contender]
    install_peers(each.package for each in contenders if each.package)
    try:
        texts = run_all(contenders, cases)
    except Stopped as early:
        sys.exit(str(early))
    findings = [
        Finding(case.title, row.what, row.aws, row.grade, seen={t: texts[t][n][i] for t in texts})
        for n, case in enumerate(cases)
        for i, row in enumerate(case.rows)
    ]
    results = f"{about(machine, contenders)}\n\n{markdown(findings, list(texts))}"
    print(f"raw results: {keep(findings)}")
    if chosen.only or chosen.contender:
        print(results)
    else:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), results))
        print(f"written into {DOCUMENT}")


def all_contenders(machine: Machine) -> list[Contender]:
    return [
        Taskdock(machine),
        Sam(machine, "sam-eager", "SAM CLI, warm (EAGER)", ["--warm-containers", "EAGER"]),
        Sam(machine, "sam", "SAM CLI, default", []),
        Rie(machine),
        MiniStack(machine, gateway(machine)),
    ]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__)
    parser.add_argument("--only", action="append", choices=[case.name for case in CASES])
    names = ["taskdock", "sam-eager", "sam", "rie", "ministack"]
    parser.add_argument("--contender", action="append", choices=names)
    return parser.parse_args()


def run_all(contenders: Sequence[Contender], cases: Sequence[Case]) -> dict[str, list[Texts]]:
    """By title, in this order. Two contenders at a time: both kinds of SAM CLI, one after the other
    since they share images' names, and beside them the others."""
    lanes = [[one for one in contenders if isinstance(one, Sam) is sam] for sam in (True, False)]
    deadline = time.monotonic() + LIMIT

    stopped = Event()  # by whatever ends the other lane: then what was started is removed

    def run_lane(lane: Sequence[Contender]) -> dict[str, list[Texts]]:
        try:
            return {each.title: run(each, cases, deadline, stopped) for each in lane}
        except BaseException:
            stopped.set()
            raise

    found: dict[str, list[Texts]] = {}
    with ThreadPoolExecutor(len(lanes)) as threads:
        running = [threads.submit(run_lane, lane) for lane in lanes]
        try:
            for done in as_completed(running):  # so what has stopped the others is raised first
                found |= done.result()
        except BaseException:
            stopped.set()
            raise
    return {each.title: found[each.title] for each in contenders}


def run(
    contender: Contender, cases: Sequence[Case], deadline: float, stopped: Event
) -> list[Texts]:
    found = []
    begun = time.monotonic()
    try:
        for case in cases:
            now = time.monotonic()
            where = f"stopped before {case.name} of {contender.title}"
            if stopped.is_set():
                raise Stopped(where)
            if now > deadline:
                raise Stopped(f"{where}: {LIMIT} s are over")
            print(f"{now - begun:5.0f} s  {contender.title}: {case.name}", flush=True)
            found.append(texts_of(contender, case))
    finally:
        contender.close()
    print(f"{time.monotonic() - begun:5.0f} s  {contender.title}: end", flush=True)
    return found


def texts_of(contender: Contender, case: Case) -> Texts:
    """The observations of a case's rows; if the function was not served, the reason in each row."""
    if case.needs in contender.lacks:
        return [None] * len(case.rows)
    name = f"fidelity-{case.name}"
    try:
        with contender.serve(name, case.function) as called:
            answers = case.play(called)
            seen = Seen(name, answers, called.log(times=len(answers)))
    except CannotServe as error:
        return [f"not served: {error}"] * len(case.rows)
    return [look(row, seen) for row in case.rows]


def look(row: Row, seen: Seen) -> str:
    try:
        return row.look(seen)
    except Unanswered as instead:
        return str(instead)
    except (LookupError, TypeError, ValueError, AttributeError):
        return "not to be found"


def about(machine: Machine, contenders: Sequence[Contender]) -> str:
    versions = ", ".join(dict.fromkeys(contender.version() for contender in contenders))
    engine = machine.docker.version()["Version"]
    return (
        f"Run on {datetime.now(timezone.utc):%d %B %Y}: {versions};"
        f" {machine.image('python3.11').tags[0]} on Docker {engine}."
    )


def keep(findings: Sequence[Finding]) -> str:
    raw = [vars(finding) for finding in findings]
    with tempfile.NamedTemporaryFile("w", prefix="fidelity-", suffix=".json", delete=False) as file:
        json.dump(raw, file, indent=1)
    return file.name


if __name__ == "__main__":
    main()
