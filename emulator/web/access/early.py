"""Refuses a request by its headers alone, as the application does before a view is called."""

from __future__ import annotations

from flask import Flask, request

from taskdock.web.access.credentials import BODY_TO_COME
from taskdock.web.http.messages import Reply, Request
from taskdock.web.http.wsgi import environ_of


def refusal(app: Flask, sent: Request) -> Reply | None:
    """The refusal for its path, its method or its caller, or None. For any thread.

    The body may still have to come. Facts about the caller are kept in `sent.known`."""
    environ = {**environ_of(sent), BODY_TO_COME: True}
    with app.request_context(environ):
        try:
            answer = app.preprocess_request()
            if answer is None and request.routing_exception is not None:
                app.raise_routing_exception(request)
        except Exception as error:
            answer = app.handle_user_exception(error)
        if answer is None:
            return None
        response = app.process_response(app.make_response(answer))
        return Reply(response.status_code, response.get_data(), response.headers.items())
