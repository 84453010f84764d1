"""Doors on real sockets and a real event loop: who is let in, who is not, and what others feel."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import queue
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from taskdock.base.health import Health
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.docker.images.probe import is_static
from taskdock.engines.launcher import doors as module
from taskdock.engines.launcher.acceptor import Acceptor, CallLimits
from taskdock.engines.launcher.callers import Callers, callers
from taskdock.engines.launcher.door import INSIDE, Door
from taskdock.engines.launcher.doors import Doors
from tests.support.parts import missing

T = TypeVar("T")
LIMIT = 30.0  # seconds that anything here may take
FOR_EVER = 3600.0  # seconds that nothing here waits for
SOMEBODY = 12345  # a user whom nobody knows
LOOPBACK = [("127.0.0.1", "127.0.0.1")]
CALLS = CallLimits()

# As another user: what Python has yet to read of its own may be readable for this one alone.
CALL_AS = """
import os, socket, sys
call = socket.socket(socket.AF_UNIX)
user = int(sys.argv[1])
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
call.settimeout(30)
call.connect("door")
call.sendall(sys.argv[2].encode())
print(call.recv(100).decode())
"""


class Host:
    """A guest: greets everyone by what they came for."""

    def __init__(self) -> None:
        self._met: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
        self._taken: list[socket.socket] = []

    def controlled(self, connection: socket.socket) -> None:
        self._greet(connection, b"control")

    def called(self, letter: str, connection: socket.socket) -> None:
        self._greet(connection, letter.encode())

    def _greet(self, connection: socket.socket, word: bytes) -> None:
        connection.send(word)
        self._taken.append(connection)
        self._met.put(connection)

    def meet(self) -> socket.socket:
        """The next that was let in."""
        return self._met.get(timeout=LIMIT)

    def close(self) -> None:
        for connection in self._taken:
            connection.close()


class House:
    """Doors, and who calls at them."""

    def __init__(self, doors: Doors, reactor: Reactor) -> None:
        self.doors = doors
        self.host = Host()
        self.callers = callers([])
        """Who may call by the network."""
        self._reactor = reactor
        self._callers: list[socket.socket] = []
        self._opened: list[Door] = []

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._reactor.loop

    def by_socket(self) -> Door:
        return self._open(self.doors.by_socket(self.loop))

    def by_network(self, ways: list[tuple[str, str]] = LOOPBACK) -> Door:
        return self._open(self.doors.by_network(ways, self.loop, self.callers))

    def do(self, verb: Callable[[], T]) -> T:
        """On the reactor's thread, when all that was to be done there before has been done."""

        async def work() -> T:
            await asyncio.sleep(0)
            return verb()

        return self._reactor.run(work())

    def call(self, door: Door, said: bytes) -> socket.socket:
        """A caller that says this."""
        caller = _connect(door)
        caller.settimeout(LIMIT)
        self._callers.append(caller)
        caller.sendall(said)
        return caller

    def answer(self, door: Door, said: bytes) -> bytes:
        """b"": it was not let in."""
        return heard(self.call(door, said))

    def close(self) -> None:
        for door in self._opened:
            self.do(door.close)
        for caller in self._callers:
            caller.close()
        self.host.close()

    def _open(self, door: Door) -> Door:
        self._opened.append(door)
        self.do(lambda: door.open(self.host))
        return door


def _connect(door: Door) -> socket.socket:
    if not door.token:
        caller = socket.socket(socket.AF_UNIX)
        place = os.open(door.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            caller.connect(f"/proc/self/fd/{place}/door")
        except OSError:
            caller.close()
            raise
        finally:
            os.close(place)
        return caller
    _, host, port = door.addresses[0].split(":")
    return socket.create_connection((host, int(port)))


def heard(caller: socket.socket) -> bytes:
    try:
        return caller.recv(100)
    except ConnectionError:
        return b""


def is_quiet(caller: socket.socket) -> bool:
    readable, _, _ = select.select([caller], [], [], 0)
    return readable == []


@pytest.fixture
def limits() -> CallLimits:
    """Of the doors in a house; `limited` gives a test others."""
    return CallLimits()


def limited(**limits: float) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("limits", [CallLimits(**limits)], ids=["limited"])  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path, limits: CallLimits) -> Iterator[House]:
    reactor = Reactor()
    reactor.start()
    doors = Doors(tmp_path / "doors", "amd64", limits=limits)
    house = House(doors, reactor)
    yield house
    house.close()
    reactor.stop()


