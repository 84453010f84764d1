"""Sending: gives the server a function's new code, as a whole or as what has changed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from taskdock.base.timing.clock import Clock
from taskdock.client.api import Json, TaskService
from taskdock.client.deployment import images
from taskdock.client.deployment.config.task_config import TaskConfig
from taskdock.client.deployment.deploy import deploy
from taskdock.client.development.updating.contents import PackedContents, PackedEntry
from taskdock.client.errors import ServiceError

_NO_SUCH_ENDPOINT = 11
_MOST_CHANGED = 4 * 1024 * 1024
"""Bytes of a zip with changes; where it is larger, the whole package is sent."""


@dataclass(frozen=True)
class Sent:
    """The state of a function that the server has."""

    digest: str
    """Of all that follows."""
    fields: Json
    """Of the request, but for the code."""
    entries: Mapping[str, PackedEntry]
    code: str = ""
    """The server's name for the code: a SHA-256 in hexadecimal digits."""


@dataclass(frozen=True)
class SendResult:
    action: str
    """`created`, `updated` or `unchanged`."""
    sent: Sent
    function: Json
    files: int
    """Files that have changed, or all."""
    size: int
    """Bytes of the zip that was sent."""
    remarks: tuple[str, ...] = ()
    """Sentences about the package and the function's image, where the function was described
    anew."""


class CodeSender:
    """To one server. For any thread."""

    def __init__(self, service: TaskService, clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._takes_changes = True

    def send(
        self,
        config: TaskConfig,
        folder: Path,
        new: Sent,
        before: Sent | None,
        contents: PackedContents,
    ) -> SendResult:
        """`before`: what was sent last. `contents`: those of the package now.

        Raises `BadPackage`, `ServerUnreachable` or `ServiceError`.
        """
        if before is not None and before.code and before.fields == new.fields:
            result = self._send_changes(config, new, before, contents)
            if result is not None:
                return result
        remarks: list[str] = []
        body = config.to_request(folder, remarks.append)
        deployed = deploy(self._service, body)
        zipped = base64.b64decode(body.get("code", ""))
        code = hashlib.sha256(zipped).hexdigest() if zipped else ""
        sent = Sent(new.digest, new.fields, new.entries, code)
        if before is not None and before.fields == new.fields:
            remarks = []
        if before is None or _image(before.fields) != _image(new.fields):
            remarks += self._of_image(deployed.function)
        return SendResult(
            deployed.action,
            sent,
            deployed.function,
            files=len(new.entries),
            size=len(zipped),
            remarks=tuple(remarks),
        )

    def _of_image(self, function: Json) -> list[str]:
        with suppress(ServiceError):  # the caller may deploy and still not read the server's status
            found = images.settled(self._service, function, self._clock)
            warning = images.warning(function, found)
            return [] if warning is None else [warning]
        return []

    def _send_changes(
        self, config: TaskConfig, new: Sent, before: Sent, contents: PackedContents
    ) -> SendResult | None:
        """None: the server cannot take the changes alone, or it has other code by now."""
        if not self._takes_changes or config.path is None:
            return None
        found = contents.zipped(before.entries)
        if len(found.zipped) > _MOST_CHANGED:
            return None
        try:
            answer = self._service.change_code(
                config.name,
                {
                    "base": before.code,
                    "removed": found.removed,
                    "changed": base64.b64encode(found.zipped).decode(),
                },
            )
        except ServiceError as error:
            self._takes_changes = error.code != _NO_SUCH_ENDPOINT
            return None
        sent = Sent(new.digest, new.fields, new.entries, str(answer["code"]))
        return SendResult("updated", sent, {}, files=found.count, size=len(found.zipped))


def _image(fields: Json) -> tuple[object, object]:
    return fields.get("runtime"), fields.get("image")
