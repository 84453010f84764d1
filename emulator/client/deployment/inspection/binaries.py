"""Binaries in a package: compiled modules that the runtime's system cannot load.

Packages often carry binaries for several systems side by side, and some are for one system on
purpose. So a package is found only when none of its binaries can be loaded.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator

from taskdock.client.deployment.inspection.contents import Contents
from taskdock.client.deployment.inspection.finding import PackageFinding
from taskdock.client.deployment.inspection.node.manifest import package_json

_HEADER = 20
_MACHINES = {62: "x86_64", 183: "arm64", 3: "x86", 40: "arm"}  # e_machine of ELF: elf(5)
_PYTHON = re.compile(r"\.(?:cpython-|cp)(\d)(\d+)[^./]*?(musl)?\.(?:so|pyd)$")
_PLATFORM = re.compile(
    r"[-.]((?:darwin|linux|linuxmusl|win32|windows|freebsd|android|openbsd|sunos|aix)\b[\w-]*)$"
)
_MOST_NAMED = 3


def machine(platform_name: str) -> str:
    """`x86_64` or `arm64`, as AWS calls them, of what `platform.machine()` says."""
    lower = platform_name.lower()
    return {"amd64": "x86_64", "aarch64": "arm64"}.get(lower, lower)


def system_of(header: bytes) -> tuple[str, str | None] | None:
    """The system and the machine that a binary is for, such as ("Linux", "arm64"), by its first
    bytes. None: the file is no binary that is known here."""
    if header.startswith(b"\x7fELF") and len(header) >= _HEADER:
        order = "little" if header[5] == 1 else "big"
        number = int.from_bytes(header[18:20], "big" if order == "big" else "little")
        return "Linux", _MACHINES.get(number)
    if header[:4] in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"):  # <mach-o/loader.h>
        kind = int.from_bytes(header[4:8], "little")
        return "macOS", {0x01000007: "x86_64", 0x0100000C: "arm64"}.get(kind)
    if header[:4] == b"\xca\xfe\xba\xbe":  # <mach-o/fat.h>
        return "macOS", None
    if header[:2] == b"MZ":
        return "Windows", None
    return None


def inspect_python(
    contents: Contents, version: tuple[int, int], machine: str, install: str
) -> list[PackageFinding]:
    modules: defaultdict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for name in sorted(contents.names):
        if name.endswith((".so", ".pyd")):
            stem = posixpath.basename(name).split(".", 1)[0]
            module = posixpath.join(posixpath.dirname(name), stem)
            modules[module].append((name, _python_trouble(contents, name, version, machine)))
    wrong = {files[0][0]: files[0][1] for files in modules.values() if all(why for _, why in files)}
    tops = {name.split("/", 1)[0].split(".", 1)[0]: why for name, why in reversed(wrong.items())}
    runtime = f"Python {version[0]}.{version[1]} on Linux {machine}"
    line = install if contents.has("requirements.txt") else f"{install} {' '.join(sorted(tops))}"
    return list(_findings({f"{top}": str(why) for top, why in tops.items()}, runtime, line))


def _python_trouble(
    contents: Contents, name: str, version: tuple[int, int], machine: str
) -> str | None:
    tag = _PYTHON.search(name)
    trouble = _trouble(contents.beginning(name, _HEADER), machine)
    if trouble:
        return trouble
    if tag and (int(tag[1]), int(tag[2])) != version:
        return f"Python {tag[1]}.{tag[2]}"
    return "Linux with musl" if tag and tag[3] else None


def _trouble(header: bytes | None, machine: str) -> str | None:
    """The system that a binary is for, where it is another one than the functions'."""
    found = system_of(header or b"")
    if found is None:
        return None
    system, its_machine = found
    if system != "Linux":
        return f"{system} {its_machine}" if its_machine else system
    return f"Linux {its_machine}" if its_machine and its_machine != machine else None


def inspect_node(contents: Contents, machine: str, install: str) -> list[PackageFinding]:
    groups: defaultdict[str, list[str | None]] = defaultdict(list)
    for name in sorted(contents.names):
        if not name.endswith(".node"):
            continue
        owner = _owner(name)
        if owner and _is_optional(contents, owner):
            continue
        trouble = _trouble(contents.beginning(name, _HEADER), machine)
        if trouble is None and "musl" in name[len(owner) :] + posixpath.basename(owner):
            trouble = "Linux with musl"
        groups[_PLATFORM.sub("", owner) or name].append(trouble)
    wrong = {
        posixpath.basename(owner) if "/@" not in owner else "/".join(owner.split("/")[-2:]): found[
            0
        ]
        for owner, found in groups.items()
        if all(found)
    }
    cpu = {"x86_64": "x64"}.get(machine, machine)
    line = f"{install} --os=linux --cpu={cpu} --libc=glibc"
    return list(_findings({n: str(why) for n, why in wrong.items()}, f"Linux {machine}", line))


def _owner(name: str) -> str:
    """The folder of the npm package that a file is of; "" for the function's own."""
    before, found, behind = name.rpartition("node_modules/")
    if not found:
        return ""
    parts = behind.split("/")
    return before + found + "/".join(parts[: 2 if parts[0].startswith("@") else 1])


def _is_optional(contents: Contents, owner: str) -> bool:
    """Whether a package is for another system on purpose, such as fsevents: its package.json says
    so, and its name does not say that it is one system's part of a package."""
    systems = package_json(contents, f"{owner}/package.json").get("os")
    if not isinstance(systems, list) or "linux" in systems:
        return False
    whole = _PLATFORM.sub("", owner)
    if whole == owner:
        return True
    return not _wants_linux(contents, posixpath.basename(whole))


def _wants_linux(contents: Contents, name: str) -> bool:
    """Whether a needed package takes its part for Linux from a package of this name."""
    needed = _needed(contents)
    for folder in contents.folders:
        if not re.fullmatch(r"(.*/)?node_modules/(@[^/]+/)?[^/]+", folder):
            continue
        installed = folder.rpartition("node_modules/")[2]
        if needed is not None and installed not in needed:
            continue
        optional = package_json(contents, f"{folder}/package.json").get("optionalDependencies")
        if isinstance(optional, dict) and any(f"{name}-linux" in one for one in optional):
            return True
    return False


def _needed(contents: Contents) -> set[str] | None:
    """Packages that package.json needs, with what those need. None: it does not say."""
    waiting = package_json(contents, "package.json").get("dependencies")
    if not isinstance(waiting, dict):
        return None
    seen: set[str] = set()
    left = list(waiting)
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        found = package_json(contents, f"node_modules/{name}/package.json")
        for kind in ("dependencies", "optionalDependencies"):
            more = found.get(kind)
            left.extend(more if isinstance(more, dict) else ())
    return seen


def _findings(wrong: dict[str, str], runtime: str, install: str) -> Iterator[PackageFinding]:
    for name, system in sorted(wrong.items())[:_MOST_NAMED]:
        message = f"{name} was built for {system}, and the function runs with {runtime}"
        yield PackageFinding(kind="platform", message=message, remedy=install)
