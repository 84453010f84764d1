"""AWS's base images run as they are: as an image function, and as the image of a runtime.

The images here have the entry point, the settings and the layout of AWS's, on what a stand-in has
of a language and its client. Nothing may be put into them; what a container gets beside its image
is what the engine is asked for, and that is looked at.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from taskdock.base import ids
from taskdock.base.errors import ImageNotAvailable
from taskdock.base.settings import Settings
from taskdock.engines.docker.engine import DockerEngine
from taskdock.engines.docker.images.images import Images
from taskdock.engines.images import Found, ImageRequest
from taskdock.engines.linux.scratch_disk import LoopScratch
from taskdock.lambdas.environment.spec import LABEL
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.function import Function, ImageConfig
from taskdock.server.app import Emulator
from taskdock.testing.in_this_process import running
from taskdock.testing.task_client import Json
from tests.support.live import TaskService, make_images, zipped
from tests.support.live_dock import LiveDock
from tests.support.workshop import Workshop, tar_of

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(600)]

FAMILIES = {"python": "python3.13", "nodejs": "nodejs22.x", "provided": "provided.al2023"}
STANDINS = {"python": "python:3.13", "nodejs": "nodejs:22", "provided": "provided:al2023"}

ENTRY_POINT = """#!/bin/sh
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
export _HANDLER="$1"
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
  exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
else
  exec /var/runtime/bootstrap
fi
"""
EMULATOR = "#!/bin/sh\necho 'the emulator in the image was started'\nexit 99\n"
BASE = """
FROM {standin}
COPY lambda-entrypoint.sh /lambda-entrypoint.sh
COPY aws-lambda-rie /usr/local/bin/aws-lambda-rie
RUN chmod 755 /lambda-entrypoint.sh /usr/local/bin/aws-lambda-rie \\
 && sed -i '/:993:/d' /etc/passwd && sed -i '/:990:/d' /etc/group \\
 && if [ -f /var/runtime/bootstrap ]; then sed -i '1s,.*,#!/bin/bash,' /var/runtime/bootstrap; fi
ENV LANG=en_US.UTF-8 TZ=:/etc/localtime PATH={path} LD_LIBRARY_PATH={libraries} \\
    LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime
WORKDIR /var/task
ENTRYPOINT ["/lambda-entrypoint.sh"]
"""
PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
LIBRARIES = (
    "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
)

PYTHON = """
import os
def handler(task, context):
    return {"environment": dict(os.environ), "folder": os.getcwd(), "user": os.getuid()}
"""
NODEJS = """
exports.handler = async () => (
  { environment: process.env, folder: process.cwd(), user: process.getuid() })
"""
SCRIPT = r"""#!/bin/bash
variables=$(env | grep -E '^[A-Z_]+=' | sed 's/\([^=]*\)=\(.*\)/"\1": "\2"/' | paste -sd,)
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while curl -sS -o /dev/null -D /tmp/headers "$api/next"; do
  id=$(sed -n 's/\r//; s/^lambda-runtime-aws-request-id: //Ip' /tmp/headers)
  printf '{"environment": {%s}, "folder": "%s", "user": %s}' "$variables" "$PWD" "$(id -u)" |
    curl -sS -o /dev/null --data-binary @- "$api/$id/response"
