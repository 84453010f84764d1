from datetime import date

import pytest

from taskdock.base import errors, resources
from taskdock.engines.standins.standins import Standins
from taskdock.lambdas.functions import runtimes

LAMBDAS = """
    nodejs nodejs4.3 nodejs6.10 nodejs8.10 nodejs10.x nodejs12.x nodejs14.x nodejs16.x nodejs18.x
    nodejs20.x nodejs22.x nodejs24.x nodejs26.x python2.7 python3.6 python3.7 python3.8 python3.9
    python3.10 python3.11 python3.12 python3.13 python3.14 python3.15 java8 java8.al2 java11 java17
    java21 java25 java8.al2023 java11.al2023 java17.al2023
    dotnetcore1.0 dotnetcore2.0 dotnetcore2.1 dotnetcore3.1 dotnet6 dotnet8 dotnet10 ruby2.5
    ruby2.7 ruby3.2 ruby3.3 ruby3.4 ruby4.0 go1.x provided provided.al2 provided.al2023
"""


@pytest.mark.parametrize("id", LAMBDAS.split())
def test_every_runtime_that_lambda_has_or_had_is_in_the_catalog(id: str) -> None:
    assert runtimes.find(id).id == id


@pytest.mark.parametrize(
    ("id", "image"),
    [
        ("nodejs20.x", "public.ecr.aws/lambda/nodejs:20"),
        ("python3.11", "public.ecr.aws/lambda/python:3.11"),
        ("java8.al2", "public.ecr.aws/lambda/java:8.al2"),
        ("dotnetcore3.1", "public.ecr.aws/lambda/dotnet:core3.1"),
        ("provided.al2023", "public.ecr.aws/lambda/provided:al2023"),
        ("provided", "public.ecr.aws/lambda/provided:alami"),
        ("nodejs6.10", ""),
    ],
)
def test_a_runtime_names_the_image_that_aws_published(id: str, image: str) -> None:
    assert runtimes.find(id).image == image


def test_an_unknown_runtime_is_refused_by_name() -> None:
    with pytest.raises(errors.UnknownRuntime, match=r"python3\.99"):
        runtimes.find("python3.99")


def test_only_the_provided_runtimes_bring_their_own_process() -> None:
    bringing = {id for id, runtime in runtimes.known().items() if runtime.brings_bootstrap}

    assert bringing == {"provided", "provided.al2", "provided.al2023"}


def test_rows_are_consistent() -> None:
    for runtime in runtimes.known().values():
        assert runtime.os in {"al1", "al2", "al2023"}
        assert runtime.entry in {"handler", "bootstrap"}
        assert runtime.id.startswith(runtime.family)


def test_a_runtime_is_retired_from_its_deprecation_day_on() -> None:
    python = runtimes.find("python3.9")

    assert not python.retired(date(2025, 12, 14))
    assert python.retired(date(2025, 12, 15))
    assert not runtimes.find("python3.15").retired(date(2040, 1, 1))


@pytest.mark.parametrize(
    ("id", "day"),
    [
        ("python3.11", date(2027, 6, 30)),
        ("python3.10", date(2026, 10, 31)),
        ("java8.al2", date(2027, 6, 30)),
        ("java21", date(2029, 6, 30)),
        ("dotnet6", date(2024, 12, 20)),
        ("dotnet8", date(2026, 11, 10)),
        ("provided.al2", date(2026, 7, 31)),
        ("ruby4.0", date(2029, 3, 31)),
        ("nodejs", date(2016, 8, 30)),
        ("nodejs26.x", None),
    ],
)
def test_a_runtime_is_supported_until_the_day_that_aws_has_published(
    id: str, day: date | None
) -> None:
    assert runtimes.find(id).deprecated == day


def test_every_stand_in_named_has_a_recipe_of_the_runtimes_family() -> None:
    standins = Standins(None, print, cache=resources.folder("runtimes"))  # type: ignore[arg-type]

    for runtime in runtimes.known().values():
        if runtime.standin:
            assert standins.tag(runtime.standin) == f"taskdock/standin-{runtime.standin}"
            assert runtime.standin.startswith(f"{runtime.family}:")


def test_every_recipe_has_a_folder_with_a_dockerfile() -> None:
    for folder in ("base", "python", "nodejs", "nodejs-addon", "provided"):
        assert (resources.folder("runtimes") / folder / "Dockerfile").is_file()
