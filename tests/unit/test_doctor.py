"""What the doctor makes of figures, of checks that fail or hang, and how it says so."""

from __future__ import annotations

import http.server
import re
import resource
import threading
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from taskdock.base.errors import NotReachable, StartFailed
from taskdock.base.settings import Settings
from taskdock.engines.docker.facts import EngineFacts, EngineKind
from taskdock.engines.docker.images import inquiries
from taskdock.engines.docker.images.inquiries import Asked
from taskdock.engines.docker.images.registry import PullFault
from taskdock.engines.ending import ProgramExit
from taskdock.engines.engine import Capabilities
from taskdock.server.doctor import machine
from taskdock.server.doctor.check import Check, perform
from taskdock.server.doctor.examination import Examination
from taskdock.server.doctor.judges import judge_engine, judge_images, judge_machine, report
from taskdock.server.doctor.judges.finding import (
    CheckStatus,
    Finding,
    NotChecked,
    broken,
    degraded,
    ok,
)
from taskdock.server.doctor.judges.judge_engine import Located
from taskdock.server.doctor.judges.judge_machine import (
    UNLIMITED,
    Descriptors,
    DiskSpace,
    FolderState,
    Inotify,
    Loops,
)
from taskdock.server.doctor.shortfalls import shortfalls
from taskdock.server.welcome import welcome
from taskdock.testing.clock import ManualClock

GB = 1024**3
MB = 1024**2
DATA = Path("/data")
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=timezone.utc)
DOCKER = EngineFacts(kind=EngineKind.DOCKER, version="28.5.2", api="1.51")


def located(**fields: Any) -> Located:
    return Located(**{"facts": DOCKER, "address": "unix:///var/run/docker.sock", **fields})


# Checks


def test_what_a_check_raises_is_its_finding() -> None:
    def fails() -> Finding:
        raise ZeroDivisionError("by nothing")

    def cannot() -> Finding:
        raise NotChecked("no engine")

    def refused() -> Finding:
        raise StartFailed("no room")

    assert perform(Check("a", fails)) == broken("this check failed: ZeroDivisionError: by nothing")
    assert perform(Check("a", cannot)) == Finding(CheckStatus.UNCHECKED, "not checked: no engine")
    assert perform(Check("a", refused)) == broken("no room")


def test_a_check_that_hangs_is_left_alone_and_the_engine_is_not_asked_again(
    tmp_path: Path,
) -> None:
    let_go = threading.Event()

    def hang() -> Finding:
        let_go.wait(30)
        return ok("at last")

    examination = Examination(
        Settings(data_dir=tmp_path), environment={}, clock=ManualClock(), runtime_ids=[]
    )
    engine = examination.engine
    engine._client = engine._engine = SimpleNamespace()  # type: ignore[assignment]
    checks = [
        Check("container", hang, limit=0.01),
        Check("door", examination.containers.door),
        Check("Python", examination.machine.python),
    ]
    examination.checks = lambda: checks  # type: ignore[method-assign]

    found = dict(examination.findings())
    let_go.set()

    assert found["container"] == broken("no answer within 0.01 s")
    assert found["door"].measured == "not checked: the engine has not answered about: container"
    assert found["Python"].status is CheckStatus.OK


def test_every_check_has_a_name_of_its_own_that_fits_its_column(tmp_path: Path) -> None:
    examination = Examination(
        Settings(data_dir=tmp_path), environment={}, clock=ManualClock(), runtime_ids=[]
    )

    names = [check.name for check in examination.checks()]

    assert len(set(names)) == len(names)
    assert max(map(len, names)) == report._WIDTH


def test_the_document_has_every_check_in_its_order(tmp_path: Path) -> None:
    examination = Examination(
        Settings(data_dir=tmp_path), environment={}, clock=ManualClock(), runtime_ids=[]
    )
    text = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()

    _, _, table = text.partition("| check | ")
    rows = re.findall(r"^\| ([^|-]+) \| ", table, re.MULTILINE)

    assert rows == [check.name for check in examination.checks()]


# What figures of the machine mean


