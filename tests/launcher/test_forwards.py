"""The launcher leads connections to the server, byte for byte, behind what was printed before."""

from __future__ import annotations

import contextlib
import errno
import random
import select
import socket
import struct
import threading

import pytest

from tests.launcher.container import ALSO_WATCHED, PERL, PORT, Container, wait_for

FORWARDS = 64


@pytest.fixture
def listening(container: Container) -> Container:
    container.listen()
    return container


def test_what_was_printed_is_there_before_what_was_sent_thereafter(listening: Container) -> None:
    rounds = 3000
    listening.shell(
        f"exec 3<>/dev/tcp/127.0.0.1/{PORT}; printf x >&3;"
        "while read -r -u 3 i && [ $i != end ]; do echo $i; echo $i >&3; done"
    )
    _, outer = listening.forward()
    assert outer.recv(1) == b"x"

    for number in range(rounds):
        line = b"%d\n" % number
        outer.sendall(line)
        assert outer.recv(100) == line
        assert listening.arrived().endswith(line), number
    outer.sendall(b"end\n")

    assert listening.ended().status == 0
    assert listening.output.split() == [b"%d" % number for number in range(rounds)]


@pytest.mark.parametrize("size", [1, 1000, 65536, 65537, 200_000])
def test_so_it_is_where_much_was_printed(listening: Container, size: int) -> None:
    """Also where that is more than is read at once, or than the control connection holds."""
    rounds = 50
    listening.shell(
        f"exec perl -MSocket -e '{_TALKER}' \"$@\"",
        str(PORT),
        str(size),
        str(rounds),
        "0",
        str(1 << 20),
    )
    _, outer = listening.forward()

    for number in range(1, rounds + 1):
        _until_readable(listening, outer)
        assert outer.recv(100) == b"x"
        assert len(listening.arrived()) >= number * size, number
        outer.sendall(b"y")
    assert listening.ended().status == 0


def test_what_was_sent_waits_for_what_the_server_has_not_taken(listening: Container) -> None:
    """It was printed before; the control connection does not hold it all, nor does one read."""
    printed = listening.printed(
        before="socket(S, PF_INET, SOCK_STREAM, 0);"
        f'connect(S, pack_sockaddr_in({PORT}, inet_aton("127.0.0.1"))) or die;'
        'syswrite S, "x"',
    )
    _, outer = listening.forward()

    _until_readable(listening, outer)

    assert outer.recv(100) == b"x"
    assert len(listening.arrived()) == printed


_TALKER = """
    ($port, $size, $rounds, $more, $pipe) = @ARGV;
    fcntl(STDOUT, 1031, $pipe);
    socket(S, PF_INET, SOCK_STREAM, 0);
    connect(S, pack_sockaddr_in($port, inet_aton("127.0.0.1"))) or die;
    if ($more and !fork()) { syswrite STDOUT, "+" x 10000 while 1 }
    for (1 .. $rounds) {
        $left = $size;
        while ($left) { $left -= syswrite STDOUT, "-" x $left }
        syswrite S, "x";
        sysread S, $answer, 1;
    }
"""


def _until_readable(container: Container, outer: socket.socket) -> None:
    """Takes output meanwhile: what was sent waits for that."""
    while outer not in (ready := select.select([outer, container.control], [], [])[0]):
        assert ready
        container.arrived()


def test_one_that_prints_for_ever_keeps_nobody_waiting(listening: Container) -> None:
    rounds = 300
    listening.shell(
        f"exec perl -MSocket -e '{_TALKER}' \"$@\"", str(PORT), "10", str(rounds), "1", "65536"
    )
    _, outer = listening.forward()

    own = 0
    for number in range(1, rounds + 1):
        _until_readable(listening, outer)
        assert outer.recv(100) == b"x"
        own += listening.arrived().count(b"-")
        assert own >= 10 * number
        listening.output.clear()
        outer.sendall(b"y")
    listening.send("K")
    listening.ended()


@ALSO_WATCHED
def test_several_that_print_and_send_at_once_are_each_in_order(listening: Container) -> None:
    rounds, clients = 200, 8
    listening.shell(
        f"for n in {{1..{clients}}}; do (exec 3<>/dev/tcp/127.0.0.1/{PORT};"
        f" for i in {{1..{rounds}}}; do echo $n:$i:; echo $n:$i: >&3; read -r -u 3 _; done) & done;"
        "wait"
    )
    outers = [listening.forward()[1] for _ in range(clients)]

    left = rounds * clients
    while left:
        for outer in select.select([*outers, listening.control], [], [])[0]:
            if outer is listening.control:
                listening.arrived()
                continue
            line = outer.recv(100)
            assert line in listening.arrived()
            outer.sendall(b"\n")
            left -= 1
            if line.endswith(b":%d:\n" % rounds):
                outers.remove(outer)
    assert listening.ended().status == 0