@pytest.fixture(params=["socket", "network"])
def opened(request: pytest.FixtureRequest, house: House) -> tuple[Door, bytes]:
    """A door of either kind, and what is said first at it."""
    door = house.by_socket() if request.param == "socket" else house.by_network()
    return door, door.token.encode()


# Who is let in


def test_first_comes_control_then_every_forward_by_its_letter(
    house: House, opened: tuple[Door, bytes]
) -> None:
    door, token = opened

    answers = [house.answer(door, token + letter) for letter in (b"!", b"r", b"t", b"\xe9")]

    assert answers == [b"control", b"r", b"t", "\xe9".encode()]


def test_nobody_comes_before_control(house: House, opened: tuple[Door, bytes]) -> None:
    door, token = opened

    assert house.answer(door, token + b"r") == b""
    assert house.answer(door, token + b"!") == b"control"


def test_a_second_control_is_closed_and_the_first_goes_on(
    house: House, opened: tuple[Door, bytes]
) -> None:
    door, token = opened
    first = house.call(door, token + b"!")
    assert heard(first) == b"control"

    assert house.answer(door, token + b"!") == b""

    first.sendall(b"still here")
    connection = house.host.meet()
    connection.setblocking(True)
    assert connection.recv(100) == b"still here"


def test_connections_do_not_block_and_nothing_of_what_follows_is_read(
    house: House, opened: tuple[Door, bytes]
) -> None:
    door, token = opened

    heard(house.call(door, token + b"!and more"))

    connection = house.host.meet()
    assert not connection.getblocking()
    assert connection.recv(100) == b"and more"


def test_who_says_it_piece_by_piece_is_heard_out(house: House, opened: tuple[Door, bytes]) -> None:
    door, token = opened
    caller = house.call(door, b"")

    for number in range(len(token) + 1):
        caller.sendall((token + b"!")[number : number + 1])
        house.do(lambda: None)

    assert heard(caller) == b"control"


def test_who_says_nothing_and_goes_leaves_nothing(house: House, opened: tuple[Door, bytes]) -> None:
    door, token = opened
    gone = house.call(door, b"")
    gone.shutdown(socket.SHUT_WR)

    assert heard(gone) == b""
    assert house.answer(door, token + b"!") == b"control"


def test_a_user_other_than_the_launchers_is_not_let_in(house: House) -> None:
    if os.getuid() != 0:
        missing("root, to be another user")
    door = house.by_socket()

    def call_as(user: int, said: str) -> str:
        command = [sys.executable, "-c", CALL_AS, str(user), said]
        return subprocess.run(
            command, cwd=door.folder, stdout=subprocess.PIPE, text=True, timeout=60, check=True
        ).stdout.strip()

    assert house.answer(door, b"!") == b"control"
    assert call_as(SOMEBODY, "r") == ""
    assert call_as(SOMEBODY, "!") == ""
    assert call_as(0, "r") == "r"


def test_the_launcher_may_be_any_user_and_then_nobody_else_is(house: House) -> None:
    if os.getuid() != 0:
        missing("root, to be another user")
    door = house.by_socket()
    command = [sys.executable, "-c", CALL_AS, str(SOMEBODY), "!"]

    first = subprocess.run(
        command, cwd=door.folder, stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )

    assert first.stdout.strip() == "control"
    assert house.answer(door, b"r") == b""


def test_before_a_door_is_open_nobody_is_let_in(house: House) -> None:
    door = house.doors.by_socket(house.loop)

    assert house.answer(door, b"!") == b""
    house.do(door.close)


# Callers that cost


