"""What every engine keeps of the Engine protocol: the same cases for the fake one and Docker."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from taskdock.base import ids
from taskdock.base.errors import StartFailed
from taskdock.engines.docker.images.images import Images
from taskdock.engines.docker.transports.paths import EnginePaths
from taskdock.engines.docker.transports.routes import Route
from taskdock.engines.docker.transports.transports import NetworkTransport, Transport, subnets
from taskdock.engines.ending import ProgramExit, StartFault, Step
from taskdock.engines.engine import Mount, Program
from taskdock.engines.images import ImageRequest
from taskdock.engines.launcher.callers import callers
from taskdock.engines.launcher.lines import MAX_LINE
from taskdock.engines.linux.scratch_disk import LoopScratch
from taskdock.testing.waiting import eventually
from tests.support.engine_harness import (
    CODE,
    COUNTS_IN_TMP,
    EXHAUSTS_MEMORY,
    EXHAUSTS_MEMORY_ONCE,
    HANGS,
    KILLS_ITSELF,
    LABEL,
    LIMIT,
    RINGS,
    SPINS,
    Behaviour,
    DockerHarness,
    FakeHarness,
    Harness,
    Recorder,
    Remote,
    prints,
    prints_long,
    prints_many,
    reads,
    rings_twice,
    run,
    shows,
)

ENGINES = [
    "fake",
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("docker_by_network", marks=pytest.mark.docker),
]


def mounted(code: Path) -> tuple[Mount]:
    return (Mount(source=code, target=CODE),)


once_with_docker = pytest.mark.parametrize("harness", ENGINES[:2], indirect=True)
"""For what has nothing to do with the door: once with a socket is enough."""
VERBS: list[Callable[[Remote], None]] = [
    lambda container: container.run(),
    lambda container: container.stop(),
    lambda container: container.mute(),
    lambda container: container.flush(),
    lambda container: container.freeze(),
    lambda container: container.thaw(),
    lambda container: container.limit_cpu(0.5),
    lambda container: container.rename(f"taskdock-test-{ids.word()}"),
    lambda container: container.kill(),
    lambda container: container.remove(),
]


@pytest.fixture(scope="session")
def image(docker_client: docker.DockerClient) -> str:
    return Images(docker_client, lambda _: None).find(ImageRequest("", "python:3.11")).reference


@pytest.fixture
def docker_harness(
    docker_client: docker.DockerClient,
    image: str,
    usual_scratch: LoopScratch | str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DockerHarness]:
    disks = None if isinstance(usual_scratch, str) else usual_scratch
    harness = DockerHarness(docker_client, image, tmp_path_factory.mktemp("doors"), disks)
    yield harness
    harness.close()


@pytest.fixture
def docker_by_network_harness(
    docker_client: docker.DockerClient,
    image: str,
    usual_scratch: LoopScratch | str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DockerHarness]:
    """As if its kernel were another one."""
    disks = None if isinstance(usual_scratch, str) else usual_scratch
    doors = tmp_path_factory.mktemp("doors")
    harness = DockerHarness(docker_client, image, doors, disks, transports=by_network_alone)
    yield harness
    harness.close()


def by_network_alone(api: docker.APIClient) -> list[Transport]:
    """From containers of this machine's engine, its bridge leads here."""
    network = api.inspect_network("bridge")
    gateway = network["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    ours = callers([*subnets(network), gateway])
    return [NetworkTransport(EnginePaths(None), (Route(gateway, gateway),), ours)]


@pytest.fixture
def fake_harness() -> Iterator[FakeHarness]:
    harness = FakeHarness()
    yield harness
    harness.close()


@pytest.fixture(params=ENGINES)
def harness(request: pytest.FixtureRequest) -> Harness:
    found: Harness = request.getfixturevalue(f"{request.param}_harness")
    return found


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder that another user may read."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    (tmp_path / "index.py").write_text("wood = 'walnut'\n")
    return tmp_path


# Output


def test_every_line_arrives_in_order_and_before_the_exit(harness: Harness) -> None:
    lines = ["one", "", "three", "Nußbaum", ""]

    _, recorder = run(harness, prints(lines))

    recorder.await_exit()
    assert recorder.lines == lines
    assert [kind for kind, _ in recorder.told] == ["output"] * 5 + ["exited"]


def test_a_last_line_without_its_end_arrives(harness: Harness) -> None:
    _, recorder = run(harness, prints(["one"], "last words"))

    recorder.await_exit()
    assert recorder.lines == ["one", "last words"]


def test_ten_thousand_lines_arrive_without_loss(harness: Harness) -> None:
    _, recorder = run(harness, prints_many(10_000))

    recorder.await_exit()
    assert recorder.lines == [f"line {number}" for number in range(10_000)]


@pytest.mark.parametrize("length", [100_000, MAX_LINE, MAX_LINE + 1, 3 * MAX_LINE + 5])
def test_a_very_long_line_arrives_in_pieces_of_the_largest_size(
    harness: Harness, length: int
) -> None:
    _, recorder = run(harness, prints_long(length))

    recorder.await_exit()
    *pieces, after = recorder.lines
    assert after == "after"
    assert set("".join(pieces)) == {"x"}
    assert [len(piece) for piece in pieces] == [
        min(MAX_LINE, length - begin) for begin in range(0, length, MAX_LINE)
    ]


def test_a_flush_is_answered_after_all_that_was_printed_before(harness: Harness) -> None:
    lines = [f"line {number}" for number in range(2000)]
    container, recorder = run(harness, prints(lines, "no end", ring=True))

    with harness.bell.await_ring() as line:
        container.flush()
        recorder.await_flushed()
        told = list(recorder.told)
        line.sendall(b"!")

    recorder.await_exit()
    assert [kind for kind, _ in told] == ["output"] * 2001 + ["flushed"]
    assert recorder.lines == [*lines, "no end", "went on"]


def test_every_flush_is_answered(harness: Harness) -> None:
    container, recorder = run(harness, RINGS)

    with harness.bell.await_ring():
        for _ in range(20):
            container.flush()

        recorder.await_flushed(20)

    peaks = recorder.of("flushed")
    assert len(peaks) == 20
    assert all(0 < peak <= 128 << 20 for peak in peaks)


# Ends


@pytest.mark.parametrize("code", [0, 1, 3, 127, 137, 255])
def test_the_exit_code_is_told(harness: Harness, code: int) -> None:
    _, recorder = run(harness, prints(["one"], code=code))

    assert recorder.await_exit() == ProgramExit(code=code)


def test_a_program_that_a_signal_ended_tells_which(harness: Harness) -> None:
    _, recorder = run(harness, KILLS_ITSELF)

    assert recorder.await_exit() == ProgramExit(signal=signal.SIGKILL)


def test_a_container_that_is_killed_ends_once(harness: Harness) -> None:
    container, recorder = run(harness, HANGS)
    recorder.await_line("hanging")

    container.kill()

    assert recorder.await_exit() == ProgramExit()
    recorder.await_gone()
    container.remove()
    assert [kind for kind, _ in recorder.told] == ["output", "exited", "gone"]


def test_running_out_of_memory_is_told(harness: Harness) -> None:
    _, recorder = run(harness, EXHAUSTS_MEMORY)

    end = recorder.await_exit()

    assert end.out_of_memory
    assert recorder.lines == ["eating"]


@pytest.mark.parametrize("behaviour", [EXHAUSTS_MEMORY, HANGS], ids=["out of memory", "killed"])
def test_the_end_of_one_container_leaves_its_neighbours_alone(
    harness: Harness, behaviour: Behaviour
) -> None:
    neighbour, recorder = run(harness, RINGS)
    with harness.bell.await_ring() as line:
        ending, its_recorder = run(harness, behaviour)

        if behaviour is HANGS:
            ending.kill()
        its_recorder.await_exit()
        ending.remove()
        neighbour.flush()
        recorder.await_flushed()
        line.sendall(b"!")

    assert recorder.await_exit() == ProgramExit(code=0)
    assert recorder.lines == ["before", "went on"]


# Running again


def test_a_program_that_has_ended_can_be_run_again_and_finds_what_it_left(
    harness: Harness,
) -> None:
    container, recorder = run(harness, COUNTS_IN_TMP)
    first = recorder.await_exit()

    container.run()

    assert (first, recorder.await_exit(2)) == (ProgramExit(code=1), ProgramExit(code=2))
    assert recorder.lines == ["run 1", "run 2"]


def test_a_program_that_is_stopped_ends_behind_its_output_and_can_be_run_again(
    harness: Harness,
) -> None:
    container, recorder = run(harness, HANGS)
    recorder.await_line("hanging")

    container.stop()
    recorder.await_exit()
    container.run()
    eventually(lambda: recorder.lines == ["hanging"] * 2, within=LIMIT)
    container.stop()

    assert recorder.await_exit(2) == ProgramExit(signal=signal.SIGKILL)
    assert [kind for kind, _ in recorder.told] == ["output", "exited"] * 2


def test_running_out_of_memory_is_told_once(harness: Harness) -> None:
    container, recorder = run(harness, EXHAUSTS_MEMORY_ONCE)
    first = recorder.await_exit()

    container.run()

    assert first.out_of_memory
    assert recorder.await_exit(2) == ProgramExit(code=3)


def test_a_stop_of_what_has_ended_changes_nothing(harness: Harness) -> None:
    container, recorder = run(harness, prints(["one"]))
    recorder.await_exit()

    container.stop()
    container.flush()
    recorder.await_flushed()

    assert [kind for kind, _ in recorder.told] == ["output", "exited", "flushed"]


def test_what_a_muted_container_prints_is_passed_over_until_the_next_flush(
    harness: Harness,
) -> None:
    container, recorder = run(harness, rings_twice("between"))
    first = harness.bell.await_ring()
    container.flush()
    recorder.await_flushed()
    with first:
        container.mute()
        first.sendall(b"!")
        with harness.bell.await_ring() as second:
            container.flush()
            recorder.await_flushed(2)
            second.sendall(b"!")

    assert recorder.await_exit() == ProgramExit(code=0)
    assert recorder.lines == ["before", "after"]


def test_a_container_runs_whatever_it_is_given_one_after_another(
    harness: Harness, code: Path
) -> None:
    container, recorder = run(harness, prints(["one"]), mounts=mounted(code))
    recorder.await_exit()

    container.run(harness.program(shows("WOOD", "index.py"), environment={"WOOD": "oak"}))
    recorder.await_exit(2)
    container.run(harness.program(prints(["three"], code=3)))

    assert recorder.await_exit(3) == ProgramExit(code=3)
    assert recorder.lines == ["one", "oak", "wood = 'walnut'", "three"]


def test_a_listener_is_told_on_the_reactors_thread_alone(harness: Harness) -> None:
    container, recorder = run(harness, prints(["one"], code=3))
    recorder.await_exit()

    container.flush()
    recorder.await_flushed()
    container.kill()

    recorder.await_gone()
    assert recorder.threads == {"reactor"}


# Freezing


def test_a_frozen_container_makes_no_progress_until_it_is_thawed(harness: Harness) -> None:
    frozen, its_recorder = run(harness, RINGS)
    its_line = harness.bell.await_ring()
    _, recorder = run(harness, RINGS)
    line = harness.bell.await_ring()

    with its_line, line:
        frozen.freeze()
        eventually(lambda: harness.stands_still(frozen), within=LIMIT)
        its_line.sendall(b"!")
        line.sendall(b"!")
        recorder.await_exit()
        meanwhile = its_recorder.lines
        frozen.thaw()

        its_recorder.await_exit()

    assert meanwhile == ["before"]
    assert its_recorder.lines == ["before", "went on"]


@once_with_docker
def test_a_thaw_that_follows_a_freeze_at_once_is_not_lost(harness: Harness) -> None:
    container, recorder = run(harness, RINGS)

    with harness.bell.await_ring() as line:
        for _ in range(10):
            container.freeze()
            container.thaw()
        line.sendall(b"!")

    assert recorder.await_exit() == ProgramExit(code=0)


@once_with_docker
def test_a_thaw_without_a_freeze_is_harmless(harness: Harness) -> None:
    container, recorder = run(harness, RINGS)

    with harness.bell.await_ring() as line:
        container.thaw()
        line.sendall(b"!")

    assert recorder.await_exit() == ProgramExit(code=0)


def test_a_frozen_container_can_be_killed(harness: Harness) -> None:
    container, recorder = run(harness, HANGS)
    recorder.await_line("hanging")
    container.freeze()

    container.kill()

    assert recorder.await_exit() == ProgramExit()


# The CPU


@once_with_docker
def test_a_limit_of_the_cpu_is_set_changed_and_lifted(harness: Harness) -> None:
    container, recorder = run(harness, SPINS)

    with harness.bell.await_ring():
        limits = []
        for cpus in (128 / 1769, 2.5, None):
            container.limit_cpu(cpus)
            limits.append(harness.cpus())
        still_runs = not recorder.of("exited")  # it ends with the bell

    assert limits == [pytest.approx(128 / 1769, abs=0.001), 2.5, None]
    assert still_runs


# The name


@once_with_docker
def test_a_container_takes_another_name_while_it_runs(harness: Harness) -> None:
    name = f"taskdock-test-{ids.word()}"
    container, recorder = run(harness, HANGS)

    container.rename(name)

    assert harness.name() == name
    assert recorder.of("exited") == []


# Removing


@once_with_docker
@pytest.mark.parametrize("state", ["running", "frozen", "killed", "ended"])
def test_remove_leaves_nothing(harness: Harness, state: str) -> None:
    container, recorder = run(harness, prints([]) if state == "ended" else HANGS)
    if state == "ended":
        recorder.await_exit()
    else:
        recorder.await_line("hanging")
    if state == "frozen":
        container.freeze()
    if state == "killed":
        container.kill()

    container.remove()

    # Docker 26 still lists for a moment what it does not know any more.
    eventually(lambda: harness.present() == 0, within=LIMIT)
    recorder.await_exit()


@pytest.mark.parametrize("removed", [False, True], ids=["killed", "removed"])
def test_every_verb_is_harmless_on_a_container_that_has_ended(
    harness: Harness, removed: bool
) -> None:
    container, recorder = run(harness, prints(["one"]))
    recorder.await_exit()
    container.kill()
    recorder.await_gone()
    if removed:
        container.remove()
    told = [("output", b"one"), ("exited", ProgramExit(code=0)), ("gone", None)]

    for verb in (*VERBS, *VERBS):
        verb(container)

    eventually(lambda: harness.present() == 0, within=LIMIT)
    assert recorder.told == told


@once_with_docker
def test_sweep_removes_the_containers_with_its_label_alone(harness: Harness) -> None:
    for colour in ("red", "red", "blue"):
        _, recorder = run(harness, HANGS, labels={f"{LABEL}.{harness.label[-8:]}": colour})
        recorder.await_line("hanging")

    swept = harness.engine.sweep(f"{LABEL}.{harness.label[-8:]}=red")

    assert swept == 2
    assert harness.present() == 1
    assert recorder.of("exited") == []


@once_with_docker
def test_sweep_removes_frozen_containers_too(harness: Harness) -> None:
    container, recorder = run(harness, HANGS)
    recorder.await_line("hanging")
    container.freeze()

    assert harness.engine.sweep(harness.label) == 1
    assert harness.present() == 0
    assert harness.engine.sweep(harness.label) == 0


# Starting


@once_with_docker
def test_a_container_is_given_its_variables_and_its_code(harness: Harness, code: Path) -> None:
    behaviour = shows("WOOD", "index.py")

    variables = {"environment": {"WOOD": "oak $HOME `id` 'ü'"}}
    _, recorder = run(harness, behaviour, mounts=mounted(code), program=variables)

    recorder.await_exit()
    assert recorder.lines == ["oak $HOME `id` 'ü'", "wood = 'walnut'"]


@once_with_docker
def test_a_container_sees_each_of_its_mounts_in_its_own_place(harness: Harness, code: Path) -> None:
    layer = code / "layer"
    layer.mkdir(mode=0o755)
    (layer / "wood.txt").write_text("oak\n")
    mounts = (*mounted(code), Mount(source=layer, target="/opt"))

    _, recorder = run(harness, reads((CODE, "index.py"), ("/opt", "wood.txt")), mounts=mounts)

    recorder.await_exit()
    assert recorder.lines == ["wood = 'walnut'", "oak"]


@pytest.mark.docker
def test_only_a_mount_that_is_not_read_only_can_be_written(
    docker_harness: DockerHarness, code: Path
) -> None:
    closed, open_to_all = code / "closed", code / "open"
    for folder in (closed, open_to_all):
        folder.mkdir()
        folder.chmod(0o777)
    mounts = (
        Mount(source=closed, target="/opt/closed"),
        Mount(source=open_to_all, target="/opt/open", read_only=False),
    )

    _, recorder = run(docker_harness, Behaviour(WRITES, lambda _: None), mounts=mounts)

    recorder.await_exit()
    assert recorder.lines == [os.strerror(errno.EROFS), "written"]
    assert (open_to_all / "oak").read_text() == "walnut"
    assert list(closed.iterdir()) == []


WRITES = """
for folder in ("/opt/closed", "/opt/open"):
    try:
        with open(f"{folder}/oak", "w") as file:
            file.write("walnut")
        print("written")
    except OSError as error:
        print(error.strerror)
"""


@once_with_docker
def test_a_start_that_cannot_work_fails_and_leaves_nothing(harness: Harness) -> None:
    with pytest.raises(StartFailed) as failure:
        harness.engine.create(harness.broken_spec(), Recorder(), harness.reactor)

    assert "no such" in failure.value.message.lower()
    assert harness.present() == 0


@once_with_docker
def test_a_container_whose_code_is_missing_does_not_start(harness: Harness) -> None:
    with pytest.raises(StartFailed):
        run(harness, HANGS, mounts=mounted(Path("/no/such/folder")))

    assert harness.present() == 0


@once_with_docker
def test_many_containers_start_side_by_side(harness: Harness) -> None:
    recorders = [run(harness, RINGS)[1] for _ in range(8)]
    lines = [harness.bell.await_ring() for _ in recorders]

    for line in lines:
        line.sendall(b"!")
        line.close()

    assert [recorder.await_exit().code for recorder in recorders] == [0] * 8


# Docker alone: what a real container may do

CONFINEMENT = """
import json, resource
def tries(path):
    try:
        with open(path, "w") as file:
            file.write("x")
    except OSError:
        return False
    return True
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "code": tries("/var/task/index.py") or tries("/var/task/new.py"),
    "root": any(tries(f"{folder}/new") for folder in ("", "/etc", "/opt", "/var/task", "/usr")),
    "tmp": tries("/tmp/new"),
    "ids": [os.getuid(), os.getgid(), os.getgroups()],
    "capabilities": [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")],
    "no_new_privileges": int(status["NoNewPrivs"]),
    "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
}))
"""


@pytest.mark.docker
def test_a_container_may_write_to_tmp_and_nowhere_else_and_has_no_privileges(
    docker_harness: DockerHarness, code: Path
) -> None:
    _, recorder = run(docker_harness, Behaviour(CONFINEMENT, lambda _: None), mounts=mounted(code))

    recorder.await_exit()
    assert json.loads(recorder.lines[0]) == {
        "code": False,
        "root": False,
        "tmp": True,
        "ids": [993, 990, []],
        "capabilities": [0, 0, 0, 0],
        "no_new_privileges": 1,
        "open_files": 1024,
    }
    assert (code / "index.py").read_text() == "wood = 'walnut'\n"


@pytest.mark.docker
def test_a_container_cannot_swap(docker_harness: DockerHarness) -> None:
    _, recorder = run(docker_harness, HANGS, memory=256)
    recorder.await_line("hanging")

    limits = docker_harness.host_config()

    assert limits["Memory"] == limits["MemorySwap"] == 256 << 20


@pytest.mark.docker
def test_a_container_takes_its_volume_along(docker_harness: DockerHarness) -> None:
    container, recorder = run(docker_harness, HANGS)
    recorder.await_line("hanging")
    volumes = docker_harness.volumes()

    container.remove()

    assert len(volumes) == 1
    assert not any(docker_harness.volume_exists(name) for name in volumes)


VOLUMES = """
import json
print(json.dumps({
    path: [bool(os.statvfs(path).f_flag & os.ST_RDONLY), bool(os.listdir(path))]
    for path in ("/usr/lib/ssl", "/mnt/new", "/tmp", "/tmp/deep")
}))
"""


@pytest.mark.docker
def test_volumes_of_an_image_are_read_only_have_what_is_there_and_go_with_the_container(
    docker_client: docker.DockerClient, docker_harness: DockerHarness, image: str
) -> None:
    dockerfile = f'FROM {image}\nVOLUME ["/usr/lib/ssl", "/mnt/new", "/tmp/deep"]\n'
    tag = f"taskdock-test/{ids.word(8)}:1"
    docker_client.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=tag, rm=True)
    try:
        container, recorder = run(docker_harness, Behaviour(VOLUMES, lambda _: None), image=tag)
        recorder.await_exit()
        volumes = docker_harness.volumes()
        container.remove()
    finally:
        docker_client.images.remove(tag, force=True)

    assert json.loads(recorder.lines[0]) == {
        "/usr/lib/ssl": [True, True],
        "/mnt/new": [True, False],
        "/tmp": [False, True],
        "/tmp/deep": [False, False],
    }
    assert len(volumes) == 3
    eventually(lambda: not any(docker_harness.volume_exists(name) for name in volumes))