done
"""
CODE = {
    "python": ("main.py", PYTHON),
    "nodejs": ("main.js", NODEJS),
    "provided": ("bootstrap", SCRIPT),
}


class World:
    """A server whose functions run in the images that they are given here."""

    def __init__(self, emulator: Emulator, images: dict[str, str], client: Any) -> None:
        self.emulator = emulator
        self.service = TaskService(emulator.url)
        self.images = images
        self.of_runtime: dict[str, str] = {}
        self._api = client.api

    def deploy_image(self, name: str, tag: str, **properties: Any) -> str:
        image = self.images[tag]
        return self.emulator.catalog.deploy(name, zipped=None, image=image, **properties).name

    def deploy_code(self, name: str, tag: str, files: dict[str, str], **properties: Any) -> str:
        self.of_runtime[name] = self.images[tag]
        return self.emulator.catalog.deploy(name, zipped=zipped(files), **properties).name

    def ask(self, name: str) -> Json:
        answer = self.service.execute(name)
        assert "result" in answer, (answer, self.service.log(answer["taskId"]))
        told: Json = answer["result"]
        return told

    def container(self, name: str) -> Json:
        server = self.emulator.foundation.folder.label
        filters = {
            "name": f"^/taskdock-{name}-[0-9a-f]+$",
            "label": f"{LABEL}.server={server}",
        }
        mine = [
            found
            for found in self._api.containers(filters=filters)
            if found["Image"].startswith("taskdock-test/")
        ]
        (one,) = mine
        inspected: Json = self._api.inspect_container(one["Id"])
        return inspected

    def changes(self, id: str) -> list[Json]:
        return self._api.diff(id) or []


@pytest.fixture(scope="module")
def images(docker_client: docker.DockerClient) -> Iterator[dict[str, str]]:
    """Base images by family, and images made from them."""
    make_images(*FAMILIES.values())
    workshop = Workshop(docker_client)
    built = {}
    for family, standin in STANDINS.items():
        image = Images(docker_client, lambda _: None).find(ImageRequest("", standin)).reference
        base = BASE.format(standin=image, path=PATH, libraries=LIBRARIES)
        parts = {"lambda-entrypoint.sh": ENTRY_POINT, "aws-lambda-rie": EMULATOR}
        built[family] = workshop.build(family, base, **parts)
        name, text = CODE[family]
        target = "/var/runtime/" if family == "provided" else "/var/task/"
        function = f'FROM {built[family]}\nCOPY {name} {target}\nCMD ["main.handler"]\n'
        built[f"{family}-function"] = workshop.build(f"{family}-f", function, **{name: text})
    layer = f"FROM {built['provided']}\nCOPY bootstrap /opt/\n"
    built["provided-layer"] = workshop.build("layer", layer, bootstrap=SCRIPT)
    try:
        yield built
    finally:
        workshop.clear()


@pytest.fixture(scope="module")
def world(
    docker_client: docker.DockerClient,
    images: dict[str, str],
    usual_scratch: LoopScratch | str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    data: Path = tmp_path_factory.mktemp("base-images") / "data"
    disks = None if isinstance(usual_scratch, str) else usual_scratch
    world: World

    def image_of(function: Function) -> Found:
        return Found(function.image or world.of_runtime[function.name])

    settings = Settings(data_dir=data, prewarm=0)  # functions of a runtime differ in their images
    engine = DockerEngine(docker_client, data / "doors", scratch=disks)
    with running(settings, engine=engine, image_of=image_of) as dock:
        world = World(dock.emulator, images, docker_client)
        yield world


@dataclass(frozen=True)
class Subject:
    name: str
    family: str
    kind: str
    """image: it is the function; code: it is the image of the function's runtime."""


@pytest.fixture(scope="module", params=itertools.product(FAMILIES, ("image", "code")), ids="-".join)
def subject(world: World, request: pytest.FixtureRequest) -> Subject:
    family, kind = request.param
    name = f"{kind}-{family}"
    file, text = CODE[family]
    if kind == "image":
        world.deploy_image(name, f"{family}-function")
    else:
        properties = {"runtime": FAMILIES[family], "entry_point": "main.handler"}
        world.deploy_code(name, family, {file: text}, **properties)
    return Subject(name, family, kind)


def test_6_1_a_function_runs_in_the_image_as_it_is(world: World, subject: Subject) -> None:
    told = world.ask(subject.name)

    seen = told["environment"]
    time_zone = {"image": ":/etc/localtime", "code": ":UTC"}[subject.kind]
    managed = subject.family != "provided"  # whose bootstrap names itself, also in an image
    assert (told["user"], told["folder"]) == (993, "/var/task")
    assert (seen["_HANDLER"], seen["TZ"]) == ("main.handler", time_zone)
    assert (seen["PATH"], seen["LD_LIBRARY_PATH"]) == (PATH, LIBRARIES)
    assert seen.keys().isdisjoint({"HOME", "HOSTNAME", "TERM"})
    assert seen.get("AWS_EXECUTION_ENV", "").startswith("AWS_Lambda_") == managed


def test_6_1_nothing_is_put_into_an_image(
    world: World, docker_client: docker.DockerClient, subject: Subject
) -> None:
    before = docker_client.images.get(world.images[subject.family]).attrs
    world.ask(subject.name)

    container = world.container(subject.name)

    code = [("/var/task", "bind", False)] if subject.kind == "code" else []
    mounts = [(mount["Destination"], mount["Type"], mount["RW"]) for mount in container["Mounts"]]
    assert world.changes(container["Id"]) == []
    ours = [("/dev/taskdock", "bind", False), ("/etc/passwd", "bind", False)]
    assert sorted(mounts) == sorted([("/tmp", "volume", True), *ours, *code])
    assert not container["HostConfig"]["ExtraHosts"]
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    capabilities = {name.removeprefix("CAP_") for name in container["HostConfig"]["CapAdd"]}
    assert capabilities == {"SETUID", "SETGID", "KILL"}  # of the launcher alone
    assert not container["HostConfig"]["Privileged"]
    assert docker_client.images.get(world.images[subject.family]).attrs == before


