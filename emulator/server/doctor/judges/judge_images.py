"""Judges what was seen of the registry and of images: whether functions get theirs. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from emulator.engines.docker.images.inquiries import Asked
from emulator.engines.docker.images.registry import Fault
from emulator.server.doctor.judges.finding import (
    Finding,
    broken,
    degraded,
    milliseconds,
    ok,
    unchecked,
)

_SLOW_REGISTRY = 2.0  # seconds


def registry(asked: Asked | None, proxy: str, own_proxy: str) -> Finding:
    """`asked` of None: this engine cannot be made to ask. `proxy`: the engine's; `own_proxy`: this
    shell's."""
    if asked is None:
        return unchecked("this engine does not ask a registry unless it pulls")
    by = f"through the engine's proxy {without_password(proxy)}" if proxy else "without a proxy"
    if asked.fault is Fault.SLOW:
        return degraded(
            f"{asked.registry} {asked.fault.value}, {by}: {asked.words}",
            "pulls are waited for, so get the images ahead: taskdock images",
        )
    if asked.fault is not None:
        remedies = ["connect the engine's machine to the network, then: taskdock images"]
        if own_proxy and not proxy:
            remedies.insert(
                0,
                "give the engine the proxy that this shell has"
                f" ({without_password(own_proxy)}): https://docs.docker.com/engine/daemon/proxy/",
            )
        remedies.append("or bring images from elsewhere with: docker save, docker load")
        return degraded(f"{asked.registry} {asked.fault.value}, {by}: {asked.words}", *remedies)
    measured = f"{asked.registry} answers in {milliseconds(asked.seconds)}, {by}"
    if asked.seconds > _SLOW_REGISTRY:
        return degraded(f"{measured}: pulling takes long")
    return ok(measured)


def images(found: Sequence[tuple[str, str]], is_asked: bool) -> Finding:
    """Of each runtime that the samples use, its id and `ImageStatus`. `is_asked`: the registry was;
    otherwise nobody knows what can be pulled."""
    measured = "; ".join(f"{id}: {status}" for id, status in found)
    if not is_asked and any(status == "pullable" for _, status in found):
        return degraded(f"{measured} (if the registry can be reached)", "try it: taskdock images")
    if any(status == "not available" for _, status in found):
        return broken(
            measured,
            "taskdock images, where the registry can be reached",
            "or bring images from elsewhere with: docker save, docker load",
        )
    if any("stand-in" in status for _, status in found):
        return degraded(
            f"{measured}. Stand-ins are Debian's, not AWS's",
            "taskdock images, where the registry can be reached",
        )
    return ok(measured)


def without_password(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)
