"""The example is a repository of its own, whose tests are not ours."""

from __future__ import annotations

collect_ignore = ["example"]
