"""A whole machine under software emulation: its system from debootstrap, and one script to run.

It needs root, and installs qemu with apt-get if qemu is missing. Programs on the emulated machine
take about fifteen times as long as here. That machine has no network.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from taskdock.base.files import user_folders
from tests.support.live import REPOSITORY
from tests.support.own_engine import OwnEngine

PACKAGES = (
    "systemd-sysv,linux-image-amd64,docker.io,iptables,ca-certificates,python3,python3-venv,udev,"
    "kmod,iproute2,initramfs-tools,dbus,e2fsprogs"
)
MEGABYTES = 3072

_SERVICE = """
[Unit]
After=docker.service multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/opt/script > /dev/console 2>&1; systemctl poweroff --force'
TimeoutStartSec=3600
[Install]
WantedBy=multi-user.target
"""
_FACT = re.compile(r"## (\w+) ?(.*)")
_NOT_TEXT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def system(name: str, suite: str, packages: str) -> Path:
    """The root folder of another Debian, made if need be, by one test at a time."""
    with (user_folders.cache(os.environ) / f"{name}.making").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(
            [REPOSITORY / "scripts" / "make-system", name, suite, packages],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return Path(made.stdout.strip())


def install(root: Path) -> None:
    """This project, in /opt/venv of a system; its packages are kept there for the next time."""
    certificates = Path("etc/ssl/certs/ca-certificates.crt")
    shutil.copy(Path("/") / certificates, root / certificates)  # as pip needs them on this machine
    source = root / "opt" / "source"
    shutil.rmtree(source, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (REPOSITORY / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, source / name)
    if not (root / "opt/venv/bin/pip").exists():
        within(root, "python3", "-m", "venv", "/opt/venv")
    lists = "/opt/source/constraints"
    for wanted in (
        ("--require-hashes", "-r", f"{lists}/run.txt", "-r", f"{lists}/build.txt"),
        ("--no-deps", "--no-build-isolation", "--no-index", "/opt/source"),
    ):
        within(root, "/opt/venv/bin/pip", "install", "--quiet", *wanted)


def keep_images(root: Path, *archives: Path) -> None:
    """Has a system's engine have these images when the machine boots: loading them there would take
    minutes, and takes seconds for the same engine here."""
    there = root / "var/lib/docker"
    shutil.rmtree(there, ignore_errors=True)
    there.mkdir(mode=0o710)
    with OwnEngine(root=root) as engine:
        engine.load(*archives)
        kept = [f"{engine.folder}/data/{name}" for name in ("image", engine.driver)]
        copied = engine.run("cp", "--archive", *kept, str(there))
    assert copied.returncode == 0, copied.stdout


def install_emulator() -> None:
    if shutil.which("qemu-system-x86_64") is None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ("apt-get", "update", "-qq"),
            ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "qemu-system-x86"),
        ):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)


def run(root: Path, script: Path, files: Mapping[str, Path], within: float) -> dict[str, str]:
    """The script's results, from its lines `## name value`, and all output under `console`.

    `files` are copied to /opt there, by these names.
    """
    _prepare(root, script, files)
    with tempfile.TemporaryDirectory(prefix="machine-", dir="/var/tmp") as folder:
        text = _NOT_TEXT.sub("", _boot(root, Path(folder), within))
    return {**{name: value.strip() for name, value in _FACT.findall(text)}, "console": text}


def _boot(root: Path, folder: Path, within: float) -> str:
    """The output on the machine's console."""
    disk = folder / "disk"
    with disk.open("wb") as file:
        file.truncate(6 << 30)
    making = ["mkfs.ext4", "-q", "-O", "^has_journal", "-d", root, disk]
    subprocess.run(making, check=True)
    console = folder / "console"
    kernel, memory = (next((root / "boot").glob(f"{name}-*")) for name in ("vmlinuz", "initrd.img"))
    append = "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off quiet"
    try:
        with console.open("wb") as told:
            subprocess.run(
                [
                    *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max"),
                    *("-smp", "2", "-m", str(MEGABYTES), "-nographic", "-no-reboot"),
                    *("-kernel", kernel, "-initrd", memory, "-append", append, "-nic", "none"),
                    *("-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                timeout=within,
                check=False,
            )
    except subprocess.TimeoutExpired:
        pass  # what it has said tells how far it has come
    return console.read_text(errors="replace")


def _prepare(root: Path, script: Path, files: Mapping[str, Path]) -> None:
    for name, file in files.items():
        target = root / "opt" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        (shutil.copytree if file.is_dir() else shutil.copy)(file, target)
    shutil.copy(script, root / "opt" / "script")
    (root / "opt" / "script").chmod(0o755)
    (root / "etc/systemd/system/script.service").write_text(_SERVICE)
    (root / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 1\n")
    within(root, "systemctl", "enable", "-q", "script.service", "docker.service")


def within(root: Path, *command: str) -> None:
    """Runs a command with that folder as its root."""
    variables = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    subprocess.run(
        ["chroot", root, *command],
        env={**variables, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


_HANDED_ON = (
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "PIP_TRUSTED_HOST"),
)
