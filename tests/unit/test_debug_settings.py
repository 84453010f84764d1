"""Settings of editors for debugged functions, and the JSON with comments that they are put into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskdock.client.development.debugging import editors, json_comments, settings_files, sources
from taskdock.client.development.debugging.json_comments import NotEditable, with_entry
from taskdock.client.development.debugging.session_keeper import changes
from taskdock.client.development.debugging.sources import FunctionSource
from taskdock.client.errors import WrongCall
from taskdock.client.failures.gathering import code_folder

ENTRY = {"name": "taskdock: a", "port": 1}
PYTHON = {"language": "python", "host": "127.0.0.1", "port": 5678}
NODE = {"language": "nodejs", "host": "127.0.0.1", "port": 9229}
COMMENTED = """\
{
  // Use IntelliSense to learn about possible attributes.
  "version": "0.2.0",
  "configurations": [
    {
      "name": "mine", /* of the team */
      "url": "http://localhost // no comment",
    }, // the last one
    // another could come here
  ],
  "compounds": [], // none yet
}
"""


# JSON with comments


def test_an_entry_is_added_and_every_comment_stays_where_it_was() -> None:
    assert with_entry(COMMENTED, "configurations", ENTRY) == COMMENTED.replace(
        "    // another could come here\n",
        "    // another could come here\n"
        '    {\n      "name": "taskdock: a",\n      "port": 1\n    }\n',
    )


def test_an_entry_of_the_same_name_is_replaced_in_its_place() -> None:
    once = with_entry(COMMENTED, "configurations", ENTRY)
    again = with_entry(once, "configurations", {**ENTRY, "port": 2})
    assert again == once.replace('"port": 1', '"port": 2')
    assert with_entry(again, "configurations", ENTRY) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"configurations": []}', {"configurations": [ENTRY]}),
        ('{"configurations": [{"name": "b"}]}', {"configurations": [{"name": "b"}, ENTRY]}),
        ('{"configurations": [\n\t{"name": "b"} // end\n]}', None),
        ('{\r\n    "configurations": [\r\n        {"name": "b"}\r\n    ]\r\n}\r\n', None),
        ('{"a": [1, -2.5e3, true, null, "\\u00e9\\""], "configurations": [],}', None),
    ],
)
def test_text_of_any_layout_is_edited(text: str, expected: Any) -> None:
    edited = with_entry(text, "configurations", ENTRY)
    before = json_comments.read(text)
    expected = expected or {**before, "configurations": [*before["configurations"], ENTRY]}
    assert json_comments.read(edited) == expected
    assert ("\r\n" in text) == ("\r\n" in edited)
    assert edited.count("\n") - edited.count("\r\n") == 0 or "\r\n" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"configurations": {}}',
        '{"configurations": [}',
        '{"configurations": [] "a": 1}',
        '{"configurations": []} more',
        '{"configurations": [], "configurations": []}',
        '{"configurations": [{"name": "taskdock: a"}, {"name": "taskdock: a"}]}',
        "{'configurations': []}",
        '{"configurations": [1 2]}',
        '{"configurations": [] /* open',
    ],
)
def test_text_that_cannot_be_edited_safely_is_refused(text: str) -> None:
    with pytest.raises(NotEditable):
        with_entry(text, "configurations", ENTRY)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _VALUES), st.lists(_VALUES), st.sampled_from([None, 2, 4, "\t"]))
def test_all_else_stays_whatever_it_is(rest: Any, entries: list[Any], indent: Any) -> None:
    whole = {**rest, "configurations": [each for each in entries if each != ENTRY]}
    edited = with_entry(json.dumps(whole, indent=indent), "configurations", ENTRY)
    assert json_comments.read(edited) == {**whole, "configurations": [*entries, ENTRY]}
    assert json.loads(edited) == json_comments.read(edited)


# Settings


def test_paths_are_mapped_in_terms_of_the_project(tmp_path: Path) -> None:
    source = FunctionSource("a", tmp_path / "fn" / "build", tmp_path / "fn")
    python = editors.vs_code(source, PYTHON, tmp_path)
    assert python["pathMappings"] == [
        {"localRoot": "${workspaceFolder}/fn/build", "remoteRoot": "/var/task"}
    ]
    node = editors.vs_code(source, NODE, tmp_path)
    assert (node["localRoot"], node["remoteRoot"]) == ("${workspaceFolder}/fn/build", "/var/task")
    assert node["restart"] is True
    assert node["outFiles"][0] == "${workspaceFolder}/fn/build/**/*.(m|c|)js"
    assert node["sourceMapPathOverrides"]["/var/*"] == "${workspaceFolder}/fn/*"
    elsewhere = editors.vs_code(FunctionSource("a", Path("/else/where")), PYTHON, tmp_path)
    assert elsewhere["pathMappings"][0]["localRoot"] == "/else/where"


def test_jetbrains_editors_have_a_file_for_each_function(tmp_path: Path) -> None:
    source = FunctionSource('a"&<', tmp_path / "fn")
    for session, kind in (
        (PYTHON, "PythonDapAttachConfiguration"),
        (NODE, "ChromiumRemoteDebugType"),
    ):
        found = ElementTree.fromstring(editors.jetbrains(source, session, tmp_path))[0]
        assert (found.get("name"), found.get("type")) == ('taskdock: a"&<', kind)
        assert any("$PROJECT_DIR$/fn" in each.attrib.values() for each in found.iter("mapping"))
    assert editors.jetbrains_file("my-fn") == "taskdock__my-fn.xml"


def test_files_are_written_for_the_editors_that_the_project_has(tmp_path: Path) -> None:
    debugged = [(FunctionSource("a", tmp_path), PYTHON)]
    launch = tmp_path / ".vscode" / "launch.json"
    assert settings_files.write(debugged, tmp_path) == [f"wrote {launch}"]
    assert settings_files.write(debugged, tmp_path) == [f"{launch} has the settings already"]
    launch.unlink()
    launch.parent.rmdir()
    (tmp_path / ".idea").mkdir()
    (said,) = settings_files.write(debugged, tmp_path)
    assert said == f"wrote {tmp_path / '.idea/runConfigurations/taskdock__a.xml'}"
    assert not launch.exists()


@pytest.mark.parametrize("text", ["{ broken", "\xff\xfe"])
def test_a_file_that_cannot_be_merged_stays_and_the_settings_are_shown(
    text: str, tmp_path: Path
) -> None:
    launch = tmp_path / ".vscode" / "launch.json"
    launch.parent.mkdir()
    launch.write_bytes(text.encode("latin-1"))
    (said,) = settings_files.write([(FunctionSource("a", tmp_path), PYTHON)], tmp_path)
    assert launch.read_bytes() == text.encode("latin-1")
    assert "is left as it is" in said
    assert '"port": 5678' in said


def test_a_link_stays_a_link_and_a_file_keeps_its_mode_and_its_mark(tmp_path: Path) -> None:
    shared = tmp_path / "shared.json"
    shared.write_bytes(b"\xef\xbb\xbf" + COMMENTED.encode())
    shared.chmod(0o640)
    launch = tmp_path / ".vscode" / "launch.json"
    launch.parent.mkdir()
    launch.symlink_to(shared)
    settings_files.write([(FunctionSource("a", tmp_path), PYTHON)], tmp_path)
    assert launch.is_symlink()
    assert shared.stat().st_mode & 0o777 == 0o640
    assert shared.read_bytes().startswith(b"\xef\xbb\xbf{")
    assert "// another could come here" in shared.read_text()


@pytest.mark.parametrize("content", [None, "precious", '{"configurations": []}'])
@pytest.mark.parametrize(
    "place", [".idea/runConfigurations/taskdock__a.xml", ".vscode/launch.json"]
)
@pytest.mark.parametrize("depth", ["file", "folder"])
def test_a_link_out_of_the_project_is_not_followed(
    content: str | None, place: str, depth: str, tmp_path: Path
) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    theirs = outside / Path(place).name
    outside.mkdir()
    if content is not None:
        theirs.write_text(content)
    file = project / place
    (project / Path(place).parts[0]).mkdir(parents=True)
    if depth == "folder":
        (file.parent.rmdir if file.parent.exists() else file.parent.exists)()
        file.parent.symlink_to(outside)
    else:
        file.parent.mkdir(exist_ok=True)
        file.symlink_to(theirs)

    said = settings_files.write([(FunctionSource("a", project), PYTHON)], project)

    assert any(f"{file} is left as it is (" in one for one in said)
    assert (theirs.read_text() if theirs.exists() else None) == content
    assert [one.name for one in outside.iterdir()] == [theirs.name] * (content is not None)


def test_json_that_is_nested_without_end_is_passed_over(tmp_path: Path) -> None:
    deep = "[" * 100_000
    (tmp_path / "task-config.json").write_text(deep)

    assert sources.find("a", tmp_path) == FunctionSource("a", None)
    assert code_folder(tmp_path, "a") is None
    with pytest.raises(NotEditable):
        with_entry(deep, "configurations", {"name": "a"})


def test_the_code_of_a_function_is_found_by_its_name_or_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "fn"
    folder.mkdir()
    (folder / "task-config.json").write_text('{"name": "a", "path": "build"}')
    expected = FunctionSource("a", folder / "build", folder)
    for argument in ("a", "fn", "fn/task-config.json", str(folder)):
        assert sources.find(argument, tmp_path) == expected
    assert sources.find("b", tmp_path) == FunctionSource("b", None)
    (folder / "task-config.json").write_text("[]")
    assert sources.find("a", tmp_path) == FunctionSource("a", None)
    with pytest.raises(WrongCall):
        sources.find("fn", tmp_path)


def test_the_project_is_the_nearest_folder_that_looks_like_one(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert sources.project_of(inner) == tmp_path
    (tmp_path / "a" / ".vscode").mkdir()
    assert sources.project_of(inner) == tmp_path / "a"


def test_each_change_of_a_session_is_a_sentence() -> None:
    before = {"clients": 0, "failure": "", "newCode": False, "wait": True, "calls": 0}
    assert changes(before, before) == []
    assert changes(before, {**before, "clients": 1}) == ["a debugger has attached"]
    assert changes({**before, "clients": 1}, before) == ["the debugger has detached"]
    assert changes(before, {**before, "failure": "no room"}) == ["nothing runs: no room"]
    assert changes(before, {**before, "calls": 1}) == ["a call waits for a debugger"]
    assert changes({**before, "newCode": True}, before) == ["the new code is here"]
