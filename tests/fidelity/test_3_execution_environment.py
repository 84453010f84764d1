"""What a function finds around it: variables, user, limits, file system, on each kind of runtime.

The names of the tests are the sections of what is known of AWS Lambda's execution environment. Each
probe is asked once, and tells everything.
"""

from __future__ import annotations

import base64
import functools
import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from taskdock.engines.docker.images.images import Images
from taskdock.engines.images import ImageRequest
from taskdock.testing.task_client import Json
from taskdock.testing.waiting import eventually
from tests.support.aws import ROLE, lambda_client, refused
from tests.support.live import LiveServer, TaskService, make_images
from tests.support.live_dock import LiveDock

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(600)]

REGION = "eu-west-3"
OPTIONS = (
    *("--region", REGION, "--aws-access-key-id", "AKIA", "--aws-secret-access-key", "secret"),
    *("--aws-session-token", "token", "--cpu", "lambda"),
)
PROXIES = {"proxies": {"default": {"httpProxy": "http://proxy.example", "noProxy": "nobody"}}}
LANGUAGES = {"python3.13": "python", "nodejs22.x": "nodejs", "provided.al2023": "provided"}

PYTHON = """
import os, resource, subprocess
at_init = open("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read() if os.path.exists(
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us") else open("/sys/fs/cgroup/cpu.max").read()

def tries(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror
    return "written"

def handler(task, context):
    status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status"))
    tmp = os.statvfs("/tmp")
    return {
        "environment": dict(os.environ),
        "arn": context.invoked_function_arn,
        "user": [os.getuid(), os.getgid(), os.getgroups()],
        "folder": os.getcwd(),
        "limits": {name[7:]: resource.getrlimit(getattr(resource, name))
                   for name in dir(resource) if name.startswith("RLIMIT_")},
        "modes": {path: [oct(os.stat(path).st_mode & 0o7777), os.stat(path).st_uid]
                  for path in ("/tmp", "/var/task", "/opt", "/lambda-entrypoint.sh")},
        "writes": {folder: tries(folder + "/probe") for folder in
                   ("/", "/var/task", "/opt", "/var/runtime", "/etc", "/home", "/tmp")},
        "home": os.path.exists("/home/sbx_user1051"),
        "tmp": tmp.f_bavail * tmp.f_frsize,
        "mounts": [line.split()[1:3] for line in open("/proc/mounts")],
        "capabilities": status["CapEff"],
        "at_init": at_init,
    }
"""
NODEJS = """
exports.handler = async () => ({ environment: process.env, folder: process.cwd(),
                                 user: [process.getuid(), process.getgid()] })
"""
SCRIPT = r"""#!/bin/bash
# /proc has what the script was started with; the shell has variables of its own since.
variables=$(tr '\0' '\n' < /proc/$$/environ | sed 's/\(.*\)/"\1"/' | paste -sd,)
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while curl -sS -o /dev/null -D /tmp/headers "$api/next"; do
  id=$(sed -n 's/\r//; s/^lambda-runtime-aws-request-id: //Ip' /tmp/headers)
  printf '{"variables": [%s], "folder": "%s", "user": [%s, %s]}' \
    "$variables" "$PWD" "$(id -u)" "$(id -g)" |
    curl -sS -o /dev/null --data-binary @- "$api/$id/response"
done
"""
PROBES = {
    "python": {"main.py": PYTHON},
    "nodejs": {"main.js": NODEJS},
    "provided": {"bootstrap": SCRIPT},
}
WRAPPER = '#!/bin/sh\nexport WRAPPED="$*"\nexec "$@"\n'


@pytest.fixture(scope="module")
def engine(docker_client: docker.DockerClient) -> docker.DockerClient:
    make_images(*LANGUAGES)
    return docker_client