@pytest.mark.parametrize(
    ("version", "status"), [((3, 9, 18), CheckStatus.BROKEN), ((3, 10, 0), CheckStatus.OK)]
)
def test_python_is_3_10_or_newer(version: tuple[int, int, int], status: CheckStatus) -> None:
    assert judge_machine.python(version, "3.40.1").status is status


@pytest.mark.parametrize(
    ("seen", "status", "words"),
    [
        (FolderState(DATA, is_new=True), CheckStatus.OK, "can be made"),
        (FolderState(DATA), CheckStatus.OK, "can be written"),
        (
            FolderState(DATA, is_locked=True, url="http://localhost:1"),
            CheckStatus.OK,
            "localhost:1",
        ),
        (
            FolderState(DATA, foreign="it is a symbolic link"),
            CheckStatus.BROKEN,
            "it is a symbolic link",
        ),
        (FolderState(DATA, "Read-only file system"), CheckStatus.BROKEN, "Read-only file system"),
        (FolderState(DATA, "No space left on device"), CheckStatus.BROKEN, "the disk is full"),
        (FolderState(DATA, "database or disk is full"), CheckStatus.BROKEN, "the disk is full"),
        (FolderState(DATA, "File name too long"), CheckStatus.BROKEN, "too long (5 characters)"),
        (
            FolderState(DATA, "unable to open database file"),
            CheckStatus.BROKEN,
            "SQLite takes about",
        ),
    ],
)
def test_a_data_folder(seen: FolderState, status: CheckStatus, words: str) -> None:
    found = judge_machine.data_folder(seen)

    assert found.status is status
    assert words in found.measured
    assert bool(found.remedies) is (status is CheckStatus.BROKEN)


@pytest.mark.parametrize(
    ("given", "raised", "status", "words"),
    [
        (UNLIMITED, UNLIMITED, CheckStatus.OK, "any number at most"),
        (1024, 65536, CheckStatus.OK, "65536 at most (1024 until a server raises that)"),
        (204, 204, CheckStatus.OK, "204 at most"),
        (203, 203, CheckStatus.DEGRADED, "room for about 23 of 24 environments"),
        (64, 128, CheckStatus.DEGRADED, "room for about 11 of 24 environments"),
        (127, 127, CheckStatus.BROKEN, "127 at most, and a server needs 128"),
    ],
)
def test_descriptors(given: int, raised: int, status: CheckStatus, words: str) -> None:
    found = judge_machine.descriptors(Descriptors(given, raised))

    assert found.status is status
    assert words in found.measured
    assert bool(found.remedies) is (status is not CheckStatus.OK)


@pytest.mark.parametrize(
    ("data", "images", "status"),
    [
        (DiskSpace(DATA, GB), None, CheckStatus.OK),
        (DiskSpace(DATA, GB, files=10**6), DiskSpace(DATA, 4 * GB), CheckStatus.OK),
        (DiskSpace(DATA, GB - 1), None, CheckStatus.DEGRADED),
        (DiskSpace(DATA, 64 * MB), None, CheckStatus.DEGRADED),
        (DiskSpace(DATA, 64 * MB - 1), None, CheckStatus.BROKEN),
        (DiskSpace(DATA, GB), DiskSpace(DATA, 4 * GB - 1), CheckStatus.DEGRADED),
        (DiskSpace(DATA, GB), DiskSpace(DATA, 512 * MB - 1), CheckStatus.BROKEN),
        (DiskSpace(DATA, GB, files=1000), None, CheckStatus.OK),
        (DiskSpace(DATA, GB, files=999), None, CheckStatus.DEGRADED),
        (DiskSpace(DATA, GB, files=0), None, CheckStatus.BROKEN),
    ],
)
def test_room_on_disks(data: DiskSpace, images: DiskSpace | None, status: CheckStatus) -> None:
    found = judge_machine.disk(data, images)

    assert found.status is status
    assert bool(found.remedies) is (status is not CheckStatus.OK)


def test_a_cache_elsewhere_than_usual_is_told() -> None:
    assert judge_machine.cache(DATA, "") == ok("/data can be written")
    assert judge_machine.cache(DATA, "it is in /tmp").status is CheckStatus.DEGRADED


