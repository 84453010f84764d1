"""A launcher as process 1 of name spaces of its own, and the server's side of its door.

It runs as it does in a container: root with three capabilities, which some engines let be
inherited, groups that programs should not have, no new privileges, a network of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import pytest

from taskdock.testing.waiting import eventually

SECONDS = 60.0
"""Patience, for every single thing; valgrind on a busy machine is slow."""
BUILDS = ("shipped", pytest.param("sanitized", marks=pytest.mark.fuzz))
ALSO_WATCHED = pytest.mark.parametrize(
    "launcher", [*BUILDS, pytest.param("watched", marks=pytest.mark.fuzz)], indirect=True
)
"""For one test of each kind, since valgrind is slow. Where an exec fails, it dies of that."""
PERL = "/usr/bin/perl"
PORT = 9001
LETTER = "r"
LIMITS = ("memory.max", "memory.limit_in_bytes")
"""A container's own control group has one: of version 2, or of version 1."""
VARIABLES = ("PATH=/usr/bin:/bin",)
EPROTO = 71

_FORMAT = struct.Struct("<cBHI")
_PRINTS = """
fcntl(STDOUT, 1031, 1 << 20);  # a larger pipe, where the kernel has one left for this user
fcntl(STDOUT, 4, 04001);  # that does not block
$tries = $printed = 0;
while ($printed < 900_000 and $tries++ < 20) {
    $more = syswrite(STDOUT, "x" x (900_000 - $printed));
    if ($more) { $printed += $more; $tries = 0 } else { select(undef, undef, undef, 0.01) }
}
fcntl(STDOUT, 4, 1);
BEFORE;
open F, ">", "$ARGV[0]-"; print F $printed; close F;
rename "$ARGV[0]-", $ARGV[0];
AFTER
"""
_CLONE_NEWNET = 0x40000000
_BEGIN = """
ip link set lo up || exit 125
[ -z "$1" ] || mount --bind "$1" /sys/fs/cgroup || exit 125
[ -z "$2" ] || read -r go
shift 2
caps=-all,+setuid,+setgid,+kill
exec setpriv --groups 4,24 --bounding-set $caps --inh-caps $caps --no-new-privs "$@"
"""
Made = TypeVar("Made")


class Frame(NamedTuple):
    kind: str
    number: int
    payload: bytes


class Ended(NamedTuple):
    number: int
    status: int
    kills: int
    peak: int


class NotStarted(NamedTuple):
    number: int
    step: str
    error: int
    path: str


