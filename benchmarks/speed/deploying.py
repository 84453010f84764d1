"""Rows of deploying 50 MB: the whole command, beside `zip` and the same request.

The code is like JavaScript, and as large when zipped as the Task Service takes. 5,000 files are a
`node_modules`; a bundle and its maps are few.
"""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.speed.table import OURS, Goal, Line, Samples
from benchmarks.speed.world import Own, TooSlow, World, own_server

SIZE = 50 * 1024 * 1024
COUNTS = {"few": 20, "many": 5_000}
LINES = (
    *(
        Line(
            f"deploy of 50 MB in {count:,} files, the whole command (ratio: `zip` and the request)",
            "s",
            f"deploy {name}",
            base=(f"zip {name}", OURS),
            goals=(Goal(seconds),),
        )
        for (name, count), seconds in zip(COUNTS.items(), (1.5, 3), strict=True)
    ),
    *(
        Line(f"`zip -r` of the same {count:,} files, and the request", "s", f"zip {name}")
        for name, count in COUNTS.items()
    ),
    Line("deploy of the 5,000 files again, unchanged", "s", "unchanged", goals=(Goal(2),)),
)

_HANDLER = "exports.handler = async () => ({ok: true});\n"


def deploying(world: World) -> Samples:
    found: Samples = {line.series: {OURS: []} for line in LINES}
    folders = {name: made(world.folder / name, count) for name, count in COUNTS.items()}
    with ExitStack() as stack:
        own = stack.enter_context(own_server(world, world.folder / "deploying"))
        for folder in folders.values():
            deploy(own, folder, "created")  # also: the image is looked for
        for number in range(world.amount(3, 10)):
            for name, folder in folders.items():
                change(folder, f"{number} ours")
                found[f"deploy {name}"][OURS].append(deploy(own, folder, "updated"))
                if name == "many":
                    found["unchanged"][OURS].append(deploy(own, folder, "unchanged"))
                change(folder, f"{number} zip")
                found[f"zip {name}"][OURS].append(zip_and_send(own, folder))
    return found


def deploy(own: Own, folder: Path, action: str) -> float:
    """Seconds that the command takes."""
    ours = str(Path(sys.executable).with_name("taskdock"))
    environment = {**os.environ, "TASKDOCK_URL": f"http://localhost:{own.port}"}
    begun = time.perf_counter()
    told = subprocess.run(
        [ours, "deploy", str(folder)],
        check=True,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    taken = time.perf_counter() - begun
    if not told.stdout.startswith(action):
        raise TooSlow(f"not {action}: {told.stdout}{told.stderr}")
    return taken


def zip_and_send(own: Own, folder: Path) -> float:
    """Seconds of zip, of which nothing is written to the disk, and of the request."""
    begun = time.perf_counter()
    command = ["zip", "-q", "-r", "-y", "-", "."]
    zipped = subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    code = base64.b64encode(zipped.stdout).decode()
    name = f"zipped-{folder.name}"
    body = {"name": name, "code": code, "entryPoint": "index.handler", "runtime": "nodejs20.x"}
    own.post("/tasks/v1/functions/", body | {"name": f"{name}-{time.time_ns()}"})
    return time.perf_counter() - begun


def change(folder: Path, text: str) -> None:
    (folder / "index.js").write_text(f"// {text}\n{_HANDLER}")


def made(folder: Path, count: int) -> Path:
    """The code of a function in so many files of different sizes."""
    chance = random.Random(count)  # noqa: S311 - made up, and the same each time
    words = ["".join(chance.choices("abcdefghijklmnop", k=size % 7 + 3)) for size in range(600)]
    lines = ["  const {} = {}({}, {});\n".format(*chance.choices(words, k=4)) for _ in range(64)]
    mean = SIZE // count
    for number in range(count):
        file = folder / "node_modules" / f"package-{number // 20}" / f"{number % 20}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        size = chance.randrange(mean // 2, mean * 3 // 2)
        text = "".join(chance.choices(lines, k=size // 20))[:size]
        file.write_text(f"// {number}\n{text}")
    change(folder, "new")
    config = {"name": folder.name, "path": ".", "entryPoint": "index.handler"}
    (folder / "task-config.json").write_text(json.dumps(config | {"runtime": "nodejs20.x"}))
    return folder