@pytest.mark.parametrize(
    ("fault", "taskdock", "status"),
    [
        ("", None, CheckStatus.OK),
        ("in use", "0.1.0", CheckStatus.OK),
        ("in use", None, CheckStatus.BROKEN),
    ],
)
def test_a_port(fault: str, taskdock: str | None, status: CheckStatus) -> None:
    assert judge_machine.port(fault, "http://localhost:8080", taskdock).status is status


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (Loops(8, 8), CheckStatus.OK),
        (Loops(8, 8, "/dev/loop-control: No such file or directory"), CheckStatus.DEGRADED),
        ("only root can use them", CheckStatus.UNCHECKED),
    ],
)
def test_loop_devices(seen: Loops | str, status: CheckStatus) -> None:
    assert judge_machine.loops(seen).status is status


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (Inotify(128, 8192), CheckStatus.OK),
        (Inotify(127, 8192), CheckStatus.DEGRADED),
        (Inotify(128, 8191), CheckStatus.DEGRADED),
        (Inotify(128, 8192, "Too many open files"), CheckStatus.DEGRADED),
        (None, CheckStatus.UNCHECKED),
    ],
)
def test_inotify(seen: Inotify | None, status: CheckStatus) -> None:
    assert judge_machine.inotify(seen).status is status


@pytest.mark.parametrize(
    ("year", "ahead", "status", "words"),
    [
        (2026, 0.9, CheckStatus.OK, "shows the same"),
        (2026, -0.9, CheckStatus.OK, "shows the same"),
        (2026, 1.0, CheckStatus.DEGRADED, "1.0 s ahead"),
        (2026, -29.0, CheckStatus.DEGRADED, "29.0 s behind"),
        (2026, -30.0, CheckStatus.BROKEN, "30.0 s behind"),
        (2026, None, CheckStatus.OK, "does not tell"),
        (1970, 0.0, CheckStatus.BROKEN, "1970-06-01"),
        (2101, 0.0, CheckStatus.BROKEN, "2101-06-01"),
    ],
)
def test_clocks(year: int, ahead: float | None, status: CheckStatus, words: str) -> None:
    found = judge_machine.clock(NOW.replace(year=year), ahead)

    assert found.status is status
    assert words in found.measured


# What was seen of the engine means


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("x\n  unix:///a (DOCKER_HOST): permission denied", "unset DOCKER_HOST"),
        (
            "x\n  ssh://a (docker context b): no\n"
            "  No other engine is looked for. Start that one, or: docker context use default",
            "docker context use default, or start the engine that it names",
        ),
        ("x\n  unix:///a (Docker): permission denied", "usermod -aG docker"),
        ("x\n  unix:///a (Docker): nobody listens there", "systemctl start docker"),
        ("x\n  unix:///a (Docker): no such socket", "install"),
    ],
)
def test_without_an_engine_the_first_step_depends_on_what_was_met(
    message: str, remedy: str
) -> None:
    found = judge_engine.no_engine(message)

    assert found.status is CheckStatus.BROKEN
    assert found.measured == message
    assert remedy in found.remedies[0]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, CheckStatus.OK, "Docker 28.5.2, API 1.51, at unix:///var/run/docker.sock"),
        ({"source": "Docker"}, CheckStatus.OK, "docker.sock (Docker)"),
        ({"is_here": False}, CheckStatus.DEGRADED, "on another machine"),
        ({"is_here": False, "in_container": True}, CheckStatus.OK, "itself runs in a container"),
        (
            {"is_here": False, "facts": EngineFacts(kind=EngineKind.DESKTOP, version="28.0.1")},
            CheckStatus.OK,
            "Docker Desktop 28.0.1",
        ),
        (
            {"facts": EngineFacts(kind=EngineKind.DOCKER, version="19.03.15")},
            CheckStatus.DEGRADED,
            "older than 20.10",
        ),
        (
            {"facts": EngineFacts(kind=EngineKind.PODMAN, version="4.9.3")},
            CheckStatus.OK,
            "Podman 4.9.3",
        ),
        (
            {
                "facts": EngineFacts(
                    kind=EngineKind.ROOTLESS_DOCKER, cgroup="2", cgroup_driver="none"
                )
            },
            CheckStatus.OK,
            "rootless Docker (no version told), API ?",
        ),
    ],
)
def test_an_engine_is_described(fields: Any, status: CheckStatus, words: str) -> None:
    found = judge_engine.engine(located(**fields))

    assert found.status is status
    assert words in found.measured


