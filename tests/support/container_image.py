"""The image of taskdock itself, built from the Dockerfile without a network.

The base image cannot be pulled everywhere, so it is made here: a Debian from debootstrap with
Python, and with a folder of the packages that pip is to install.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from taskdock.base import ids
from tests.support import machine
from tests.support.live import REPOSITORY

NAME = f"taskdock-test/itself-{ids.word()}"  # another run may make its own
_BASE = f"{NAME}-base"
_PIP = """\
[global]
no-index = true
find-links = /opt/wheels
break-system-packages = true
"""


@contextmanager
def built(client: docker.DockerClient) -> Iterator[str]:
    """The image's name; it is removed in the end, as is what it begins with."""
    root = machine.system("python", "trixie", "python3,python3-pip,ca-certificates")
    _download(root)
    try:
        with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
            with tarfile.open(file.name, "w") as archive:
                archive.add(root, ".", filter=_belongs)
            client.api.import_image_from_file(file.name, repository=_BASE, tag="latest")
        client.images.build(
            path=str(REPOSITORY), tag=NAME, buildargs={"BASE": _BASE}, network_mode="none", rm=True
        )
        yield NAME
    finally:
        for name in (NAME, _BASE):
            if client.images.list(name):
                client.images.remove(name, force=True)


def _download(root: Path) -> None:
    """Downloads the packages for running and building taskdock into /opt/wheels, and keeps them."""
    lists = [REPOSITORY / "constraints" / name for name in ("run.txt", "build.txt")]
    wanted = "".join(each.read_text() for each in lists)
    marker = root / "opt" / "wanted"
    if marker.exists() and marker.read_text() == wanted:
        return
    certificates = Path("etc/ssl/certs/ca-certificates.crt")
    shutil.copy(Path("/") / certificates, root / certificates)  # as pip needs them on this machine
    (root / "etc/pip.conf").unlink(missing_ok=True)
    (root / "opt/wanted.txt").write_text(wanted)
    options = ("--quiet", "--require-hashes", "--dest", "/opt/wheels", "-r", "/opt/wanted.txt")
    machine.within(root, "pip3", "download", *options)
    (root / "etc/pip.conf").write_text(_PIP)
    marker.write_text(wanted)


def _belongs(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Devices are the engine's business."""
    return None if member.ischr() or member.isblk() or _is_noise(member.name) else member


def _is_noise(name: str) -> bool:
    return name.startswith(("./var/cache/apt/", "./var/lib/apt/lists/", "./usr/share/doc/"))


def copied(client: docker.DockerClient, name: str, folder: Path) -> Path:
    """The image as a file that engines can load."""
    archive = folder / f"{name.replace('/', '-')}.tar"
    with archive.open("wb") as file:
        for chunk in client.images.get(name).save(named=True):
            file.write(chunk)
    os.chmod(archive, 0o644)
    return archive
