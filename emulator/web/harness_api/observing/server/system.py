"""/taskdock/system: the engine, the settings with where each was read, and the runtimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, TypedDict

from taskdock import __version__
from taskdock.base.settings import SECRETS, Origin, Settings
from taskdock.base.strict_json import SchemaPart, one_of, present
from taskdock.lambdas.functions.runtimes import Runtime
from taskdock.web.harness_api.endpoint import endpoint

HIDDEN = "***"
"""In place of a secret."""


class EngineJson(TypedDict):
    kind: str
    version: str | None
    api: str | None
    system: str | None
    kernel: str | None
    architecture: str | None
    cgroup: str | None
    transport: Annotated[str, SchemaPart(description="the way by which containers come")] | None
    memory: Annotated[int, SchemaPart(description="MB that its machine has")]
    limitsMemory: bool
    limitsStorage: Annotated[bool, SchemaPart(description="of what containers write")]


class SettingJson(TypedDict):
    name: str
    value: Annotated[str, SchemaPart(description="*** where it is secret; empty: it has none")]
    origin: Annotated[str, one_of(*Origin)]
    default: str
    variable: str
    option: str
    description: str


class RuntimeJson(TypedDict):
    id: str
    os: str
    image: str | None
    standIn: bool
    deprecatedDate: str | None
    isRetired: bool


class SystemJson(TypedDict):
    version: str
    url: str
    dataDir: str
    auth: Annotated[str, one_of("open", "strict")]
    engine: EngineJson
    settings: list[SettingJson]
    runtimes: list[RuntimeJson]


class SystemReport:
    def __init__(
        self,
        *,
        url: str,
        data: Path,
        settings: Settings,
        engine: Callable[[], EngineJson],
        runtimes: Callable[[], Mapping[str, Runtime]],
        today: Callable[[], date],
    ) -> None:
        """`data`: the data folder, absolute."""
        self._url = url
        self._data = data
        self._settings = settings
        self._engine = engine
        self._runtimes = runtimes
        self._today = today

    def __call__(self) -> SystemJson:
        today = self._today()
        return {
            "version": __version__,
            "url": self._url,
            "dataDir": str(self._data),
            "auth": self._settings.auth,
            "engine": self._engine(),
            "settings": settings_json(self._settings),
            "runtimes": [_runtime_json(each, today) for each in self._runtimes().values()],
        }


class SystemViews:
    def __init__(self, report: SystemReport) -> None:
        self._report = report

    @endpoint(
        "GET",
        "/taskdock/system",
        summary="The engine, the runtimes, and the settings with where each was read",
        answer=SystemJson,
    )
    def show(self) -> SystemJson:
        return self._report()


def settings_json(settings: Settings) -> list[SettingJson]:
    """In the order of the settings' table. Pure."""
    return [
        {
            "name": name,
            "value": HIDDEN if name in SECRETS else _text(getattr(settings, name)),
            "origin": settings.origin(name).value,
            "default": HIDDEN if name in SECRETS else _text(field.default),
            "variable": f"TASKDOCK_{name.upper()}",
            "option": f"--{name.replace('_', '-')}",
            "description": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _runtime_json(runtime: Runtime, today: date) -> RuntimeJson:
    ends = runtime.deprecated
    shown: RuntimeJson = {
        "id": runtime.id,
        "os": runtime.os,
        "image": runtime.image or None,
        "standIn": runtime.standin is not None,
        "deprecatedDate": None if ends is None else ends.isoformat(),
        "isRetired": runtime.retired(today),
    }
    return present(shown)