@pytest.mark.parametrize(
    ("seconds", "greets", "status"),
    [
        (0.4, True, CheckStatus.OK),
        (5.1, True, CheckStatus.DEGRADED),
        (0.4, False, CheckStatus.BROKEN),
    ],
)
def test_a_container(seconds: float, greets: bool, status: CheckStatus) -> None:
    assert judge_engine.container(seconds, greets).status is status


@pytest.mark.parametrize(
    ("fault", "remedies"),
    [
        ("could not find bridge docker0", ["systemctl restart docker"]),
        ("write /var/lib: no space left on device", ["docker image prune"]),
        ("something new", ["docker run --rm hello-world"]),
        ('invalid mount config for type "bind": bind source path does not exist', ["--data-dir"]),
        ("mounts denied: the path /data is not shared from the host", ["--data-dir"]),
        ("the engine cannot see /data: give it a volume", []),
    ],
)
def test_why_no_container_starts(fault: str, remedies: list[str]) -> None:
    found = judge_engine.no_container(fault, located(), "/data")

    assert found.status is CheckStatus.BROKEN
    assert found.measured.startswith(fault)
    assert len(found.remedies) == len(remedies)
    assert all(words in found.remedies[0] for words in remedies)


def test_what_keeps_a_container_from_this_server_is_told_with_its_own_remedies_alone(
    tmp_path: Path,
) -> None:
    told = "containers cannot reach this server: no.\nTo mend it:\n    sudo iptables -I INPUT"

    def refuse(*_: object) -> None:
        raise NotReachable(told)

    with Examination(
        Settings(data_dir=tmp_path), environment={}, clock=ManualClock(), runtime_ids=[]
    ) as examination:
        engine: Any = examination.engine
        engine.use_probe = lambda: SimpleNamespace(image=lambda: "probe")
        engine.use = lambda: SimpleNamespace(create=refuse, transport=None)
        engine.sweep = lambda label: None

        found = [perform(check) for check in examination.checks() if check.name == "container"]
        then = [perform(check) for check in examination.checks() if check.name == "door"]

    assert found == [broken(told)]
    assert then == [Finding(CheckStatus.UNCHECKED, "not checked: no container")]


def test_by_what_a_container_comes() -> None:
    usual = judge_engine.door("a Unix socket in the data folder", True)
    other = judge_engine.door("TCP, by host-gateway", False)

    assert usual == ok("a container came by a Unix socket in the data folder")
    assert other.status is CheckStatus.DEGRADED
    assert "a container came by TCP, by host-gateway, since the engine's kernel" in other.measured


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"in_container": True}, "-v /data:/data"),
        ({"facts": EngineFacts(kind=EngineKind.DESKTOP)}, "File sharing"),
        ({}, "--data-dir"),
    ],
)
def test_files_that_the_engine_does_not_see(fields: Any, remedy: str) -> None:
    found = judge_engine.code(False, "no such path", located(**fields), "/data")

    assert found.status is CheckStatus.BROKEN
    assert found.measured.startswith("no such path; ") or fields.get("facts")
    assert remedy in found.remedies[0]
    assert judge_engine.code(True, "", located(**fields), "/data").status is CheckStatus.OK


