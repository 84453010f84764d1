"""Debug clients as editors have them: the debug adapter protocol, and the inspector protocol.

https://microsoft.github.io/debug-adapter-protocol/specification
https://chromedevtools.github.io/devtools-protocol/v8/Debugger
"""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import websocket

PATIENCE = 30.0  # seconds
Json = dict[str, Any]


class AdapterClient:
    """A client of debugpy, such as VS Code. It is attached once it is made."""

    def __init__(self, port: int, source: Path, breakpoints: dict[str, list[int]]) -> None:
        """`source`: the folder of the function's code here. `breakpoints`: lines, by the name of a
        file in that folder."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self._seen: list[Json] = []
        self._source = source
        self.request("initialize", {"adapterID": "test", "pathFormat": "path"})
        mapping = {"localRoot": str(source), "remoteRoot": "/var/task"}
        attached = self._send("attach", {"justMyCode": True, "pathMappings": [mapping]})
        self.event("initialized")
        for name, lines in breakpoints.items():
            self.set_breakpoints(name, lines)
        self.request("configurationDone")
        self._answer(attached)

    def __enter__(self) -> AdapterClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drop()

    def set_breakpoints(self, name: str, lines: list[int]) -> Json:
        where = {"path": str(self._source / name)}
        wanted = {"source": where, "breakpoints": [{"line": line} for line in lines]}
        return self.request("setBreakpoints", wanted)

    def stopped(self) -> Json:
        """The frame at which the function has stopped: name, line, and path of its source here."""
        self._thread = self.event("stopped")["threadId"]
        frame: Json = self.request("stackTrace", {"threadId": self._thread})["stackFrames"][0]
        return frame

    def variables(self, frame: Json) -> dict[str, str]:
        """The local variables of a frame, as their texts."""
        scopes = self.request("scopes", {"frameId": frame["id"]})["scopes"]
        wanted = {"variablesReference": scopes[0]["variablesReference"]}
        found = self.request("variables", wanted)["variables"]
        return {one["name"]: one["value"] for one in found}

    def next(self) -> None:
        self.request("next", {"threadId": self._thread})

    def go_on(self) -> None:
        self.request("continue", {"threadId": self._thread})

    def detach(self) -> None:
        """Ends as an editor does: what is debugged goes on."""
        self.request("disconnect", {"terminateDebuggee": False})
        self.drop()

    def drop(self) -> None:
        """Ends as a killed editor does."""
        self._file.close()
        self._socket.close()

    def request(self, command: str, arguments: Json | None = None) -> Json:
        return self._answer(self._send(command, arguments or {}))

    def event(self, name: str) -> Json:
        """Waits for the next event of this name; returns its body."""
        while True:
            for message in self._seen:
                if message["type"] == "event" and message["event"] == name:
                    self._seen.remove(message)
                    body: Json = message.get("body", {})
                    return body
            self._receive()

    def _send(self, command: str, arguments: Json) -> int:
        self._number += 1
        message = {"seq": self._number, "type": "request", "command": command}
        body = json.dumps({**message, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        return self._number

    def _answer(self, number: int) -> Json:
        while True:
            for message in self._seen:
                if message["type"] == "response" and message["request_seq"] == number:
                    self._seen.remove(message)
                    assert message["success"], message
                    body: Json = message.get("body") or {}
                    return body
            self._receive()

    def _receive(self) -> None:
        size = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        assert size, "the debugger has hung up"
        self._seen.append(json.loads(self._file.read(size)))


class InspectorClient:
    """A client of Node.js, such as VS Code or Chrome. It is attached once it is made."""

    def __init__(self, port: int) -> None:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE
        ) as list_:
            url = json.load(list_)[0]["webSocketDebuggerUrl"]
        self._socket = websocket.create_connection(url, timeout=PATIENCE, suppress_origin=True)
        self._number = 0
        self._seen: list[Json] = []
        self.request("Runtime.enable")
        self.request("Debugger.enable")

    def __enter__(self) -> InspectorClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drop()

    def set_breakpoint(self, url: str, line: int) -> None:
        """`url`: of a file in the container, `file:///var/task/...`; `line`: the first is 1."""
        self.request("Debugger.setBreakpointByUrl", {"url": url, "lineNumber": line - 1})

    def let_begin(self) -> None:
        """Lets a function go on that waits for its debugger."""
        self.request("Runtime.runIfWaitingForDebugger")

    def paused(self) -> Json:
        """The frame at which the function has paused."""
        frame: Json = self.event("Debugger.paused")["callFrames"][0]
        return frame

    def variables(self, frame: Json) -> Json:
        """The local variables of a frame."""
        scope = next(one for one in frame["scopeChain"] if one["type"] in ("local", "block"))
        wanted = {"objectId": scope["object"]["objectId"], "ownProperties": True}
        found = self.request("Runtime.getProperties", wanted)["result"]
        return {one["name"]: one.get("value", {}).get("value") for one in found}

    def step_over(self) -> None:
        self.request("Debugger.stepOver")

    def resume(self) -> None:
        self.request("Debugger.resume")

    def drop(self) -> None:
        self._socket.close()

    def request(self, method: str, parameters: Json | None = None) -> Json:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters or {}}
        self._socket.send(json.dumps(message))
        while True:
            for seen in self._seen:
                if seen.get("id") == self._number:
                    self._seen.remove(seen)
                    assert "error" not in seen, seen
                    result: Json = seen["result"]
                    return result
            self._receive()

    def event(self, name: str) -> Json:
        """Waits for the next event of this name; returns its parameters."""
        while True:
            for seen in self._seen:
                if seen.get("method") == name:
                    self._seen.remove(seen)
                    parameters: Json = seen["params"]
                    return parameters
            self._receive()

    def _receive(self) -> None:
        self._seen.append(json.loads(self._socket.recv()))
