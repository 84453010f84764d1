"""What the launcher reads from the server: as whole frames, and no others."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from tests.launcher.container import ALSO_WATCHED, EPROTO, Container, packed, packed_items, wait_for

_LISTEN = struct.pack("<Hc", 9001, b"r")


@pytest.mark.parametrize(
    "content",
    [
        packed("X"),
        packed("\0"),
        packed("s"),
        packed("E", b"\0" * 16),
        packed("K", b"\0"),
        packed("F", b"1234"),
        packed("L", b"\0\0"),
        packed("L", b"\0\0r\0"),
        packed("L"),
        packed("S"),
        packed("S", b"c/bin/true"),
        packed("S", packed_items("e=")),
        packed("S", packed_items("c/bin/true", "")),
        packed("S", packed_items("c/bin/true", "x")),
        packed("S", packed_items("c/bin/true", "d/", "d/")),
        struct.pack("<cBHI", b"S", 0, 0, (4 << 20) + 1),
        struct.pack("<cBHI", b"S", 0, 0, 0xFFFFFFFF),
        struct.pack("<cBHI", b"F", 0, 1, 0),
        b"".join(packed("L", struct.pack("<Hc", port, b"r")) for port in range(9001, 9010)),
    ],
)
def test_what_is_no_frame_of_the_servers_ends_the_launcher(
    container: Container, content: bytes
) -> None:
    container.control.sendall(content)

    assert container.code() == EPROTO


@pytest.mark.parametrize(
    "content",
    [packed("F")[:1], packed("F")[:7], packed("L", _LISTEN)[:8], packed("L", _LISTEN)[:10]],
)
def test_an_end_within_a_frame_is_told_from_one_between_frames(
    container: Container, content: bytes
) -> None:
    container.control.sendall(content)
    container.control.shutdown(socket.SHUT_WR)

    assert container.code() == EPROTO


def test_an_end_between_frames_ends_the_launcher_also_where_the_server_still_reads(
    container: Container,
) -> None:
    container.control.sendall(packed("F"))
    container.control.shutdown(socket.SHUT_WR)

    assert container.code() == 0


@ALSO_WATCHED
def test_a_frame_may_come_byte_by_byte(container: Container) -> None:
    for byte in packed("S", packed_items("c/bin/echo", "aslow"), 3) + packed("F"):
        container.control.sendall(bytes([byte]))

    assert container.until("F", "E").kind in "FE"
    container.until("F", "E")
    assert container.output == b"slow\n"


@ALSO_WATCHED
def test_many_frames_may_come_at_once(container: Container) -> None:
    container.control.sendall(packed("F") * 500 + packed("K") * 500 + packed("F"))

    for _ in range(501):
        assert len(container.until("F").payload) == 8


def test_the_largest_start_is_read(container: Container) -> None:
    rest = (4 << 20) - len(packed_items("c/bin/true", "e"))
    container.start("c/bin/true", "e" + "x" * rest)
    assert container.not_started().error == errno.E2BIG


def test_a_program_may_have_thousands_of_arguments(container: Container) -> None:
    container.start("c/bin/echo", *["ax"] * 20_000)

    container.ended()

    assert container.output.split() == [b"x"] * 20_000


def test_a_flush_is_answered_behind_all_that_was_printed(container: Container) -> None:
    places = container.folder / "places"
    places.mkdir()
    places.chmod(0o777)
    container.shell("for i in {1..100}; do echo $i; : > $1/$i; done; sleep 1000", str(places))

    for number in range(1, 101, 10):
        wait_for((places / str(number)).exists, f"{number} is printed")
        container.flush()
        assert f"{number}\n".encode() in container.output


def test_a_flush_is_answered_behind_what_the_server_has_not_taken_yet(
    container: Container,
) -> None:
    printed = container.printed()

    container.flush()

    assert len(container.output) == printed


def test_flushes_are_answered_while_nothing_reads_the_output(container: Container) -> None:
    """All that wait, behind what was printed; and frames behind them are obeyed."""
    container.shell("cat /dev/zero")
    wait_for(lambda: "S" in container.processes().values(), "its pipe is full")
    container.control.sendall(packed("F") * 200)

    for _ in range(200):
        container.until("F")
    container.send("K")
    container.ended()


def test_it_listens_at_eight_ports_and_says_by_which_a_connection_came(
    container: Container,
) -> None:
    letters = "abcdefgh"
    for number, letter in enumerate(letters):
        container.listen(9001 + number, letter)

    for number, letter in enumerate(letters):
        with container.call(9001 + number):
            assert container.forward()[0] == letter


def test_a_port_that_is_taken_ends_the_launcher_with_the_error(container: Container) -> None:
    taken = container.inside(lambda: socket.create_server(("127.0.0.1", 9001)))

    container.send("L", _LISTEN)

    assert container.code() == errno.EADDRINUSE
    taken.close()