@pytest.mark.docker
def test_a_flush_is_answered_at_once_where_the_door_is_a_socket(
    docker_harness: DockerHarness,
) -> None:
    told = []
    container, recorder = run(docker_harness, RINGS)
    with docker_harness.bell.await_ring():
        container.call(lambda itself: (itself.flush(), told.extend(recorder.told)))

    assert [kind for kind, _ in told] == ["output", "flushed"]


@pytest.mark.docker
def test_what_a_program_leaves_behind_ends_with_it(docker_harness: DockerHarness) -> None:
    orphan = Behaviour("os.fork() or signal.pause(); print('parent'); sys.exit(4)", lambda _: None)

    _, recorder = run(docker_harness, orphan)

    assert recorder.await_exit() == ProgramExit(code=4)
    assert docker_harness.processes() == 1


ENVIRONMENT = "import json; print(json.dumps([os.getcwd(), dict(os.environ)]))"


@pytest.mark.docker
def test_a_program_sees_the_variables_of_its_image_and_those_it_is_given_alone(
    docker_harness: DockerHarness, docker_client: docker.DockerClient, image: str
) -> None:
    given = {"WOOD": "oak", "TERM": "given"}
    of_image = docker_client.images.get(image).attrs["Config"]["Env"]

    behaviour = Behaviour(ENVIRONMENT, lambda _: None)
    _, recorder = run(
        docker_harness, behaviour, program={"environment": given, "working_directory": "/opt"}
    )

    recorder.await_exit()
    folder, seen = json.loads(recorder.lines[-1])
    pythons_own = {"LC_CTYPE": seen.get("LC_CTYPE")}
    assert folder == "/opt"
    assert {**seen, **pythons_own} == {
        **dict(entry.split("=", 1) for entry in of_image),
        **given,
        **pythons_own,
    }