@limited(patience=0.02)
def test_who_says_nothing_in_time_is_dropped(house: House, opened: tuple[Door, bytes]) -> None:
    door, token = opened

    callers = [house.call(door, token[:length]) for length in {0, len(token) // 2, len(token)}]

    assert [heard(caller) for caller in callers] == [b""] * len(callers)


@limited(rest=FOR_EVER, interval=FOR_EVER)
def test_callers_without_end_wait_while_others_are_served(house: House) -> None:
    flooded, other = house.by_socket(), house.by_socket()
    for _ in range(CALLS.burst):
        assert house.answer(flooded, b"r") == b""

    late = house.call(flooded, b"r")

    assert house.answer(other, b"!") == b"control"
    assert house.answer(other, b"r") == b"r"
    assert is_quiet(late)


def test_however_many_are_silent_who_speaks_is_heard_and_the_oldest_of_them_goes(
    house: House,
) -> None:
    door = house.by_socket()
    silent = [house.call(door, b"") for _ in range(CALLS.silent + 1)]

    assert house.answer(door, b"!") == b"control"
    assert heard(silent[0]) == b""
    assert is_quiet(silent[-1])


@limited(rest=0.02, interval=FOR_EVER)
def test_after_its_rest_a_door_takes_callers_again(house: House) -> None:
    door = house.by_socket()
    for _ in range(2 * CALLS.burst):
        assert house.answer(door, b"r") == b""

    assert house.answer(door, b"!") == b"control"


@limited(patience=0.02, rest=0.02)
def test_once_the_silent_are_dropped_a_door_takes_callers_again(house: House) -> None:
    door = house.by_socket()
    silent = [house.call(door, b"") for _ in range(2 * CALLS.silent)]

    assert house.answer(door, b"!") == b"control"
    assert [heard(caller) for caller in silent] == [b""] * len(silent)


@limited(rest=FOR_EVER, interval=0.0)
def test_callers_in_a_long_time_are_no_flood(house: House) -> None:
    """A runtime that connects anew for each request is never held up."""
    door = house.by_socket()

    answers = [house.answer(door, b"!") for _ in range(2 * CALLS.burst)]

    assert answers == [b"control", *[b""] * (2 * CALLS.burst - 1)]


class _Full(socket.socket):
    """Listens, in a process that has no descriptor left."""

    tried = 0

    def accept(self) -> Any:
        self.tried += 1
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_without_descriptors_a_caller_waits_and_the_loop_does_not_run_hot(house: House) -> None:
    listening = _Full(socket.AF_INET)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    health = Health()
    acceptor = house.do(
        lambda: Acceptor(
            listening,
            1,
            lambda *_: None,
            house.loop,
            limits=CallLimits(rest=FOR_EVER),
            health=health,
        )
    )

    with socket.create_connection(listening.getsockname(), LIMIT) as caller:
        for _ in range(20):
            house.do(lambda: None)
        tried = listening.tried
        waits = is_quiet(caller)
    house.do(acceptor.close)

    assert (tried, waits) == (1, True)
    assert [trouble.name for trouble in health.troubles()] == ["descriptors"]


# Tokens


def test_a_token_leads_to_its_own_door(house: House) -> None:
    one, other = house.by_network(), house.by_network()

    assert house.answer(one, other.token.encode() + b"!") == b""
    assert house.answer(one, one.token.encode() + b"!") == b"control"
    assert house.answer(other, other.token.encode() + b"!") == b"control"


@pytest.mark.parametrize("wrong", [b"0" * 32, b"\0" * 32, b"\xff" * 32])
def test_a_wrong_token_is_refused(house: House, wrong: bytes) -> None:
    door = house.by_network()

    assert house.answer(door, wrong + b"!") == b""
    assert house.answer(door, door.token.encode()[:-1] + b"!" + b"!") == b""
    assert house.answer(door, door.token.encode().upper() + b"?") == b""
    assert house.answer(door, door.token.encode() + b"!") == b"control"


def test_a_token_has_32_characters_of_which_nobody_knows_any(house: House) -> None:
    tokens = {house.by_network().token for _ in range(20)}

    assert len(tokens) == 20
    assert {len(token) for token in tokens} == {32}


def test_each_address_is_listened_on_once_and_told_as_containers_reach_it(house: House) -> None:
    ways = [("127.0.0.1", "10.0.2.2"), ("127.0.0.1", "host.taskdock"), ("127.0.0.2", "127.0.0.2")]

    found = [address.split(":") for address in house.by_network(ways).addresses]

    assert [(kind, host) for kind, host, _ in found] == [("tcp", reach) for _, reach in ways]
    ports = [port for _, _, port in found]
    assert ports[0] == ports[1] != ports[2]


def test_an_address_that_this_machine_does_not_have_is_left_out(house: House) -> None:
    door = house.by_network([("192.0.2.1", "192.0.2.1"), *LOOPBACK])

    (address,) = door.addresses
    assert address.startswith("tcp:127.0.0.1:")


@pytest.mark.parametrize("ways", [[], [("192.0.2.1", "192.0.2.1")]])
def test_without_any_address_there_is_no_door(house: House, ways: list[tuple[str, str]]) -> None:
    with pytest.raises(OSError, match=r"no address|Cannot assign"):
        house.by_network(ways)


def test_who_calls_from_elsewhere_is_turned_away_before_a_word_is_read(house: House) -> None:
    house.callers = Callers(())
    door = house.by_network()

    assert house.answer(door, b"") == b""
    with contextlib.suppress(ConnectionError):
        assert house.answer(door, door.token.encode() + b"!") == b""
    assert house.doors.turned_away == "127.0.0.1"
    house.callers = callers([])
    open_again = house.by_network()
    assert house.answer(open_again, open_again.token.encode() + b"!") == b"control"


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::"])
def test_a_door_is_never_at_every_address(house: House, address: str) -> None:
    with pytest.raises(OSError, match="is every address of this machine"):
        house.by_network([(address, "192.0.2.1")])

    (found,) = house.by_network([(address, "192.0.2.1"), *LOOPBACK]).addresses
    assert found.startswith("tcp:127.0.0.1:")


# The end of a door


@limited(patience=FOR_EVER)
def test_at_a_closed_door_nobody_is_let_in(house: House, opened: tuple[Door, bytes]) -> None:
    door, token = opened
    control = house.call(door, token + b"!")
    assert heard(control) == b"control"
    waiting = house.call(door, b"") if not token else None
    house.do(lambda: None)

    house.do(door.close)
    house.do(door.close)

    with contextlib.suppress(ConnectionRefusedError):
        assert house.answer(door, token + b"r") == b""
    assert is_quiet(control)  # it is its guest's
    if waiting is not None:
        assert heard(waiting) == b""


def test_a_door_that_is_closed_does_not_keep_others_of_the_network_out(house: House) -> None:
    closed, door = house.by_network(), house.by_network()

    house.do(closed.close)

    with pytest.raises(ConnectionRefusedError):
        house.call(closed, b"")
    assert house.answer(door, door.token.encode() + b"!") == b"control"


def test_what_rests_can_be_closed_and_then_does_nothing_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = CallLimits(rest=FOR_EVER, patience=FOR_EVER, burst=3)
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    acceptor = house.do(lambda: Acceptor(listening, 1, lambda *_: None, house.loop, limits=limits))
    with contextlib.ExitStack() as held:
        silent = []
        for _ in range(3):
            silent.append(held.enter_context(socket.create_connection(address, LIMIT)))
            house.do(lambda: None)
        rest = acceptor._resting

        house.do(acceptor.close)

        assert [heard(caller) for caller in silent] == [b""] * len(silent)
    assert rest is not None
    assert rest.cancelled()


def test_of_a_removed_door_nothing_is_left(house: House) -> None:
    door, other = house.by_socket(), house.by_socket()

    house.do(door.close)
    door.remove()
    door.remove()

    assert not door.folder.exists()
    assert other.folder.exists()


def test_of_a_removed_door_nothing_is_remembered(house: House) -> None:
    door = house.by_socket()
    house.do(door.close)
    door.remove()
    door.folder.mkdir()  # as if it were another server's

    house.doors.sweep()

    assert not door.folder.exists()


def test_a_sweep_removes_what_a_dead_server_has_left_and_nothing_that_is_used(
    house: House,
) -> None:
    door, by_network = house.by_socket(), house.by_network()
    users = house.doors.file("passwd-1", b"root")
    dead = Doors(door.folder.parent, "amd64")
    left = dead.by_network(LOOPBACK, house.loop, callers([]))
    house.do(left.close)
    launcher = left.folder.parent / "launcher-of-old"
    launcher.touch()
    (left.folder / "door").touch()

    house.doors.sweep()

    assert not left.folder.exists()
    assert not launcher.exists()
    assert (by_network.folder / "launcher").exists()
    assert users.read_bytes() == b"root"
    assert house.answer(door, b"!") == b"control"


def test_a_sweep_of_a_folder_that_is_not_there_is_harmless(tmp_path: Path) -> None:
    Doors(tmp_path / "none", "amd64").sweep()

    assert list(tmp_path.iterdir()) == []


# Folders and files


def test_a_door_may_be_in_a_folder_whose_path_is_too_long_for_a_socket(
    house: House, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 100) / ("y" * 100) / ("z" * 100)
    house.doors = Doors(long, "amd64")

    door = house.by_socket()

    assert house.answer(door, b"!") == b"control"
    assert door.folder.parent == long


def test_a_folder_that_is_a_link_is_told_as_engines_see_it(house: House, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    house.doors = Doors(tmp_path / "link" / "doors", "amd64")

    assert house.by_socket().folder.parent == tmp_path / "real" / "doors"


def test_only_who_has_a_doors_folder_gets_to_it(house: House) -> None:
    """A container's users are anybody on this machine; what is above the folder is the server's."""
    door = house.by_socket()

    modes = {
        path.name: oct(path.stat().st_mode & 0o7777)
        for path in (door.folder.parent, *door.folder.iterdir())
    }

    assert modes == {"doors": "0o700", "launcher": "0o755", "door": "0o666"}
    assert oct(door.folder.stat().st_mode & 0o7777) == "0o711"
    assert door.addresses == (f"unix:{INSIDE}/door",)
    assert door.token == ""


def test_modes_do_not_depend_on_the_users_mask(house: House) -> None:
    before = os.umask(0o077)
    try:
        door = house.by_socket()
    finally:
        os.umask(before)

    assert oct(door.folder.stat().st_mode & 0o7777) == "0o711"
    assert oct((door.folder / "launcher").stat().st_mode & 0o7777) == "0o755"


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_launcher_is_the_engines_processors_and_needs_nothing(
    house: House, tmp_path: Path, architecture: str
) -> None:
    house.doors = Doors(tmp_path / architecture, architecture)

    program = house.by_socket().folder / "launcher"

    assert is_static(program.read_bytes(), architecture)


@pytest.mark.parametrize("architecture", ["", "s390x"])
def test_where_there_is_no_launcher_for_a_processor_that_is_said(
    house: House, tmp_path: Path, architecture: str
) -> None:
    house.doors = Doors(tmp_path / "other", architecture)

    with pytest.raises(OSError, match=rf"processor \({architecture}\)"):
        house.by_socket()


def test_all_doors_have_the_same_launcher(house: House) -> None:
    one, other = house.by_socket(), house.by_network()

    assert (one.folder / "launcher").samefile(other.folder / "launcher")


def test_on_a_disk_without_second_names_each_door_has_a_launcher_of_its_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no second names")

    monkeypatch.setattr(os, "link", refuse)

    program = house.by_socket().folder / "launcher"

    assert is_static(program.read_bytes(), "amd64")
    assert os.access(program, os.X_OK)


def test_where_there_can_be_no_socket_no_folder_is_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(module, "_listen", refuse)

    with pytest.raises(OSError, match="not supported"):
        house.by_socket()

    assert not any(path.is_dir() for path in house.doors._folder.glob("*"))


def test_a_file_for_many_containers_is_made_once_and_everybody_may_read_it(house: House) -> None:
    first = house.doors.file("passwd-1", b"root")
    again = house.doors.file("passwd-1", b"other")
    other = house.doors.file("passwd-2", b"other")

    assert first == again != other
    assert (first.read_bytes(), other.read_bytes()) == (b"root", b"other")
    assert oct(first.stat().st_mode & 0o7777) == "0o644"
