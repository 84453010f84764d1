"""What a hostile program tries in its container: the kernel, its own rights, its neighbours' doors.

More of it is in tests/fidelity/test_9_hostile_functions.py: the launcher, its door and its memory,
the Runtime API's hosts, floods of all kinds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import docker
import pytest

from taskdock.base import ids
from taskdock.engines.launcher.acceptor import CallLimits
from tests.contract.test_engine_contract import (  # noqa: F401
    by_network_alone,
    docker_by_network_harness,
    docker_harness,
    image,
)
from tests.fidelity.conftest import live  # noqa: F401
from tests.security.test_containers import Built, built, told  # noqa: F401
from tests.support.engine_harness import HANGS, DockerHarness, run
from tests.support.live_dock import LiveDock

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(300)]

_TRIES = """
import ctypes, errno, json, os, pathlib, socket, struct, subprocess
libc = ctypes.CDLL(None, use_errno=True)
def attempt(verb):
    try:
        return verb()
    except OSError as error:
        return errno.errorcode[error.errno]
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        return errno.errorcode[ctypes.get_errno()]
    return "done"
"""

# Numbers that x86_64 and arm64 have: unistd.h of each.
CALLS = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "settimeofday": (164, 170),
    "sethostname": (170, 161),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "chroot": (161, 51),
    "open_by_handle_at": (304, 265),
    "process_vm_readv": (310, 270),
}
_ARGUMENTS = {
    "unshare": [0x10000000],  # CLONE_NEWUSER
    "ptrace": [16, 1, 0, 0],  # PTRACE_ATTACH to the launcher
    "setuid": [0],
    "setgid": [0],
    "setns": [0, 0],
    "process_vm_readv": [1, 0, 0, 0, 0, 0],
}
REFUSED = {"EPERM", "EACCES"}


def test_calls_of_the_kernel_that_change_the_machine_are_refused(
    docker_harness: DockerHarness,  # noqa: F811
) -> None:
    script = f"""{_TRIES}
place = 1 if os.uname().machine == "aarch64" else 0
calls, arguments = {CALLS!r}, {_ARGUMENTS!r}
print(json.dumps({{
    name: call(numbers[place], *arguments.get(name, [b"/", b"/", 0, 0, 0]))
    for name, numbers in calls.items()
}}))
"""

    met = told(docker_harness, script)

    # What the filter does not know is refused by the kernel, for want of a capability or of sense.
    assert {name: error for name, error in met.items() if error == "done"} == {}
    firm = set(CALLS) - {"process_vm_readv", "userfaultfd", "setns"}
    assert {name: met[name] for name in firm if met[name] not in {*REFUSED, "ENOSYS"}} == {}


def test_a_program_has_a_filter_of_calls_no_capability_and_gets_none(
    docker_harness: DockerHarness,  # noqa: F811
) -> None:
    script = f"""{_TRIES}
def status(of):
    return dict(line.split(":\\t") for line in pathlib.Path(of).read_text().splitlines())
me, bounding = status("/proc/self/status"), []
print(json.dumps({{
    "seccomp": me["Seccomp"],
    "no_new_privs": me["NoNewPrivs"],
    "effective": [me[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")],
    "raw": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1) and "done"),
    "packet": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW) and "done"),
    "kill": attempt(lambda: os.kill(1, 9) or "done"),
}}))
"""

    met = told(docker_harness, script)

    assert (met["seccomp"], met["no_new_privs"]) == ("2", "1")
    assert met["effective"] == ["", "", "", ""]
    assert (met["raw"], met["packet"], met["kill"]) == ("EPERM", "EPERM", "EPERM")


def test_a_setuid_program_of_the_image_makes_nobody_root(
    docker_harness: DockerHarness,  # noqa: F811
    built: Built,  # noqa: F811
) -> None:
    tag = built(
        "RUN cp /usr/bin/id /usr/bin/root-id && chmod 6755 /usr/bin/root-id"
        " && cp /usr/bin/id /usr/bin/group-id && chmod 2755 /usr/bin/group-id"
    )
    script = f"""{_TRIES}
