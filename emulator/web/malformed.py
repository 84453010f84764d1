"""What waitress refuses before Flask sees it: answered in JSON, as the API it is for does it."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask

from emulator.web import lambda_problems, problems

_OF_AWS = re.compile(r"/\d{4}-\d\d-\d\d/")  # a version of AWS's Lambda API


def answer_in_json(server: BaseWSGIServer) -> None:
    channel = server.channel_class
    server.channel_class = type(channel.__name__, (channel,), {"error_task_class": _Refusal})


class _Refusal(ErrorTask):  # type: ignore[misc]
    def execute(self) -> None:
        error = self.request.error
        why = f"{error.reason}: {error.body}"
        if _OF_AWS.match(getattr(self.request, "path", "")):  # none of what is hardly HTTP
            too_large = error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            name = "RequestEntityTooLargeException" if too_large else "SerializationException"
            refusal = lambda_problems.answer(lambda_problems.Refusal(name, why))
            status, body = refusal.status_code, refusal.get_data()
            self.response_headers.append(("X-Amzn-Errortype", name))
        else:
            answer, status = problems.http_answer(error.code, why)
            body = json.dumps(answer).encode()
        self.status = f"{status} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
