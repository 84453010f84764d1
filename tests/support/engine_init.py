"""The first process of an own engine's namespaces: starts the engine, and ends with its input.

This file is a program, `engine_init.py DESCRIPTION`. `tests.support.own_engine` starts it as
process 1 of a pid namespace. When this process ends, the kernel ends all processes of the
namespace, and the mounts and the network go with the last of them. This process ends when nobody
holds its input any more, which is also so after its owner was killed, and when its time is up. It
needs only Python's standard library.

DESCRIPTION is JSON with these fields. `folder`: the engine's folder, which is removed at the end.
`program`: dockerd or podman. `options`: the program's options. `root`: the folder of another
system, whose program is run, or "". `user`: the id of a user who has a name, `own`, and ids of its
own in that system. `rootless`: whether that user runs the program; only from another system.
`without`: the paths that are mounted here and hidden from the engine. `limit`: seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

SECONDS_TO_STOP = 10.0

_DATA_SIZE = "4g"
_LOG = 3000  # characters of an engine's log that tell why it has not started

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_PLAIN = r"""
for backend in iptables iptables-nft iptables-legacy; do
  if "$backend" --table nat --numeric --list > /dev/null 2>&1; then
    mkdir -p "$TOOLS" && ln -sf "$(command -v "$backend")" "$TOOLS/iptables"
    break
  fi
done
PATH=$TOOLS:$PATH
export PATH
for place in $WITHOUT; do umount "$place" || exit 1; done
exec "$@"
"""
"""A kernel may have only one of iptables' two backends, and not the one that the name leads to."""

_SETTLING = r"""
settle_in() {
  # A user with a name and ids of its own, and two devices that everybody may open.
  { cat "$ROOT/etc/passwd"; echo "own:x:$OWNER:$OWNER::$FOLDER/home:/bin/sh"; } > "$FOLDER/passwd"
  { cat "$ROOT/etc/group"; echo "own:x:$OWNER:"; } > "$FOLDER/group"
  echo "own:300000:65536" > "$FOLDER/ids"
  touch "$ROOT/etc/subuid" "$ROOT/etc/subgid"
  mount --bind "$FOLDER/passwd" "$ROOT/etc/passwd"
  mount --bind "$FOLDER/group" "$ROOT/etc/group"
  mount --bind "$FOLDER/ids" "$ROOT/etc/subuid"
  mount --bind "$FOLDER/ids" "$ROOT/etc/subgid"
  device net/tun 10 200
  device fuse 10 229
}
device() {
  [ -e "$ROOT/dev/$1" ] || return 0
  mknod --mode 666 "$FOLDER/device-$3" c "$2" "$3"
  mount --bind "$FOLDER/device-$3" "$ROOT/dev/$1"
}
"""

_ROOTED = r"""
set -e
mkdir -p "$ROOT$FOLDER" "$ROOT/oldroot"
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /sys "$ROOT/sys"
mount --rbind /dev "$ROOT/dev"
mount -t tmpfs tmpfs "$ROOT/run"
mount --rbind "$FOLDER" "$ROOT$FOLDER"
settle_in
cd "$ROOT"
pivot_root . oldroot
cd /
umount -l /oldroot
set +e
"""


def main(description: dict[str, Any]) -> int:
    folder = Path(description["folder"])
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))  # process 1 gets no signal unasked
    signal.alarm(description["limit"])
    _bring_up_loopback()
    _mount_data(folder / "data")
    _give(folder, description["user"] if description["rootless"] else 0)
    engine = _start(folder, description)
    asked = threading.Event()
    threading.Thread(target=_end_with_input, args=(engine, asked), daemon=True).start()
    code = _reap_until_end(engine)
    if not asked.is_set():  # it has ended by itself
        sys.stderr.write((folder / "log").read_text(errors="replace")[-_LOG:])
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)  # all but this process; what holds mounts has to go first
    subprocess.run(["umount", "--lazy", str(folder / "data")], check=False)
    shutil.rmtree(folder, ignore_errors=True)
    return code


def _start(folder: Path, description: dict[str, Any]) -> subprocess.Popen[bytes]:
    root, rootless = description["root"], description["rootless"]
    command = (_podman if description["program"] == "podman" else _dockerd)(folder, root, rootless)
    if rootless:
        user = description["user"]
        ids = (f"--reuid={user}", f"--regid={user}", "--clear-groups")
        command = ["setpriv", *ids, *command]
    variables = {
        **os.environ,
        "TOOLS": "/run/tools" if root else str(folder / "tools"),
        "ROOT": root,
        "FOLDER": str(folder),
        "OWNER": str(description["user"]),
        "WITHOUT": " ".join(description["without"]),
        "HOME": str(folder / "home"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
    }
    script = _SETTLING + _ROOTED + _PLAIN if root else _PLAIN
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "engine", *command, *description["options"]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=variables,
        )


def _dockerd(folder: Path, root: str, rootless: bool) -> list[str]:
    return [
        "/usr/share/docker.io/contrib/dockerd-rootless.sh" if rootless else "dockerd",
        f"--host=unix://{folder}/docker.sock",
        f"--data-root={folder}/data",
        f"--exec-root={'/run/engine' if root and not rootless else folder / 'exec'}",
        f"--pidfile={folder}/pid",
    ]


def _podman(folder: Path, root: str, rootless: bool) -> list[str]:
    """Without systemd, which it would ask for control groups and for its log."""
    (folder / "containers.conf").write_text(
        '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )
    runroot = folder / "run" / "podman" if rootless else Path("/run/podman")
    return [
        *("podman", f"--root={folder}/data/root", f"--runroot={runroot}"),
        *("system", "service", "--time=0", f"unix://{folder}/docker.sock"),
    ]


def _end_with_input(engine: subprocess.Popen[bytes], asked: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    asked.set()
    engine.terminate()  # it stops its containers, and unmounts what it mounted
    time.sleep(SECONDS_TO_STOP)
    engine.kill()


def _reap_until_end(engine: subprocess.Popen[bytes]) -> int:
    """Process 1 inherits whoever loses its parent."""
    while True:
        pid, status = os.wait()
        if pid == engine.pid:
            return os.waitstatus_to_exitcode(status)


def _mount_data(folder: Path) -> None:
    """In memory: images are there in a second, and gone with the namespace."""
    folder.mkdir()
    options = f"mode=711,size={_DATA_SIZE}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "data", str(folder)], check=True)


def _give(folder: Path, user: int) -> None:
    for name in ("home", "run"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    for path in (folder, *(folder / name for name in ("home", "run", "data"))):
        os.chown(path, user, user)


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
        (flags,) = struct.unpack_from("h", answer, 16)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
