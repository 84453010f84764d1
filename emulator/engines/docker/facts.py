"""An engine's own description of itself and of its images, read as if any part could be missing.

Engines differ in what they answer: API 1.52 leaves out empty fields
(https://docs.docker.com/reference/api/engine/version-history/), and Podman has fields of its own.
Pure: nothing is asked here, and a wrong answer is read as no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_MB = 1024 * 1024
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The PATH that engines give to a program whose image names none."""


class EngineKind(str, Enum):
    DOCKER = "Docker"
    ROOTLESS_DOCKER = "rootless Docker"
    DESKTOP = "Docker Desktop"
    PODMAN = "Podman"
    ROOTLESS_PODMAN = "rootless Podman"

    @property
    def is_rootless(self) -> bool:
        return self in (EngineKind.ROOTLESS_DOCKER, EngineKind.ROOTLESS_PODMAN)


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """An empty text, or 0: the engine does not say."""

    kind: EngineKind
    id: str = ""
    version: str = ""
    api: str = ""
    machine: str = ""  # the host name
    kernel: str = ""
    system: str = ""  # such as Debian GNU/Linux 12 (bookworm)
    architecture: str = ""  # in Docker's words: amd64, arm64
    memory: int = 0  # MB
    cgroup: str = ""  # 1 or 2
    cgroup_driver: str = ""
    limits_memory: bool = True
    limits_swap: bool = True
    labels_files: bool = False
    """SELinux keeps containers from files that do not carry their label."""
    proxy: str = ""  # by which it reaches registries


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """An image's own description of how it runs."""

    id: str = ""
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    working_directory: str | None = None


def read_engine(info: Any, version: Any) -> EngineFacts:
    """From the engine's answers to GET /info and GET /version."""
    kind = _kind(info, version)
    # A rootless engine without control groups says that it has all the limits of its kernel
    # (https://github.com/moby/moby/issues/42151), and so does Podman where it has none to give:
    # "Resource limits are not supported and ignored on cgroups V1 rootless systems".
    grouped = text(info, "CgroupDriver") != "none"
    if kind is EngineKind.ROOTLESS_PODMAN and text(info, "CgroupVersion") == "1":
        grouped = False
    return EngineFacts(
        kind=kind,
        id=text(info, "ID"),
        version=text(info, "ServerVersion") or text(version, "Version"),
        api=text(version, "ApiVersion"),
        machine=text(info, "Name"),
        kernel=text(info, "KernelVersion") or text(version, "KernelVersion"),
        system=text(info, "OperatingSystem"),
        architecture=text(version, "Arch"),
        memory=number(info, "MemTotal") // _MB,
        cgroup=text(info, "CgroupVersion"),
        cgroup_driver=text(info, "CgroupDriver"),
        limits_memory=at(info, "MemoryLimit") is not False and grouped,
        limits_swap=at(info, "SwapLimit") is not False and grouped,
        labels_files="selinux" in _security(info),
        proxy=text(info, "HttpsProxy") or text(info, "HttpProxy"),
    )


def read_image(image: Any) -> ImageFacts:
    """From the engine's answer to GET /images/{name}/json."""
    pairs = (variable.partition("=") for variable in _words(image, "Config", "Env"))
    return ImageFacts(
        id=text(image, "Id"),
        entrypoint=_words(image, "Config", "Entrypoint"),
        arguments=_words(image, "Config", "Cmd"),
        variables={"PATH": _PATH, **{name: value for name, _, value in pairs}},
        volumes=_names(image, "Config", "Volumes"),
        working_directory=text(image, "Config", "WorkingDir") or None,
    )


def at(answer: Any, *keys: str) -> Any:
    """The value under these keys; None where any of them is missing."""
    for key in keys:
        if not isinstance(answer, Mapping):
            return None
        answer = answer.get(key)
    return answer


def text(answer: Any, *keys: str) -> str:
    """A text, empty if there is none."""
    value = at(answer, *keys)
    return value if isinstance(value, str) else ""


def number(answer: Any, *keys: str) -> int:
    """A whole number that is not negative, 0 if there is none."""
    value = at(answer, *keys)
    return value if isinstance(value, int) and value >= 0 else 0


def items(answer: Any, *keys: str) -> Sequence[Any]:
    """A list, empty if there is none."""
    value = at(answer, *keys)
    return value if isinstance(value, list) else ()


def _words(answer: Any, *keys: str) -> tuple[str, ...]:
    return tuple(word for word in items(answer, *keys) if isinstance(word, str))


def _names(answer: Any, *keys: str) -> tuple[str, ...]:
    """The keys of an object."""
    found = at(answer, *keys)
    return tuple(map(str, found)) if isinstance(found, Mapping) else ()


def _kind(info: Any, version: Any) -> EngineKind:
    components = {text(part, "Name") for part in items(version, "Components")}
    rootless = "rootless" in _security(info) or at(info, "Rootless") is True
    if "Podman Engine" in components:
        return EngineKind.ROOTLESS_PODMAN if rootless else EngineKind.PODMAN
    if rootless:
        return EngineKind.ROOTLESS_DOCKER
    platform = text(version, "Platform", "Name") + text(info, "OperatingSystem")
    return EngineKind.DESKTOP if "Docker Desktop" in platform else EngineKind.DOCKER


def _security(info: Any) -> frozenset[str]:
    """Names from entries such as `name=seccomp,profile=default`."""
    options = items(info, "SecurityOptions")
    return frozenset(str(option).partition(",")[0].removeprefix("name=") for option in options)
