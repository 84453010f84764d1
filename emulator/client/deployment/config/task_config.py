"""task-config.json: finds, reads and checks the file. It knows nothing of HTTP."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from taskdock.base import strict_json
from taskdock.client.deployment.config import config_words
from taskdock.client.deployment.config.execution_config import (
    CREDENTIALS,
    ConfigModel,
    ExecutionCredentialsConfig,
    ExecutionOptionsConfig,
    PermissionMode,
    check_credentials,
    options_of,
)
from taskdock.client.deployment.package import PackageLimits, pack, selected
from taskdock.client.deployment.packing.remarks import remarks
from taskdock.client.deployment.packing.selection import Selection
from taskdock.client.errors import BadTaskConfig

FILE_NAME = "task-config.json"
_LARGEST = 1024 * 1024  # bytes; such a file has some hundred

Allow = Callable[[str, Mapping[str, str]], object]
"""Called with the file's path, and a mapping of the function's variable name to the name of the
caller's variable whose value it takes. Raises if the caller refuses."""


class RetryPolicyConfig(ConfigModel):
    enabled: bool | None = None
    errors_to_retry: list[str] | None = None


class TaskConfig(ConfigModel):
    """One function as its author describes it. The service checks the ranges of the numbers."""

    schema_: Annotated[str | None, Field(alias="$schema")] = None
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
    description: str | None = None
    path: str | None = None
    build: str | None = None
    entry_point: str | None = None
    runtime: str | None = None
    image: str | None = None
    time_limit: int | None = None
    memory_limit: int | None = None
    environment: dict[str, str] | None = None
    execution_permission: PermissionMode | None = None
    default_priority: int | None = None
    retry_policy: RetryPolicyConfig | None = None
    execution_options: ExecutionOptionsConfig | None = None
    execution_credentials: ExecutionCredentialsConfig | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> TaskConfig:
        self._options()
        check_credentials(self.execution_credentials, self.environment)
        return self

    @model_validator(mode="after")
    def _has_code(self) -> TaskConfig:
        fault = _code_fault(self.model_dump(by_alias=True))
        if fault is not None:
            raise ValueError(fault)
        return self

    def to_request(
        self, folder: Path, remark: Callable[[str], object] = lambda _: None
    ) -> dict[str, Any]:
        """The body that creates this function; `path` is relative to `folder`. `remark` gets
        sentences about the package that its author should know. Raises `BadTaskConfig` and
        `BadPackage`."""
        fields = {
            "name": self.name,
            "description": self.description,
            "entryPoint": self.entry_point,
            "runtime": self.runtime,
            "image": self.image,
            "timeLimit": self.time_limit,
            "memoryLimit": self.memory_limit,
            "retryPolicy": self.retry_policy and self.retry_policy.written(),
            "executionOptions": self._options() or None,
            CREDENTIALS: self.execution_credentials and self.execution_credentials.written(),
        }
        if self.environment is not None:
            fields["environmentVariables"] = {
                name: {"value": value} for name, value in self.environment.items()
            }
        if self.path is not None:
            code = inside(folder, self.path)
            packed = pack(code, within=folder, entry_point=self.entry_point)
            for sentence in remarks(packed.selection):
                remark(f"{self.name}: {sentence}")
            fields["code"] = base64.b64encode(packed.zipped).decode()
        return _without_none(fields)

    def _options(self) -> dict[str, Any]:
        return options_of(self.execution_options, self.execution_permission, self.default_priority)

    def selection(self, folder: Path, limits: PackageLimits) -> Selection | None:
        """The files that `to_request` packs; None for an image. Raises as `to_request` does."""
        if self.path is None:
            return None
        code = inside(folder, self.path)
        return selected(code, within=folder, entry_point=self.entry_point, limits=limits)


def _code_fault(fields: Mapping[str, object]) -> str | None:
    """Why the fields name no code that can run, or more than one. None: they name one."""
    given = {name for name in ("path", "entryPoint", "runtime") if fields.get(name) is not None}
    if fields.get("image") is not None:
        both = given & {"path", "runtime"}
        told = "a container image takes the place of path and runtime: leave out those, or image"
        return told if both else None
    missing = [name for name in ("path", "entryPoint", "runtime") if name not in given]
    return (
        f"{', '.join(missing)} missing (or give image, for a container image)" if missing else None
    )


