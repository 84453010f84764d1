"""What programs print comes to the server: all of it, in its order, as fast as it is taken."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.launcher.container import ALSO_WATCHED, LIMITS, Container, wait_for


@ALSO_WATCHED
def test_all_that_is_printed_arrives_as_it_was(container: Container) -> None:
    content = b"".join(hashlib.sha512(b"%d" % number).digest() for number in range(80_000))
    (container.folder / "content").write_bytes(content)

    container.shell("cat $1/content; echo end >&2", str(container.folder))
    container.ended()

    assert container.output == content + b"end\n"


def test_both_streams_keep_their_order(container: Container) -> None:
    said = container.run("for i in {1..500}; do echo $((2 * i)); echo $((2 * i + 1)) >&2; done")

    assert said.split() == [str(number) for number in range(2, 1002)]


def test_a_program_can_open_its_output_again(container: Container) -> None:
    assert container.run("echo one > /dev/stdout; echo two > /dev/stderr") == "one\ntwo\n"


def test_the_last_words_of_those_that_are_killed_arrive(container: Container) -> None:
    """A daemon's too: they are in the pipe when it dies."""
    for _ in range(50):
        container.output.clear()
        container.shell("(setsid sh -c 'echo daemon; kill -9 $0; sleep 1000' $$ &); sleep 1000")

        assert container.ended().status == 9
        assert container.output == b"daemon\n"


def test_a_program_that_closes_its_output_goes_on(container: Container) -> None:
    container.shell("exec 1> $1/closed 2>&1; echo on; exec sleep 1000", _writable(container))
    closed = container.folder / "writable" / "closed"
    wait_for(lambda: closed.exists() and closed.read_text(), "it has closed its output")

    container.flush()
    wait_for(container.sleeps, "the launcher waits")
    container.send("K")

    assert container.ended().status == 9


def test_who_prints_faster_than_the_server_reads_waits(container: Container) -> None:
    container.shell("yes 0123456 & wait")
    wait_for(lambda: list(container.processes().values()) == ["S", "S"], "its pipe is full")

    container.send("K")

    assert container.ended().status == 9
    assert (
        container.output
        == (b"0123456\n" * (len(container.output) // 8 + 1))[: len(container.output)]
    )


def test_output_of_a_program_that_has_ended_waits_for_the_server(container: Container) -> None:
    printed = container.printed(after="exit 3")
    wait_for(lambda: not container.processes(), "it has ended")

    assert container.ended().status == 3 << 8
    assert len(container.output) == printed


def test_a_larger_pipe_of_a_programs_own_is_read_to_its_end(container: Container) -> None:
    container.run("perl -e 'fcntl(STDOUT, 1031, 1 << 20); print \"x\" x 900_000'")

    assert container.output == b"x" * 900_000


def test_output_in_packets_is_read_to_its_end(container: Container) -> None:
    """A program may set its pipe to packets: a read gives one of them then."""
    container.run(
        "perl -e 'fcntl(STDOUT, 4, 040000 | 1) or die; syswrite STDOUT, \"x\" for 1 .. 9'"
    )

    assert container.output == b"x" * 9


@pytest.mark.parametrize(
    "place", ["memory/memory.max_usage_in_bytes", "memory.peak", "memory.current"]
)
def test_the_peak_of_memory_comes_before_what_a_program_sends(
    launcher: list[str], tmp_path: Path, place: str
) -> None:
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("1000\n")
    (file.parent / LIMITS[file.parent.name == "memory"]).write_text("100000\n")
    with Container(launcher, memory=tmp_path) as container:
        container.connect().listen()
        inner, outer = container.call_through()
        with inner:
            for peak in (5000, 5000, 4000, 2**40):
                file.write_text(f"{peak}\n")
                inner.sendall(b"x")
                assert outer.recv(1) == b"x"
                container.arrived()

            assert container.peaks == [5000, 2**40], "only when it is a new one"
            file.write_text("3000\n")
            assert container.flush() == 2**40


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_a_group_without_a_limit_is_not_this_containers(
    launcher: list[str], tmp_path: Path, limit: str
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.peak").write_text("1000\n")
    with Container(launcher, memory=tmp_path) as container:
        assert container.connect().flush() == 0


def test_without_a_file_of_the_kernels_the_peak_is_nothing(
    launcher: list[str], tmp_path: Path
) -> None:
    with Container(launcher, memory=tmp_path) as container:
        container.connect()

        assert container.flush() == 0
        container.shell("true")
        assert container.ended() == (1, 0, 0, 0)


def _writable(container: Container) -> str:
    folder = container.folder / "writable"
    folder.mkdir()
    folder.chmod(0o777)
    return str(folder)