@ALSO_WATCHED
def test_large_bodies_pass_in_both_directions_at_once(listening: Container) -> None:
    content = random.Random(1).randbytes(8 << 20)
    listening.shell("sleep 1000")
    inner, outer = listening.call_through()

    with inner:
        received = _exchange(inner, outer, content)

    assert received == [content[::-1], content]


def _exchange(inner: socket.socket, outer: socket.socket, content: bytes) -> list[bytes]:
    """What came inside and at the server, when both have sent all, ended, and read to the end."""
    received = [b"", b""]

    def talk(place: int, end: socket.socket, words: bytes) -> None:
        sender = threading.Thread(target=_send_all, args=(end, words))
        sender.start()
        received[place] = b"".join(iter(lambda: end.recv(1 << 16), b""))
        sender.join()

    threads = [
        threading.Thread(target=talk, args=(0, inner, content)),
        threading.Thread(target=talk, args=(1, outer, content[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return received


def _send_all(end: socket.socket, words: bytes) -> None:
    end.sendall(words)
    end.shutdown(socket.SHUT_WR)


@ALSO_WATCHED
def test_an_end_inside_is_led_on_and_the_answer_comes_back(listening: Container) -> None:
    listening.shell("sleep 1000")
    inner, outer = listening.call_through()
    with inner:
        inner.sendall(b"question")
        inner.shutdown(socket.SHUT_WR)

        assert _all_of(outer) == b"question"
        outer.sendall(b"answer")
        outer.close()
        assert _all_of(inner) == b"answer"


def test_an_end_of_the_servers_is_led_on_and_the_rest_comes_after_it(
    listening: Container,
) -> None:
    inner, outer = listening.call_through()
    with inner:
        outer.sendall(b"answer")
        outer.shutdown(socket.SHUT_WR)

        assert _all_of(inner) == b"answer"
        inner.sendall(b"more")
        inner.close()
        assert _all_of(outer) == b"more"


def test_an_answer_comes_whole_where_the_server_did_not_read_the_question(
    listening: Container,
) -> None:
    inner, outer = listening.call_through()
    with inner:
        outer.sendall(b"too much")
        outer.close()

        for _ in range(50):
            inner.sendall(b"x" * 100_000)
        inner.shutdown(socket.SHUT_WR)
        assert _all_of(inner) == b"too much"


def test_an_answer_comes_whole_where_the_server_has_dropped_the_question(
    listening: Container,
) -> None:
    listening.shell("sleep 1000")
    inner, outer = listening.call_through()
    with inner:
        inner.sendall(b"x" * 10_000)
        select.select([outer], [], [])
        outer.sendall(b"too much")
        outer.close()  # with bytes unread: the launcher's connection is reset

        inner.sendall(b"x" * 10_000)
        wait_for(listening.sleeps, "the launcher has done what it can")
        inner.shutdown(socket.SHUT_WR)
        assert _all_of(inner) == b"too much"


def test_a_server_that_closes_while_nobody_reads_its_answer_is_waited_out(
    listening: Container,
) -> None:
    listening.shell("sleep 1000")
    inner, outer = listening.call_through()
    with inner:
        outer.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += outer.send(b"x" * 65536)
        outer.close()

        listening.flush()
        wait_for(listening.sleeps, "the launcher waits")
        assert len(_all_of(inner)) == sent


def test_a_broken_connection_inside_closes_the_servers(listening: Container) -> None:
    inner, outer = listening.call_through()
    inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    inner.close()

    assert outer.recv(1) == b""


@ALSO_WATCHED
def test_who_asks_and_goes_away_is_answered_no_more_when_the_program_has_ended(
    listening: Container,
) -> None:
    listening.shell(f"exec 3<>/dev/tcp/127.0.0.1/{PORT}; echo asked >&3; exec 3>&-; sleep 1000")
    _, outer = listening.forward()
    assert _all_of(outer) == b"asked\n"
    outer.sendall(b"is anybody there?")

    listening.send("K")
    listening.ended()

    wait_for(lambda: _is_closed(outer), "the connection is closed, and not only half of it")


def _is_closed(end: socket.socket) -> bool:
    poll = select.poll()
    poll.register(end, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def test_one_that_does_not_read_holds_back_no_other(listening: Container) -> None:
    slow, slow_outer = listening.call_through()
    quick, quick_outer = listening.call_through()
    with slow, quick:
        for end in (slow_outer, slow):
            end.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    end.send(b"x" * 65536)

        for _ in range(100):
            quick.sendall(b"question")
            assert quick_outer.recv(100) == b"question"
            quick_outer.sendall(b"answer")
            assert quick.recv(100) == b"answer"
        listening.flush()


def test_more_connections_than_there_are_places_wait_for_one(listening: Container) -> None:
    with contextlib.ExitStack() as stack:
        inners = [stack.enter_context(listening.call()) for _ in range(FORWARDS)]
        outers = [listening.forward()[1] for _ in inners]
        late = stack.enter_context(listening.call())
        late.sendall(b"late")
        for number, (inner, outer) in enumerate(zip(inners, outers, strict=True)):
            inner.sendall(b"%d" % number)
            assert outer.recv(100) == b"%d" % number
        listening.flush()
        listening.listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.listener.accept()

        inners[7].close()
        outers[7].close()
        listening.listener.settimeout(10)

        assert listening.forward()[1].recv(100) == b"late"


def test_hundreds_of_connections_come_one_after_another(listening: Container) -> None:
    for number in range(300):
        inner, outer = listening.call_through()
        inner.sendall(b"%d" % number)
        inner.close()
        assert outer.recv(100) == b"%d" % number
        outer.close()


def test_a_connection_is_closed_where_the_server_takes_none(listening: Container) -> None:
    listening.listener.close()

    with listening.call() as inner:
        assert inner.recv(1) == b""
    listening.flush()


def test_a_connection_is_closed_where_the_servers_queue_is_full(listening: Container) -> None:
    listening.listener.listen(0)
    with listening.call(), listening.call() as second, listening.call() as third:
        for inner in (second, third):
            inner.settimeout(None)
            if select.select([inner], [], [], 10)[0]:
                assert inner.recv(1) == b""
                break
        else:
            pytest.fail("none was closed")
    listening.flush()


def test_both_loopback_addresses_are_listened_at(listening: Container) -> None:
    with listening.inside(lambda: socket.create_connection(("::1", PORT), 10)):
        assert listening.forward()[0] == "r"


def test_where_there_is_no_ipv6_the_other_address_is_enough(listening: Container) -> None:
    """As in containers of engines that switch it off: here its place is taken."""
    taken = listening.inside(lambda: socket.create_server(("::1", 9100), family=socket.AF_INET6))
    with taken:
        listening.listen(9100, "z")

        with listening.call(9100):
            assert listening.forward()[0] == "z"


def test_connections_outlive_programs(listening: Container) -> None:
    """One that was made from outside of any program, by who looks into the container."""
    inner, outer = listening.call_through()
    with inner:
        assert listening.run("echo one") == "one\n"
        inner.sendall(b"still here")
        assert outer.recv(100) == b"still here"
        outer.sendall(b"here too")
        assert inner.recv(100) == b"here too"


def _all_of(end: socket.socket) -> bytes:
    return b"".join(iter(lambda: end.recv(1 << 16), b""))


# Connections from the server to a port inside


_LISTENER = """
socket(S, PF_INET, SOCK_STREAM, 0);
bind(S, pack_sockaddr_in($ARGV[0], inet_aton("127.0.0.1"))) or die;
listen(S, 100); syswrite STDOUT, "listening\n";
while (accept(C, S)) { while (sysread C, $data, 65536) { syswrite C, uc $data } close C }
"""


def _listens(container: Container, port: int) -> None:
    container.start(f"c{PERL}", "a-MSocket", "a-e", f"a{_LISTENER}", f"a{port}")
    wait_for(lambda: b"listening" in container.arrived(), "it listens")


@ALSO_WATCHED
def test_the_server_is_connected_with_a_port_inside(container: Container) -> None:
    _listens(container, 5678)
    for letter in "ab":
        container.dial(5678, letter)
        said, outer = container.forward()
        assert said == letter
        outer.sendall(b"hello")
        assert outer.recv(100) == b"HELLO"
        outer.close()
    container.send("K")
    container.ended()


def test_where_nobody_listens_inside_the_server_is_told_by_the_letter(container: Container) -> None:
    container.dial(5678, "a")
    refused = container.until("D")
    assert struct.unpack("<cI", refused.payload) == (b"a", errno.ECONNREFUSED)
    _listens(container, 5678)
    container.dial(5678, "b")
    assert container.forward()[0] == "b"


def test_more_connections_than_there_are_places_for_are_refused(listening: Container) -> None:
    _listens(listening, 5678)
    for _ in range(FORWARDS):
        listening.dial(5678, "a")
        listening.forward()
    listening.dial(5678, "b")
    refused = listening.until("D")
    assert struct.unpack("<cI", refused.payload) == (b"b", errno.EAGAIN)
