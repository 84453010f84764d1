"""What a container is started with: its variables, its command, its names."""

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from taskdock.engines.engine import Mount
from taskdock.lambdas import arns
from taskdock.lambdas.environment import spec
from taskdock.lambdas.functions.function import Function, ImageConfig

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)
CODE = Mount(source=Path("/code"), target="/var/task")
OURS = {"API_OAUTH_TOKEN": "ours", "API_OAUTH_TOKEN_SECRET": "our secret"}
INSIDE = "http://localhost:9002"


OAK = Function(
    name="oak", code="c", runtime="python3.13", entry_point="main.handler", update_timestamp=NOON
)
IMAGE = Function(name="oak", image="oak:1", update_timestamp=NOON)


def program(function, *, custom_runtime=False, **more):
    return spec.program(
        function,
        environment_id="e" * 16,
        custom_runtime=custom_runtime,
        port=8080,
        credentials=OURS,
        now=NOON,
        **more,
    )


def environment(**variables):
    return program(replace(OAK, environment=variables)).environment


def test_a_container_is_named_for_its_function_and_leads_to_both_listeners():
    made = spec.spec(
        name=spec.container_name("oak", "e" * 16),
        environment_id="e" * 16,
        image="image",
        memory=128,
        code=CODE.source,
        server="s",
    )

    assert (made.name, made.memory, made.mounts) == ("taskdock-oak-eeeeeeee", 128, (CODE,))
    assert made.labels == {"dev.taskdock.server": "s", "dev.taskdock.environment": "e" * 16}
    assert made.forwards == {9001: spec.RUNTIME_API, 9002: spec.TASK_SERVICE}
    assert environment()["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"  # as on AWS


def test_a_function_that_sets_nothing_gets_the_address_and_credentials():
    assert environment().items() >= {"API_HOST": INSIDE, **OURS}.items()


def test_no_proxy_stands_between_a_function_and_what_its_launcher_leads_on():
    made = environment()

    assert made["NO_PROXY"] == made["no_proxy"] == "localhost,127.0.0.1"


@pytest.mark.parametrize(
    "host",
    [
        "http://localhost:8080",
        "http://localhost:8080/",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
    ],
)
def test_the_address_that_we_have_outside_is_made_to_work_inside(host):
    assert environment(API_HOST=host)["API_HOST"] == INSIDE


@pytest.mark.parametrize(
    "host",
    ["http://localhost:8081", "http://localhost:80800", "https://api.example.com", INSIDE],
)
def test_any_other_address_is_the_functions_own_business(host):
    assert environment(API_HOST=host)["API_HOST"] == host


def test_an_sdk_of_aws_finds_lambda_here():
    assert environment()["AWS_ENDPOINT_URL_LAMBDA"] == INSIDE


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"])
def test_a_function_that_says_where_lambda_is_is_led_nowhere_else(name):
    elsewhere = environment(**{name: "http://localstack:4566"})
    here = environment(**{name: "http://localhost:8080"})

    both = ("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL")
    assert [elsewhere[each] for each in both if each in elsewhere] == ["http://localstack:4566"]
    assert [here[each] for each in both if each in here] == [INSIDE]


def test_a_function_with_a_credential_of_its_own_gets_none_of_ours():
    made = environment(API_OAUTH_TOKEN="own")

    assert made["API_OAUTH_TOKEN"] == "own"
    assert "API_OAUTH_TOKEN_SECRET" not in made


def test_a_managed_runtime_is_named_and_has_its_language_in_the_paths():
    seen = program(OAK).environment

    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert seen["PATH"] == "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
    assert seen["LD_LIBRARY_PATH"].startswith("/var/lang/lib:/lib64:")
    assert (seen["_HANDLER"], seen["TZ"]) == ("main.handler", ":UTC")


@pytest.mark.parametrize(
    ("runtime", "language", "x_ray"),
    [
        ("provided.al2023", True, "169.254.100.1"),
        ("provided.al2", False, "169.254.79.129"),
        ("provided", False, "169.254.79.129"),
    ],
)
def test_a_custom_runtime_is_not_named(runtime, language, x_ray):
    seen = program(replace(OAK, runtime=runtime), custom_runtime=True).environment

    assert "AWS_EXECUTION_ENV" not in seen
    assert ("/var/lang" in seen["PATH"], "/var/lang" in seen["LD_LIBRARY_PATH"]) == (language,) * 2
    assert seen["AWS_XRAY_DAEMON_ADDRESS"] == f"{x_ray}:2000"
    assert seen["_HANDLER"] == "main.handler"


def test_an_image_says_itself_what_is_the_images():
    seen = program(IMAGE).environment

    own = {"_HANDLER", "TZ", "LANG", "PATH", "LD_LIBRARY_PATH", "AWS_EXECUTION_ENV"}
    assert seen.keys().isdisjoint(own)
    assert seen["LAMBDA_TASK_ROOT"] == "/var/task"


def test_what_a_user_sets_wins_where_lambda_lets_it():
    given = {"PATH": "/opt/bin", "LANG": "C", "TZ": "UTC", "AWS_LAMBDA_LOG_FORMAT": "JSON"}

    assert environment(**given).items() >= given.items()


def test_the_region_and_the_credentials_are_those_that_were_set():
    aws = spec.Aws(
        region="eu-west-3", access_key_id="AKIA", secret_access_key="s", session_token=""
    )

    seen = program(OAK, aws=aws).environment

    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "eu-west-3"
    assert (seen["AWS_ACCESS_KEY_ID"], seen["AWS_SECRET_ACCESS_KEY"]) == ("AKIA", "s")
    assert "AWS_SESSION_TOKEN" not in seen
    assert arns.function_arn("oak", "eu-west-3") == (
        "arn:aws:lambda:eu-west-3:000000000000:function:oak"
    )


@pytest.mark.parametrize(
    ("config", "entry_point", "started"),
    [
        (None, None, (None, None, None)),
        (None, "main.handler", (None, ("main.handler",), None)),
        (ImageConfig(), "main.handler", (None, ("main.handler",), None)),
        (ImageConfig(command=("a", "b")), "main.handler", (None, ("a", "b"), None)),
        (ImageConfig(command=()), "main.handler", (None, (), None)),
        (
            ImageConfig(entry_point=("/bin/x", "-y"), working_directory="/srv"),
            None,
            (("/bin/x", "-y"), None, "/srv"),
        ),
    ],
)
def test_an_image_function_is_started_as_it_says_or_as_its_image_does(config, entry_point, started):
    made = program(replace(IMAGE, image_config=config, entry_point=entry_point))

    assert (made.entrypoint, made.arguments, made.working_directory) == started


def test_a_custom_runtime_is_the_first_bootstrap_that_is_there():
    made = program(replace(OAK, runtime="provided.al2023"), custom_runtime=True)

    assert (made.entrypoint, made.arguments) == (None, ())
    assert made.candidates == ("/var/task/bootstrap", "/opt/bootstrap", "/var/runtime/bootstrap")
    assert program(OAK).candidates == ()


@pytest.mark.parametrize(("memory", "cpus"), [(128, 0.0724), (1769, 1.0), (10240, 5.788)])
def test_the_cpu_is_shared_out_by_memory(memory, cpus):
    assert spec.cpus(replace(OAK, memory_limit=memory)) == pytest.approx(cpus, abs=0.001)
