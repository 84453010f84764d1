"""SAM CLI as a contender: `sam local start-lambda`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from docker.errors import ImageNotFound

from benchmarks.call import VERSION, Called
from benchmarks.function import ARCHITECTURE, Function, code_folder
from benchmarks.installed import SAM, venv
from benchmarks.peers import Machine
from benchmarks.server import free_port, running
from taskdock.lambdas.functions import runtimes

VENV = venv(SAM)


class Sam:
    """SAM CLI's `local start-lambda`; `options` choose between its kinds of containers."""

    lacks = frozenset({"deployment", "zip"})
    package = SAM

    def __init__(self, machine: Machine, name: str, title: str, options: list[str]) -> None:
        self.name = name
        self.title = title
        self._machine = machine
        self._options = options
        self._tagged: set[str] = set()

    def version(self) -> str:
        return SAM

    @contextmanager
    def serve(self, name: str, function: Function) -> Iterator[Called]:
        self._tag(function.runtime)
        built = self._machine.built(self.name, name, function)
        with built as image, code_folder(function) as code, TemporaryDirectory() as room:
            template = Path(room) / "template.json"
            template.write_text(json.dumps(sam_template(name, function, code, image)))
            containers = {"ancestor": rapid_image(image)} if image else {"volume": code}
            port = free_port()
            command = [str(VENV / "bin" / "sam"), "local", "start-lambda", "-t", str(template)]
            command += ["--skip-pull-image", "--port", str(port), *self._options]
            command += ["--layer-cache-basedir", str(VENV / "layers")]
            try:
                with running(command, port, Path(room) / "log", _SAM_ENVIRONMENT) as server:
                    path = f"{VERSION}/functions/{name}"
                    yield Called(
                        name,
                        ("127.0.0.1", port),
                        path,
                        server.read_log,
                        server=server.pid,
                        answered_after=server.answered_after,
                        containers=containers,
                    )
            finally:
                self._machine.remove_containers(**containers)
                if image:
                    self._machine.remove_image(rapid_image(image))
                    self._machine.remove_built_on(image)

    def _tag(self, runtime: str) -> None:
        """SAM asks for AWS's image by name; a stand-in is called that for the run."""
        docker = self._machine.docker
        reference = sam_image(runtime)
        with suppress(ImageNotFound):
            docker.images.get(reference)
            return
        repository, _, tag = reference.rpartition(":")
        self._machine.image(runtime).tag(repository, tag)
        self._tagged.add(reference)

    def close(self) -> None:
        for reference in self._tagged:
            for image in (reference, rapid_image(reference)):
                with suppress(ImageNotFound):
                    self._machine.docker.images.remove(image, force=True)
        self._tagged.clear()


def sam_image(runtime: str) -> str:
    return f"{runtimes.find(runtime).image}-{ARCHITECTURE}"


def rapid_image(reference: str) -> str:
    """The name of the image that SAM builds of an image, to add the RIE."""
    repository, _, tag = reference.rpartition(":")
    rest = tag.removesuffix(ARCHITECTURE) if tag.endswith(f"-{ARCHITECTURE}") else ""
    return f"{repository}:{rest}rapid-{ARCHITECTURE}"


def sam_template(name: str, function: Function, code: str, image: str) -> dict[str, object]:
    """`image`: what the function's recipe has made, if it has one."""
    properties: dict[str, object] = {
        "FunctionName": name,
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "Architectures": [ARCHITECTURE],
        "Environment": {"Variables": dict(function.environment)},
    }
    if image:
        properties |= {"PackageType": "Image", "ImageUri": image}
        properties |= {"ImageConfig": dict(function.image_config)}
    else:
        properties |= {"CodeUri": code, "Handler": function.handler, "Runtime": function.runtime}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Function": {"Type": "AWS::Serverless::Function", "Properties": properties}},
    }


# No profile, no key: nothing may reach a real account, and SAM asks for none when there is no key.
_SAM_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "SAM_CLI_TELEMETRY": "0",
    "__SAM_CLI_APP_DIR": str(VENV / "settings"),  # not in the user's home
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
