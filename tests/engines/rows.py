"""Engines and surroundings that are tried: the rows of the table in docs/engines.md.

A test records what it has seen under its row's name; `python -m docs.engines` writes the table.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from taskdock.base.files import user_folders

LONG = "make test-long"
OTHER = "make test-engines"
VM = "make test-vm"


@dataclass(frozen=True)
class Row:
    surrounding: str
    command: str = "make test"


@dataclass(frozen=True)
class Seen:
    engine: str
    """With its version."""
    what: str
    """`works`, or what the user is told."""


ROWS = {
    "first start": Row("its first start ever: the bridge's description names no gateway"),
    "API 1.52": Row("a proxy that leaves out what API 1.52 (Docker 29) leaves out"),
    "not root": Row("a user who is not root, with the group of the engine's socket"),
    "host-gateway-ip": Row("`host-gateway-ip` set: not the bridge's own address", LONG),
    "another bridge": Row("`bip` set: the bridge has other addresses than usual", LONG),
    "firewall drops": Row("a firewall that drops what comes from the bridge, as ufw's does", LONG),
    "firewall rejects": Row("a firewall that refuses what comes from the bridge", LONG),
    "another network": Row("the engine in another network namespace, as a rootless one is", LONG),
    "no bridge": Row('`"bridge": "none"`', LONG),
    "TCP": Row("the engine's address is tcp://127.0.0.1:2375", LONG),
    "no control group of memory": Row("the control group for memory is switched off", LONG),
    "loop devices run out": Row("no loop device is to be had any more, once the server runs", LONG),
    "lost login helper": Row(
        "docker's configuration names a helper for logins that is not there", LONG
    ),
    "docker context": Row("the current docker context is an address by ssh", LONG),
    "long path": Row("a data folder whose path is too long for SQLite", LONG),
    "no home": Row("a user without a home"),
    "unwritable home": Row("a home that cannot be written"),
    "few open files": Row("`ulimit -n 64`", LONG),
    "slow registry": Row("a registry that takes 0.6 s for each answer"),
    "silent registry": Row("a registry that goes silent in the middle of a layer"),
    "Docker of trixie": Row("the engine of Debian 13, on this machine's kernel", OTHER),
    "Docker of forky": Row("the engine of Debian's next, on this machine's kernel", OTHER),
    "user namespaces": Row(
        "that of Debian 13, `userns-remap` set: root there is nobody here", OTHER
    ),
    "Podman of bookworm": Row("`podman system service` of Debian 12, run by root", OTHER),
    "Podman of trixie": Row("`podman system service` of Debian 13, run by root", OTHER),
    "rootless Docker": Row("`dockerd-rootless.sh` of Debian 13, run by a user", OTHER),
    "rootless Podman": Row("`podman system service` of Debian 13, run by a user", OTHER),
    "rootless Podman of bookworm": Row("that of Debian 12, run by a user", OTHER),
    "in a container": Row(
        "taskdock in a container with the engine's socket: `compose.yaml`", OTHER
    ),
    "in a container, Podman": Row("the same, with Podman's socket", OTHER),
    "an engine beside": Row("taskdock in one container, the engine in another namespace", OTHER),
    "Python 3.10": Row("Python 3.10", OTHER),
    "Python 3.13": Row("Python 3.13", OTHER),
    "systemd": Row("Debian 13 with systemd and control groups of version 2, as a machine", VM),
}


def folder() -> Path:
    """Where results are kept until they are written into the document, a file for each row: tests
    run side by side."""
    return user_folders.cache(os.environ) / "engines"


def results() -> dict[str, Seen]:
    found = {}
    for name in ROWS:
        with contextlib.suppress(OSError, ValueError):
            found[name] = Seen(**json.loads((folder() / name).read_text()))
    return found


def record(name: str, engine: str, what: str) -> None:
    """Keeps what a test has seen, until the next time."""
    assert name in ROWS, name
    folder().mkdir(exist_ok=True)
    (folder() / name).write_text(json.dumps(vars(Seen(engine, what))))
