"""/taskdock/faults: the faults that tests inject into invocations. Views translate."""

from __future__ import annotations

from typing import TypedDict

from flask import request
from pydantic import StrictBool, StrictFloat, StrictInt, StrictStr

from taskdock.base import errors
from taskdock.lambdas.invoke.fault_list import FaultList, InjectedFaultJson
from taskdock.lambdas.invoke.faults import Odds, fault_of
from taskdock.web.common import listing, requests
from taskdock.web.common.listing import AffectedRecordsJson
from taskdock.web.common.requests import Wire
from taskdock.web.harness_api.endpoint import endpoint


class NewFault(Wire):
    """A fault for the next invocations of a function."""

    function_name: StrictStr
    fault: StrictStr
    name: StrictStr | None = None
    message: StrictStr | None = None
    seconds: StrictFloat | StrictInt | None = None
    times: StrictInt | None = None
    probability: StrictFloat | StrictInt | None = None
    seed: StrictInt | None = None


class FaultSwitch(Wire):
    enabled: StrictBool
    """False: no invocation gets the fault until it is switched on again."""


class FaultListJson(TypedDict):
    data: list[InjectedFaultJson]


class FaultViews:
    def __init__(self, faults: FaultList) -> None:
        self._faults = faults

    @endpoint(
        "POST",
        "/taskdock/faults",
        summary="Inject a fault into the next invocations of a function",
        answer=InjectedFaultJson,
        body=NewFault,
        example={"functionName": "hello-world-python", "fault": "timeout", "times": 1},
        errors=(errors.NotFound,),
    )
    def add(self) -> InjectedFaultJson:
        return self.inject(requests.read(NewFault, request.get_data()))

    def inject(self, asked: NewFault) -> InjectedFaultJson:
        """Raises `BadField` or `NotFound`."""
        fault = fault_of(asked.fault, name=asked.name, message=asked.message, seconds=asked.seconds)
        odds = Odds(times=asked.times, probability=asked.probability, seed=asked.seed)
        return self._faults.add(asked.function_name, fault, odds).to_json()

    @endpoint(
        "GET",
        "/taskdock/faults",
        summary="List the injected faults, with how often each was used",
        answer=FaultListJson,
    )
    def list(self) -> FaultListJson:
        return {"data": [injected.to_json() for injected in self._faults.all()]}

    @endpoint(
        "DELETE",
        "/taskdock/faults",
        summary="Remove all injected faults",
        answer=AffectedRecordsJson,
    )
    def clear(self) -> AffectedRecordsJson:
        return listing.affected(self._faults.clear())

    @endpoint(
        "PUT",
        "/taskdock/faults/<fault_id>",
        summary="Switch an injected fault off, or on again",
        answer=InjectedFaultJson,
        body=FaultSwitch,
        example={"enabled": False},
        errors=(errors.NotFound,),
    )
    def switch(self, fault_id: str) -> InjectedFaultJson:
        asked = requests.read(FaultSwitch, request.get_data())
        return self._faults.switch(fault_id, enabled=asked.enabled).to_json()

    @endpoint(
        "DELETE",
        "/taskdock/faults/<fault_id>",
        summary="Remove an injected fault",
        answer=AffectedRecordsJson,
        errors=(errors.NotFound,),
    )
    def remove(self, fault_id: str) -> AffectedRecordsJson:
        self._faults.remove(fault_id)
        return listing.affected()