run = lambda *command: subprocess.run(command, capture_output=True, text=True).stdout.strip()
made = "/tmp/own"
subprocess.run(["cp", "/usr/bin/id", made]); os.chmod(made, 0o6755)
print(json.dumps([
    run("/usr/bin/root-id", "-u"), run("/usr/bin/group-id", "-g"), run(made, "-u"),
]))
"""

    assert told(docker_harness, script, image=tag) == ["993", "990", "993"]


def test_no_device_but_the_harmless_ones_can_be_had(
    docker_harness: DockerHarness,  # noqa: F811
) -> None:
    script = f"""{_TRIES}
import stat
there = sorted(
    each.name for each in pathlib.Path("/dev").iterdir()
    if stat.S_ISBLK(each.lstat().st_mode) or stat.S_ISCHR(each.lstat().st_mode)
)
def node(kind, major, minor):
    place = f"/tmp/node{{kind}}{{major}}"
    return attempt(lambda: os.mknod(place, kind | 0o666, os.makedev(major, minor)) or "done")
print(json.dumps({{
    "there": there,
    "disk": node(stat.S_IFBLK, 8, 0),
    "memory": node(stat.S_IFCHR, 1, 1),
    "kmsg": attempt(lambda: os.open("/dev/kmsg", os.O_RDONLY) and "done"),
    "fuse": attempt(lambda: os.open("/dev/fuse", os.O_RDWR) and "done"),
    "new": attempt(lambda: os.open("/dev/new", os.O_CREAT | os.O_WRONLY) and "done"),
}}))
"""

    met = told(docker_harness, script)

    assert set(met.pop("there")) <= {"null", "zero", "full", "random", "urandom", "tty", "console"}
    assert met == {
        "disk": "EPERM",
        "memory": "EPERM",
        "kmsg": "ENOENT",
        "fuse": "ENOENT",
        "new": "EACCES",
    } or set(met.values()) <= {"EPERM", "EACCES", "ENOENT", "EROFS"}


KERNEL_FILES = [
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/vm/drop_caches",
    "/proc/1/oom_score_adj",
    "/proc/self/uid_map",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/release_agent",
    "/sys/power/state",
    "/sys/module/kernel/parameters/panic",
    "/etc/passwd",
    "/etc/hosts",
    "/etc/resolv.conf",
]


MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list"]


def test_what_the_kernel_tells_of_the_machine_is_masked(
    docker_harness: DockerHarness,  # noqa: F811
) -> None:
    script = f"""{_TRIES}
read = lambda path: open(path, "rb").read(9).decode("latin-1")
print(json.dumps({{path: attempt(lambda: read(path)) for path in {MASKED!r}}}))
"""

    met = told(docker_harness, script)

    assert {path: how for path, how in met.items() if how not in ("", "EACCES", "ENOENT")} == {}


def test_files_of_the_kernel_cannot_be_written(
    docker_harness: DockerHarness,  # noqa: F811
) -> None:
    script = f"""{_TRIES}
def write(path):
    with open(path, "r+b", buffering=0) as file:
        file.write(b"1")
    return "written"
print(json.dumps({{path: attempt(lambda: write(path)) for path in {KERNEL_FILES!r}}}))
"""

    met = told(docker_harness, script)

    shut = {"EROFS", "EACCES", "ENOENT", "EPERM", "EIO"}
    assert {path: how for path, how in met.items() if how not in shut} == {}


def test_a_program_at_the_door_of_another_container_by_tcp_is_not_let_in(
    docker_by_network_harness: DockerHarness,  # noqa: F811
    docker_client: docker.DockerClient,
) -> None:
    """It knows the address and the port, which it may guess, and no token but its own."""
    victim, recorder = run(docker_by_network_harness, HANGS)
    recorder.await_line("hanging")
    found = docker_client.api.inspect_container(victim.id)
    (address,) = found["Args"]
    (token,) = [
        each.partition("=")[2] for each in found["Config"]["Env"] if "TASKDOCK_TOKEN" in each
    ]
    _, host, port = address.split(":")
    script = f"""{_TRIES}
def say(words):
    line = socket.create_connection(({host!r}, {port}), timeout=20)
    line.sendall(words)
    try:
        return line.recv(1).decode("latin-1")
    except ConnectionError:
        return ""