SPECIAL = {
    "UID": "7",  # bash refuses to set it
    "OPTIND": "no number",
    "IFS": "abc",
    "PS1": "$(exit 3)",
    "LC_ALL": "no_SUCH",
    "SHELLOPTS": "xtrace",
    "RANDOM": "4",
    "PATH": "/no/such/folder:/usr/local/bin:/usr/bin:/bin:/var/lang/bin",
    "QUOTES": "a'b\"c\\d`e$f\n\ng\n",
    "BYTES": "".join(map(chr, range(1, 0x250))),
}


@pytest.mark.docker
def test_a_variable_of_any_name_and_value_arrives(
    docker_harness: DockerHarness,
) -> None:
    behaviour = Behaviour(ENVIRONMENT, lambda _: None)
    container, recorder = run(docker_harness, behaviour, program={"environment": SPECIAL})
    recorder.await_exit()
    container.run(docker_harness.program(Behaviour(ENVIRONMENT, lambda _: None)))

    assert recorder.await_exit(2) == ProgramExit(code=0)
    seen, plain = (json.loads(line)[1] for line in recorder.lines)
    assert {name: seen.get(name) for name in SPECIAL} == SPECIAL
    assert plain.keys() & SPECIAL.keys() == {"PATH"}
    assert plain["PATH"] != SPECIAL["PATH"]


