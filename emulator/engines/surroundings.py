"""What this machine tells of itself that matters to containers: firewalls, containers, memory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from emulator.engines.remedies import Surroundings

_FIREWALLS = (("ufw", "/etc/ufw/ufw.conf", "ENABLED=yes"),)
_SYSTEM_PATH = "/usr/sbin:/sbin"
_IN_CONTAINER = ("/.dockerenv", "/run/.containerenv")
_UNKNOWN_MEMORY = 4096  # MB


def surroundings() -> Surroundings:
    return Surroundings(firewall=_firewall(), in_container=in_container())


def in_container() -> bool:
    """Whether this process is in one of Docker's or Podman's."""
    return any(os.path.exists(place) for place in _IN_CONTAINER)


def memory() -> int:
    """MB of this machine's."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024 // 1024
    except (OSError, ValueError):
        return _UNKNOWN_MEMORY


def _firewall() -> str:
    """The program that manages one here; any user can tell."""
    for name, file, words in _FIREWALLS:
        try:
            if words in Path(file).read_text(errors="replace"):
                return name
        except OSError:
            continue
    if os.path.exists("/run/firewalld") or os.path.exists("/run/firewalld.pid"):
        return "firewalld"
    path = os.pathsep.join([os.environ.get("PATH", ""), _SYSTEM_PATH])
    return next((name for name in ("iptables", "nft") if shutil.which(name, path=path)), "")
