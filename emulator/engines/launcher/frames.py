"""The messages between the server and a launcher, as bytes: docs/launcher.md. No I/O."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from taskdock.engines.ending import ProgramExit, StartFault, Step

VERSION = 2
CONTROL = b"!"
"""The first byte of the connection for frames; others begin with a forward's letter."""
MAX_OUTPUT = 64 * 1024  # bytes of one frame's output
_MAX_START = 4 * 1024 * 1024  # bytes
_LONGEST = MAX_OUTPUT + 1024  # bytes of what a launcher says

_HEADER = struct.Struct("<cBxxI")
_LISTEN = struct.Struct("<Hc")
_HELLO = struct.Struct("<I")
_PEAK = struct.Struct("<Q")
_ENDED = struct.Struct("<IIQ")
_FAULT = struct.Struct("<cI")
_REFUSED = struct.Struct("<cI")
_STEPS = {b"d": Step.WORKING_DIRECTORY, b"p": Step.PROGRAM, b"m": Step.NO_CANDIDATE}
_SIGKILL = 9


class BadFrame(Exception):
    """The other side is no launcher of this version."""


@dataclass(frozen=True)
class Hello:
    version: int


@dataclass(frozen=True)
class Output:
    data: bytes


@dataclass(frozen=True)
class Peak:
    peak: int  # bytes of memory
    flushed: bool = False


@dataclass(frozen=True)
class Ended:
    program: int
    exit: ProgramExit


@dataclass(frozen=True)
class DialRefused:
    """No connection to a port of the container was made for this letter."""

    letter: str
    errno: int  # Linux's


Message = Hello | Output | Peak | Ended | DialRefused


def listen(port: int, letter: str) -> bytes:
    return _frame(b"L", _LISTEN.pack(port, letter.encode()))


def dial(port: int, letter: str) -> bytes:
    """`letter`: of Latin-1; the launcher opens a connection with it, or answers `DialRefused`."""
    return _frame(b"D", _LISTEN.pack(port, letter.encode("latin-1")))


def start(
    program: int,
    *,
    candidates: Sequence[str],
    arguments: Iterable[str],
    variables: Mapping[str, str],
    folder: str | None,
) -> bytes:
    """Raises `ValueError` where that is more than a launcher takes."""
    items = [
        *(("c", path) for path in candidates),
        *(("a", argument) for argument in arguments),
        *(("e", f"{name}={value}") for name, value in variables.items()),
        *((("d", folder),) if folder is not None else ()),
    ]
    payload = b"".join(letter.encode() + _text(text) + b"\0" for letter, text in items)
    if len(payload) > _MAX_START:
        raise ValueError(f"the program and its variables have more than {_MAX_START} bytes")
    return _frame(b"S", payload, program)


def _text(text: str) -> bytes:
    """A text ends at its first zero byte, for the kernel."""
    return text.encode(errors="surrogateescape").partition(b"\0")[0]


def _frame(kind: bytes, payload: bytes = b"", program: int = 0) -> bytes:
    return _HEADER.pack(kind, program, len(payload)) + payload


KILL, FREEZE, THAW, FLUSH = (_frame(kind) for kind in (b"K", b"Z", b"W", b"F"))


class Frames:
    """Takes what a launcher says out of the bytes that have come."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now. Raises `BadFrame`."""
        self._rest += data
        messages: list[Message] = []
        begin = 0
        while len(self._rest) - begin >= _HEADER.size:
            kind, program, length = _HEADER.unpack_from(self._rest, begin)
            if length > _LONGEST:
                raise BadFrame
            payload = begin + _HEADER.size
            if len(self._rest) < payload + length:
                break
            begin = payload + length
            messages.append(_read(kind, program, bytes(self._rest[payload:begin])))
        del self._rest[:begin]
        return messages


def _read(kind: bytes, program: int, payload: bytes) -> Message:
    try:
        match kind:
            case b"O":
                return Output(payload)
            case b"M" | b"F":
                return Peak(_PEAK.unpack(payload)[0], flushed=kind == b"F")
            case b"E":
                return Ended(program, _exit(*_ENDED.unpack(payload)))
            case b"N":
                step, errno = _FAULT.unpack_from(payload)
                path = payload[_FAULT.size :].decode(errors="replace")
                return Ended(program, ProgramExit(fault=StartFault(_STEPS[step], path, errno)))
            case b"D":
                dialed, errno = _REFUSED.unpack(payload)
                return DialRefused(dialed.decode("latin-1"), errno)
            case b"H":
                return Hello(_HELLO.unpack(payload)[0])
    except (struct.error, KeyError):
        pass
    raise BadFrame


def _exit(status: int, kills: int, peak: int) -> ProgramExit:
    """`status`: as Linux's wait(2) has it, whatever this machine is."""
    signal = status & 0x7F
    if signal:
        return ProgramExit(signal=signal, out_of_memory=kills > 0 and signal == _SIGKILL, peak=peak)
    return ProgramExit(code=status >> 8 & 0xFF, peak=peak)
