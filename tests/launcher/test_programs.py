"""The launcher starts and ends programs, and says how they ended."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from tests.launcher.container import ALSO_WATCHED, LIMITS, Container, Ended, NotStarted, wait_for

PATH = "ePATH=/usr/bin:/bin"


def test_a_program_runs_as_the_user_of_functions_with_nothing_of_the_launchers(
    container: Container,
) -> None:
    container.start("ccat", "a/proc/self/status", "a/proc/self/stat", PATH)
    container.ended()

    lines = container.output.decode().splitlines()
    status = dict(line.split(":\t", 1) for line in lines[:-1])
    assert (status["Uid"], status["Gid"]) == ("993\t993\t993\t993", "990\t990\t990\t990")
    assert status["Groups"].strip() == ""
    assert {status[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert {status[f"Sig{name}"] for name in ("Blk", "Ign", "Cgt")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    pid, _, _, _, group, session = lines[-1].split()[:6]
    assert pid == group == session, "it leads a session of its own"


def test_a_program_has_nothing_to_read(container: Container) -> None:
    assert container.run("readlink /proc/self/fd/0; cat") == "/dev/null\n"


def test_only_what_was_opened_for_a_program_is_open_in_it(container: Container) -> None:
    container.start("cls", "a/proc/self/fd", PATH)
    container.ended()

    assert container.output.split() == [b"0", b"1", b"2", b"3"], "3 is the folder that it lists"


def test_a_program_has_exactly_its_variables_and_arguments(container: Container) -> None:
    words = ["", "two words", "line\nbreak", "übel", "a"]
    container.start(
        "ccat", *("a/proc/self/environ", "a/proc/self/cmdline"), PATH, "eEMPTY=", "eA=1\n2", "eA=3"
    )
    container.ended()
    environment = bytes(container.output)

    container.output.clear()
    container.start("cprintf", "a[%s]", *(f"a{word}" for word in words), PATH)
    container.ended()

    assert environment == (
        b"PATH=/usr/bin:/bin\0EMPTY=\0A=1\n2\0A=3\0cat\0/proc/self/environ\0/proc/self/cmdline\0"
    )
    assert container.output.decode() == "".join(f"[{word}]" for word in words)


def test_the_first_candidate_that_is_a_file_is_taken(container: Container) -> None:
    container.start("c/nowhere", "c/tmp", "c/bin/echo", "c/bin/false", "ataken")

    assert container.ended().status == 0
    assert container.output == b"taken\n"


@ALSO_WATCHED
def test_a_name_is_looked_for_in_the_folders_of_the_programs_own_path(
    container: Container,
) -> None:
    for folder, mode in (("refused", 0o644), ("taken", 0o755), ("later", 0o755)):
        program = container.folder / folder / "tool"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho {folder} $0 $1")
        program.chmod(mode)
    (container.folder / "folder" / "tool").mkdir(parents=True)
    folders = [
        str(container.folder / name) for name in ("no", "folder", "refused", "taken", "later")
    ]

    container.start("ctool", "aand more", f"ePATH={':'.join(folders)}")

    assert container.ended().status == 0
    assert container.output.decode() == f"taken {container.folder}/taken/tool and more\n"


def test_an_empty_folder_in_the_path_is_the_working_directory(container: Container) -> None:
    program = container.folder / "tool"
    program.write_text("#!/bin/sh\necho here")
    program.chmod(0o755)

    container.start("ctool", f"d{container.folder}", "ePATH=/nowhere:")
    container.ended()

    assert container.output == b"here\n"


def test_what_cannot_be_started_is_told_by_step_error_and_path(container: Container) -> None:
    def made(name: str, content: str, mode: int) -> str:
        path = container.folder / name
        path.write_text(content)
        path.chmod(mode)
        return str(path)

    bare = made("bare", "echo never", 0o755)
    foreign = made("foreign", "#!/no/such/shell\n", 0o755)
    plain = made("plain", "#!/bin/sh\n", 0o644)
    closed = container.folder / "closed"
    closed.mkdir(mode=0o700)
    folders = f"ePATH=/nowhere:{container.folder}"
    cases: list[tuple[list[str], tuple[str, int, str]]] = [
        (["c/nowhere", "c/tmp"], ("m", errno.ENOENT, "/nowhere")),
        (["c/tmp", "c/nowhere"], ("m", errno.EISDIR, "/tmp")),
        (["c/bin/sh/deeper"], ("m", errno.ENOTDIR, "/bin/sh/deeper")),
        ([f"c{closed}/program"], ("m", errno.EACCES, f"{closed}/program")),
        (["c"], ("m", errno.ENOENT, "")),
        (["csh"], ("m", errno.ENOENT, "sh")),
        (["csh", "ePATH="], ("m", errno.ENOENT, "sh")),
        (["cno-such-name", folders], ("m", errno.ENOENT, "no-such-name")),
        ([f"c{plain}"], ("p", errno.EACCES, plain)),
        (["cplain", folders], ("p", errno.EACCES, plain)),
        ([f"c{bare}"], ("p", errno.ENOEXEC, bare)),
        (["cbare", folders], ("p", errno.ENOEXEC, bare)),
        ([f"c{foreign}"], ("p", errno.ENOENT, foreign)),
        (["c/bin/true", "a" + "x" * 200_000], ("p", errno.E2BIG, "/bin/true")),
        (["c/bin/true", "d/nowhere"], ("d", errno.ENOENT, "/nowhere")),
        (["c/bin/true", f"d{plain}"], ("d", errno.ENOTDIR, plain)),
        (["c/bin/true", f"d{closed}"], ("d", errno.EACCES, str(closed))),
        (["c/" + "x" * 5000], ("m", errno.ENAMETOOLONG, ("/" + "x" * 5000)[:4083])),
    ]

    for number, (items, expected) in enumerate(cases, start=1):
        container.start(*items, number=number)

        assert container.not_started() == NotStarted(number, *expected), items
    assert container.run("echo fine") == "fine\n"
    assert container.processes() == {}


def test_a_program_begins_in_its_working_directory(container: Container) -> None:
    container.start("c/bin/pwd", f"d{container.folder}")
    container.ended()

    assert container.output.decode() == f"{container.folder}\n"


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("exit 0", 0),
        ("exit 3", 3 << 8),
        ("exit 137", 137 << 8),
        ("kill -KILL $$", signal.SIGKILL),
        ("kill -TERM $$", signal.SIGTERM),
        ("ulimit -c 0; kill -SEGV $$", signal.SIGSEGV),
    ],
)
def test_an_end_is_told_with_the_whole_wait_status(
    container: Container, script: str, status: int
) -> None:
    container.shell(script, number=7)

    ended = container.ended()

    assert (ended.number, ended.status) == (7, status)


def test_output_carries_the_programs_number(container: Container) -> None:
    container.shell("echo one", number=255)

    assert container.until("O").number == 255
    assert container.ended().number == 255


def test_a_start_is_ignored_while_a_program_runs(container: Container) -> None:
    container.shell("echo first; sleep 1000", number=1)
    container.until_printed(6)

    container.shell("echo second", number=2)
    container.flush()
    container.send("K")

    assert container.ended().number == 1
    assert container.output == b"first\n"
    assert container.run("echo third") == "third\n"


@ALSO_WATCHED
def test_a_kill_ends_the_program_and_all_that_it_started(container: Container) -> None:
    container.shell("trap '' TERM INT HUP; sleep 1000 & setsid sleep 1000 & echo on; wait")
    container.until_printed(3)
    wait_for(lambda: len(container.processes()) == 3, "all have begun")

    container.send("K")

    assert container.ended().status == signal.SIGKILL
    assert container.processes() == {}


def test_a_kill_where_nothing_runs_is_not_answered(container: Container) -> None:
    container.send("K")
    container.send("Z")
    container.send("W")

    container.flush()
    assert container.run("echo fine") == "fine\n"


def test_the_end_of_a_program_is_the_end_of_what_it_left_behind(container: Container) -> None:
    """Also of a daemon: its parent's parent has ended, and it has a session of its own."""
    container.shell("(setsid sh -c 'echo daemon; exec sleep 1000' &) ; sleep 1000 & exit 5")

    ended = container.ended()

    assert ended.status == 5 << 8
    assert container.processes() == {}