class Container:
    """`with Container(command) as container:`; the command is the launcher's, without its doors."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        doors: Sequence[str] = (),
        token: str | None = None,
        memory: Path | None = None,
        user: int = 0,
        waits: bool = False,
    ) -> None:
        """`memory`: a folder in the place of the control group's. `waits`: until `go`."""
        self.folder = Path(tempfile.mkdtemp(prefix="door-"))
        self.folder.chmod(0o755)  # for programs, which are somebody else
        self.door = self.folder / "door"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(SECONDS)
        self.output = bytearray()
        """What was printed, as far as frames were read."""
        self.peaks: list[int] = []
        """What `M` frames told."""
        self._command = [str(part) for part in command]
        self.doors = list(doors) or [f"unix:{self.door}"]
        self._token = token
        self._memory = memory
        self._user = user
        self._waits = waits
        self._ends: list[socket.socket] = []
        self._network: IO[str] | None = None

    def __enter__(self) -> Container:
        self.listener.bind(str(self.door))
        self.door.chmod(0o666)
        self.listener.listen(128)
        as_user = ["setpriv", "--reuid", str(self._user), "--clear-groups"] if self._user else []
        token = {} if self._token is None else {"TASKDOCK_TOKEN": self._token}
        self.process = subprocess.Popen(
            [
                *("unshare", "--pid", "--fork", "--net", "--mount-proc", "--kill-child"),
                *("sh", "-c", _BEGIN, "begin", str(self._memory or ""), "wait" * self._waits),
                *(*as_user, *self._command, *self.doors),
            ],
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", **token},
            stdin=subprocess.PIPE,
        )
        return self

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        for end in (self.process.stdin, self.listener, self._network, *self._ends):
            if end is not None:
                end.close()
        shutil.rmtree(self.folder)

    # The server's side

    def connect(self) -> Container:
        """Takes the control connection, and its first frame."""
        self.control = self._accept()
        preamble = f"{self._token or ''}!".encode()
        assert self.read(len(preamble)) == preamble
        assert self.frame() == Frame("H", 0, struct.pack("<I", 2))
        return self

    def read(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            piece = self.control.recv(size - len(content))
            assert piece, f"the control connection ended; the launcher's code: {self.code()}"
            content += piece
        return content

    def frame(self) -> Frame:
        kind, number, zero, size = _FORMAT.unpack(self.read(_FORMAT.size))
        assert zero == 0
        return Frame(kind.decode(), number, self.read(size))

    def until(self, *kinds: str) -> Frame:
        """The next frame of these kinds; output and peaks on the way are kept."""
        while (frame := self.frame()).kind not in kinds:
            self._keep(frame)
        return frame

    def _keep(self, frame: Frame) -> None:
        if frame.kind == "M":
            self.peaks.append(*struct.unpack("<Q", frame.payload))
            return
        assert frame.kind == "O", f"not now: {frame}"
        assert 0 < len(frame.payload) <= 65536
        self.output += frame.payload

    def until_printed(self, size: int) -> bytearray:
        """Waits until so many bytes were printed; returns all that were."""
        while len(self.output) < size:
            self.output += self.until("O").payload
        return self.output

    def arrived(self) -> bytearray:
        """Reads what is in the control connection at this moment; returns all that was printed."""
        there = bytearray(4)
        fcntl.ioctl(self.control, termios.FIONREAD, there)
        content = self.read(*struct.unpack("i", there))
        while content:
            if len(content) < _FORMAT.size:
                content += self.read(_FORMAT.size - len(content))
            kind, number, _, size = _FORMAT.unpack(content[: _FORMAT.size])
            end = _FORMAT.size + size
            if len(content) < end:  # a frame that is not there yet as a whole
                content += self.read(end - len(content))
            self._keep(Frame(kind.decode(), number, content[_FORMAT.size : end]))
            content = content[end:]
        return self.output

    def ended(self) -> Ended:
        frame = self.until("E")
        return Ended(frame.number, *struct.unpack("<iIQ", frame.payload))

    def not_started(self) -> NotStarted:
        frame = self.until("N")
        step, error = struct.unpack("<cI", frame.payload[:5])
        return NotStarted(frame.number, step.decode(), error, os.fsdecode(frame.payload[5:]))

    def send(self, kind: str, payload: bytes = b"", number: int = 0) -> None:
        self.control.sendall(packed(kind, payload, number))

    def listen(self, port: int = PORT, letter: str = LETTER) -> None:
        """Has it listen, and waits until it does."""
        self.send("L", struct.pack("<Hc", port, letter.encode()))
        self.flush()

    def dial(self, port: int, letter: str) -> None:
        """Asks for a connection to a port in here."""
        self.send("D", struct.pack("<Hc", port, letter.encode()))

    def flush(self) -> int:
        """Waits until everything that was sent was obeyed; returns the peak of memory."""
        self.send("F")
        peak: int = struct.unpack("<Q", self.until("F").payload)[0]
        return peak

    def start(self, *items: str | bytes, number: int = 1) -> None:
        self.send("S", packed_items(*items), number)

    def shell(self, script: str, *arguments: str, number: int = 1) -> None:
        """Starts bash, which has /dev/tcp."""
        words = [f"a{word}" for word in ("-c", script, "script", *arguments)]
        self.start("cbash", *words, *(f"e{variable}" for variable in VARIABLES), number=number)

    def run(self, script: str, *arguments: str) -> str:
        """What it prints until it has ended."""
        self.output.clear()
        self.shell(script, *arguments)
        self.ended()
        return self.output.decode()

    def forward(self) -> tuple[str, socket.socket]:
        """The next connection that is led to the server, and its letter."""
        connection = self._accept()
        token = (self._token or "").encode()
        assert connection.recv(len(token)) == token
        return connection.recv(1).decode(), connection

    def _accept(self) -> socket.socket:
        connection, _ = self.listener.accept()
        connection.settimeout(SECONDS)
        self.keep(connection)
        return connection

    def keep(self, end: socket.socket) -> None:
        """Closes it when the container goes."""
        self._ends.append(end)

    def listen_by_tcp(self, address: str = "127.0.0.1", port: int = 7000) -> None:
        """The server is behind a port inside, instead of the socket. Only for one that waits."""

        def make() -> socket.socket | None:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with contextlib.suppress(OSError):  # loopback is not up yet
                return socket.create_server((address, port), family=family)
            return None

        self.listener.close()
        self.listener = eventually(lambda: self.inside(make), "it has a network", within=SECONDS)
        self.listener.settimeout(SECONDS)

    def printed(self, before: str = "", after: str = "sleep 1000") -> int:
        """Starts a program that prints more than the control connection holds, as much as it can
        while the server reads nothing, and returns how many bytes those are. It does what `before`
        and `after` say in Perl, before that is known and then."""
        told = self.folder / "told"
        told.unlink(missing_ok=True)
        self.folder.chmod(0o777)
        program = _PRINTS.replace("BEFORE", before).replace("AFTER", after)
        self.start(f"c{PERL}", "a-MSocket", "a-e", f"a{program}", f"a{told}")
        wait_for(told.exists, "all was printed")
        return int(told.read_text())

    # The inside

    @property
    def pid(self) -> int:
        """The launcher's, seen from outside."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(eventually(children.read_text, "it has begun", within=SECONDS))

    def processes(self) -> Mapping[int, str]:
        """The states of all processes but the launcher, by their numbers seen from outside."""
        space = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = {}
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and os.readlink(folder / "ns/pid") == space:
                    found[int(folder.name)] = state_of(folder)
        del found[self.pid]
        return found

    def inside(self, make: Callable[[], Made]) -> Made:
        """Makes sockets inside: where one was made counts, not who uses it."""
        if self._network is None:
            self._network = open(f"/proc/{self.pid}/ns/net")  # noqa: SIM115
        space = self._network.fileno()

        def enter() -> Made:
            assert ctypes.CDLL(None).setns(space, _CLONE_NEWNET) == 0
            return make()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(enter).result()

    def call(self, port: int = PORT) -> socket.socket:
        """A connection from inside to a forward's port."""
        return self.inside(lambda: socket.create_connection(("127.0.0.1", port), SECONDS))

    def call_through(self, port: int = PORT) -> tuple[socket.socket, socket.socket]:
        """Both ends of a forward: the one inside and the server's."""
        inner = self.call(port)
        return inner, self.forward()[1]

    def code(self) -> int:
        """The launcher's exit code, when it has ended."""
        return self.process.wait(SECONDS)

    def sleeps(self) -> bool:
        """Whether the launcher waits for something. One that turns in circles never does."""
        return state_of(Path(f"/proc/{self.pid}")) == "S"

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


def packed(kind: str, payload: bytes = b"", number: int = 0) -> bytes:
    return _FORMAT.pack(kind.encode("latin-1"), number, 0, len(payload)) + payload


def packed_items(*items: str | bytes) -> bytes:
    return b"".join(os.fsencode(item) + b"\0" for item in items)


def state_of(folder: Path) -> str:
    """The letter of a process's state; `folder` is its own in /proc."""
    return (folder / "stat").read_text().rpartition(") ")[2][0]


def wait_for(condition: Callable[[], object], what: str) -> None:
    eventually(condition, what, within=SECONDS)