@pytest.fixture(scope="module")
def server(
    engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server whose own environment has proxies, in its variables and in Docker's settings."""
    folder = tmp_path_factory.mktemp("execution-environment")
    (folder / "config.json").write_text(json.dumps(PROXIES))
    server = LiveServer(engine, folder / "data", *OPTIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(folder))
        patch.setenv("HTTP_PROXY", "http://proxy.example")
        patch.setenv("SECRET_OF_THE_HOST", "walnut")
        server.start()
    try:
        yield server
        server.stop()
    finally:
        server.discard()


@pytest.fixture(scope="module")
def service(server: LiveServer) -> TaskService:
    return server.service


@pytest.fixture(scope="module")
def told(service: TaskService) -> dict[str, Json]:
    """What the probe of each kind of runtime tells."""
    answers = {}
    for runtime, family in LANGUAGES.items():
        service.deploy(
            family,
            PROBES[family],
            runtime=runtime,
            environmentVariables={"GREETING": {"value": "Grüß, = Gott"}},
        )
        answer = service.execute(family)
        assert "result" in answer, service.log(answer["taskId"])
        answers[family] = answer["result"]
    listed = answers["provided"].pop("variables")
    answers["provided"]["environment"] = dict(entry.split("=", 1) for entry in listed)
    return answers


def on_every_runtime(name: str, runtime: str, environment: Json) -> Json:
    """The table of section 3.1, with what differs from container to container as it is."""
    own = (
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        *("NO_PROXY", "no_proxy"),  # leads around proxies that a function sets itself
        "AWS_ENDPOINT_URL_LAMBDA",  # leads AWS's SDKs to this server
        *("API_HOST", "API_OAUTH_CONSUMER_KEY", "API_OAUTH_CONSUMER_SECRET"),
        *("API_OAUTH_TOKEN", "API_OAUTH_TOKEN_SECRET"),  # the Task Service's, not Lambda's
    )
    return {
        **{variable: environment.get(variable) for variable in own},
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": "main.handler",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:"
        "/var/task:/var/task/lib:/opt/lib",
        "GREETING": "Grüß, = Gott",
    }


def of_a_language(runtime: str, environment: Json) -> Json:
    """What the shell of a managed runtime's bootstrap and its client add."""
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "PWD": "/var/task",
        "SHLVL": "0",
        "_X_AMZN_TRACE_ID": environment["_X_AMZN_TRACE_ID"],
    }


# 3.1 Variables


def test_3_1_python_sees_exactly_these_variables(told: dict[str, Json]) -> None:
    seen = told["python"]["environment"]

    assert seen == {
        **on_every_runtime("python", "python3.13", seen),
        **of_a_language("python3.13", seen),
        "PYTHONPATH": "/var/runtime",
        "LC_CTYPE": "C.UTF-8",
    }


def test_3_1_nodejs_sees_exactly_these_variables(told: dict[str, Json]) -> None:
    seen = told["nodejs"]["environment"]

    assert seen == {
        **on_every_runtime("nodejs", "nodejs22.x", seen),
        **of_a_language("nodejs22.x", seen),
        "NODE_PATH": "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:"
        "/var/runtime/node_modules:/var/runtime:/var/task",
    }


