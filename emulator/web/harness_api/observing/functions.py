"""/taskdock/functions: functions with their environments and the statistics of their runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypedDict

from taskdock.base import errors
from taskdock.base.strict_json import IsoTime, SchemaPart, present
from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.slot import Slot
from taskdock.tasks.runs.statistics import RunStatistics, RunStatisticsJson, none_kept
from taskdock.web.harness_api.endpoint import endpoint

_WARM = (State.READY, State.BUSY, State.SETTLING, State.FROZEN)
"""The states of an environment that has been through its init and need not do it again."""


class FunctionOverviewJson(TypedDict):
    name: str
    description: str | None
    runtime: str | None
    image: str | None
    enabled: bool
    timeLimit: int
    memoryLimit: int
    updateTimestamp: IsoTime
    warm: Annotated[int, SchemaPart(description="environments that have been through their init")]
    statistics: RunStatisticsJson


class FunctionOverviewsJson(TypedDict):
    data: list[FunctionOverviewJson]


class FunctionPartsJson(FunctionOverviewJson):
    """Of one function also its code, which its own properties do not show."""

    codeDigest: Annotated[str, SchemaPart(description="SHA-256 of its zip")] | None
    codeSize: Annotated[int, SchemaPart(description="bytes of its zip")] | None


class FunctionReport:
    """Makes the reports of functions anew each time that they are asked for."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        statistics: RunStatistics,
        environments: Callable[[], Sequence[Slot]],
    ) -> None:
        self._catalog = catalog
        self._statistics = statistics
        self._environments = environments

    def all(self) -> list[FunctionOverviewJson]:
        """Every function, sorted by name."""
        statistics, slots = self._statistics.by_function(), self._environments()
        return [
            _overview(function, slots, statistics.get(function.name) or none_kept())
            for function in self._catalog.all()
        ]

    def one(self, name: str) -> FunctionPartsJson:
        """Raises `NotFound`."""
        function = self._catalog.get(name)
        statistics = self._statistics.by_function().get(name) or none_kept()
        shown: FunctionPartsJson = {
            **_overview(function, self._environments(), statistics),
            "codeDigest": function.code,
            "codeSize": self._catalog.code_size(function) or None,
        }
        return present(shown)


def _overview(
    function: Function, slots: Sequence[Slot], statistics: RunStatisticsJson
) -> FunctionOverviewJson:
    shown: FunctionOverviewJson = {
        "name": function.name,
        "description": function.description,
        "runtime": function.runtime,
        "image": function.image,
        "enabled": function.enabled,
        "timeLimit": function.time_limit,
        "memoryLimit": function.memory_limit,
        "updateTimestamp": to_iso(function.update_timestamp),
        "warm": sum(slot.function == function.name and slot.state in _WARM for slot in slots),
        "statistics": statistics,
    }
    return present(shown)


class FunctionReportViews:
    def __init__(self, report: FunctionReport) -> None:
        self._report = report

    @endpoint(
        "GET",
        "/taskdock/functions",
        summary="List functions with their warm environments and the statistics of their runs",
        answer=FunctionOverviewsJson,
    )
    def all(self) -> FunctionOverviewsJson:
        return {"data": self._report.all()}

    @endpoint(
        "GET",
        "/taskdock/functions/<name>",
        summary="One function: also the digest and the size of its code",
        answer=FunctionPartsJson,
        errors=(errors.NotFound,),
    )
    def get(self, name: str) -> FunctionPartsJson:
        return self._report.one(name)
