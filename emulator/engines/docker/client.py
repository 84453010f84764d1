"""A docker-py client for the engine at an address, and what that engine says of itself."""

from __future__ import annotations

import os

import docker
from docker.errors import DockerException, InvalidConfigFile
from docker.utils.config import find_config_file

from taskdock.base.errors import EngineUnreachable
from taskdock.engines.docker import logins
from taskdock.engines.docker.facts import EngineFacts, read_engine

_REQUEST_LIMIT = 120  # seconds
_CONNECTIONS = 64


def connect(address: str) -> docker.DockerClient:
    """A client for the engine at `address`, such as unix:///var/run/docker.sock.

    Raises `EngineUnreachable`.
    """
    try:
        client = docker.DockerClient(
            base_url=address, version="auto", timeout=_REQUEST_LIMIT, max_pool_size=_CONNECTIONS
        )
    except (InvalidConfigFile, AttributeError, TypeError, ValueError) as error:
        file = str(find_config_file())
        raise EngineUnreachable(
            f"docker's configuration, {file}, cannot be read: {error}; mend it, or set"
            " DOCKER_CONFIG to another folder"
        ) from None
    except DockerException as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None
    logins.forgive(client.api)
    return client


def look(api: docker.APIClient) -> EngineFacts:
    """The engine's own description. Raises `EngineUnreachable`."""
    try:
        return read_engine(api.info(), api.version())
    except (DockerException, OSError) as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None


def is_here(facts: EngineFacts) -> bool:
    """Whether the engine's devices are ours: not in a virtual machine, nor in a container."""
    machine = os.uname()
    return (facts.machine, facts.kernel) == (machine.nodename, machine.release)
