"""Judgements of this machine: from measurements to findings. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from taskdock.base.machine.descriptors import MINIMUM, OF_SERVER, PER_ENVIRONMENT
from taskdock.server.doctor.judges.finding import Finding, broken, degraded, ok, unchecked

UNLIMITED = -1

LEAST_PYTHON = (3, 10)
EARLIEST, LATEST = 2025, 2100  # years between which a clock is taken for right

_MB, _GB = 1024**2, 1024**3
_ENVIRONMENTS = 24  # at once, by a server's default settings: 8 for tasks, 16 for direct calls
_LEAST_DATA, _LITTLE_DATA = 64 * _MB, _GB
_LEAST_IMAGES, _LITTLE_IMAGES = 512 * _MB, 4 * _GB
_LEAST_FILES = 1000
_INSTANCES = 128  # the default of Linux
_WATCHES = 8192
_LATE, _WRONG = 1.0, 30.0  # seconds that two clocks may differ


@dataclass(frozen=True)
class Descriptors:
    given: int  # UNLIMITED is possible
    raised: int
    """The limit after a server has raised it."""


@dataclass(frozen=True)
class DiskSpace:
    """The space that is left on one disk."""

    folder: Path
    free: int  # bytes, for this user
    files: int | None = None
    """The number of files that can still be made; None: the disk has no such limit."""


@dataclass(frozen=True)
class Loops:
    used: int
    there: int
    fault: str = ""
    """The reason why there is no free device; "": there is one."""


@dataclass(frozen=True)
class Inotify:
    instances: int  # of one user
    watches: int
    fault: str = ""
    """The reason why no instance is free now; "": one is free."""


@dataclass(frozen=True)
class FolderState:
    path: Path
    fault: str = ""
    """The reason why a server could not use the folder; "": a server could."""
    is_new: bool = False
    is_locked: bool = False
    url: str = ""
    """The URL of the server that holds the folder's lock; "": not known."""
    foreign: str = ""
    """The reason why the folder is not taken for the user's own, and the remedy; "": it is."""


def python(version: tuple[int, int, int], sqlite: str) -> Finding:
    measured = f"{'.'.join(map(str, version))}, SQLite {sqlite}"
    if version[:2] < LEAST_PYTHON:
        return broken(
            f"{measured}; taskdock needs Python {'.'.join(map(str, LEAST_PYTHON))} or newer",
            "install a newer Python, and make the virtual environment anew",
        )
    return ok(measured)


def data_folder(seen: FolderState) -> Finding:
    if seen.foreign:
        return broken(seen.foreign, "choose another folder with --data-dir")
    if "unable to open database file" in seen.fault:
        length = len(str(seen.path))
        return broken(
            f"{_short(seen.path)}: SQLite cannot make a file there; its path has {length}"
            " characters, and SQLite takes about 500",
            "choose a folder with a shorter path: --data-dir /var/tmp/taskdock",
        )
    if "File name too long" in seen.fault:
        return broken(
            f"{_short(seen.path)}: the path is too long ({len(str(seen.path))} characters)",
            "choose a folder with a shorter path: --data-dir /var/tmp/taskdock",
        )
    if "full" in seen.fault or "No space" in seen.fault:
        return broken(f"{seen.path}: the disk is full", f"make room there: df -h {seen.path}")
    if seen.fault:
        return broken(
            f"{_short(seen.path)} cannot be used: {seen.fault}",
            f"give it to yourself: sudo chown -R $(id -u) {seen.path}",
            "or choose another folder with --data-dir",
        )
    holder = f", in use by a taskdock that runs ({seen.url or 'it serves nowhere'})"
    state = " can be made" if seen.is_new else " can be written"
    return ok(f"{seen.path}{holder if seen.is_locked else state}")


def cache(folder: Path, problem: str) -> Finding:
    """`problem`: the reason why `folder` is not the usual one; "": it is the usual one."""
    if problem:
        return degraded(
            problem,
            "give this user's caches a folder: export XDG_CACHE_HOME=FOLDER, or mend HOME",
        )
    return ok(f"{folder} can be written")


def port(fault: str, url: str, taskdock: str | None) -> Finding:
    """`fault`: the reason why the port is not free; "": it is free. `taskdock`: the version of the
    taskdock that serves at `url`; None: none serves there."""
    if not fault:
        return ok(f"{url} is free")
    if taskdock is not None:
        return ok(f"taskdock {taskdock} serves at {url}")
    number = url.rpartition(":")[2]
    return broken(
        fault,
        f"see who has it: sudo ss -ltnp 'sport = :{number}'",
        "choose another with --port, or --port 0 for any free one",
    )


