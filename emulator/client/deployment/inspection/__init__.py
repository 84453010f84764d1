"""Inspection: reads a function before it is deployed and says what surely cannot run.

Nothing of the function is run. Where reading cannot tell, nothing is said: a warning that is wrong
would be worse than one that is missing.
"""

from __future__ import annotations

from taskdock.client.deployment.inspection.finding import PackageFinding
from taskdock.client.deployment.inspection.judgement import inspect

Finding = PackageFinding

__all__ = ["Finding", "PackageFinding", "inspect"]
