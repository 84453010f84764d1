"""The hint for a failed run: the first rule that is sure what was wrong and what helps. Pure."""

from __future__ import annotations

from collections.abc import Callable

from taskdock.client.failures.failed_run import FailedRun
from taskdock.client.failures.rules import (
    answers,
    es_modules,
    events,
    files,
    handlers,
    limits,
    modules,
    networks,
    packages,
    platforms,
    programs,
)

Rule = Callable[[FailedRun], "str | None"]

RULES: tuple[Rule, ...] = (
    programs.injected,
    limits.time,
    limits.memory,
    answers.too_large,
    answers.not_json,
    handlers.malformed,
    handlers.callback,
    handlers.no_file,
    handlers.no_function,
    platforms.native,
    platforms.other_python,
    es_modules.in_js,
    es_modules.commonjs_in_module,
    es_modules.required,
    modules.relative,
    packages.built_in,
    packages.not_installed,
    files.not_readable,
    files.read_only,
    files.disk_full,
    files.not_packed,
    programs.bootstrap,
    networks.service,
    networks.unreachable,
    events.no_variable,
    events.no_data,
    events.no_field,
    programs.exited,
)
"""In order: the first that knows counts."""


def hint(failed: FailedRun) -> str | None:
    """One or more lines; None where nobody is sure. An error of taskdock's own says itself what to
    do."""
    if not failed.invoked:
        return None
    found = (rule(failed) for rule in RULES)
    return next((text for text in found if text), None)
