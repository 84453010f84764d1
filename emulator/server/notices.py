"""The notices that a server publishes about itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from taskdock.base.notices import Notice


@dataclass(frozen=True, kw_only=True)
class DataFolderClosed(Notice):
    """The data folder was open to other users of this machine, and is so no more."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class ImageMissing(Notice):
    """The image of a function that was deployed could not be had ahead of its first invocation."""

    level = logging.WARNING
    function: str
    error: str