@pytest.mark.parametrize(
    ("end", "facts", "status", "words"),
    [
        (
            ProgramExit(signal=9, out_of_memory=True),
            DOCKER,
            CheckStatus.OK,
            "192 of 64 MB is killed, and that is seen",
        ),
        (ProgramExit(signal=9), DOCKER, CheckStatus.DEGRADED, "Runtime.ExitError in place of"),
        (ProgramExit(code=1), DOCKER, CheckStatus.DEGRADED, "ended by itself, with 1"),
        (ProgramExit(code=137), DOCKER, CheckStatus.DEGRADED, "ended by itself, with 137"),
        (ProgramExit(), DOCKER, CheckStatus.DEGRADED, "ended by itself, with None"),
        (ProgramExit(code=0), DOCKER, CheckStatus.BROKEN, "docker info"),
        (
            ProgramExit(code=0),
            EngineFacts(kind=EngineKind.DOCKER, limits_swap=False),
            CheckStatus.BROKEN,
            "swapoff",
        ),
        (
            ProgramExit(code=0),
            EngineFacts(kind=EngineKind.DOCKER, limits_memory=False),
            CheckStatus.BROKEN,
            "cgroup_enable=memory",
        ),
        (
            ProgramExit(code=0),
            EngineFacts(kind=EngineKind.ROOTLESS_PODMAN),
            CheckStatus.BROKEN,
            "rootlesscontaine.rs",
        ),
    ],
)
def test_a_memory_limit(
    end: ProgramExit, facts: EngineFacts, status: CheckStatus, words: str
) -> None:
    found = judge_engine.memory(end, 64, facts)

    assert found.status is status
    assert words in "\n".join([found.measured, *found.remedies])


@pytest.mark.parametrize(
    ("peak", "status", "words"),
    [
        (24 * MB, CheckStatus.OK, "24 MB are seen of a program that took 24 MB"),
        (24 * MB - 1, CheckStatus.DEGRADED, "23 MB are seen of a program that took 24 MB"),
        (0, CheckStatus.DEGRADED, "the kernel tells nothing"),
    ],
)
def test_a_peak_of_memory(peak: int, status: CheckStatus, words: str) -> None:
    found = judge_engine.peaks(peak, 24 * MB)

    assert found.status is status
    assert words in found.measured


@pytest.mark.parametrize(
    ("held", "thawed", "status"),
    [
        (True, True, CheckStatus.OK),
        (False, True, CheckStatus.DEGRADED),
        (True, False, CheckStatus.BROKEN),
    ],
)
def test_freezing(held: bool, thawed: bool, status: CheckStatus) -> None:
    assert judge_engine.freezing(held, thawed).status is status


@pytest.mark.parametrize(
    ("limited", "wrote", "why", "status", "words"),
    [
        (True, 1, "", CheckStatus.OK, "16 MB do not fit on a disk of 8 MB"),
        (True, 0, "", CheckStatus.DEGRADED, "16 MB fit on a disk of 8 MB"),
        (
            False,
            None,
            "limiting /tmp takes root on Linux",
            CheckStatus.DEGRADED,
            "taskdock as root",
        ),
        (False, None, "mkfs.ext4 is not installed", CheckStatus.DEGRADED, "e2fsprogs"),
        (False, None, "/dev/loop-control is not there", CheckStatus.DEGRADED, "modprobe loop"),
    ],
)
def test_the_size_of_tmp(
    limited: bool, wrote: int | None, why: str, status: CheckStatus, words: str
) -> None:
    found = judge_engine.scratch(limited, wrote, 8, why)

    assert found.status is status
    assert words in "\n".join([found.measured, *found.remedies])