@pytest.mark.parametrize(
    ("runtime", "code", "variables"),
    [
        (
            "python3.11",
            "result = {n: os.environ.get(n) for n in ('AWS_EXECUTION_ENV', 'LC_CTYPE')}",
            {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.11", "LC_CTYPE": None},
        ),
        (
            "nodejs20.x",
            "return { NODE_PATH: process.env.NODE_PATH };",
            {
                "NODE_PATH": "/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:"
                "/var/runtime/node_modules:/var/runtime:/var/task"
            },
        ),
    ],
)
def test_3_1_some_variables_go_with_the_version(
    live: LiveDock, runtime: str, code: str, variables: Json
) -> None:
    assert live.shared(runtime).run(code).result == variables


def test_3_1_a_custom_runtime_sees_exactly_these_variables(told: dict[str, Json]) -> None:
    seen = told["provided"]["environment"]

    assert seen == on_every_runtime("provided", "provided.al2023", seen)


def test_3_1_a_compiled_custom_runtime_sees_none_of_a_shells_variables(
    service: TaskService, engine: docker.DockerClient
) -> None:
    code = base64.b64encode(archive({"bootstrap": (program(engine, "/usr/bin/printenv"), 0o755)}))
    function = {"name": "compiled", "runtime": "provided.al2", "entryPoint": "a.b"}
    service.post("/functions/", {**function, "code": code.decode()})

    answer = service.execute("compiled")

    log = service.log(answer["taskId"])
    names = {line.partition("=")[0] for line in log if "=" in line and "\t" not in line}
    assert answer["runtimeError"]["name"] == "Runtime.ExitError"  # it prints, and that is all
    assert "PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin" in log
    assert "AWS_XRAY_DAEMON_ADDRESS=169.254.79.129:2000" in log
    assert {"AWS_LAMBDA_RUNTIME_API", "_HANDLER", "LAMBDA_TASK_ROOT"} <= names
    assert names.isdisjoint({"HOME", "HOSTNAME", "TERM", "PWD", "OLDPWD", "SHLVL", "_"})
    assert "AWS_EXECUTION_ENV" not in names


@pytest.mark.parametrize("family", PROBES)
def test_3_1_the_log_stream_and_the_runtime_api_have_their_forms(
    told: dict[str, Json], family: str
) -> None:
    seen = told[family]["environment"]

    stream = seen["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    assert re.fullmatch(r"[\w.-]+:\d+", seen["AWS_LAMBDA_RUNTIME_API"])
    assert seen["NO_PROXY"] == seen["no_proxy"]
    assert seen["AWS_LAMBDA_RUNTIME_API"].partition(":")[0] in seen["NO_PROXY"].split(",")


def test_3_1_the_arn_has_the_region_that_was_set(told: dict[str, Json]) -> None:
    assert told["python"]["arn"] == f"arn:aws:lambda:{REGION}:000000000000:function:python"


def test_3_1_variables_that_a_user_may_set_arrive(service: TaskService) -> None:
    given = {
        "HOME": "/tmp/home",
        "TERM": "dumb",
        "HOSTNAME": "mine",
        "TZ": "Europe/Brussels",
        "PATH": "/var/lang/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": "/var/runtime",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR",
    }
    variables = {name: {"value": value} for name, value in given.items()}
    service.deploy("chosen", PROBES["python"], runtime="python3.13", environmentVariables=variables)

    seen = service.execute("chosen")["result"]["environment"]

    assert {name: seen.get(name) for name in given} == given


@pytest.mark.parametrize(
    ("runtime", "interpreter"),
    [("python3.13", "/var/lang/bin/python3.13 "), ("nodejs22.x", "/var/lang/bin/node ")],
)
def test_3_2_a_wrapper_gets_the_interpreters_command(
    service: TaskService, runtime: str, interpreter: str
) -> None:
    name = deploy_wrapped(service, runtime)

    seen = service.execute(name)["result"]["environment"]

    assert seen["WRAPPED"].startswith(interpreter)
    assert "/var/runtime/" in seen["WRAPPED"]


def test_3_2_a_custom_runtime_is_not_wrapped(service: TaskService) -> None:
    name = deploy_wrapped(service, "provided.al2023")

    variables = service.execute(name)["result"]["variables"]

    assert "AWS_LAMBDA_EXEC_WRAPPER=/var/task/wrapper" in variables
    assert not any(entry.startswith("WRAPPED=") for entry in variables)


def deploy_wrapped(service: TaskService, runtime: str) -> str:
    family = LANGUAGES[runtime]
    return service.deploy(
        f"wrapped-{family}",
        {**PROBES[family], "wrapper": WRAPPER},
        runtime=runtime,
        environmentVariables={"AWS_LAMBDA_EXEC_WRAPPER": {"value": "/var/task/wrapper"}},
    )


KEYS = """
    _HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV
    AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION
    AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME
    AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API
    LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR AWS_LAMBDA_MAX_CONCURRENCY AWS_LAMBDA_METADATA_API
    AWS_LAMBDA_METADATA_TOKEN
"""
UNABLE = (
    "Lambda was unable to configure your environment variables because the environment variables"
    " you have provided "
)


@pytest.fixture(scope="module")
def aws(server: LiveServer) -> Iterator[Any]:
    client = lambda_client(server.service.url)
    yield client
    client.close()


def create(aws: Any, name: str, variables: dict[str, str]) -> Json:
    code = {"ZipFile": archive({"main.py": (PYTHON.encode(), 0o644)})}
    given = {"Runtime": "python3.13", "Handler": "main.handler", "Role": ROLE, "Code": code}
    made: Json = aws.create_function(
        FunctionName=name, Environment={"Variables": variables}, **given
    )
    return made


@pytest.mark.parametrize("key", KEYS.split())
def test_3_2_a_reserved_key_is_refused(aws: Any, key: str) -> None:
    error = refused(create, aws, "reserved", {key: "x"})

    assert error["status"] == 400
    if key.startswith("_"):  # which no variable's name may, reserved or not
        assert error["Code"] == "ValidationException"
        assert "Map keys must satisfy constraint" in error["Message"]
        return
    assert error["Code"] == "InvalidParameterValueException"
    assert error["Message"] == (
        f"{UNABLE}contains reserved keys that are currently not supported for modification."
        f" Reserved keys used in this request: {key}"
    )


def test_3_2_these_may_be_overridden(aws: Any) -> None:
    names = (
        *("LANG", "PATH", "LD_LIBRARY_PATH", "NODE_PATH", "PYTHONPATH", "GEM_PATH", "TZ"),
        *("AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS"),
        *("AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_EXEC_WRAPPER"),
    )

    assert create(aws, "overriding", dict.fromkeys(names, "x"))["FunctionName"] == "overriding"


@pytest.mark.parametrize(
    "name", ["A", "1A", "_A", "A-B", "A.B", "\N{LATIN SMALL LETTER E WITH ACUTE}A"]
)
def test_3_2_a_name_is_a_letter_and_then_letters_digits_and_underscores(
    aws: Any, name: str
) -> None:
    assert refused(create, aws, "named", {name: "x"})["status"] == 400


def test_3_2_variables_have_4_kb_together(aws: Any) -> None:
    around = len('{"WOOD":""}')  # AWS measures the text of the JSON
    fits = create(aws, "fits", {"WOOD": "x" * (4096 - around)})

    error = refused(create, aws, "larger", {"WOOD": "x" * (4097 - around)})

    assert fits["FunctionName"] == "fits"
    assert error["Code"] == "InvalidParameterValueException"
    measured = json.dumps({"WOOD": "x" * (4097 - around)}, separators=(",", ":"))
    assert error["Message"] == f"{UNABLE}exceeded the 4KB limit. String measured: {measured}"


@pytest.mark.parametrize(
    ("field", "least", "most"), [("Timeout", 1, 1800), ("MemorySize", 128, 10240)]
)
def test_3_3_time_and_memory_have_their_limits(
    server: LiveServer, aws: Any, field: str, least: int, most: int
) -> None:
    create(aws, f"limited-{field}", {})
    unchecked = lambda_client(server.service.url, parameter_validation=False)
    update = functools.partial(
        unchecked.update_function_configuration, FunctionName=f"limited-{field}"
    )

    assert [update(**{field: value})[field] for value in (least, most)] == [least, most]
    for value in (least - 1, most + 1):
        error = refused(update, **{field: value})
        assert (error["status"], error["Code"]) == (400, "ValidationException")


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_3_3_a_zip_has_50_mb_at_most(aws: Any, more: int, fits: bool) -> None:
    def stored(size: int) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as zipped:
            zipped.writestr("wood.bin", bytes(size))
        return target.getvalue()

    size = 50 * 1024 * 1024 + more
    code = stored(size - len(stored(0)))
    given = {"Runtime": "python3.13", "Handler": "main.handler", "Role": ROLE}
    create = functools.partial(
        aws.create_function, FunctionName=f"zip-{more}", Code={"ZipFile": code}, **given
    )

    assert len(code) == size
    if fits:
        assert create()["CodeSize"] == size
    else:
        assert 400 <= refused(create)["status"] < 500


# 3.3 User, file system, limits


@pytest.mark.parametrize("family", PROBES)
def test_3_3_the_user_and_the_working_directory(told: dict[str, Json], family: str) -> None:
    assert told[family]["user"][:2] == [993, 990]
    assert told[family]["folder"] == "/var/task"


def test_3_3_the_user_has_no_home_and_no_privilege(told: dict[str, Json]) -> None:
    python = told["python"]

    assert not python["home"]
    assert set(python["user"][2]) <= {990}
    assert int(python["capabilities"], 16) == 0


def test_3_3_folders_belong_to_root_and_tmp_to_everyone(told: dict[str, Json]) -> None:
    """The code is a folder of this machine: it belongs to whoever runs the server."""
    assert told["python"]["modes"] == {
        "/tmp": ["0o1777", 0],
        "/var/task": ["0o755", os.geteuid()],
        "/opt": ["0o755", 0],
        "/lambda-entrypoint.sh": ["0o755", 0],
    }


def test_3_3_everything_but_tmp_is_read_only(told: dict[str, Json]) -> None:
    writes = told["python"]["writes"]

    assert writes.pop("/tmp") == "written"
    assert set(writes.values()) == {"Read-only file system"}


def test_3_3_the_limits_are_those_that_were_recorded(told: dict[str, Json]) -> None:
    limits = told["python"]["limits"]
    unlimited = [-1, -1]

    assert limits["NOFILE"] == [1024, 1024]
    assert limits["CORE"] == [10737418240, 10737418240]
    assert limits["MEMLOCK"] == [65536, 65536]
    assert limits["STACK"] == [8388608, -1]
    assert {limits[name] == unlimited for name in ("AS", "CPU", "DATA", "FSIZE")} == {True}


@pytest.mark.usefixtures("scratch")
def test_3_3_tmp_has_512_mb_on_a_disk_of_its_own(told: dict[str, Json]) -> None:
    python = told["python"]

    assert 512 <= python["tmp"] / 1024 / 1024 <= 520
    assert ["/tmp", "ext4"] in python["mounts"]


FILLS = """
import os
def handler(task, context):
    written = 0
    try:
        with open("/tmp/full", "wb", buffering=0) as file:
            while True:
                written += file.write(bytes(1 << 20))
    except OSError as error:
        return [error.strerror, written >> 20]
"""


@pytest.mark.usefixtures("scratch")
def test_3_3_a_function_that_fills_tmp_is_told_so_and_harms_nobody(
    service: TaskService, told: dict[str, Json]
) -> None:
    service.deploy("fills", {"main.py": FILLS}, runtime="python3.13")

    complaint, written = service.execute("fills")["result"]

    assert complaint == "No space left on device"
    assert 512 <= written <= 520
    assert service.execute("fills")["result"][0] == complaint  # it lives, and keeps what it has
    assert service.execute("python")["result"]["tmp"] == told["python"]["tmp"]


@pytest.mark.parametrize("megabytes", [129, 1770])
def test_3_3_memory_comes_in_steps_of_one_mb_and_without_swap(
    service: TaskService, server: LiveServer, engine: docker.DockerClient, megabytes: int
) -> None:
    name = f"memory-{megabytes}"
    service.deploy(name, PROBES["python"], runtime="python3.13", memoryLimit=megabytes)
    service.warm_up(name)

    config = container_of(server, engine, name)["HostConfig"]

    assert config["Memory"] == config["MemorySwap"] == megabytes * 1024 * 1024
    assert config["PidsLimit"] == 1024


@pytest.mark.usefixtures("scratch")
def test_3_3_a_container_goes_with_its_disk(service: TaskService, server: LiveServer) -> None:
    service.deploy("short", PROBES["python"], runtime="python3.13")
    service.warm_up("short")

    before = mounted(server)
    service.call("DELETE", "/functions/short")

    assert before
    eventually(lambda: len(before - mounted(server)) == 1, "its disk is gone")


def mounted(server: LiveServer) -> set[str]:
    """The scratch disks that this server's containers have: of those that wait for a function,
    there may be more at any time."""
    command = ["losetup", "-ln", "-O", "NAME,BACK-INO,BACK-FILE"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line for line in listed.splitlines() if f" {server.data.resolve()}" in line}


# Packages

LISTS = """
import os
def handler(task, context):
    files = size = 0
    for folder, _, names in os.walk("/var/task"):
        files += len(names)
        size += sum(os.path.getsize(os.path.join(folder, name)) for name in names)
    return {"files": files, "size": size, "deep": open("/var/task/" + "d/" * 200 + "x").read(),
            "modes": [oct(os.stat("/var/task/" + n).st_mode & 0o777) for n in ("tool", "main.py")]}
"""


def test_3_3_a_package_of_250_mb_with_many_files_and_deep_folders_works(
    service: TaskService,
) -> None:
    count = 25_000
    files: dict[str, tuple[bytes, int]] = {
        f"node_modules/p{n % 500}/f{n}.js": (b"module.exports = 1", 0o644) for n in range(count)
    }
    files |= {
        "main.py": (LISTS.encode(), 0o644),
        "tool": (b"#!/bin/sh\n", 0o755),
        "d/" * 200 + "x": (b"deep", 0o644),
    }
    small = sum(len(data) for data, _ in files.values())
    files["model.bin"] = (bytes(250 * 1024 * 1024 - small), 0o644)
    code = base64.b64encode(archive(files)).decode()
    function = {"name": "big", "runtime": "python3.13", "entryPoint": "main.handler"}
    service.post("/functions/", {**function, "code": code})

    result = service.execute("big")["result"]

    assert result == {
        "files": count + 4,
        "size": 250 * 1024 * 1024,
        "deep": "deep",
        "modes": ["0o755", "0o644"],
    }


# The CPU


def test_3_3_the_cpu_is_a_share_by_memory_once_init_is_over(
    server: LiveServer, engine: docker.DockerClient, told: dict[str, Json]
) -> None:
    config = container_of(server, engine, "python")["HostConfig"]

    assert told["python"]["at_init"].split()[0] in ("-1", "max")
    assert config["CpuQuota"] / config["CpuPeriod"] == pytest.approx(128 / 1769, abs=0.001)


def container_of(server: LiveServer, engine: docker.DockerClient, function: str) -> Json:
    """What the engine says of the one container of this function."""
    found = [engine.api.inspect_container(id) for id in server.containers()]
    (one,) = (each for each in found if each["Name"].startswith(f"/taskdock-{function}-"))
    return one


def program(engine: docker.DockerClient, path: str) -> bytes:
    """A compiled program of the stand-in for custom runtimes."""
    import tarfile

    image = Images(engine, lambda _: None).find(ImageRequest("", "provided:al2")).reference
    container = engine.api.create_container(image, command="x")
    try:
        pieces, _ = engine.api.get_archive(container["Id"], path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
            file = tar.extractfile(tar.getmembers()[0])
            assert file is not None
            return file.read()
    finally:
        engine.api.remove_container(container["Id"])


def archive(files: dict[str, tuple[bytes, int]]) -> bytes:
    """A zip of files with their modes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for name, (data, mode) in files.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, data)
    return target.getvalue()
