"""Logins at registries: a helper that fails costs its own logins, and nothing else."""

from __future__ import annotations

import base64
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from docker.auth import load_config

from taskdock.base.errors import EngineUnreachable
from taskdock.engines.docker.client import connect
from taskdock.engines.docker.logins import Logins

ECR = "public.ecr.aws"
_WRITTEN = {"auth": base64.b64encode(b"ada:secret").decode()}

_HELPERS = {
    "works": 'echo \'{"Username": "grace", "Secret": "hidden", "ServerURL": "x"}\'',
    "knows-nobody": "echo credentials not found in native keychain; exit 1",
    "breaks": "echo no bus; exit 3",
    "babbles": "echo hello",
}


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs as docker's configuration names them."""
    for name, does in _HELPERS.items():
        program = tmp_path / f"docker-credential-{name}"
        program.write_text(f'#!/bin/sh\n[ "$1" = list ] && echo "{{}}" && exit\n{does}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder / "config.json"


def _logins(config: Path, **fields: Any) -> Logins:
    config.write_text(json.dumps(fields))
    return Logins(load_config(str(config)))


@pytest.mark.usefixtures("helpers")
@pytest.mark.parametrize("name", ["absent", "breaks", "babbles"])
@pytest.mark.parametrize("place", ["credsStore", "credHelpers"])
def test_what_a_helper_cannot_say_is_not_needed(config: Path, name: str, place: str) -> None:
    value: Any = name if place == "credsStore" else {ECR: name}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logins = _logins(config, auths={ECR: _WRITTEN}, **{place: value})

        found = logins.resolve_authconfig(ECR)
        everything = logins.get_all_credentials()

    assert found is not None
    assert found["username"] == "ada"
    assert everything[ECR]["username"] == "ada"
    assert logins.fault


@pytest.mark.usefixtures("helpers")
def test_a_helper_that_is_not_installed_is_named(config: Path) -> None:
    logins = _logins(config, credsStore="absent")

    assert logins.resolve_authconfig(ECR) is None
    assert "not installed: docker-credential-absent" in logins.fault


@pytest.mark.usefixtures("helpers")
def test_a_helper_that_works_is_asked(config: Path) -> None:
    logins = _logins(config, credHelpers={ECR: "works"})

    found = logins.resolve_authconfig(ECR)

    assert found is not None
    assert (found["Username"], found["Password"]) == ("grace", "hidden")
    assert logins.fault == ""


@pytest.mark.usefixtures("helpers")
def test_a_helper_that_knows_nobody_there_has_not_failed(config: Path) -> None:
    logins = _logins(config, credsStore="knows-nobody")

    assert logins.resolve_authconfig(ECR) is None
    assert logins.fault == ""


def test_without_a_configuration_there_are_none(tmp_path: Path) -> None:
    logins = Logins(load_config(str(tmp_path / "nothing.json")))

    assert logins.resolve_authconfig(ECR) is None
    assert not logins.is_empty, "docker-py would read the file again"


@pytest.mark.parametrize(
    "text", ["[]", '{"auths": {"x": "y"}}', '{"auths": {"x": {"auth": "!"}}}', '{"auths": 7}']
)
def test_a_configuration_that_makes_no_sense_is_named(config: Path, text: str) -> None:
    config.write_text(text)

    with pytest.raises(EngineUnreachable) as refused:
        connect("unix:///nobody/listens/here.sock")

    assert f"docker's configuration, {config}, cannot be read" in refused.value.message
    assert "DOCKER_CONFIG" in refused.value.message


@pytest.mark.parametrize("text", ["{ nonsense", ""])
def test_one_that_is_no_json_is_passed_over_as_docker_py_does(config: Path, text: str) -> None:
    config.write_text(text)

    assert Logins(load_config(str(config))).get_all_credentials() == {}