@pytest.mark.docker
def test_an_argument_may_be_long_and_a_command_missing(docker_harness: DockerHarness) -> None:
    long = Behaviour(f"print({'x' * 100_000!r}[:3])", lambda _: None)
    container, recorder = run(docker_harness, long)
    recorder.await_exit()

    container.run(Program(entrypoint=("/no/such/program",), arguments=()))
    recorder.await_exit(2)
    container.run(Program(entrypoint=("true",), arguments=(), working_directory="/no/such"))

    recorder.await_exit(3)
    assert recorder.of("exited") == [
        ProgramExit(code=0),
        ProgramExit(fault=StartFault(Step.PROGRAM, "/no/such/program", errno.ENOENT)),
        ProgramExit(fault=StartFault(Step.WORKING_DIRECTORY, "/no/such", errno.ENOENT)),
    ]
    assert recorder.lines == ["xxx"]


FILLS = """
print(os.statvfs("/tmp").f_bavail * os.statvfs("/tmp").f_frsize >> 20)
written = 0
try:
    with open("/tmp/full", "wb", buffering=0) as file:
        while True: written += file.write(bytes(1 << 20))
except OSError as error:
    print(error.strerror)
print(written >> 20)
print(oct(os.stat("/tmp").st_mode), os.listdir("/tmp"))
"""


