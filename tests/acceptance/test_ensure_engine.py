"""`make engine` as root on machines without an engine that answers, each in namespaces of its own.

The engine, apt-get and iptables are stand-ins of a few lines, in front of this machine's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from tests.support.checkout import ROOT, running, until
from tests.support.parts import missing

# They need no engine, but root and seconds, which the fast tests have not.
pytestmark = pytest.mark.docker

LIMIT = 60.0  # seconds, for what takes one

# It answers when there is a file that says so.
DOCKERD = """#!{python}
import os, pathlib, socket, sys, time
pathlib.Path("{folder}/started").touch()
while not os.path.exists("{folder}/answer"):
    time.sleep(0.05)
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/docker.sock")
listener.listen()
while True:
    caller, _ = listener.accept()
    caller.recv(1000)
    caller.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nOK")
    caller.close()
"""

# This Python, which says that it is an older one.
OLD_PYTHON = f"""#!/bin/sh
exec '{sys.executable}' -c "import sys; sys.version_info = (3, 9); exec(sys.argv[1])" "$2"
"""

# Installs what stands ready in a folder.
APT_GET = """#!/bin/sh
echo "$*" >> "{folder}/apt-get.log"
case "$*" in *install*) cp -r "{folder}/ready/." "{folder}/bin" ;; esac
"""

# A machine whose /run is new, so that no engine of this one is found, and without some programs.
BEGIN = """set -e
mount -t tmpfs none /run
mount --bind "{folder}/log" /var/log
for program in {hidden}; do
    [ ! -e "/usr/sbin/$program" ] || mount --bind /dev/null "/usr/sbin/$program"
done
export PATH="{folder}/bin:$PATH"
set +e
"""


class Machine:
    """What is in `bin` comes before this machine's own; what is in `ready` can be installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("bin", "ready", "log", "home"):
            (folder / name).mkdir()
        self.put("bin", "apt-get", APT_GET.format(folder=folder))

    def put(self, folder: str, name: str, script: str) -> None:
        file = self.folder / folder / name
        file.write_text(script)
        file.chmod(0o755)

    def has_engine(self, folder: str = "bin", *, answers: bool = True) -> None:
        python = os.path.realpath(sys.executable)  # a first line cannot have a path with a space
        self.put(folder, "dockerd", DOCKERD.format(python=python, folder=self.folder))
        if answers:
            self.answer()

    def answer(self) -> None:
        (self.folder / "answer").touch()

    @property
    def installed(self) -> str:
        log = self.folder / "apt-get.log"
        return log.read_text() if log.exists() else ""

    @contextmanager
    def ensuring(self, *, hidden: str = "", before: str = ":") -> Iterator[Popen[str]]:
        """`ensure-engine`, after `before`, where the programs in `hidden` are missing."""
        begin = BEGIN.format(folder=self.folder, hidden=hidden)
        script = f"{begin}\n{before}\nexec '{ROOT}/scripts/ensure-engine'"
        alone = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        kept = {name: os.environ[name] for name in os.environ if not name.startswith("DOCKER_")}
        environment = {**kept, "HOME": str(self.folder / "home")}
        with running(*alone, "sh", "-c", script, cwd=ROOT, environment=environment) as process:
            yield process

    def ensure(self, *, hidden: str = "", before: str = ":") -> tuple[int, str]:
        """Its exit code, and all that it has said."""
        said = self.folder / "said"
        with self.ensuring(hidden=hidden, before=f"exec 2> '{said}'; {before}") as process:
            code = process.wait(LIMIT)
        return code, said.read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if os.geteuid() != 0:
        missing("root, for the namespaces of a machine without an engine")
    return Machine(tmp_path)


def test_an_engine_that_is_stopped_is_started(machine: Machine) -> None:
    machine.has_engine()

    code, said = machine.ensure()

    assert code == 0, said
    assert "starting the Docker Engine: dockerd, with its log in" in said
    assert "for 60 s at most" in said
    assert said.endswith("using the Docker Engine at unix:///var/run/docker.sock\n")


