"""Judgements of the engine and of containers: from observations to findings. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from taskdock.engines.docker.facts import EngineFacts, EngineKind
from taskdock.engines.ending import ProgramExit
from taskdock.server.doctor.judges.finding import Finding, broken, degraded, milliseconds, ok

_MB = 1024 * 1024
_OLDEST = (20, 10)  # the oldest version of Docker that taskdock was tried with
_SLOW_START = 5.0  # seconds
_SIGKILL = 9


@dataclass(frozen=True, kw_only=True)
class Located:
    """An engine that answers, and its place."""

    facts: EngineFacts
    address: str
    source: str = ""  # the setting or file that named the address
    is_here: bool = True  # whether the engine runs on this machine
    in_container: bool = False  # whether this process runs in a container


def no_engine(message: str) -> Finding:
    """`message`: every address that was tried, and the fault of each."""
    order = re.search(r"^  No other engine .* or: (.+)$", message, re.MULTILINE)
    if order is not None:
        first = f"{order[1]}, or start the engine that it names"
    elif "(DOCKER_HOST)" in message:
        first = "unset DOCKER_HOST, or start the engine that it names"
    elif "permission denied" in message:
        first = (
            "sudo usermod -aG docker $USER, then sign in again (or, for one shell: newgrp docker)"
        )
    elif "nobody listens there" in message:
        first = "start it: sudo systemctl start docker (or: sudo service docker start)"
    else:
        first = "install one: make engine (in a clone, as root on Debian or Ubuntu), or see"
        return broken(message, first + " https://docs.docker.com/engine/install/")
    return broken(message, first)


def engine(found: Located) -> Finding:
    facts = found.facts
    measured = f"{facts.kind.value} {facts.version or '(no version told)'}"
    measured += f", API {facts.api or '?'}, at {found.address}"
    measured += f" ({found.source})" if found.source else ""
    if facts.cgroup:
        measured += f", control groups {facts.cgroup} ({facts.cgroup_driver})"
    if found.in_container:
        measured += "; taskdock itself runs in a container"
    if (
        facts.kind in (EngineKind.DOCKER, EngineKind.PODMAN)
        and not found.is_here
        and not found.in_container
    ):
        return degraded(
            f"{measured}; it is on another machine or in a virtual one ({facts.machine})",
            "run taskdock where the engine runs, unless all that follows is well",
        )
    numbers = tuple(int(part) for part in re.findall(r"\d+", facts.version)[:2])
    if facts.kind is not EngineKind.PODMAN and () < numbers < _OLDEST:
        return degraded(f"{measured}; older than 20.10, which is the oldest that was tried")
    return ok(measured)


def container(seconds: float, greets: bool) -> Finding:
    if not greets:
        return broken("a container started, and its program was not heard")
    measured = f"one started in {milliseconds(seconds)}"
    if seconds > _SLOW_START:
        return degraded(
            f"{measured}, which is slow", "see what the engine waits for: its log, its disk"
        )
    return ok(measured)


def no_container(fault: str, found: Located, folder: str) -> Finding:
    """`fault`: the engine's error. `folder`: the data folder, which has the container's door."""
    if "the engine cannot see" in fault:  # the message names the remedy itself
        return broken(fault)
    if any(words in fault for words in _UNSEEN):
        return code(False, fault, found, folder)
    for words, remedy in _START_REMEDIES:
        if words in fault.lower():
            return broken(fault, remedy)
    return broken(fault, "see what the engine says: its log, or docker run --rm hello-world")


_UNSEEN = ("invalid mount config", "mounts denied")
"""Words in the errors of Docker and Docker Desktop for a folder that the engine does not see."""
_START_REMEDIES = (
    ("bridge", "the engine's network is gone; restart the engine: sudo systemctl restart docker"),
    ("iptables", "the engine's firewall rules are gone; restart it: sudo systemctl restart docker"),
    ("no space", "make room on the engine's disk: docker system df; docker image prune"),
    ("exec format", "the image is for another processor: docker image rm the one named above"),
    ("cgroup", "the engine's control groups cannot be used: docker info says which it expects"),
)


def door(transport: str, is_usual: bool) -> Finding:
    """`transport`: the way from a container to this server, in words. `is_usual`: no part of that
    way is on the network."""
    measured = f"a container came by {transport}"
    if is_usual:
        return ok(measured)
    return degraded(
        f"{measured}, since the engine's kernel is not this machine's: calls take a little longer",
        "run taskdock where the engine runs, if that matters",
    )


def code(read: bool, fault: str, found: Located, folder: str) -> Finding:
    """`read`: a container has read the folder. `fault`: the reason why no container could be made
    with the folder; "": one was made. `folder`: the data folder."""
    if read:
        return ok("a container reads a folder of the data folder")
    measured = fault or "a container has the folder and cannot read what is in it"
    if found.in_container:
        return broken(
            f"{measured}; taskdock runs in a container, and the engine looks for {folder} outside"
            " it",
            f"give this container that folder under the same path: -v {folder}:{folder}",
        )
    if found.facts.kind is EngineKind.DESKTOP:
        return broken(
            measured, f"share {folder}: Docker Desktop, Settings, Resources, File sharing"
        )
    return broken(
        f"{measured}; the engine does not see this machine's files as taskdock does",
        "choose a folder that the engine sees, with --data-dir",
    )


def memory(end: ProgramExit, limit: int, facts: EngineFacts) -> Finding:
    """`end`: the exit of a program that used three times the memory `limit`, in MB."""
    if end.out_of_memory:
        return ok(f"a program that takes {3 * limit} of {limit} MB is killed, and that is seen")
    if end.signal == _SIGKILL:
        return degraded(
            f"a program that takes {3 * limit} of {limit} MB is killed, but the kernel does not say"
            " why: functions fail with Runtime.ExitError in place of Runtime.OutOfMemory",
            "use a newer kernel, with control groups of version 2",
        )
    if end.code != 0:
        return degraded(
            f"a program that takes {3 * limit} of {limit} MB ended by itself, with {end.code}"
        )
    reason, remedy = _unlimited(facts)
    measured = f"a program took {3 * limit} MB with a limit of {limit} MB, and nobody stopped it"
    return broken(f"{measured}: {reason}", remedy)


def _unlimited(facts: EngineFacts) -> tuple[str, str]:
    """The reason why an engine does not limit memory, and the remedy."""
    if not facts.limits_memory:
        return (
            "the kernel's memory control group is off",
            "add to the kernel's command line, then restart the machine:"
            " cgroup_enable=memory swapaccount=1 (Raspberry Pi: /boot/firmware/cmdline.txt)",
        )
    if not facts.limits_swap:
        return (
            "swap is not counted",
            "add swapaccount=1 to the kernel's command line, then restart the machine; or switch"
            " swap off: sudo swapoff --all",
        )
    if facts.kind.is_rootless:
        return (
            "this user may not limit memory",
            "let this user's units do so: https://rootlesscontaine.rs/getting-started/common/cgroup2/",
        )
    return "the engine does not know it", "see what the engine warns of: docker info"


def peaks(peak: int, eaten: int) -> Finding:
    """`peak`: the container's peak of memory in bytes, 0 if not known. `eaten`: the bytes that a
    program in the container used."""
    if peak >= eaten:
        return ok(f"{peak // _MB} MB are seen of a program that took {eaten // _MB} MB")
    if peak > 0:
        return degraded(
            f"{peak // _MB} MB are seen of a program that took {eaten // _MB} MB for a moment: the"
            " kernel tells only what is in use, and Max Memory Used is too low",
            "use a newer kernel: memory.peak is there since Linux 5.19",
        )
    return degraded("the kernel tells nothing, and Max Memory Used is 0 MB")


def freezing(held: bool, thawed: bool) -> Finding:
    if not thawed:
        return broken("a container stays frozen", "report it, with what docker top says of it")
    if not held:
        return degraded("a container goes on while it is said to be frozen")
    return ok("a container stands still when it idles, and goes on when it is called")


def scratch(limited: bool, wrote: int | None, limit: int, why: str) -> Finding:
    """`limited`: /tmp is a disk of its own. `wrote`: the exit code of a program that wrote twice
    the `limit`, in MB. `why`: the reason why there is no such disk."""
    if limited and wrote != 0:
        return ok(f"has the size it should have: {2 * limit} MB do not fit on a disk of {limit} MB")
    if limited:
        return degraded(f"{2 * limit} MB fit on a disk of {limit} MB")
    return degraded(f"has no limit: {why or 'no disk could be made'}", *_scratch_remedies(why))


def _scratch_remedies(why: str) -> tuple[str, ...]:
    if "root" in why:
        return ("run taskdock as root on the engine's own Linux machine, if that matters",)
    if "not installed" in why:
        return ("sudo apt-get install e2fsprogs (or what this system calls it)",)
    if "loop" in why:
        return ("sudo modprobe loop",)
    return ()
