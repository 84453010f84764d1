"""All settings: name, default, unit. The variable of each is TASKDOCK_ and its name in capitals.

This module has over 250 lines because it is one table, of the settings with their bounds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import Enum
from ipaddress import ip_network
from pathlib import Path

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
)
from pydantic.fields import FieldInfo

from taskdock.base.errors import StartupError

LIFELINE = "TASKDOCK_ENDS_WITH_STDIN"
"""A variable, but no setting. A program that starts a server of its own sets the variable, so that
the server ends when its standard input does."""
EPHEMERAL = "TASKDOCK_REMOVES_DATA"
"""Another such variable: the server removes its data folder when it has ended in order. So the
folder goes also when the program that made it was killed."""

SECRETS = frozenset({"aws_access_key_id", "aws_secret_access_key", "aws_session_token"})
"""The settings whose values nobody is shown."""

_CHOICES = re.compile(r"\^\(([\w|]+)\)\$")
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most"}
_ADVICE = {
    str(bool): "write true or false",
    **dict.fromkeys((str(Path), str(Path | None)), "write a path"),
    str(tuple[str, ...]): "write texts, or one text with commas between them",
}


class Origin(str, Enum):
    """The place where the value of a setting was read."""

    DEFAULT = "default"
    VARIABLE = "variable"
    """A variable of the environment: TASKDOCK_ and the name in capitals."""
    OPTION = "option"
    """An option of the command, or an argument of `running`."""
    PROGRAM = "program"
    """The program that has made the settings itself."""


class ImageChoice(str, Enum):
    """The source of images."""

    AUTO = "auto"
    """AWS's image where it is on this machine or can be pulled, else a stand-in."""
    REGISTRY = "registry"
    """Never a stand-in."""
    STANDIN = "standin"
    """A stand-in where there is one, else the image on this machine; nothing is pulled."""


class NetworkChoice(str, Enum):
    """The network of functions' containers."""

    ENGINE = "engine"
    """The default network of the engine, as for any container."""
    ISOLATED = "isolated"
    """A network in which containers do not reach each other."""
    NONE = "none"
    """No network: containers reach this server alone, by their doors."""


