"""Keeps debug sessions of a server while their command runs, and tells what happens in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import quote

from taskdock.base.errors import TaskdockError
from taskdock.client.api import ILLEGAL_STATE, RESOURCE_UNKNOWN, Json, TaskService
from taskdock.client.errors import ServiceError

_PATH = "/taskdock/debug"
_PAUSE = 1.0  # seconds between two renewals; a session without one ends after ten
_ANSWER = 8.0  # seconds

Tell = Callable[[str], object]


class SessionKeeper:
    """`with SessionKeeper(service, tell) as keeper:` ends all its sessions at its end."""

    def __init__(self, service: TaskService, tell: Tell) -> None:
        """`tell` gets a sentence about each change."""
        self._service = service
        self._tell = tell
        self.sessions: dict[str, Json] = {}
        """The newest state of each session, by its id."""
        self.moved = threading.Condition()
        """Notified when a state has changed."""

    def __enter__(self) -> SessionKeeper:
        return self

    def __exit__(self, *_: object) -> None:
        for id in list(self.sessions):
            with suppress(TaskdockError):  # the server has ended it, or itself
                self._service.call("DELETE", f"{_PATH}/{quote(id)}", seconds=_ANSWER)

    def begin(self, body: Json) -> Json:
        """A new session. Raises `ServiceError` and `ServerUnreachable`; `TaskdockError` where the
        function cannot be debugged as it is."""
        try:
            session = self._service.call("POST", _PATH, body)
        except ServiceError as error:
            if error.code != ILLEGAL_STATE:
                raise
            # The sentence ends with a line to type, and nothing may follow that.
            raise TaskdockError(str(error.answer["message"])) from None
        self.sessions[session["id"]] = session
        return session

    def keep(self) -> None:
        """Renews the sessions until none is left. Raises `ServerUnreachable`."""
        pause = threading.Event()
        while self.sessions:
            for session in list(self.sessions.values()):
                self._renew(session)
            pause.wait(_PAUSE)

    def await_state(self, id: str, is_so: Callable[[Json], bool]) -> bool:
        """Waits until the session is in such a state. False: it has ended before."""
        with self.moved:
            self.moved.wait_for(lambda: id not in self.sessions or is_so(self.sessions[id]))
            return id in self.sessions

    def _renew(self, before: Json) -> None:
        path = f"{_PATH}/{quote(before['id'])}/renew"
        try:
            now = self._service.call("POST", path, {}, seconds=_ANSWER)
        except ServiceError as error:
            if error.code != RESOURCE_UNKNOWN:
                raise
            self._tell(f"{before['functionName']}: the server has ended the debug session")
            now = None
        with self.moved:
            if now is None:
                del self.sessions[before["id"]]
            else:
                self.sessions[before["id"]] = now
            self.moved.notify_all()
        for sentence in [] if now is None else changes(before, now):
            self._tell(f"{before['functionName']}: {sentence}")


def changes(before: Json, now: Json) -> Sequence[str]:
    """Sentences about what is different now. Pure."""
    said = []
    if now["clients"] > before["clients"]:
        said.append("a debugger has attached")
    elif now["clients"] < before["clients"]:
        said.append("the debugger has detached")
    if now["failure"] and now["failure"] != before["failure"]:
        said.append(f"nothing runs: {now['failure']}")
    if now["newCode"] and not before["newCode"] and now["clients"]:
        said.append("there is new code; detach and attach again to debug that")
    elif before["newCode"] and not now["newCode"]:
        said.append("the new code is here")
    if now["wait"] and now["calls"] > before["calls"] and not now["clients"]:
        said.append("a call waits for a debugger")
    return said
