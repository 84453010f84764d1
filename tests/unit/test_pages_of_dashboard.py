"""The dashboard's pages: the navigation names each with the permission that its view asks for."""

from __future__ import annotations

from taskdock.web.ui.page import PAGES
from tests.support.endpoints import DASHBOARD, shape_of


def test_the_navigation_leads_to_pages_whose_permission_it_knows() -> None:
    declared = {link.path: DASHBOARD[f"GET {shape_of(link.path)}"].permission for link in PAGES}

    assert {link.path: link.permission for link in PAGES} == declared
