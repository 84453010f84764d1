"""What waitress refuses before Flask sees it: answered in the service's JSON, like all else."""

from __future__ import annotations

import json

from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask

from emulator.web import problems


def answer_in_json(server: BaseWSGIServer) -> None:
    channel = server.channel_class
    server.channel_class = type(channel.__name__, (channel,), {"error_task_class": _Refusal})


class _Refusal(ErrorTask):  # type: ignore[misc]
    def execute(self) -> None:
        error = self.request.error
        answer, status = problems.http_answer(error.code, f"{error.reason}: {error.body}")
        body = json.dumps(answer).encode()
        self.status = f"{status} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