def test_6_1_a_function_sees_the_variables_of_its_image_and_lambdas(
    world: World, docker_client: docker.DockerClient, subject: Subject
) -> None:
    seen = world.ask(subject.name)["environment"]

    image = docker_client.images.get(world.images[subject.family])
    of_image = variables(image.attrs)
    bootstraps = ("_X_AMZN", "PWD", "SHLVL", "LC_CTYPE", "PYTHONPATH", "NODE_PATH", "_")
    lambdas = ("AWS_", "_AWS_", "API_", "NO_PROXY", "no_proxy", "_HANDLER", "TZ")
    assert of_image.items() - seen.items() <= {("TZ", ":/etc/localtime")}
    assert all(added.startswith((*lambdas, *bootstraps)) for added in seen.keys() - of_image.keys())


def test_6_1_nothing_but_the_launcher_is_in_a_containers_configuration(
    world: World, docker_client: docker.DockerClient, subject: Subject
) -> None:
    world.ask(subject.name)

    container = world.container(subject.name)

    of_image = variables(docker_client.images.get(world.images[subject.family]).attrs)
    assert variables(container) == of_image
    assert container["Config"]["Entrypoint"] == ["/dev/taskdock/launcher"]
    assert container["Config"]["Cmd"] == ["unix:/dev/taskdock/door"]


def test_6_1_without_a_command_the_entry_point_asks_for_the_handler(
    world: World,
) -> None:
    name = world.deploy_image("no-command", "python")

    answer = world.service.execute(name)

    log = world.service.log(answer["taskId"])
    assert "entrypoint requires the handler name to be the first argument" in log
    assert answer["runtimeError"]["name"] == "Runtime.ExitError"
    assert answer["runtimeError"]["message"].endswith("exit status 142")


def test_6_1_the_emulator_in_an_image_is_never_started(
    world: World, docker_client: docker.DockerClient
) -> None:
    name = world.deploy_image("emulator", "python-function")

    answer = world.service.execute(name)

    alone = docker_client.containers.create(world.images["python-function"])
    try:
        alone.start()
        assert alone.wait()["StatusCode"] == 99  # so it would be, by itself
    finally:
        alone.remove()
    assert "the emulator in the image was started" not in world.service.log(answer["id"])


@pytest.mark.parametrize(
    ("config", "folder"),
    [
        (ImageConfig(command=("main.handler",)), "/var/task"),
        (ImageConfig(command=("main.handler",), working_directory="/var/lang"), "/var/lang"),
        (
            ImageConfig(
                entry_point=("/bin/sh", "-c", 'exec /lambda-entrypoint.sh "$0"'),
                command=("main.handler",),
            ),
            "/var/task",
        ),
    ],
    ids=["command", "working directory", "entry point"],
)
def test_6_1_what_an_image_says_can_be_overridden(
    world: World, config: ImageConfig, folder: str
) -> None:
    name = world.deploy_image(f"config-{ids.word(8)}", "python-function", image_config=config)

    told = world.ask(name)

    assert told["folder"] == folder
    assert told["environment"]["_HANDLER"] == "main.handler"


def test_1_6_a_bootstrap_is_found_in_opt_when_the_code_has_none(world: World) -> None:
    properties = {"runtime": "provided.al2023", "entry_point": "main.handler"}
    name = world.deploy_code("layered", "provided-layer", {"data.txt": "x"}, **properties)

    assert world.ask(name)["user"] == 993


def test_1_6_a_bootstrap_is_found_in_the_runtimes_folder_when_there_is_no_other(
    world: World,
) -> None:
    properties = {"runtime": "provided.al2023", "entry_point": "main.handler"}
    name = world.deploy_code("built-in", "provided-function", {"data.txt": "x"}, **properties)

    assert world.ask(name)["user"] == 993


def test_1_6_no_bootstrap_anywhere_is_an_invalid_entry_point(world: World) -> None:
    properties = {"runtime": "provided.al2023", "entry_point": "main.handler"}
    name = world.deploy_code("nowhere", "provided", {"data.txt": "x"}, **properties)

    assert world.service.execute(name)["runtimeError"]["name"] == "Runtime.InvalidEntrypoint"


@pytest.mark.parametrize(
    ("variables", "flags"),
    [
        ({}, {"--max-semi-space-size=12", "--max-old-space-size=231"}),
        ({"NODE_OPTIONS": "--max-old-space-size=99"}, {"--max-semi-space-size=12"}),
    ],
    ids=["by memory", "chosen"],
)
def test_6_1_node_is_told_how_much_memory_there_is(
    live: LiveDock, variables: dict[str, str], flags: set[str]
) -> None:
    """A tenth for young objects, in two halves, and the rest for old ones."""
    function = live.doer("nodejs20.x", memory_limit=256, environment=variables)

    told = function.run("return process.execArgv;").result

    assert {flag for flag in told if flag.startswith("--max-") and "space" in flag} == flags