def test_orphans_are_taken_leave_of_while_the_program_runs(container: Container) -> None:
    container.shell("for i in {1..20}; do (true &); done; echo made; exec sleep 1000")
    container.until_printed(5)

    wait_for(lambda: len(container.processes()) == 1, "only the program is left")


def test_a_fork_bomb_is_ended(container: Container) -> None:
    container.shell("ulimit -u 400; bomb() { bomb | bomb & }; echo on; bomb; wait; sleep 1000")
    container.until_printed(3)
    wait_for(lambda: len(container.processes()) > 20, "it has gone off")

    container.send("K")

    container.ended()
    assert container.processes() == {}


def test_all_processes_are_stopped_and_go_on(container: Container) -> None:
    container.shell("sleep 1000 & echo on; wait")
    container.until_printed(3)
    wait_for(lambda: len(container.processes()) == 2, "both have begun")

    container.send("Z")
    wait_for(lambda: set(container.processes().values()) == {"T"}, "all are stopped")
    container.send("W")
    wait_for(lambda: "T" not in container.processes().values(), "all go on")


def test_what_is_stopped_can_be_ended(container: Container) -> None:
    container.shell("sleep 1000 & echo on; wait")
    container.until_printed(3)
    container.send("Z")
    wait_for(lambda: set(container.processes().values()) == {"T"}, "all are stopped")

    container.send("K")

    assert container.ended().status == signal.SIGKILL
    assert container.processes() == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_launcher_and_everything(
    container: Container, number: signal.Signals
) -> None:
    container.shell("setsid sleep 1000 & echo on; wait")
    container.until_printed(3)
    wait_for(lambda: len(container.processes()) == 2, "both have begun")
    processes = container.processes()

    container.signal(number)

    assert container.code() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)