def test_a_registry() -> None:
    host = "public.ecr.aws"

    near = judge_images.registry(Asked(host, 0.12), "", "")
    far = judge_images.registry(Asked(host, 2.1), "http://me:secret@proxy:3128", "")
    gone = judge_images.registry(
        Asked(host, 0.1, PullFault.UNREACHABLE, "no such host"), "", "http://u:p@proxy:1"
    )
    slow = judge_images.registry(Asked(host, 20.0, PullFault.SLOW, "no answer"), "", "")

    assert judge_images.registry(None, "", "").status is CheckStatus.UNCHECKED
    assert near == ok("public.ecr.aws answers in 120 ms, without a proxy")
    assert far.status is CheckStatus.DEGRADED
    assert "through the engine's proxy http://proxy:3128" in far.measured
    assert gone.status is CheckStatus.DEGRADED
    assert "cannot be reached, without a proxy: no such host" in gone.measured
    assert slow.status is CheckStatus.DEGRADED
    assert "does not answer in time, without a proxy: no answer" in slow.measured
    assert "taskdock images" in slow.remedies[0]
    assert "the proxy that this shell has (http://proxy:1)" in gone.remedies[0]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["present", "pullable"], CheckStatus.OK),
        (["present", "stand-in"], CheckStatus.DEGRADED),
        (["stand-in (not built)"], CheckStatus.DEGRADED),
        (["stand-in", "not available"], CheckStatus.BROKEN),
    ],
)
def test_images(statuses: list[str], status: CheckStatus) -> None:
    found = judge_images.images([("python3.11", each) for each in statuses], True)

    assert found.status is status
    assert f"python3.11: {statuses[0]}" in found.measured


def test_where_no_registry_could_be_asked_nobody_knows_what_can_be_pulled() -> None:
    found = judge_images.images([("python3.11", "pullable")], False)

    assert found.status is CheckStatus.DEGRADED
    assert "if the registry can be reached" in found.measured
    assert judge_images.images([("python3.11", "present")], False).status is CheckStatus.OK


@pytest.mark.parametrize(
    ("status", "body", "fault", "words"),
    [
        (200, '{"Descriptor": {}}', None, ""),
        (403, '{"message": "denied"}', None, ""),
        (404, '{"message": "manifest unknown"}', None, ""),
        (404, "Not Found\n", None, None),  # as Podman has it
        (500, '{"message": "no such host"}', PullFault.UNREACHABLE, "no such host"),
        (500, "out of order", PullFault.BROKEN, "out of order"),
        (502, "", PullFault.BROKEN, "HTTP status 502"),
        (500, '{"message": "%s"}' % ("x" * 300), PullFault.BROKEN, "x" * 200),
    ],
)
def test_what_an_engine_says_of_a_registry(
    status: int, body: str, fault: PullFault | None, words: str | None
) -> None:
    reply = requests.Response()
    reply.status_code, reply._content = status, body.encode()
    asked: list[str] = []
    api = SimpleNamespace(
        base_url="http+docker://localhost",
        api_version="1.41",
        get=lambda url, timeout: asked.append(url) or reply,
    )
    client: Any = SimpleNamespace(api=api)

    found = inquiries.ask_registry(client, "public.ecr.aws/lambda/python:3.11")

    assert asked == [
        "http+docker://localhost/v1.41/distribution/public.ecr.aws/lambda/python:3.11/json"
    ]
    if words is None:
        assert found is None
    else:
        assert found is not None
        assert (found.registry, found.fault, found.words) == ("public.ecr.aws", fault, words)


def test_a_registry_that_does_not_answer_in_time_is_told_so() -> None:
    def hang(url: str, timeout: float) -> None:
        raise requests.exceptions.ReadTimeout

    client: Any = SimpleNamespace(api=SimpleNamespace(base_url="", api_version="", get=hang))

    found = inquiries.ask_registry(client, "public.ecr.aws/lambda/python:3.11")

    assert found == Asked("public.ecr.aws", 20.0, PullFault.SLOW, "no answer within 20 s")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-06-01T12:00:01Z", 1.0),
        ("2026-06-01T12:00:00.5Z", 0.5),
        ("2026-06-01T14:00:00.123456789+02:00", 0.123456),
        ("yesterday", None),
        ("2026-13-01T12:00:01Z", None),
        ("", None),
    ],
)
def test_an_engines_time_is_read(written: str, seconds: float | None) -> None:
    read = inquiries.moment(written)

    assert (None if read is None else (read - NOW).total_seconds()) == seconds


# What is tried on this machine


def test_what_was_made_for_a_try_is_gone_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()

    with machine.workshop(tmp_path / "there" / "new" / "newer") as folder:
        assert folder.is_dir()
    seen = machine.data_folder(tmp_path / "there" / "new")

    assert (seen.fault, seen.is_new, seen.is_locked) == ("", True, False)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")

    seen = machine.data_folder(tmp_path / "data")

    assert "data is a file where taskdock has a folder" in seen.foreign


