"""Every case, in the order of the table."""

from __future__ import annotations

from benchmarks.fidelity.case import Case
from benchmarks.fidelity.cases.answers import (
    ANSWER,
    EVENT_SIZE,
    PASS_THROUGH,
    RESULT_SIZE,
    STATE,
    STREAMING,
)
from benchmarks.fidelity.cases.endings import EXITS, OUT_OF_MEMORY, SLOW_IMPORT, TIME_OUT
from benchmarks.fidelity.cases.environments import BACKGROUND, EIGHT_AT_ONCE, TWO_AT_ONCE
from benchmarks.fidelity.cases.errors import (
    BAD_HANDLER,
    HANDLER_ERROR,
    IMPORT_ERROR,
    MISSING_HANDLER,
    NO_BOOTSTRAP,
    NODE_ERROR,
    NODE_REJECTION,
    NOT_SERIALISABLE,
    SYNTAX_ERROR,
)
from benchmarks.fidelity.cases.logs import LOG, LOG_TAIL
from benchmarks.fidelity.cases.requests import INVOCATION_TYPES, NOT_JSON, UNKNOWN_FUNCTION
from benchmarks.fidelity.cases.runtime_api import AFTER_ANSWER, RUNTIME_API
from benchmarks.fidelity.cases.surroundings import CONTEXT, ENVIRONMENT, SANDBOX

CASES: tuple[Case, ...] = (
    ANSWER,
    PASS_THROUGH,
    STATE,
    NOT_JSON,
    UNKNOWN_FUNCTION,
    INVOCATION_TYPES,
    EVENT_SIZE,
    RESULT_SIZE,
    STREAMING,
    HANDLER_ERROR,
    NOT_SERIALISABLE,
    IMPORT_ERROR,
    SYNTAX_ERROR,
    MISSING_HANDLER,
    BAD_HANDLER,
    NO_BOOTSTRAP,
    NODE_ERROR,
    NODE_REJECTION,
    *EXITS,
    OUT_OF_MEMORY,
    TIME_OUT,
    SLOW_IMPORT,
    AFTER_ANSWER,
    RUNTIME_API,
    TWO_AT_ONCE,
    EIGHT_AT_ONCE,
    BACKGROUND,
    LOG,
    LOG_TAIL,
    CONTEXT,
    ENVIRONMENT,
    SANDBOX,
)