@pytest.mark.docker
def test_a_full_tmp_is_full_for_its_container_alone_and_leaves_nothing(
    docker_harness: DockerHarness, scratch: LoopScratch
) -> None:
    _, its_recorder = run(docker_harness, RINGS)
    with docker_harness.bell.await_ring() as line:
        assert len(disks(scratch.folder)) == 1
        _, recorder = run(docker_harness, Behaviour(FILLS, lambda _: None))

        end = recorder.await_exit()
        line.sendall(b"!")
    its_recorder.await_exit()

    room, complaint, written, folder = recorder.lines
    assert end == ProgramExit(code=0)  # not for lack of memory, of which it had 128 MB
    assert 512 <= int(room) <= 520
    assert complaint == "No space left on device"
    assert 512 <= int(written) <= 520
    assert folder == "0o41777 ['full']"
    docker_harness.engine.sweep(docker_harness.label)
    eventually(lambda: not disks(scratch.folder), within=LIMIT)
    assert docker_harness.warnings == []


class Elsewhere:
    """Disks that the engine cannot see, as if it was in a container without our devices."""

    @contextmanager
    def disk(self, size: int) -> Iterator[str]:
        yield "/dev/no-such-device"


@pytest.mark.docker
def test_an_engine_that_cannot_mount_a_disk_goes_without_and_says_so(
    docker_client: docker.DockerClient, image: str, tmp_path: Path
) -> None:
    harness = DockerHarness(docker_client, image, tmp_path, Elsewhere())

    before = harness.engine.capabilities.limits_storage
    recorders = [run(harness, prints(["one"]))[1] for _ in range(2)]

    assert [recorder.await_exit().code for recorder in recorders] == [0, 0]
    harness.engine.sweep(harness.label)
    assert (before, harness.engine.capabilities.limits_storage) == (True, False)
    (warning,) = harness.warnings
    assert warning.startswith("the size of /tmp is not limited: ")
    eventually(lambda: harness.present() == 0, within=LIMIT)
    harness.close()


