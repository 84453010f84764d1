"""What the server and a launcher say to each other, as bytes: each frame of docs/launcher.md."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskdock.engines.ending import ProgramExit, StartFault, Step
from taskdock.engines.launcher import frames
from taskdock.engines.launcher.frames import (
    BadFrame,
    DialRefused,
    Ended,
    Frames,
    Hello,
    Message,
    Output,
    Peak,
)

HELLO = b"H\0\0\0\x04\0\0\0\x01\0\0\0"


def frame(kind: bytes, payload: bytes = b"", program: int = 0, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return kind + bytes([program, 0, 0]) + size.to_bytes(4, "little") + payload


def ended(status: int, kills: int = 0, peak: int = 7, program: int = 1) -> bytes:
    return frame(b"E", struct.pack("<IIQ", status, kills, peak), program)


def not_started(step: bytes, errno: int, path: bytes, program: int = 1) -> bytes:
    return frame(b"N", step + errno.to_bytes(4, "little") + path, program)


# To a launcher


def test_orders_without_more_are_a_header_alone() -> None:
    assert b"K" + bytes(7) == frames.KILL
    assert b"Z" + bytes(7) == frames.FREEZE
    assert b"W" + bytes(7) == frames.THAW
    assert b"F" + bytes(7) == frames.FLUSH


def test_a_forward_is_a_port_and_a_letter() -> None:
    assert frames.listen(9001, "r") == b"L\0\0\0\x03\0\0\0\x29\x23r"


def test_a_dial_is_a_port_and_a_letter_of_its_own() -> None:
    assert frames.dial(5678, "\x80") == b"D\0\0\0\x03\0\0\0\x2e\x16\x80"


def test_a_refused_dial_names_its_letter() -> None:
    refused = frame(b"D", b"\x80" + (111).to_bytes(4, "little"))
    assert Frames().feed(refused) == [DialRefused("\x80", 111)]


def test_a_start_has_every_item_with_its_letter_in_its_order() -> None:
    said = frames.start(
        3,
        candidates=["/var/task/bootstrap", "/opt/bootstrap"],
        arguments=["-y", "", "z=1"],
        variables={"A": "b=c", "EMPTY": ""},
        folder="/var/task",
    )

    items = b"c/var/task/bootstrap\0c/opt/bootstrap\0a-y\0a\0az=1\0eA=b=c\0eEMPTY=\0d/var/task\0"
    assert said == b"S\x03\0\0" + len(items).to_bytes(4, "little") + items


def test_without_a_folder_a_start_names_none() -> None:
    said = frames.start(1, candidates=["a"], arguments=(), variables={}, folder=None)

    assert said[8:] == b"ca\0"


def test_a_text_ends_at_its_zero_byte_and_begins_no_other_item() -> None:
    said = frames.start(
        1,
        candidates=["sh\0d/etc"],
        arguments=["x\0eLD_PRELOAD=/tmp/mine"],
        variables={"A": "b\0c"},
        folder="/srv\0",
    )

    assert said[8:] == b"csh\0ax\0eA=b\0d/srv\0"


def test_texts_are_utf_8_and_bytes_that_are_none_stay_what_they_were() -> None:
    said = frames.start(1, candidates=["/höhe"], arguments=["\udcff"], variables={}, folder=None)

    assert said[8:] == "c/höhe\0".encode() + b"a\xff\0"


def test_a_start_has_a_limit() -> None:
    room = 4 * 1024 * 1024 - len(b"csh\0a\0")

    def start(argument: str) -> bytes:
        return frames.start(1, candidates=["sh"], arguments=[argument], variables={}, folder=None)

    assert len(start("x" * room)) == 8 + 4 * 1024 * 1024
    with pytest.raises(ValueError, match="more than 4194304 bytes"):
        start("x" * (room + 1))


# From a launcher

EVERY: list[tuple[bytes, Message]] = [
    (HELLO, Hello(1)),
    (frame(b"O", b"hello\n"), Output(b"hello\n")),
    (frame(b"O"), Output(b"")),
    (frame(b"O", b"x" * frames.MAX_OUTPUT), Output(b"x" * frames.MAX_OUTPUT)),
    (frame(b"M", (1 << 40).to_bytes(8, "little")), Peak(1 << 40)),
    (frame(b"F", (9).to_bytes(8, "little")), Peak(9, flushed=True)),
    (ended(0, program=255), Ended(255, ProgramExit(code=0))),
    (
        not_started(b"p", 13, b"/srv/h\xff"),
        Ended(1, ProgramExit(fault=StartFault(Step.PROGRAM, "/srv/h\ufffd", 13))),
    ),
]


@pytest.mark.parametrize(
    ("data", "said"), EVERY, ids=[said.__class__.__name__ for _, said in EVERY]
)
def test_each_frame_is_read(data: bytes, said: Message) -> None:
    assert Frames().feed(data) == [said]


def test_frames_may_be_cut_at_every_byte() -> None:
    small = [(data, said) for data, said in EVERY if len(data) < 100]
    whole = b"".join(data for data, _ in small)
    expected = [said for _, said in small]

    for cut in range(len(whole) + 1):
        reader = Frames()
        assert reader.feed(whole[:cut]) + reader.feed(whole[cut:]) == expected


@given(st.lists(st.sampled_from(EVERY), max_size=6), st.data())
def test_how_frames_are_cut_changes_nothing(
    chosen: list[tuple[bytes, Message]], data: st.DataObject
) -> None:
    whole = b"".join(each for each, _ in chosen)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    reader = Frames()

    read = [
        said
        for a, b in itertools.pairwise([0, *cuts, len(whole)])
        for said in reader.feed(whole[a:b])
    ]

    assert read == [said for _, said in chosen]


def test_a_frame_that_is_not_whole_says_nothing_yet() -> None:
    for data, _ in EVERY:
        assert Frames().feed(data[:-1]) == []


@pytest.mark.parametrize(
    ("status", "kills", "exit"),
    [
        (0x0000, 0, ProgramExit(code=0)),
        (0x0300, 0, ProgramExit(code=3)),
        (0xFF00, 0, ProgramExit(code=255)),
        (137 << 8, 0, ProgramExit(code=137)),
        (137 << 8, 1, ProgramExit(code=137)),
        (9, 0, ProgramExit(signal=9)),
        (9, 2, ProgramExit(signal=9, out_of_memory=True)),
        (11, 1, ProgramExit(signal=11)),  # another process was killed for lack of memory
        (15, 0, ProgramExit(signal=15)),
        (64, 0, ProgramExit(signal=64)),
        (0x80 | 6, 0, ProgramExit(signal=6)),  # with a core
    ],
)
def test_a_wait_status_is_a_code_or_a_signal(status: int, kills: int, exit: ProgramExit) -> None:
    (said,) = Frames().feed(ended(status, kills, peak=5))

    assert said == Ended(1, exit)
    assert isinstance(said, Ended)
    assert said.exit.peak == 5


@pytest.mark.parametrize(
    ("letter", "step"),
    [(b"d", Step.WORKING_DIRECTORY), (b"p", Step.PROGRAM), (b"m", Step.NO_CANDIDATE)],
)
def test_a_failed_start_says_at_which_step(letter: bytes, step: Step) -> None:
    (said,) = Frames().feed(not_started(letter, 2, b"/srv", program=9))

    assert said == Ended(9, ProgramExit(fault=StartFault(step, "/srv", 2)))


@pytest.mark.parametrize(
    "data",
    [
        frame(b"?"),
        frame(b"h", b"\x01\0\0\0"),
        frame(b"\0"),
        frame(b"K"),  # only the server says that
        frame(b"H", b"\x01\0\0"),
        frame(b"H", b"\x01\0\0\0\0"),
        frame(b"M"),
        frame(b"M", bytes(7)),
        frame(b"F", bytes(9)),
        frame(b"E", bytes(15), 1),
        frame(b"E", bytes(17), 1),
        frame(b"N", b"p\0\0\0", 1),
        not_started(b"x", 2, b"/srv"),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        bytes(8),
    ],
)
def test_what_no_launcher_says_is_a_bad_frame(data: bytes) -> None:
    with pytest.raises(BadFrame):
        Frames().feed(data)


def test_a_frame_that_is_too_long_is_refused_before_it_has_come() -> None:
    most = frames.MAX_OUTPUT + 1024

    assert Frames().feed(frame(b"O", length=most)) == []
    with pytest.raises(BadFrame):
        Frames().feed(frame(b"O", length=most + 1))
    with pytest.raises(BadFrame):
        Frames().feed(frame(b"O", length=0xFFFFFFFF))


@given(st.binary(max_size=200), st.integers(0, 200))
def test_whatever_comes_is_read_or_refused_and_does_not_stay(data: bytes, cut: int) -> None:
    reader = Frames()

    try:
        reader.feed(data[:cut])
        reader.feed(data[cut:])
    except BadFrame:
        return

    assert len(reader._rest) <= frames.MAX_OUTPUT + 1024 + 8