# The image, what it is made from, and the day AWS stops, or stopped, supporting it, if known.
IMAGES = {
    "nodejs24.x": ("nodejs:24", "al2023", "2028-04-30"),
    "nodejs22.x": ("nodejs:22", "al2023", "2027-04-30"),
    "nodejs20.x": ("nodejs:20", "al2023", "2026-04-30"),
    "nodejs18.x": ("nodejs:18", "al2", "2025-09-01"),
    "nodejs16.x": ("nodejs:16", "al2", "2024-06-12"),
    "nodejs14.x": ("nodejs:14", "al2", "2023-12-04"),
    "nodejs12.x": ("nodejs:12", "al2", "2023-03-31"),
    "python3.14": ("python:3.14", "al2023", "2029-06-30"),
    "python3.13": ("python:3.13", "al2023", "2029-06-30"),
    "python3.12": ("python:3.12", "al2023", "2028-10-31"),
    "python3.11": ("python:3.11", "al2", "2027-06-30"),
    "python3.10": ("python:3.10", "al2", "2026-10-31"),
    "python3.9": ("python:3.9", "al2", "2025-12-15"),
    "python3.8": ("python:3.8", "al2", "2024-10-14"),
    "python3.7": ("python:3.7", "al1", "2023-12-04"),
    "java25": ("java:25", "al2023", "2029-06-30"),
    "java21": ("java:21", "al2023", "2029-06-30"),
    "java17": ("java:17", "al2", "2027-06-30"),
    "java11": ("java:11", "al2", "2027-06-30"),
    "java8.al2": ("java:8.al2", "al2", "2027-06-30"),
    "java17.al2023": ("java:17.al2023", "al2023", None),
    "java11.al2023": ("java:11.al2023", "al2023", None),
    "java8.al2023": ("java:8.al2023", "al2023", None),
    "java8": ("java:8", "al1", "2024-01-08"),
    "dotnet10": ("dotnet:10", "al2023", "2028-11-14"),
    "dotnet9": ("dotnet:9", "al2023", "2026-11-10"),
    "dotnet8": ("dotnet:8", "al2023", "2026-11-10"),
    "dotnet6": ("dotnet:6", "al2", "2024-12-20"),
    "dotnetcore3.1": ("dotnet:core3.1", "al2", "2023-04-03"),
    "ruby4.0": ("ruby:4.0", "al2023", "2029-03-31"),
    "ruby3.4": ("ruby:3.4", "al2023", "2028-03-31"),
    "ruby3.3": ("ruby:3.3", "al2023", "2027-03-31"),
    "ruby3.2": ("ruby:3.2", "al2", "2026-03-31"),
    "ruby2.7": ("ruby:2.7", "al2", "2023-12-07"),
    "provided.al2023": ("provided:al2023", "al2023", "2029-06-30"),
    "provided.al2": ("provided:al2", "al2", "2026-07-31"),
    "provided": ("provided:alami", "al1", "2024-01-08"),
    "go1.x": ("go:1", "al1", "2024-01-08"),
}


@pytest.mark.parametrize("runtime", IMAGES)
def test_6_2_a_runtime_has_its_image_its_system_and_its_last_day(runtime: str) -> None:
    found = runtimes.find(runtime)

    image, system, last_day = IMAGES[runtime]
    assert found.image == f"public.ecr.aws/lambda/{image}"
    assert found.os == system
    assert (found.deprecated and found.deprecated.isoformat()) == last_day


def test_6_2_an_image_for_another_processor_is_refused_by_its_name(
    docker_client: docker.DockerClient, tmp_path: Path
) -> None:
    reference, architecture, shell = foreign_image()
    docker_client.images.load(shell)
    images = Images(docker_client, lambda _: None, cache=tmp_path)

    try:
        with pytest.raises(ImageNotAvailable) as refusal:
            images.find(ImageRequest(reference))
    finally:
        docker_client.images.remove(reference)

    assert f"{reference} is for linux/{architecture} and the engine is" in refusal.value.message
    assert "build the image for" in refusal.value.message


def foreign_image() -> tuple[str, str, bytes]:
    """An image for another processor than this one's, with a shell that only such a one can run.

    Its reference, its architecture, and what `docker save` would have written.
    """
    own = platform.machine()
    architecture, machine = ("amd64", 0x3E) if own == "aarch64" else ("arm64", 0xB7)
    program = bytearray(Path("/bin/true").read_bytes())
    program[18:20] = machine.to_bytes(2, "little")  # e_machine
    layer = tar_of({"bin/sh": bytes(program)})
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    reference = f"taskdock-test/{ids.word(8)}:foreign"
    manifest = [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    files = {"config.json": config, "manifest.json": manifest}
    described = {name: json.dumps(value).encode() for name, value in files.items()}
    return reference, architecture, tar_of({**described, "layer.tar": layer})


def variables(container_or_image: Json) -> dict[str, str]:
    entries = container_or_image["Config"]["Env"]
    return dict(entry.split("=", 1) for entry in entries)