def find(path: Path) -> list[Path]:
    """The task-config.json files of a path: the file itself, the file in the folder, or the files
    one folder below. Raises `BadTaskConfig`."""
    try:
        return _find(path)
    except OSError as error:  # a folder without rights, or a name that is too long
        raise BadTaskConfig(f"{str(path)[:200]} cannot be read: {error.strerror}") from None


def _find(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise BadTaskConfig(f"{path} does not exist")
    if not path.is_dir():
        raise BadTaskConfig(f"{path} is neither a file nor a folder")
    if (path / FILE_NAME).is_file():
        return [path / FILE_NAME]
    found = sorted(path.glob(f"*/{FILE_NAME}"))
    for file in found:
        if not file.resolve().is_relative_to(path.resolve()):
            raise BadTaskConfig(
                f"{file} is a link out of {path}, to {file.resolve()}; deploy it by that path"
            )
    if not found:
        raise BadTaskConfig(f"there is no {FILE_NAME} in {path} or in a folder of it")
    return found


def read(
    file: Path | None,
    *,
    given: Mapping[str, object],
    environment: Mapping[str, str],
    caller_environment: Mapping[str, str],
    allow: Allow,
) -> TaskConfig:
    """The function that the file describes; `given` and `environment` override the file.

    `given` has fields of `TaskConfig` by name, None for those that are not given. `allow` is asked
    before a variable of `caller_environment` is taken, because the file may be a stranger's and
    that environment holds secrets. Raises `BadTaskConfig`, and what `allow` raises.
    """
    fields = {} if file is None else parse(file)
    fields |= {to_camel(name): value for name, value in given.items() if value is not None}
    source = "the options" if file is None else str(file)
    stated = fields.get("environment", {})
    if isinstance(stated, dict) and (stated or environment):
        kept = {name: value for name, value in stated.items() if name not in environment}
        fields["environment"] = {**_resolve(kept, caller_environment, source, allow), **environment}
    try:
        return TaskConfig.model_validate(fields)
    except ValidationError as error:
        told = [config_words.sentence(problem, TaskConfig) for problem in error.errors()]
        code = _code_fault(fields)  # the model looks for it only where all else is right
        problems = [*told, code] if code and code not in told else told
        raise BadTaskConfig(f"{source}: {'; '.join(problems)}") from None


def parse(file: Path) -> dict[str, object]:
    """The file's object, not checked yet. Raises `BadTaskConfig`."""
    try:
        if file.stat().st_size > _LARGEST:
            raise BadTaskConfig(f"{file} is over {_LARGEST // 1024} KB; it describes one function")
        fields = strict_json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadTaskConfig(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadTaskConfig(f"{file} is not JSON: {strict_json.explained(error)}") from None
    if not isinstance(fields, dict):
        raise BadTaskConfig(f"{file} is not a JSON object, but {strict_json.shown(fields)}")
    return fields


def inside(folder: Path, path: str) -> Path:
    """The folder of the code, with `path` relative to `folder`.

    The code must lie in `folder`, also after links are followed: a task-config.json that somebody
    else has written must not choose which files of this machine are sent to a server. Raises
    `BadTaskConfig`.
    """
    try:
        code, own = (folder / path).resolve(), folder.resolve()
    except (OSError, RuntimeError, ValueError):
        raise BadTaskConfig(
            f"path {path[:80]!r} in {folder} leads nowhere: it has a loop of links, or is no name"
            " that a folder can have"
        ) from None
    if not code.is_relative_to(own):
        raise BadTaskConfig(
            f"path {path!r} leads out of {folder}, to {code}; only code in the folder of its"
            f" {FILE_NAME} is deployed: put it there, or the file where the code is"
        )
    return folder / path


def _resolve(
    stated: Mapping[str, object], caller_environment: Mapping[str, str], source: str, allow: Allow
) -> dict[str, object]:
    """Replaces each value that begins with $ by the caller's variable of that name."""
    taken = {
        name: value[1:]
        for name, value in stated.items()
        if isinstance(value, str) and value.startswith("$")
    }
    for name, variable in taken.items():
        if variable not in caller_environment:
            raise BadTaskConfig(
                f"{source}: environment.{name} is ${variable}, but the variable {variable} is not"
                f" set; set it, or give --env {name}=VALUE"
            )
    if taken:
        allow(source, taken)
    values = {name: caller_environment[variable] for name, variable in taken.items()}
    return {**stated, **values}


def _without_none(fields: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
