"""The block about a failed run, made of errors and logs that real containers gave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from taskdock.client.failures.block import block
from taskdock.client.failures.code_files import FetchedCode, LocalCode
from taskdock.client.failures.failed_run import FailedRun, UnknownFiles
from taskdock.client.failures.frames import Frame, own_frame
from taskdock.client.failures.gathering import code_folder
from taskdock.client.failures.hints import RULES, hint
from taskdock.testing.zips import zip_of
from tests.support.failures import RECORDED, recorded


@pytest.mark.parametrize("name", RECORDED)
def test_the_block_of_a_failure_is_the_one_that_was_read_and_found_right(name: str) -> None:
    case = RECORDED[name]

    assert block(recorded(case)) == case["block"]


@pytest.mark.parametrize("name", RECORDED)
def test_at_most_one_rule_is_sure_of_another_kind_of_failure(name: str) -> None:
    """Else the order of the rules would hide a rule that is wrong of a case."""
    failed = recorded(RECORDED[name])

    sure = [rule.__name__ for rule in RULES if rule(failed)]

    assert len(sure) <= 1 or set(sure) in ALIKE, sure


ALIKE = ({"memory", "exited"}, {"built_in", "not_installed"})
"""The first of the two knows more."""


@pytest.mark.parametrize("name", RECORDED)
def test_a_block_needs_neither_the_package_nor_the_function(name: str) -> None:
    """The server may be a strict one, or the function gone."""
    bare = recorded(
        RECORDED[name],
        code=UnknownFiles(),
        runtime=None,
        handler=None,
        time_limit=None,
        memory_limit=None,
    )

    first, *rest = block(bare)

    assert first.startswith(RECORDED[name]["error"]["name"])
    assert not any("None" in line for line in rest)


def test_a_failure_that_is_not_the_functions_gets_no_hint() -> None:
    failed = FailedRun(
        name="ImageNotAvailable", message="No module named 'x'", runtime="python3.11", invoked=False
    )

    assert hint(failed) is None


@pytest.mark.parametrize(
    ("message", "source"),
    [
        ("'name'", "return order['name']"),
        ("'NoneType' object is not subscriptable", "return find(order)['name']"),
    ],
)
def test_a_field_that_the_data_has_nothing_to_do_with_gets_no_hint(
    message: str, source: str
) -> None:
    failed = FailedRun(
        name="KeyError" if message == "'name'" else "TypeError",
        message=message,
        runtime="python3.11",
        data=None,
        trace=(f'  File "/var/task/main.py", line 7, in handler\n    {source}\n',),
    )

    assert hint(failed) is None


def test_frames_of_dependencies_and_of_the_runtime_are_passed_over() -> None:
    trace = (
        "TypeError: no",
        "    at node:internal/process/task_queues:95:5",
        "    at parse (/var/task/node_modules/got/index.js:1:2)",
        "    at /opt/nodejs/node_modules/layer/index.js:3:4",
        "    at async Object.load (file:///var/task/src/lib%20x/orders.mjs:12:9)",
        "    at Runtime.handler (/var/task/index.js:3:1)",
    )
    failed = FailedRun(name="TypeError", message="no", runtime="nodejs22.x", trace=trace)

    assert own_frame(failed) == Frame("src/lib x/orders.mjs", 12, "load")


def test_what_pip_installed_beside_the_code_is_no_code_of_ones_own() -> None:
    case = RECORDED["python-in-package"]

    assert "  at index.py:5, in handler" in block(recorded(case))
    without = recorded({**case, "files": {k: v for k, v in case["files"].items() if "/" not in k}})
    assert "  at parcel/__init__.py:5, in parse" in block(without)


def test_a_file_that_is_here_is_named_by_its_path_here() -> None:
    case = RECORDED["python-error-in-imported-file"]

    lines = block(recorded(case, local=lambda name: f"functions/orders/src/{name}"))

    assert lines[1] == "  at functions/orders/src/lib/shipping.py:2, in weight"


def test_the_folder_of_a_function_is_found_by_its_name(tmp_path: Path) -> None:
    for name, path in [("orders", "src"), ("mails", "build")]:
        folder = tmp_path / "functions" / name
        folder.mkdir(parents=True)
        (folder / "task-config.json").write_text(
            f'{{"name": "{name}", "path": "{path}"}}', encoding="utf-8-sig"
        )
    (tmp_path / "task-config.json").write_text("{")

    assert code_folder(tmp_path, "mails") == tmp_path / "functions" / "mails" / "build"
    assert code_folder(tmp_path / "functions" / "orders", "orders") is not None
    assert code_folder(tmp_path, "others") is None


def test_a_long_message_is_cut() -> None:
    lines = block(FailedRun(name="Error", message="\n".join(["x" * 9000] * 500)))

    assert len(lines) == 21
    assert lines[-1] == "... 480 more lines"
    assert max(map(len, lines)) < 500


# The files of a package


@pytest.mark.parametrize("way", ["../secret.py", "{outside}", "link.py", "folder/../../secret.py"])
def test_a_made_up_trace_shows_no_file_outside_of_the_code(tmp_path: Path, way: str) -> None:
    outside = tmp_path / "secret.py"
    outside.write_text("password\n")
    code = tmp_path / "code"
    (code / "folder").mkdir(parents=True)
    (code / "link.py").symlink_to(outside)
    path = way.format(outside=outside)
    trace = f'File "/var/task/{path}", line 1, in handler'
    failed = FailedRun(name="E", message="e", trace=(trace,), code=LocalCode(code))

    frame = own_frame(failed)

    assert frame is None or frame.source == ""


def test_a_pipe_in_the_code_is_no_text(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")

    assert LocalCode(tmp_path).text("pipe.py") is None


def test_a_damaged_file_of_a_zip_is_not_known() -> None:
    whole = zip_of({"index.py": "a = 1\n" * 50})
    at = whole.index(b"index.py") + len(b"index.py")
    damaged = whole[:at] + b"\xff\xff\xff" + whole[at + 3 :]

    assert FetchedCode(damaged).text("index.py") is None
