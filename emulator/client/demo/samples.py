"""The sample functions that come with taskdock, deployed as `taskdock deploy` does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from taskdock.base import resources
from taskdock.client.api import TaskService
from taskdock.client.console import progress
from taskdock.client.deployment.config import task_config
from taskdock.client.deployment.deploy import Deployment, deploy

FOLDER = "sample_functions"


class BuildImage(Protocol):
    """Builds a folder's Dockerfile and returns the image's tag. `show` gets progress lines."""

    def __call__(self, folder: Path, *, show: progress.Show) -> str: ...


def sample_runtimes() -> list[str]:
    """The runtimes that the samples name."""
    configs = resources.folder(FOLDER).glob(f"*/{task_config.FILE_NAME}")
    named = {json.loads(config.read_text()).get("runtime") for config in configs}
    return sorted(named - {None})


def folder_of(name: str) -> Path:
    """Where a sample is on this machine."""
    return resources.folder(FOLDER) / name


def needs_image(name: str) -> bool:
    """Whether a sample is a container image, which has to be built first."""
    return (folder_of(name) / "Dockerfile").is_file()


def deploy_sample(
    service: TaskService, name: str, build_image: Callable[[Path], str]
) -> Deployment:
    """Deploys one sample; `build_image` is called with its folder if it is a container image."""
    folder = folder_of(name)
    given = {"image": build_image(folder)} if needs_image(name) else {}
    config = task_config.read(
        folder / task_config.FILE_NAME,
        given=given,
        environment={},
        caller_environment={},
        allow=lambda *_: None,
    )
    return deploy(service, config.to_request(folder))