def descriptors(seen: Descriptors) -> Finding:
    measured = f"{_number(seen.raised)} at most"
    if seen.given != seen.raised:
        measured += f" ({_number(seen.given)} until a server raises that)"
    if seen.raised == UNLIMITED:
        return ok(measured)
    remedies = (
        "ulimit -n 4096, as root if that is refused, and start taskdock from the same shell",
        "or raise it for good: /etc/security/limits.conf; LimitNOFILE= in a systemd unit",
    )
    if seen.raised < MINIMUM:
        return broken(f"{measured}, and a server needs {MINIMUM}", *remedies)
    room = (seen.raised - OF_SERVER) // PER_ENVIRONMENT
    if room < _ENVIRONMENTS:
        return degraded(
            f"{measured}: room for about {room} of {_ENVIRONMENTS} environments that may run side"
            " by side",
            *remedies,
        )
    return ok(measured)


def disk(data: DiskSpace, images: DiskSpace | None) -> Finding:
    """`images`: the disk of the engine's images; None: that disk is not on this machine."""
    rooms = [("data", data, _LEAST_DATA, _LITTLE_DATA)]
    if images is not None:
        rooms.append(("images", images, _LEAST_IMAGES, _LITTLE_IMAGES))
    measured = "; ".join(
        f"{size(room.free)} free for {what} ({_short(room.folder)})" for what, room, *_ in rooms
    )
    remedies = tuple(
        "remove what the engine does not need: docker system df; docker image prune"
        if what == "images"
        else f"make room on the disk of {_short(room.folder)}"
        for what, room, _, little in rooms
        if room.free < little
    )
    exhausted = [
        room for _, room, *_ in rooms if room.files is not None and room.files < _LEAST_FILES
    ]
    if exhausted:
        measured += f"; only {exhausted[0].files} more files fit on {_short(exhausted[0].folder)}"
        remedies += ("remove small files there: df -i",)
    if any(room.free < least for _, room, least, _ in rooms) or any(
        room.files == 0 for room in exhausted
    ):
        return broken(measured, *remedies)
    return degraded(measured, *remedies) if remedies else ok(measured)


def loops(seen: Loops | str) -> Finding:
    """`seen`: the devices, or the reason why loop devices do not matter here."""
    if isinstance(seen, str):
        return unchecked(seen)
    measured = f"{seen.used} of {seen.there} in use"
    if seen.fault:
        return degraded(
            f"{measured}, and none is free ({seen.fault}): /tmp has no limit",
            "sudo modprobe loop",
            "see who has them: losetup --list",
        )
    return ok(f"{measured}, another is to be had")


def inotify(seen: Inotify | None) -> Finding:
    if seen is None:
        return unchecked("this system has none")
    measured = f"{seen.instances} instances and {seen.watches} watches for each user"
    raise_them = (
        "sudo sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288",
    )
    if seen.fault:
        return degraded(f"{measured}, all in use ({seen.fault})", *raise_them)
    if seen.instances < _INSTANCES or seen.watches < _WATCHES:
        return degraded(
            f"{measured}: engines take one for each container, and lose sight of those beyond",
            *raise_them,
        )
    return ok(measured)


def clock(now: datetime, ahead: float | None) -> Finding:
    """`now`: in UTC. `ahead`: seconds that the engine's clock is ahead; None: it is not known."""
    shown = now.isoformat(sep=" ", timespec="seconds")[:19]
    if not EARLIEST <= now.year <= LATEST:
        return broken(
            f"this machine's clock shows {shown} UTC",
            "set it: sudo timedatectl set-ntp true, or sudo date -s '2026-01-31 12:00:00'",
        )
    if ahead is None:
        return ok(f"{shown} UTC; the engine does not tell its own time")
    differ = f"the engine's is {abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}"
    if abs(ahead) < _LATE:
        return ok(f"{shown} UTC, and the engine's clock shows the same")
    remedies = (
        "restart the engine's machine, whose clock stops while this one sleeps (Docker Desktop:"
        " restart it)",
        "let both keep the time by themselves: sudo timedatectl set-ntp true",
    )
    measured = f"{shown} UTC; {differ}: functions misjudge how much time they have left"
    return broken(measured, *remedies) if abs(ahead) >= _WRONG else degraded(measured, *remedies)


def size(amount: int) -> str:
    """A number of bytes as text, in MB or GB."""
    return f"{amount / _GB:.1f} GB" if amount >= _GB else f"{amount / _MB:.0f} MB"


def _number(limit: int) -> str:
    return "any number" if limit == UNLIMITED else str(limit)


def _short(path: object) -> str:
    text = str(path)
    return text if len(text) <= 80 else f"{text[:40]}...{text[-37:]}"
