"""Topics of the dashboard that a notice changes, by the kind of the notice. Pure."""

from __future__ import annotations

from enum import Enum

from taskdock.base.notices import Notice, TroubleBegan, TroubleEnded
from taskdock.lambdas.notices import (
    DebuggerAttached,
    DebuggerDetached,
    DebugSessionBegan,
    DebugSessionEnded,
    EnvironmentFailed,
    EnvironmentMoved,
    FunctionChanged,
    FunctionDeleted,
    InvocationBegan,
    InvocationEnded,
)
from taskdock.tasks.events.notices import (
    DeliveryFailed,
    DeliveryGivenUp,
    EventDelivered,
    SubscriptionCreated,
    SubscriptionDeleted,
)
from taskdock.tasks.model.notices import (
    ApiRequestAnswered,
    ExecutionBegan,
    FunctionInvoked,
    InvocationAccepted,
    InvocationSettled,
    ScheduleCreated,
    ScheduleDeleted,
    ServerReset,
    TaskCanceled,
    TaskClaimed,
    TaskCreated,
    TaskEnded,
    TasksRecounted,
)


class Topic(str, Enum):
    TASKS = "tasks"
    RUNS = "runs"
    """Runs that no task is of: direct executions, API requests, invocations."""
    FUNCTIONS = "functions"
    ENVIRONMENTS = "environments"
    SCHEDULES = "schedules"
    EVENTS = "events"
    SYSTEM = "system"
    SECOND = "second"
    """A second has passed: for what no notice tells, such as a clock and a log."""


_CHANGES: dict[type[Notice], frozenset[Topic]] = {
    TaskCreated: frozenset({Topic.TASKS}),
    TaskCanceled: frozenset({Topic.TASKS}),
    TaskClaimed: frozenset({Topic.TASKS}),
    ExecutionBegan: frozenset({Topic.TASKS}),
    TaskEnded: frozenset({Topic.TASKS, Topic.EVENTS}),
    TasksRecounted: frozenset({Topic.TASKS}),
    FunctionInvoked: frozenset({Topic.RUNS}),
    InvocationAccepted: frozenset({Topic.RUNS}),
    InvocationSettled: frozenset({Topic.RUNS}),
    ApiRequestAnswered: frozenset({Topic.RUNS}),
    FunctionChanged: frozenset({Topic.FUNCTIONS}),
    FunctionDeleted: frozenset({Topic.FUNCTIONS}),
    EnvironmentMoved: frozenset({Topic.ENVIRONMENTS}),
    InvocationBegan: frozenset({Topic.ENVIRONMENTS}),
    InvocationEnded: frozenset({Topic.ENVIRONMENTS}),
    EnvironmentFailed: frozenset({Topic.ENVIRONMENTS, Topic.SYSTEM}),
    DebugSessionBegan: frozenset({Topic.ENVIRONMENTS}),
    DebuggerAttached: frozenset({Topic.ENVIRONMENTS}),
    DebuggerDetached: frozenset({Topic.ENVIRONMENTS}),
    DebugSessionEnded: frozenset({Topic.ENVIRONMENTS}),
    ScheduleCreated: frozenset({Topic.SCHEDULES}),
    ScheduleDeleted: frozenset({Topic.SCHEDULES}),
    SubscriptionCreated: frozenset({Topic.EVENTS}),
    SubscriptionDeleted: frozenset({Topic.EVENTS}),
    EventDelivered: frozenset({Topic.EVENTS}),
    DeliveryFailed: frozenset({Topic.EVENTS}),
    DeliveryGivenUp: frozenset({Topic.EVENTS}),
    TroubleBegan: frozenset({Topic.SYSTEM}),
    TroubleEnded: frozenset({Topic.SYSTEM}),
    ServerReset: frozenset(Topic),
}
_NONE: frozenset[Topic] = frozenset()
_known: dict[type[Notice], frozenset[Topic]] = {}


def topics_of(kind: type[Notice]) -> frozenset[Topic]:
    """Of a kind of notice, or of the nearest kind that it is one of."""
    if kind not in _known:
        _known[kind] = next((_CHANGES[base] for base in kind.__mro__ if base in _CHANGES), _NONE)
    return _known[kind]
