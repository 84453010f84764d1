"""Faults: what goes wrong with a function because a test wants it to."""

from __future__ import annotations

from dataclasses import dataclass, field

from taskdock.base.errors import BadField
from taskdock.client.api import RESOURCE_UNKNOWN, Json
from taskdock.client.connection import path_part
from taskdock.client.errors import ServiceError
from taskdock.lambdas.invoke.faults import Fault, FaultType, kind_of
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.values.ids import id_of

_PATH = "/faults"


@dataclass(frozen=True, kw_only=True)
class FaultHandle:
    """A fault that the server injects into runs of a function."""

    id: str
    function: str
    json: Json = field(repr=False, compare=False)
    """The fault in the words of the server."""
    _faults: FaultControl = field(repr=False, compare=False)

    @property
    def used(self) -> int:
        """How often it was injected until now."""
        found = [one for one in self._faults.all() if one["id"] == self.id]
        return int((found or [self.json])[0]["used"])

    def remove(self) -> None:
        self._faults.remove(self)


class FaultControl:
    """The faults of one server."""

    def __init__(self, access: HarnessAccess) -> None:
        self._access = access

    def add(
        self,
        function: str,
        fault: Fault,
        *,
        times: int | None = None,
        probability: float | None = None,
        seed: int | None = None,
    ) -> FaultHandle:
        """`add("welcome-mail", Fault.error("SmtpDown"), times=2)`.

        `times`: how many runs it is injected into; None: all. `probability`: above 0 and up to 1,
        of each run; the same `seed` gives the same runs. Raises `UnknownFunction`, `BadField` for
        what is no `Fault`, and `ServiceError` for values that none has.
        """
        if not isinstance(fault, Fault):
            raise BadField(_advice(fault))
        wish = {
            "functionName": function,
            "fault": str(fault.kind.value),
            "name": fault.name,
            "message": fault.message,
            "seconds": fault.seconds,
            "times": times,
            "probability": probability,
            "seed": seed,
        }
        given = {name: value for name, value in wish.items() if value is not None}
        try:
            added = self._access.call("POST", _PATH, given)
        except ServiceError as error:
            if error.code == RESOURCE_UNKNOWN:
                self._access.require_function(function)
            raise
        return FaultHandle(id=added["id"], function=function, json=added, _faults=self)

    def all(self) -> list[Json]:
        """The faults, as the server shows them."""
        return list(self._access.call("GET", _PATH)["data"])

    def remove(self, fault: FaultHandle | str) -> None:
        """The fault, or its id."""
        id = id_of(fault, FaultHandle, "fault")
        self._access.call("DELETE", f"{_PATH}/{path_part(id)}")

    def clear(self) -> None:
        """Removes all of them."""
        self._access.call("DELETE", _PATH)


def _advice(given: object) -> str:
    """The advice for a value that is no fault: a kind as text, or a constructor not called."""
    name = given if isinstance(given, str) else getattr(given, "__name__", "")
    kind = kind_of(name) if name else FaultType.TIMEOUT
    arguments = "0.2" if kind is FaultType.DELAY else ""
    such = "" if name else "such as "
    return f"{given!r} is no Fault; write {such}Fault.{kind.value}({arguments})"
