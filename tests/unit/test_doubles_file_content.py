"""A file's content in place of its name, in an answer for a server that has not the file."""

from __future__ import annotations

import pytest

from taskdock.web.doubles.rules.file_content import with_content


def test_the_type_goes_by_the_files_name() -> None:
    found = with_content({"file": "a.png", "status": 201}, "a.png", b"oak")

    assert found == {"status": 201, "base64": "b2Fr", "headers": {"content-type": "image/png"}}


def test_a_file_of_no_known_type_is_bytes() -> None:
    found = with_content({"file": "walnut"}, "walnut", b"")

    assert found["headers"] == {"content-type": "application/octet-stream"}


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_the_type_that_an_answer_names_is_the_only_one(name: str) -> None:
    found = with_content({"file": "a.png", "headers": {name: "text/plain"}}, "a.png", b"")

    assert found["headers"] == {name: "text/plain"}


def test_headers_that_are_none_are_left_to_the_server() -> None:
    assert with_content({"headers": ["oak"]}, "a.png", b"")["headers"] == ["oak"]
