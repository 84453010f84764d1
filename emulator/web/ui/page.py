"""The declarations of the dashboard's endpoints, and the pages that its navigation has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from taskdock.web.common.endpoint import Endpoint, Gate

View = TypeVar("View", bound=Callable[..., Any])

ROOT = "/ui/"


@dataclass(frozen=True)
class PageLink:
    """A page of the navigation. `key`: the key of the keyboard that leads to it."""

    key: int
    path: str
    title: str


PAGES = (
    PageLink(1, ROOT, "Now"),
    PageLink(2, f"{ROOT}functions", "Functions"),
    PageLink(3, f"{ROOT}runs", "Runs"),
    PageLink(4, f"{ROOT}queue", "Queue"),
    PageLink(5, f"{ROOT}events", "Events"),
    PageLink(6, f"{ROOT}harness", "Harness"),
    PageLink(7, f"{ROOT}system", "System"),
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
