"""The declarations of the dashboard's endpoints, and the pages that its navigation has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from taskdock.web.access import dashboard_callers
from taskdock.web.common.endpoint import Endpoint, Gate

View = TypeVar("View", bound=Callable[..., Any])

ROOT = dashboard_callers.ROOT


@dataclass(frozen=True)
class PageLink:
    """A page of the navigation."""

    key: int
    """The key of the keyboard that leads to it."""
    path: str
    title: str
    permission: str
    """The permission of its view: who has it not, is not led there."""


PAGES = (
    PageLink(1, ROOT, "Now", "VIEW_TASKS"),
    PageLink(2, f"{ROOT}functions", "Functions", "VIEW_TASK_FUNCTIONS"),
    PageLink(3, f"{ROOT}runs", "Runs", "VIEW_TASKS"),
    PageLink(4, f"{ROOT}queue", "Queue", "VIEW_TASKS"),
    PageLink(5, f"{ROOT}events", "Events", "VIEW_EVENTS"),
    PageLink(6, f"{ROOT}harness", "Harness", "VIEW_TASK_FUNCTIONS"),
    PageLink(7, f"{ROOT}system", "System", "VIEW_TASK_FUNCTIONS"),
)


def page(path: str, *, permission: str | Gate) -> Callable[[View], View]:
    """Declares a view that shows a page, or a part of one."""
    return Endpoint("GET", path, permission=permission, of_dashboard=True)


def action(
    path: str, *, permission: str | Gate, asks: tuple[str, ...] = ()
) -> Callable[[View], View]:
    """Declares a view that changes something. It is a POST, which only pages of the dashboard can
    send. `asks`: further permissions that the view asks for."""
    return Endpoint("POST", path, permission=permission, asks=asks, of_dashboard=True)
