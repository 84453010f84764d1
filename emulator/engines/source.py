"""What a function runs in: the image that was found for it. Values only."""

from __future__ import annotations

from dataclasses import dataclass

STANDIN_PREFIX = "taskdock/standin-"


@dataclass(frozen=True)
class Found:
    """An image that the engine can run."""

    reference: str
    stands_in_for: str = ""
    """What was wished for, when this is a stand-in."""
    reason: str = ""
    """Why it is a stand-in."""


def is_standin(reference: str) -> bool:
    return reference.startswith(STANDIN_PREFIX)
