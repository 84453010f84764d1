"""The probe's program: which files are static programs for a processor."""

from __future__ import annotations

import struct

import pytest

from taskdock.engines.docker.images.probe import is_static

_AMD64, _ARM64 = 62, 183
_LOAD, _INTERPRETER = 1, 3


def _elf(machine: int, *headers: int) -> bytes:
    """A file of that kind with program headers of these types, and nothing else."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    offset, size = 64, 56
    rest = struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, 0, offset, 0, 0, 64, size, len(headers), 0, 0, 0
    )
    return ident + rest + b"".join(struct.pack("<I52x", kind) for kind in headers)


@pytest.mark.parametrize(("machine", "architecture"), [(_AMD64, "amd64"), (_ARM64, "arm64")])
def test_a_program_that_needs_nothing_is_static(machine: int, architecture: str) -> None:
    assert is_static(_elf(machine, _LOAD, _LOAD), architecture)


@pytest.mark.parametrize(
    ("program", "architecture"),
    [
        (_elf(_AMD64, _LOAD, _INTERPRETER), "amd64"),
        (_elf(_ARM64, _LOAD), "amd64"),
        (_elf(_AMD64, _LOAD), "arm64"),
        (_elf(_AMD64, _LOAD), ""),
        (_elf(3, _LOAD), "amd64"),
        (b"#!/bin/sh\necho hello\n" * 9, "amd64"),
        (b"\x7fELF\x01\x01" + bytes(90), "amd64"),
        (_elf(_AMD64, _LOAD)[:40], "amd64"),
        (b"", "amd64"),
    ],
    ids=["dynamic", "of arm", "of amd", "unknown", "32 bits", "script", "elf32", "cut", "empty"],
)
def test_anything_else_is_not(program: bytes, architecture: str) -> None:
    assert not is_static(program, architecture)
