"""The Task Service's API: all its endpoints, in the order of the description."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask

from taskdock.lambdas.functions.catalog import Catalog
from taskdock.tasks.api_functions.api_requests import ApiRequests
from taskdock.tasks.events.events import Events
from taskdock.tasks.queue.service import Service
from taskdock.tasks.schedules.schedules import Schedules
from taskdock.web.common.endpoint import serve
from taskdock.web.task_api.api_functions import (
    AnythingConverter,
    ApiFunctionViews,
    ApiRequestViews,
)
from taskdock.web.task_api.creator import TaskOf
from taskdock.web.task_api.events import EventViews
from taskdock.web.task_api.functions import FunctionViews
from taskdock.web.task_api.schedules import ScheduleViews
from taskdock.web.task_api.tasks import TaskViews


@dataclass(frozen=True)
class TaskApi:
    """The parts that the endpoints call."""

    service: Service
    catalog: Catalog
    api_requests: ApiRequests
    schedules: Schedules
    events: Events
    task_of: TaskOf

    def serve(self, app: Flask) -> None:
        """Adds the routes to `app`, but for the calls of API functions."""
        serve(app, TaskViews(self.service, self.task_of))
        serve(app, FunctionViews(self.catalog, self.service, self.task_of))
        serve(app, ApiRequestViews(self.api_requests))
        serve(app, ScheduleViews(self.schedules))
        serve(app, EventViews(self.events))

    def serve_api_functions(self, app: Flask) -> None:
        """Adds the routes by which API functions are called."""
        app.url_map.converters["anything"] = AnythingConverter
        serve(app, ApiFunctionViews(self.api_requests))
