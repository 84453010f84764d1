"""Hostile text in every place that takes text is shown as text by every page and every part."""

from __future__ import annotations

import itertools
from pathlib import Path

import requests
from playwright.sync_api import Dialog

from tests.support.dashboard_paths import VARIABLE, paths, shown, variants
from tests.support.hostile import MARK, HostileServer
from tests.ui.conftest import OpenPage
from tests.ui.judge import judge

OF_A_KIND = 2  # pages that a browser opens, of those that only their id tells apart


def test_it_is_text_on_every_page_and_part(
    hostile: HostileServer, new_page: OpenPage, tmp_path: Path
) -> None:
    page, session = new_page(), requests.Session()
    session.trust_env = False
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    seen = False
    for variant in itertools.chain.from_iterable(map(variants, shown())):
        answered = 0
        for path in paths(variant, hostile):
            if answered == OF_A_KIND:
                break
            url = f"{hostile.dock.url}{path}"
            if VARIABLE.search(variant):
                found = session.get(url, timeout=60)
                if found.status_code != 200:
                    continue
                if "content-disposition" in found.headers:  # it is no page
                    answered += 1
                    continue
            answer = page.goto(url, wait_until="load")
            assert answer is not None
            assert answer.status == 200, path
            answered += 1
            judge(page, path)
            seen |= MARK in page.locator("body").inner_text()
        assert answered, f"nothing that there is, is shown by {variant}"

    session.close()
    assert dialogs == []
    # As soon as one page shows a task, an event or a function's description, it is seen there.
    if len(shown()) > 12:
        assert seen
