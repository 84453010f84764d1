"""Fetches from Debian's archive: the base of stand-ins, by debootstrap, and a static busybox.

apt and debootstrap check the archive's signatures. Knows no container.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from taskdock.base.errors import ImageNotAvailable
from taskdock.base.files import own_files
from taskdock.engines.standins.programs import Architecture, readable, run

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_DEFAULT_MIRROR = ""  # debootstrap's own
_LEFT_OUT = (
    *("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man"),
    *("var/cache/apt", "var/lib/apt/lists", "var/log", "dev", "proc", "sys"),
)


def debian(
    release: str, into: Path, architecture: Architecture, cache: Path, *, keyring: str = _KEYRING
) -> None:
    """Writes `rootfs.tar`, a minimal Debian, into the folder `into`; `need_debootstrap` before."""
    packages = cache / "debian" / release
    packages.mkdir(parents=True, exist_ok=True)
    root = into / "root"
    _do_not_sync(root)
    run(
        *_with_mounts_of_its_own(),
        # Without the keyring, it would go on with a warning.
        *("debootstrap", "--force-check-gpg", "--variant=minbase"),
        "--include=ca-certificates,curl",
        *(f"--arch={architecture.debian}", f"--keyring={keyring}", f"--cache-dir={packages}"),
        *(release, str(root), _DEFAULT_MIRROR, "sid"),  # one script serves every release since 2011
    )
    left_out = [f"--exclude=./{folder}/*" for folder in _LEFT_OUT]
    run("tar", "-C", str(root), *left_out, "-cf", str(into / "rootfs.tar"), ".")
    shutil.rmtree(root)


def _with_mounts_of_its_own() -> tuple[str, ...]:
    """A prefix for debootstrap, so that its mounts go with it, also when it is killed: a later
    deletion of its folder does not meet this machine's /dev there. Empty where that cannot be."""
    alone = ("unshare", "--mount")
    try:
        works = subprocess.run((*alone, "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        works = False
    return alone if works else ()


def _do_not_sync(root: Path) -> None:
    """Has dpkg not wait for the disk with every package, which is half of an installation's time.

    An interrupted installation is thrown away, as an image's layer is.
    """
    file = root / "etc" / "dpkg" / "dpkg.cfg.d" / "taskdock"
    file.parent.mkdir(parents=True)
    file.write_text("force-unsafe-io\n")
    readable(root)


def need_debootstrap() -> None:
    """Installs debootstrap where it is missing; one at a time, since apt-get does not wait."""
    if os.geteuid() != 0:
        raise ImageNotAvailable(
            "building a stand-in takes root, for debootstrap; run this with sudo"
        )
    if shutil.which("debootstrap") and Path(_KEYRING).exists():
        return
    if not shutil.which("apt-get"):
        raise ImageNotAvailable(
            "debootstrap and Debian's archive keyring are missing; install both with this system's"
            " package manager"
        )
    run("apt-get", "update", "-qq")
    run(
        *("apt-get", "install", "-y", "-qq", "--no-install-recommends"),
        *("debootstrap", "debian-archive-keyring"),
    )


def busybox(cache: Path) -> Path:
    """Debian's static busybox, for this machine's own processor. Raises `ImageNotAvailable`."""
    found = _busybox_in(cache)
    if found is not None:
        return found
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise ImageNotAvailable("Debian's busybox-static takes apt-get")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        try:
            run("apt-get", "download", "busybox-static", folder=folder)
        except ImageNotAvailable:
            if os.geteuid() != 0:
                raise
            run("apt-get", "update", "-qq")  # a new machine has no list of packages
            run("apt-get", "download", "busybox-static", folder=folder)
        unpacked = Path(folder) / "unpacked"
        run("dpkg-deb", "-x", str(next(Path(folder).glob("*.deb"))), str(unpacked))
        if (cache / "busybox").exists() and _busybox_in(cache) is None:
            shutil.rmtree(cache / "busybox", ignore_errors=True)  # somebody else's
        with contextlib.suppress(OSError):  # another was faster
            unpacked.rename(cache / "busybox")
    found = _busybox_in(cache)
    if found is None:
        raise ImageNotAvailable(
            f"there is no busybox in {cache} that is this user's own and that others may not write"
        )
    return found


def _busybox_in(cache: Path) -> Path | None:
    """Debian 13 has it in /usr/bin, earlier ones in /bin. One that somebody else may have put
    there, or changed, is not taken: apt-get looks at its signature once, when it is fetched."""
    home = cache / "busybox"
    for folder in ("bin", "usr/bin"):
        place = home / folder / "busybox"
        if place.is_file():
            between = (place, *place.parents[: folder.count("/") + 3])
            return place if all(map(own_files.is_trusted, between)) else None
    return None
