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
    UNUSUAL_EVENTS,
)
from benchmarks.fidelity.cases.deployment import (
    DESCRIBED,
    IMAGE_DESCRIBED,
    QUALIFIERS,
    READS,
    REFUSED,
)
from benchmarks.fidelity.cases.endings import (
    EXITS,
    OUT_OF_MEMORY,
    SIGNALS,
    SLOW_IMPORT,
    STATUS_142,
    TIME_OUT,
)
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
from benchmarks.fidelity.cases.logs import LOG, LOG_TAIL, PROGRESS_BAR
from benchmarks.fidelity.cases.packages import (
    BACKSLASHES,
    CLOSED_MODULE,
    DOS_BOOTSTRAP,
    LINKS,
    PERMISSIONS,
)
from benchmarks.fidelity.cases.requests import INVOCATION_TYPES, NOT_JSON, UNKNOWN_FUNCTION
from benchmarks.fidelity.cases.runtime_api import AFTER_ANSWER, ERROR_CAUSE, RUNTIME_API
from benchmarks.fidelity.cases.starts import IMAGE_STARTS, NO_SHELL, NO_USER, STARTS
from benchmarks.fidelity.cases.surroundings import CONTEXT, ENVIRONMENT, OWN_CALL, SANDBOX

CASES: tuple[Case, ...] = (
    ANSWER,
    PASS_THROUGH,
    UNUSUAL_EVENTS,
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
    *STARTS,
    *IMAGE_STARTS,
    NODE_ERROR,
    NODE_REJECTION,
    *EXITS,
    SIGNALS,
    STATUS_142,
    OUT_OF_MEMORY,
    TIME_OUT,
    SLOW_IMPORT,
    AFTER_ANSWER,
    RUNTIME_API,
    ERROR_CAUSE,
    TWO_AT_ONCE,
    EIGHT_AT_ONCE,
    BACKGROUND,
    LOG,
    LOG_TAIL,
    PROGRESS_BAR,
    CONTEXT,
    ENVIRONMENT,
    SANDBOX,
    OWN_CALL,
    NO_SHELL,
    NO_USER,
    LINKS,
    PERMISSIONS,
    CLOSED_MODULE,
    DOS_BOOTSTRAP,
    BACKSLASHES,
    QUALIFIERS,
    REFUSED,
    DESCRIBED,
    IMAGE_DESCRIBED,
    READS,
)