mine = [value for value in os.environ.values() if len(value) == 32]
seen = attempt(lambda: pathlib.Path("/proc/1/environ").read_text() and "read")
guesses = [b"0" * 32 + b"!", b"!" * 64, b"\\0" * 33, b"GET / HTTP/1.1\\r\\n\\r\\n" * 2]
print(json.dumps([[say(guess) for guess in guesses], mine, seen]))
"""

    answers, mine, seen = told(docker_by_network_harness, script)

    assert answers == ["", "", "", ""]
    assert token not in mine
    assert seen == "EACCES"
    assert not recorder.of("exited")


CALLS_ON = """
import socket, sys
line = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)
line.settimeout(20)
try:
    print("closed" if line.recv(1) == b"" else "heard")
except ConnectionError:
    print("closed")
except TimeoutError:
    print("silence")
"""


@pytest.fixture
def patient_harness(
    docker_client: docker.DockerClient,
    image: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DockerHarness]:
    doors, calls = tmp_path_factory.mktemp("doors"), CallLimits(patience=3600.0)
    harness = DockerHarness(docker_client, image, doors, transports=by_network_alone, calls=calls)
    yield harness
    harness.close()


def test_a_container_of_another_network_is_turned_away_from_a_door_before_it_says_a_word(
    patient_harness: DockerHarness,
    docker_client: docker.DockerClient,
    image: str,  # noqa: F811
) -> None:
    """Linux takes packets for any of its addresses on any interface. Silence would cost it its
    place after a while only."""
    container, recorder = run(patient_harness, HANGS)
    recorder.await_line("hanging")
    (address,) = docker_client.api.inspect_container(container.id)["Args"]
    _, host, port = address.split(":")
    network = docker_client.networks.create(f"taskdock-test-{ids.word()}")
    try:
        said = docker_client.containers.run(
            image,
            entrypoint=["python3", "-c", CALLS_ON],
            command=[host, port],
            network=network.name,
            remove=True,
        )
    finally:
        network.remove()

    assert said == b"closed\n"
    assert not recorder.of("exited")


# Words that a shell would understand, with a real server

META = [
    "; touch /tmp/pwned;",
    "$(touch /tmp/pwned)",
    "`touch /tmp/pwned`",
    "| touch /tmp/pwned",
    "&& touch /tmp/pwned",
    "\n touch /tmp/pwned\n",
    "'; touch /tmp/pwned; '",
    '"; touch /tmp/pwned; "',
    "${IFS}touch${IFS}/tmp/pwned",
    "> /tmp/pwned",
]
LOOKS = """
import os

def handler(event, context):
    words = {name: value for name, value in os.environ.items() if name.startswith("WORD")}
    return {"words": words, "pwned": os.path.exists("/tmp/pwned")}
"""


def test_no_shell_reads_the_variables_of_a_function(live: LiveDock) -> None:  # noqa: F811
    words = {f"WORD{number}": {"value": value} for number, value in enumerate(META)}
    name = live.service.deploy(
        "meta-variables", {"main.py": LOOKS}, entryPoint="main.handler", environmentVariables=words
    )

    answer = live.service.execute(name)["result"]

    assert answer == {
        "words": {name: word["value"] for name, word in words.items()},
        "pwned": False,
    }


def test_no_shell_reads_a_handler(live: LiveDock) -> None:  # noqa: F811
    name = live.service.deploy("meta-handlers", {"main.py": LOOKS}, entryPoint="main.handler")
    for word in META:
        changed = live.service.call(
            "PUT", f"/functions/{name}", {"entryPoint": f"main.handler{word}"}
        )
        assert changed.status_code in (200, 400), changed.text
        if changed.status_code == 400:
            continue

        answer = live.service.execute(name)

        assert "result" not in answer, json.dumps(answer)
    changed = live.service.call("PUT", f"/functions/{name}", {"entryPoint": "main.handler"})
    assert changed.status_code == 200
    assert live.service.execute(name)["result"]["pwned"] is False


@pytest.mark.parametrize("word", [*META, "../name", "a/b", "a\0b", "\u00e4", ""])
def test_no_name_that_a_shell_or_an_engine_would_understand_is_a_functions(
    live: LiveDock,  # noqa: F811
    word: str,
) -> None:
    answer = live.service.call("POST", "/functions/", {"name": word, "image": "x"})

    assert answer.status_code == 400, answer.text
