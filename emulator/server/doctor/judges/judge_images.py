"""Judgements of the registry and of images: whether functions get their images. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from taskdock.engines.docker.images.inquiries import Asked
from taskdock.engines.docker.images.registry import PullFault
from taskdock.server.doctor.judges.finding import (
    Finding,
    broken,
    degraded,
    milliseconds,
    ok,
    unchecked,
)

_SLOW_REGISTRY = 2.0  # seconds


def registry(asked: Asked | None, proxy: str, own_proxy: str) -> Finding:
    """`asked`: the registry's answer to the engine; None: this engine cannot ask. `proxy`: the
    proxy of the engine. `own_proxy`: the proxy of this shell."""
    if asked is None:
        return unchecked("this engine does not ask a registry unless it pulls")
    by = f"through the engine's proxy {without_password(proxy)}" if proxy else "without a proxy"
    if asked.fault is PullFault.SLOW:
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
    """`found`: the id and the `ImageStatus` of each runtime that the samples use. `is_asked`: the
    registry was asked; if not, it is not known which images can be pulled."""
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
