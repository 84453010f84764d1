"""Inspection: reads a function before it is deployed and says what surely cannot run.

Nothing of the function is run. Where reading cannot tell, nothing is said: a warning that is wrong
would be worse than one that is missing.
"""

from __future__ import annotations

from taskdock.client.deployment.inspection.finding import Finding
from taskdock.client.deployment.inspection.judgement import inspect

__all__ = ["Finding", "inspect"]