def disks(folder: Path) -> list[str]:
    """The loop devices whose file is in this folder of scratch disks; the files have no names."""
    command = ["losetup", "-ln", "-O", "BACK-FILE"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    return [file for file in listed.stdout.splitlines() if file.startswith(str(folder))]


SERVER = """
import os, pathlib, sys, threading
from taskdock.engines.docker.client import connect
from taskdock.engines.docker.engine import DockerEngine
from taskdock.engines.docker.locate import find_engine
from taskdock.engines.engine import ContainerSpec, Program
from taskdock.engines.linux.scratch_disk import LoopScratch
from taskdock.base.timing.reactor import Reactor
from tests.support.engine_harness import Recorder, Remote
image, name, value, folder, state = sys.argv[1:]
spec = ContainerSpec(image=image, name=f"taskdock-test-{value}", memory=128, labels={name: value})
program = Program(entrypoint=("sleep",), arguments=("600",))
reactor = Reactor()
reactor.start()
folder = pathlib.Path(folder)
client = connect(find_engine(os.environ))
scratch = LoopScratch(folder) if os.geteuid() == 0 else None
engine = DockerEngine(client, folder / "doors", scratch=scratch)
container = Remote(engine.create(spec, Recorder(), reactor), program, reactor)
container.run()
if state == "frozen":
    container.freeze()
print("started", flush=True)
threading.Event().wait()
"""


@pytest.mark.docker
@pytest.mark.parametrize("state", ["running", "frozen"])
def test_a_container_ends_with_its_server_even_if_that_is_killed(
    docker_harness: DockerHarness, image: str, tmp_path: Path, state: str
) -> None:
    label = docker_harness.label.split("=")
    command = [sys.executable, "-c", SERVER, image, *label, str(tmp_path), state]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"started\n"
        before = docker_harness.present(), len(disks(tmp_path))

        os.kill(server.pid, signal.SIGKILL)

    assert before == (1, int(docker_harness.engine.capabilities.limits_storage))
    eventually(lambda: docker_harness.present() == 0, within=LIMIT)
    eventually(lambda: not disks(tmp_path), within=LIMIT)
