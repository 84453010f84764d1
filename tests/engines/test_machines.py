"""Machines that lack something: made so, what still works there, and what the user is told."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import docker
import pytest

from tests.engines.conftest import StartEngine
from tests.engines.demo import shown
from tests.engines.rows import record
from tests.support.live import COMMAND, REPOSITORY
from tests.support.own_engine import OwnEngine, search_path

pytestmark = [pytest.mark.docker, pytest.mark.long]

SAMPLE = REPOSITORY / "sample_functions" / "hello-world-python"
LOOPS = ("/dev/loop-control",)


def _runs(engine: OwnEngine, url: str) -> None:
    engine.taskdock("deploy", str(SAMPLE), url=url)
    ran = engine.taskdock("run", "hello-world-python", url=url)
    assert ran.returncode == 0, shown(ran.stdout)


def test_where_nothing_limits_memory_functions_run_and_the_server_says_so(
    start_engine: StartEngine, python_image: Path
) -> None:
    engine = start_engine(without=("/sys/fs/cgroup/memory",))
    engine.load(python_image)

    with engine.serving() as server:
        _runs(engine, server.url)

    told = "memory is not limited: the engine has no control group for it"
    assert told in server.output, shown(server.output)
    assert "cgroup_enable=memory" in server.output
    record("no control group of memory", f"Docker {engine.version}", f"works; told: {told}")


def test_when_loop_devices_run_out_functions_run_on_and_the_server_says_so(
    start_engine: StartEngine, python_image: Path
) -> None:
    engine = start_engine()
    engine.load(python_image)

    with engine.serving("--prewarm", "0") as server:
        assert "the size of /tmp is not limited" not in server.output, shown(server.output)
        hidden = engine.run("mount", "--bind", "/dev/null", *LOOPS)
        assert hidden.returncode == 0, hidden.stdout
        _runs(engine, server.url)

    told = "the size of /tmp is not limited: there is no disk for /tmp"
    assert told in server.output, shown(server.output)
    record("loop devices run out", f"Docker {engine.version}", f"works; told: {told}")


def test_a_helper_for_logins_that_is_not_there_any_more_keeps_no_image_away(
    start_engine: StartEngine, python_image: Path, node_image: Path
) -> None:
    engine = start_engine()
    engine.load(python_image, node_image)
    config = engine.home / "docker"
    config.mkdir()
    (config / "config.json").write_text(json.dumps({"credsStore": "desktop.exe"}))

    demo = engine.run(
        *COMMAND,
        *("demo", "--data-dir", str(engine.folder / "demo")),
        environment={"DOCKER_CONFIG": str(config)},
    )

    assert demo.returncode == 0, shown(demo.stdout)
    assert demo.stdout.count("   status    complete") == 3, shown(demo.stdout)
    assert "docker-credential-desktop.exe" in demo.stdout, shown(demo.stdout)
    record(
        "lost login helper", f"Docker {engine.version}", "works; told: pulling without signing in"
    )


def test_a_docker_context_by_ssh_is_no_reason_to_take_another_engine(
    docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(b"far").hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"Name": "far", "Endpoints": {"docker": {"Host": "ssh://ada@far.example"}}}
    (meta / "meta.json").write_text(json.dumps(endpoint))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "far"}))

    served = _serve(tmp_path / "data", home=tmp_path, DOCKER_CONFIG=str(tmp_path))

    assert served.returncode == 1, shown(served.stdout)
    told = "ssh:// addresses cannot be used here"
    assert told in served.stdout, shown(served.stdout)
    assert "docker context use default" in served.stdout, shown(served.stdout)
    assert "Traceback" not in served.stdout
    record("docker context", "none", f"told: {told}")


def test_a_data_folder_whose_path_is_too_long_is_refused_in_words(
    docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    served = _serve(tmp_path.joinpath(*["d" * 100] * 6), home=tmp_path)

    told = "its path is too long: choose a shorter --data-dir"
    assert served.returncode == 1, shown(served.stdout)
    assert told in served.stdout, shown(served.stdout)
    assert "Traceback" not in served.stdout
    record("long path", "any", f"told: {told}")


def _serve(data: Path, *, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A server that is to end by itself."""
    return subprocess.run(
        [*COMMAND, "serve", "--port", "0", "--data-dir", str(data)],
        env={
            "PATH": search_path(),
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=False,
    )
