"""Ids of another kind, and hostile ones, in the addresses of the dashboard."""

from __future__ import annotations

import itertools
from pathlib import Path

import requests

from tests.support.builders import Dock
from tests.support.dashboard_paths import VARIABLE, paths, shown, variants
from tests.support.hostile import HostileServer


def test_no_id_makes_a_page_or_a_part_fail(tmp_path: Path) -> None:
    dock = Dock(tmp_path / "data")
    try:
        hostile = HostileServer(dock)
        every = itertools.chain.from_iterable(map(variants, shown()))
        with_ids = [variant for variant in every if VARIABLE.search(variant)]
        assert len(with_ids) > 8
        with requests.Session() as session:
            session.trust_env = False
            for variant in with_ids:
                for path in paths(variant, hostile):
                    status = session.get(f"{dock.url}{path}", timeout=60).status_code
                    assert status < 500, path
    finally:
        dock.stop()