def test_the_limit_of_open_files_is_raised_as_a_server_does() -> None:
    given, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
        seen = machine.descriptors()
        now, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (given, most))

    assert seen.given == 200
    assert seen.raised == now > 200


def test_room_is_that_of_the_disk_where_a_folder_would_be(tmp_path: Path) -> None:
    assert machine.room(tmp_path / "not" / "there").free > 0


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (b'{"status": "ok", "version": "1.2.3", "environments": 0}', "1.2.3"),
        (b'{"status": "ok", "version": "1.2.3"}', None),
        (b'{"environments": 0}', None),
        (b"[]", None),
        (b"hello", None),
    ],
)
def test_a_taskdock_is_known_by_its_health(answer: bytes, version: str | None) -> None:
    class Serve(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/health"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Serve) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        found = machine.taskdock_at(f"http://127.0.0.1:{server.server_port}")
        thread.join()

    assert found == version
    assert machine.taskdock_at(f"http://127.0.0.1:{server.server_port}") is None


# What is said


@pytest.mark.parametrize(
    ("encoding", "variables", "signs"),
    [
        ("utf-8", {"LANG": "de_DE.UTF-8"}, report.UNICODE),
        ("utf-8", {}, report.UNICODE),
        ("utf-8", {"LC_ALL": "C"}, report.ASCII),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, report.UNICODE),
        ("utf-8", {"LC_ALL": "POSIX", "PYTHONIOENCODING": "utf-8"}, report.UNICODE),
        ("ascii", {"LANG": "de_DE.UTF-8"}, report.ASCII),
        ("iso8859-1", {}, report.ASCII),
        ("", {}, report.ASCII),
        ("no-such-code", {}, report.ASCII),
    ],
)
def test_signs_are_such_as_the_terminal_shows(
    encoding: str, variables: dict[str, str], signs: report.Signs
) -> None:
    assert report.signs(encoding, variables) == signs


def test_a_finding_is_shown_with_its_details_and_remedies_below() -> None:
    finding = broken("none answers\n  unix:///a: no", "start it", "or another")

    assert report.lines("engine", finding, report.ASCII) == [
        "x engine        none answers",
        "                  unix:///a: no",
        "                -> start it",
        "                -> or another",
    ]


def test_the_summary_names_what_is_wrong_and_only_what_is_broken_counts() -> None:
    fine, short, bad = {"a": ok("")}, {"b": degraded("")}, {"c": broken("")}

    assert report.summary(fine) == "all is well"
    assert report.summary(fine | short) == "functions run; degraded: b"
    assert report.summary(fine | short | bad) == "broken: c"
    assert report.is_well(fine | short)
    assert not report.is_well(fine | short | bad)
    assert report.document("b", degraded("slow", "wait")) == {
        "name": "b",
        "status": "degraded",
        "measured": "slow",
        "remedies": ["wait"],
    }


# What serve says


def test_a_server_names_what_it_does_without(tmp_path: Path) -> None:
    lacking = SimpleNamespace(capabilities=Capabilities(limits_memory=False, limits_storage=False))
    having = SimpleNamespace(capabilities=Capabilities())

    assert shortfalls(lacking, tmp_path)[:2] == [  # type: ignore[arg-type]
        "memory limits are not kept",
        "the size of /tmp is not limited",
    ]
    assert "the size of /tmp is not limited" not in shortfalls(having, tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize("without", [(), ("this", "that")])
def test_the_welcome_has_one_line_for_it_if_there_is_anything(
    without: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    emulator: Any = SimpleNamespace(
        url="http://localhost:8080",
        settings=Settings(),
        directory=SimpleNamespace(local=SimpleNamespace(password=None)),
    )

    welcome(emulator, without)

    lines = [line for line in capsys.readouterr().out.splitlines() if "Degraded" in line]
    assert lines == (["  Degraded      this, that; more: taskdock doctor"] if without else [])