class Settings(BaseModel):
    """The settings of one server. They are frozen: other settings need a new server."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)

    host: str = Field("localhost", description="address to serve the API on")
    allowed_host: tuple[str, ...] = Field(
        (),
        description="further names or addresses that the API may be called by, beside localhost;"
        " .example.org: all below it",
    )
    open_beyond_loopback: bool = Field(
        False,
        description="serve requests without credentials to whoever reaches the port; without it,"
        " to this machine's loopback alone",
    )
    port: int = Field(8080, ge=0, le=65535, description="port of the API; 0 picks a free one")
    data_dir: Path = Field(Path(".taskdock"), description="folder for the database and the code")
    auth: str = Field(
        "open",
        pattern="^(open|strict)$",
        description="open: requests without credentials may do everything; strict: as the service",
    )
    function_credentials: str = Field(
        "auto",
        pattern="^(auto|all|limited|none)$",
        description="what functions may do here by the credentials that they are given; all:"
        " everything; limited: what may be done by who deployed them; none: they get none; auto:"
        " all, with --auth strict limited",
    )
    concurrency: int = Field(8, ge=1, le=1000, description="queued tasks run side by side")
    direct_concurrency: int = Field(
        16, ge=1, le=50, description="direct executions and API functions run side by side"
    )
    memory_budget: int = Field(
        0, ge=0, description="MB that all environments may hold together; 0: 3/4 of the engine's"
    )
    memory_shared_by: int = Field(
        1, ge=1, le=1000, description="servers side by side that share the memory budget evenly"
    )
    cpu: str = Field(
        "host",
        pattern="^(host|lambda)$",
        description="host: a function may use every processor; lambda: its share, by its memory",
    )
    architecture: str = Field(
        "auto",
        pattern="^(auto|x86_64|arm64)$",
        description="what functions run on; auto: what the engine runs on",
    )
    images: str = Field(
        "auto",
        pattern="^(auto|registry|standin)$",
        description="auto: AWS's image, a stand-in where it cannot be had; registry: never a"
        " stand-in; standin: a stand-in where there is one, and nothing is pulled",
    )
    network: str = Field(
        "engine",
        pattern="^(engine|isolated|none)$",
        description="engine: functions' containers are in the engine's own network; isolated: they"
        " do not reach each other, and start slower; none: they reach this server alone",
    )
    container_callers: tuple[str, ...] = Field(
        (),
        description="addresses and networks from which containers of an engine on another machine"
        " may call, beside that machine's own",
    )
    region: str = Field(
        "us-east-1", pattern="^[a-z]{2,}(-[a-z]+)+-[0-9]+$", description="AWS region of functions"
    )
    aws_access_key_id: str = Field("taskdock", description="AWS credentials of functions")
    aws_secret_access_key: str = Field("taskdock", description="the secret that goes with them")
    aws_session_token: str = Field("taskdock", description="and the token; empty: there is none")
    max_environments: int = Field(
        0, ge=0, description="how many environments there may be at a time; 0: as many as fit"
    )
    freeze_after: float = Field(0.0, ge=0, description="seconds idle until it is frozen")
    retire_after: float = Field(600.0, gt=0, description="seconds idle until it is removed")
    keep_warm: int = Field(
        0, ge=0, description="idle environments of each function that are not removed"
    )
    prewarm: int = Field(
        1,
        ge=0,
        le=100,
        description="containers of each runtime and memory size in use that wait for a function;"
        " more, up to 8, once so many were started at a time; 0: none",
    )
    keep_days: float = Field(
        30.0,
        ge=0,
        le=36_500,
        description="days that ended tasks, API requests and invocations are kept, with their logs;"
        " 0: without an end",
    )
    keep_mb: int = Field(
        1024,
        ge=0,
        description="MB from which on the database forgets the oldest of what has ended; 0: however"
        " large",
    )
    harness: str = Field(
        "auto",
        pattern="^(auto|on|off)$",
        description="serve the test harness, /taskdock/..., to programs on this machine; auto: on,"
        " with --auth strict off",
    )
    hot_reload: tuple[str, ...] = Field((), description="folders that the bucket hot-reload has")
    clock: str = Field(
        "real",
        pattern="^(real|manual|auto)$",
        description="the time of tasks and schedules; manual: it stands still until it is moved;"
        " auto: while somebody waits and nothing runs, it jumps to what is due next",
    )
    doubles: Path | None = Field(
        None, description="folder of doubles: answers in place of services that are not here"
    )
    doubles_record: str = Field(
        "",
        description="address of a cluster that calls without a double are handed on to; its answers"
        " are written down as doubles",
    )
    history: int = Field(
        1000, ge=0, le=1_000_000, description="runs of functions that are kept, to be replayed"
    )
    coverage: Path | None = Field(
        None, description="folder that functions write the lines into that they have run"
    )
    coverage_detail: str = Field(
        "branches",
        pattern="^(branches|lines)$",
        description="count branches between lines too, or lines alone, which costs functions next"
        " to no time from Python 3.12 on",
    )
    stop_grace: float = Field(10.0, ge=0, description="seconds that running tasks get at a stop")
    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="how much is logged"
    )

    @field_validator("allowed_host", "container_callers", "hot_reload", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]

    @field_validator("container_callers")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for network in given:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ValueError(f"{network!r} is no network such as 192.0.2.0/24") from None
        return given

    @classmethod
    def load(
        cls, given: Mapping[str, object], environment: Mapping[str, str] | None = None
    ) -> Settings:
        """The settings by `given` values, then TASKDOCK_* variables, then defaults.

        A `given` value of None, or an empty tuple, counts as not given. Raises `StartupError`,
        which names the bad settings.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, object] = {}
        origins: dict[str, Origin] = {}
        for name in cls.model_fields:
            variable = environment.get(f"TASKDOCK_{name.upper()}")
            if given.get(name) not in (None, ()):
                values[name], origins[name] = given[name], Origin.OPTION
            elif variable:
                values[name], origins[name] = variable, Origin.VARIABLE
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            told = {str(one["loc"][0]): one["msg"] for one in error.errors()}
            raise StartupError(
                "; ".join(
                    f"the setting {name} (TASKDOCK_{name.upper()}) is {_shown(values[name])!r};"
                    f" {_advice(cls.model_fields[name], message)}"
                    for name, message in told.items()
                )
            ) from None
        settings._origins.update(origins)
        return settings

    def origin(self, name: str) -> Origin:
        """Where the value of this setting was read."""
        known = Origin.PROGRAM if name in self.model_fields_set else Origin.DEFAULT
        return self._origins.get(name, known)


def _shown(value: object) -> str:
    return (", ".join(map(str, value)) if isinstance(value, tuple) else str(value))[:100]


def _advice(field: FieldInfo, told: str) -> str:
    """The advice. `told`: by pydantic, such as "Value error, 'here' is no network"."""
    limits = [one for one in field.metadata if not hasattr(one, "pattern")]
    pattern = next((one.pattern for one in field.metadata if hasattr(one, "pattern")), "")
    if choices := _CHOICES.fullmatch(pattern):
        *words, last = choices[1].split("|")
        return f"write {', '.join(words)} or {last}"
    if pattern:
        return f"write one such as {field.default}"
    if field.annotation in (int, float):
        kind = "a whole number" if field.annotation is int else "a number"
        bounds = [f"{_BOUNDS[key]} {getattr(one, key)}" for one in limits for key in one.__slots__]
        return f"write {kind}, {' and '.join(bounds)}"
    return told.partition("Value error, ")[2] or _ADVICE.get(str(field.annotation), told)