@pytest.mark.parametrize(
    "python3",
    ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec nowhere/python3\n", OLD_PYTHON],
    ids=["broken", "none", "old"],
)
def test_another_python_is_taken_where_the_first_cannot_do_it(
    machine: Machine, python3: str
) -> None:
    machine.has_engine()
    machine.put("bin", "python3", python3)

    code, said = machine.ensure()

    assert code == 0, said
    assert said.endswith("using the Docker Engine at unix:///var/run/docker.sock\n")


def test_an_engine_that_is_just_starting_is_waited_for_and_not_started_again(
    machine: Machine,
) -> None:
    machine.has_engine(answers=False)
    started = machine.folder / "started"

    with machine.ensuring(before=f"dockerd & until [ -e {started} ]; do :; done") as process:
        heard = until(process, " s of 60 s")
        machine.answer()
        heard += until(process, "using the Docker Engine at")

        assert process.wait(LIMIT) == 0
    assert "dockerd is running; waiting until it answers" in heard
    assert "waiting for the Docker Engine: " in heard
    assert "starting the Docker Engine" not in heard


def test_an_engine_for_somebody_else_is_left_alone(machine: Machine) -> None:
    machine.has_engine()
    (machine.folder / "answer").unlink()
    started = machine.folder / "started"
    other = f"dockerd -H unix:///run/other.sock & until [ -e {started} ]; do :; done"

    with machine.ensuring(before=other) as process:
        heard = until(process, "waiting until it answers")
        machine.answer()
        heard += until(process, "using the Docker Engine at")

    assert "starting the Docker Engine: dockerd" in heard


def test_a_machine_without_an_engine_gets_one(machine: Machine) -> None:
    machine.has_engine("ready")

    code, said = machine.ensure(hidden="dockerd")

    assert code == 0, said
    assert "installing docker.io iptables ca-certificates with apt-get, less than a minute" in said
    assert "--no-install-recommends -o DPkg::Lock::Timeout=300 docker.io" in machine.installed


def test_an_engine_without_iptables_gets_them(machine: Machine) -> None:
    machine.has_engine()
    machine.put("ready", "iptables", "#!/bin/sh\n")

    code, said = machine.ensure(hidden="iptables iptables-nft iptables-legacy")

    assert code == 0, said
    assert machine.installed.endswith(" iptables\n")


def test_an_engine_that_ends_at_once_is_told_with_its_last_words(machine: Machine) -> None:
    words = "time=now level=info msg=hello\\nfailed to start daemon: no room\\n"
    machine.put("bin", "dockerd", f"#!/bin/sh\nprintf '{words}'\nexit 1\n")

    code, said = machine.ensure()

    assert code == 1
    assert "failed to start daemon: no room" in said
    assert "level=info" not in said
    assert said.endswith("the Docker Engine ended as soon as it was started\n")


def test_an_apt_get_that_fails_is_told(machine: Machine) -> None:
    machine.put("bin", "apt-get", "#!/bin/sh\necho 'E: no such mirror'\nexit 100\n")

    code, said = machine.ensure(hidden="dockerd")

    assert code == 1
    assert "E: no such mirror" in said
    assert said.endswith("that failed; is there a network, and room on the disk?\n")


def test_another_apt_get_is_waited_for(machine: Machine) -> None:
    machine.has_engine("ready")
    busy = machine.folder / "busy"
    busy.touch()
    lock = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1"
    script = APT_GET.format(folder=machine.folder)
    refusal = f'rm {busy}; echo "{lock}"; exit 100'
    check = f'case "$*" in *update*) [ ! -e {busy} ] || {{ {refusal}; }} ;; esac'
    machine.put("bin", "apt-get", script.replace("\n", f"\n{check}\n", 1))

    code, said = machine.ensure(hidden="dockerd")

    assert code == 0, said
    assert not busy.exists()