def test_the_servers_end_is_the_launchers(container: Container) -> None:
    container.shell("setsid sleep 1000 & echo on; wait")
    container.until_printed(3)
    wait_for(lambda: len(container.processes()) == 2, "both have begun")
    processes = container.processes()

    container.control.close()

    assert container.code() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)


def test_a_program_cannot_reach_the_launcher(container: Container) -> None:
    said = container.run(
        "for n in KILL STOP TERM; do kill -$n 1 2>&1; done | grep -c 'not permitted';"
        "ls /proc/1/fd 2>&1 | grep -c denied; cat /proc/1/mem 2>&1 | grep -c denied"
    )

    assert said == "3\n1\n1\n"
    container.flush()


def test_one_that_is_not_root_starts_programs_as_itself(launcher: list[str]) -> None:
    with Container(launcher, user=1234) as container:
        container.connect()

        assert container.run("id -u") == "1234\n"


def test_the_kernels_kills_during_a_program_are_told(launcher: list[str], tmp_path: Path) -> None:
    for place in ("memory.events", "memory/memory.oom_control"):
        file = tmp_path / place.replace("/", "-") / place
        file.parent.mkdir(parents=True)
        file.write_text("oom 9\noom_kill 7\n")
        (file.parent / LIMITS[file.parent.name == "memory"]).write_text("100000\n")
        with Container(launcher, memory=tmp_path / place.replace("/", "-")) as container:
            container.connect()
            container.shell("echo on; sleep 1000")
            container.until_printed(3)

            file.write_text("oom 9\noom_kill 9\n")
            container.send("K")

            assert container.ended() == Ended(1, signal.SIGKILL, 2, 0)
            container.shell("true")
            assert container.ended() == Ended(1, 0, 0, 0)


def test_outside_of_a_container_it_does_nothing(launcher: list[str]) -> None:
    assert os.spawnvp(os.P_WAIT, launcher[0], [*launcher, "unix:/nowhere"]) == errno.EPERM
