"""What every stand-in keeps of the contract of AWS's base images, on a real engine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import docker
import pytest

from taskdock.engines.docker.images.images import Images
from taskdock.engines.images import ImageRequest
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.runtimes import Runtime

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

ENV = {
    "LANG": "en_US.UTF-8",
    "TZ": ":/etc/localtime",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib"
    ":/var/task:/var/task/lib:/opt/lib",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}
OWN = {
    **dict.fromkeys(("python3.13", "python3.14"), "C.UTF-8"),
    **dict.fromkeys(("nodejs16.x", "nodejs18.x"), "/var/runtime/ca-cert.pem"),
}
"""LC_CTYPE of Python, NODE_EXTRA_CA_CERTS of Node.js, as recorded on Lambda."""
FUNCTIONS = {
    "python": (
        "main.py",
        "import boto3, os, platform, tempfile\n"
        "def handler(event, context):\n"
        "    tempfile.mkstemp()\n"
        "    return dict(hello=event['name'], uid=os.getuid(), gid=os.getgid(), cwd=os.getcwd(),\n"
        "                own=os.environ.get('LC_CTYPE'),\n"
        "                version=platform.python_version(), writable=os.access('/', os.W_OK))\n",
    ),
    "nodejs": (
        "main.js",
        "const fs = require('fs');\n"
        "exports.handler = async (event, context) => {\n"
        "  fs.mkdtempSync('/tmp/');\n"
        "  let writable = true;\n"
        "  try { fs.accessSync('/', fs.constants.W_OK); } catch { writable = false; }\n"
        "  return { hello: event.name, uid: process.getuid(), gid: process.getgid(),\n"
        "           own: process.env.NODE_EXTRA_CA_CERTS || null,\n"
        "           cwd: process.cwd(), version: process.versions.node, writable };\n"
        "};\n",
    ),
    "provided": (
        "bootstrap",
        "#!/bin/bash\n"
        "api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation\n"
        'while event=$(curl -sS -D /tmp/head "$api/next"); do\n'
        "  id=$(sed -n 's/\\r//; s/^lambda-runtime-aws-request-id: //Ip' /tmp/head)\n"
        "  [ -w / ] && writable=true || writable=false\n"
        '  name=${event#*: \\"}; name=${name%\\"*}\n'
        '  curl -sS -o /dev/null "$api/$id/response" -d "{\\"hello\\": \\"$name\\",'
        ' \\"uid\\": $(id -u), \\"gid\\": $(id -g), \\"cwd\\": \\"$PWD\\",'
        ' \\"own\\": null, \\"version\\": \\"\\", \\"writable\\": $writable}"\n'
        "done\n",
    ),
}


class RuntimeApi(ThreadingHTTPServer):
    """Hands out one event, then keeps the runtime waiting; what is posted lands in `posted`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("0.0.0.0", 0), RuntimeApiCall)
        self.events: Queue[dict[str, str] | None] = Queue()
        self.posted: Queue[tuple[str, Any]] = Queue()


class RuntimeApiCall(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        body = json.dumps(event).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Lambda-Runtime-Aws-Request-Id", "one")
        self.send_header("Lambda-Runtime-Deadline-Ms", "4000000000000")
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x:1:function:f")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = b"".join(self._chunks())
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.posted.put((self.path, json.loads(body)))

    def _chunks(self) -> Iterator[bytes]:
        if "Content-Length" in self.headers:
            yield self.rfile.read(int(self.headers["Content-Length"]))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def client(docker_client: docker.DockerClient) -> docker.DockerClient:
    return docker_client


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with RuntimeApi() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.events.put(None)
        server.shutdown()
        thread.join()


RUNTIMES = [runtime for runtime in runtimes.known().values() if runtime.standin]
FAMILIES = {runtime.family: runtime for runtime in RUNTIMES}  # one of each: they share a recipe


@pytest.fixture(params=RUNTIMES, ids=lambda runtime: runtime.id)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def image(client: docker.DockerClient, runtime: Runtime) -> str:
    return Images(client, lambda _: None).find(ImageRequest("", runtime.standin)).reference


def test_a_function_answers_as_lambdas_user_in_lambdas_confinement(
    client: docker.DockerClient, image: str, runtime: Runtime, api: RuntimeApi, tmp_path: Path
) -> None:
    name, code = FUNCTIONS[runtime.family]
    (tmp_path / name).write_text(code)
    for path in (tmp_path, tmp_path / name, *tmp_path.parents[:2]):
        path.chmod(0o755)
    container = client.containers.run(
        image,
        ["main.handler"],
        detach=True,
        user="993:990",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        tmpfs={"/tmp": "mode=1777"},
        volumes={str(tmp_path): {"bind": "/var/task", "mode": "ro"}},
        extra_hosts={"sandbox.lambda": _this_machine(client)},
        environment={
            "AWS_LAMBDA_RUNTIME_API": f"sandbox.lambda:{api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "hello",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        },
    )
    try:
        api.events.put({"name": "Ada"})
        path, answer = api.posted.get(timeout=20)
    except Exception:
        pytest.fail(container.logs().decode())
    finally:
        container.remove(force=True)

    assert path == "/2018-06-01/runtime/invocation/one/response", answer
    assert answer.pop("version").startswith(_version(runtime))
    assert answer == {
        "hello": "Ada",
        "own": OWN.get(runtime.id),
        "uid": 993,
        "gid": 990,
        "cwd": "/var/task",
        "writable": False,
    }


def test_the_image_says_what_awss_says(
    client: docker.DockerClient, image: str, runtime: Runtime
) -> None:
    config = client.images.get(image).attrs["Config"]

    assert image == f"taskdock/standin-{runtime.standin}"
    assert dict(line.split("=", 1) for line in config["Env"]) == ENV
    assert config["Entrypoint"] == ["/lambda-entrypoint.sh"]
    assert (config["Cmd"], config["User"], config["WorkingDir"]) == (None, "", "/var/task")
    assert config["Labels"]["dev.taskdock.standin"] == "true"


@pytest.mark.parametrize(
    "runtime", FAMILIES.values(), ids=lambda runtime: runtime.id, indirect=True
)
@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ([], 142, b"entrypoint requires the handler name to be the first argument"),
        (["main.handler"], 1, b"no Runtime Interface Emulator"),
    ],
)
def test_the_entry_point_refuses_what_it_cannot_do(
    client: docker.DockerClient, image: str, command: list[str], code: int, message: bytes
) -> None:
    container = client.containers.run(image, command, detach=True, network_mode="none")
    try:
        assert container.wait()["StatusCode"] == code
        assert message in container.logs(stdout=False)
    finally:
        container.remove(force=True)


def _version(runtime: Runtime) -> str:
    return (
        "" if runtime.family == "provided" else runtime.id.removeprefix(runtime.family).rstrip("x")
    )


def _this_machine(client: docker.DockerClient) -> str:
    """The address by which containers reach it."""
    network = client.api.inspect_network("bridge")
    return str(network["IPAM"]["Config"][0].get("Gateway", "172.17.0.1"))
