"""Streamed results for callers who wait for the whole: by AWS's Node.js client, and by hand."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.conftest import engine, images, server, service  # noqa: F401
from tests.support.live import LiveServer, TaskService, make_images

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

NODE = """
const pause = () => new Promise(resolve => setTimeout(resolve, 20));

exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const { http, fail, fill } = event.data;
  if (http)
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });
  stream.write('{"parts":[');
  for (const part of [1, 2, 3]) {
    stream.write(`${part},`);
    await pause();
  }
  if (fill) stream.write(`"${'x'.repeat(fill)}",`);
  if (fail) throw new TypeError('out of wood');
  stream.end('4]}');
});
"""

PYTHON = '''
"""Takes the place of the client: its handler is never called."""

import base64
import http.client
import json
import os

API = "/2018-06-01/runtime/invocation"

connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    connection.request("GET", f"{API}/next")
    answer = connection.getresponse()
    event = json.loads(answer.read())
    request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    connection.putrequest("POST", f"{API}/{request_id}/response")
    connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.putheader("Trailer", "Lambda-Runtime-Function-Error-Type")
    connection.putheader("Trailer", "Lambda-Runtime-Function-Error-Body")
    connection.endheaders()
    for part in (b'{"parts":[1,', b"2,", b"3]}"):
        connection.send(b"%x\\r\\n%s\\r\\n" % (len(part), part))
    connection.send(b"0\\r\\n")
    if event["data"].get("fail"):
        error = {"errorMessage": "out of wood", "errorType": "Glue"}
        encoded = base64.b64encode(json.dumps(error).encode())
        connection.send(b"Lambda-Runtime-Function-Error-Type: Function.Glue\\r\\n")
        connection.send(b"Lambda-Runtime-Function-Error-Body: %s\\r\\n" % encoded)
    connection.send(b"\\r\\n")
    answer = connection.getresponse()
    answer.read()
    print("answered with", answer.status)
'''


@pytest.fixture(scope="module", params=["nodejs20.x", "nodejs22.x", "python3.11"])
def streamer(request: pytest.FixtureRequest, server: LiveServer) -> str:  # noqa: F811
    """A function that streams."""
    runtime: str = request.param
    make_images(runtime)
    files = {"main.py": PYTHON} if runtime.startswith("python") else {"main.js": NODE}
    name = f"streamer-{runtime.replace('.', '-')}"
    return server.service.deploy(name, files, runtime=runtime)


def test_1_5_a_stream_of_a_client_is_collected(
    service: TaskService,  # noqa: F811
    streamer: str,
) -> None:
    results = [service.execute(streamer) for _ in range(2)]

    expected = [1, 2, 3] if "python" in streamer else [1, 2, 3, 4]
    assert [task["result"] for task in results] == [{"parts": expected}] * 2


def test_1_5_an_error_behind_the_beginning_of_a_stream_is_the_tasks_error(
    service: TaskService,  # noqa: F811
    streamer: str,
) -> None:
    (task,) = service.finish([service.create(streamer, {"fail": True})])

    name = "Glue" if "python" in streamer else "TypeError"
    assert task["status"] == "failed"
    assert task["error"] == {"type": "runtime", "name": name, "message": "out of wood"}
    assert service.execute(streamer)["result"]["parts"][:3] == [1, 2, 3]


@pytest.mark.parametrize("streamer", ["nodejs20.x", "nodejs22.x"], indirect=True)
def test_1_5_an_http_response_keeps_its_prelude(
    service: TaskService,  # noqa: F811
    streamer: str,
) -> None:
    result = service.execute(streamer, {"http": True})["result"]

    prelude, _, body = result.partition("\0" * 8)
    assert json.loads(prelude) == {"statusCode": 201}
    assert json.loads(body) == {"parts": [1, 2, 3, 4]}


@pytest.mark.parametrize("streamer", ["nodejs20.x", "nodejs22.x"], indirect=True)
def test_1_5_a_stream_that_is_too_large_fails_and_the_environment_goes_on(
    service: TaskService,  # noqa: F811
    streamer: str,
) -> None:
    (task,) = service.finish([service.create(streamer, {"fill": 7 << 20})])

    assert task["error"]["name"] == "Function.ResponseSizeTooLarge"
    assert service.execute(streamer)["result"] == {"parts": [1, 2, 3, 4]}
