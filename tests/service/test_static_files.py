"""The dashboard's scripts and styles: asked for once, and again when they have changed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from taskdock.web.ui.rendering import edition
from tests.support.builders import Dock
from tests.support.people import nobody


def test_a_page_names_files_that_a_browser_keeps(dock: Dock) -> None:
    page = nobody(dock).ask("GET", "/ui/").text
    named = re.findall(r"(?:src|href)=\"(/ui/static/[^\"]+)", page)

    assert len(named) == 4
    for path in named:
        answer = nobody(dock).ask("GET", path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_page_of_another_edition_has_what_is_there_and_keeps_nothing(dock: Dock) -> None:
    path = "/ui/static/0123456789ab/main.js"
    answer = nobody(dock).ask("GET", path)

    assert answer.text == (edition.FOLDER / "main.js").read_text()
    assert answer.headers["Cache-Control"] == "no-cache"
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert nobody(dock).ask("GET", path, headers=tag).status_code == 304


def test_an_edition_changes_with_the_content_of_a_file_alone(tmp_path: Path) -> None:
    folder = shutil.copytree(edition.FOLDER, tmp_path / "static")
    before = edition.edition(folder)

    (folder / "style.css").touch()
    assert edition.edition(folder) == before
    (folder / "style.css").write_text("h1 { color: oak; }")
    assert edition.edition(folder) != before
