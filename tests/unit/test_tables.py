"""Tables on terminals of any width, and the cells in them."""

from __future__ import annotations

import io
import sys
from datetime import datetime, timezone
from typing import Any

import pytest

from taskdock.client.console import output
from taskdock.client.console.tables import cells, task_table, values
from taskdock.client.console.tables.layout import Cell, Column, Fit, laid_out

ID = "67a1f0c2d3e4f5a6b7c8d9e0"
WIDE = "関数の名前はとても長いです"
FAMILY = "👩\u200d👩\u200d👧"
COMBINED = "Zoe\u0308"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("walnut", 6),
        ("Zoë", 3),
        (COMBINED, 3),
        ("関数", 4),
        ("\uff46\uff55", 4),
        ("🪑", 2),
        ("⚠\ufe0f", 2),
        (FAMILY, 6),
        ("שולחן", 5),
        ("\u1112\u1161\u11ab", 2),
        ("soft\xadhyphen", 11),
        ("", 0),
    ],
)
def test_a_text_is_as_wide_as_a_terminal_draws_it(text: str, columns: int) -> None:
    assert cells.width(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "cut"),
    [
        ("walnut-table", 12, "walnut-table"),
        ("walnut-table", 11, "walnu…table"),
        ("walnut-table", 4, "wa…e"),
        ("walnut-table", 1, "w"),
        (WIDE, 10, "関数…です"),
        (WIDE, 9, "関数…です"),
        (COMBINED * 3, 5, f"Zo…o{COMBINED[2:]}"),
    ],
)
def test_a_name_is_cut_in_the_middle(text: str, columns: int, cut: str) -> None:
    assert cells.cut_middle(text, columns, "…") == cut


def test_lines_are_broken_between_words() -> None:
    assert cells.wrapped("sent when a task has failed", 11) == ["sent when a", "task has", "failed"]
    assert cells.wrapped("a considerable-word b", 6) == ["a", "considerable-word", "b"]


def text_of(line: list[tuple[str, str]]) -> str:
    return "".join(text for text, _ in line)


def drawn(columns: list[Column], rows: list[list[str]], width: int) -> list[str]:
    lines = laid_out(columns, [[Cell(text) for text in row] for row in rows], width=width)
    return [text_of(line) for line in lines]


def test_a_table_that_fits_is_left_as_it_is() -> None:
    table = drawn([Column("Id"), Column("Number", right=True)], [[ID, "7"], [ID, "1234567"]], 60)

    assert table == [f"Id{'Number':>31}", f"{ID}{'7':>9}", f"{ID}  1234567"]


def test_prose_is_cut_before_a_name_and_a_name_before_a_column_is_left_out() -> None:
    columns = [Column("Id"), Column("Name", rank=1), Column("Text", rank=2, fit=Fit.END)]
    rows = [[ID, "walnut-table-with-legs", "a table made of walnut, with legs"]]

    assert drawn(columns, rows, 70)[1] == f"{ID}  walnut-table-with-legs  a table made of wal…"
    assert drawn(columns, rows, 50)[1] == f"{ID} walnut…-legs a table mad…"
    assert drawn(columns, rows, 44)[1] == f"{ID} walnut-ta…with-legs"
    assert drawn(columns, rows, 30)[1] == ID


def test_an_id_is_never_broken() -> None:
    for width in range(1, 80):
        lines = drawn([Column("Name"), Column("Task")], [["a" * 40, ID]], width)

        assert lines[1].endswith(ID)


def test_an_error_goes_below_its_row_where_there_is_no_room() -> None:
    columns = [Column("Id"), Column("Error", rank=1, fit=Fit.BELOW)]

    assert drawn(columns, [[ID, "TypeError"], [ID, ""]], 30) == ["Id", ID, "  TypeError", ID]
    assert drawn(columns, [[ID, "TypeError"]], 40)[1] == f"{ID}  TypeError"


def test_a_sentence_is_wrapped_in_its_column() -> None:
    columns = [Column("Event"), Column("Sent when", rank=1, fit=Fit.WRAP)]

    assert drawn(columns, [["s3", "an object has been put"], ["sns", "a topic"]], 20) == [
        "Event  Sent when",
        "s3     an object has",
        "       been put",
        "sns    a topic",
    ]


NOW = datetime(2026, 1, 2, 12, 0, 7, tzinfo=timezone.utc)
TASK = {
    "id": ID,
    "functionName": "hello-world-python",
    "status": "inProgress",
    "statusChangedTimestamp": "2026-01-02T12:00:04.500Z",
    "startTimestamp": "2026-01-02T12:00:00.000Z",
    "priority": -7,
    "tags": ["blue"],
    "retryForTaskIds": ["1" * 24],
}
FAILED = {**TASK, "status": "failed", "error": {"name": "ValueError", "message": "no legs"}}


def task_lines(width: int, *tasks: dict[str, Any]) -> list[str]:
    rows = [task_table.row(task, milliseconds=None, now=NOW) for task in tasks]
    return [text_of(line) for line in laid_out(task_table.COLUMNS, rows, width=width)]


def test_a_task_is_whole_where_there_is_room() -> None:
    heading, running = (line.split("  ") for line in task_lines(200, TASK))

    assert [word.strip() for word in heading if word] == [
        *("Id", "Function", "Status", "Priority", "Start (UTC)", "Duration", "Attempt"),
        *("Tags", "Error"),
    ]
    assert [word.strip() for word in running if word.strip()] == [
        *(ID, "hello-world-python", "inProgress", "-7", "2026-01-02 12:00:00", "2.5 s", "2"),
        "blue",
    ]


def test_eighty_columns_have_priority_start_duration_and_attempt() -> None:
    heading, running, failed, error = task_lines(80, TASK, FAILED)
    assert heading.split() == ["Id", "Function", "Status", "Prio", "Start", "(UTC)", "Took", "Try"]
    assert running.split()[2:] == ["inProgress", "-7", "12:00:00", "2.5", "s", "2"]
    assert failed.split()[2:] == ["failed", "-7", "12:00:00", "2"]
    assert error == "  ValueError"


@pytest.mark.parametrize("width", range(47, 131))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = {**FAILED, "functionName": WIDE * 4, "tags": ["käse"] * 9}
    lines = task_lines(width, TASK, long)

    assert max(map(cells.width, lines)) <= width
    assert sum(ID in line for line in lines) == 2


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0.0, "0 ms"),
        (0.0071, "7 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (99.94, "99.9 s"),
        (99.96, "1m 40s"),
        (299.7, "5m 00s"),
        (11220, "3h 07m"),
    ],
)
def test_a_duration_is_shown_in_few_characters(seconds: float | None, shown: str) -> None:
    assert values.duration(seconds).text == shown


@pytest.mark.parametrize(
    ("timestamp", "short"),
    [
        ("2026-01-02T11:59:59.999Z", "11:59:59"),
        ("2026-01-01T23:00:00.000Z", "01-01 23:00"),
        ("2027-01-02T11:59:59.999Z", "2027-01-02"),
        (None, ""),
    ],
)
def test_a_time_of_today_is_the_time_alone(timestamp: str | None, short: str) -> None:
    assert values.moment(timestamp, "2026-01-02").short == short


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class AsciiScreen(Screen):
    encoding = "ascii"


def on(screen: Screen, monkeypatch: pytest.MonkeyPatch, cell: Cell, **variables: str) -> str:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": "40", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", screen)
    output.table(("Id", "Name"), [[ID, cell]], empty="")
    return screen.getvalue()


def test_states_have_colours_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = values.status("failed")

    assert "\x1b[31mfailed\x1b[0m" in on(Screen(), monkeypatch, failed)
    assert "\x1b" not in on(Screen(), monkeypatch, failed, NO_COLOR="1")
    assert "\x1b" not in on(Screen(), monkeypatch, failed, TERM="dumb")
    monkeypatch.undo()
    output.table(("Id", "Name"), [[ID, failed]], empty="")
    assert "\x1b" not in capsys.readouterr().out


def test_a_terminal_without_the_ellipsis_gets_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "aaa…aaa" in on(Screen(), monkeypatch, Cell("a" * 50))
    assert "aaa..aaa" in on(AsciiScreen(), monkeypatch, Cell("a" * 50))


def test_a_cell_is_one_line_and_no_order_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = on(Screen(), monkeypatch, Cell("a\nb\t\x1b[2J"), COLUMNS="80")
    monkeypatch.undo()
    output.table(("Id", "Name"), [[ID, "a\nb\r\u2028c"]], empty="")

    assert r"a\nb\t\u001b[2J" in shown
    assert capsys.readouterr().out.splitlines()[1].split() == [ID, r"a\nb\r\u2028c"]


def test_a_pipe_gets_whole_columns_that_can_be_counted(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("Name", "Text", "Id"), [["関数", None, ID], ["a" * 300, "b", ""]], empty="")

    assert capsys.readouterr().out.splitlines() == [
        f"NAME{'':296}  TEXT  ID",
        f"関数{'':296}  -     {ID}",
        f"{'a' * 300}  b     -",
    ]


def test_a_value_that_is_too_wide_goes_on_below_its_beginning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    thing = {
        "id": ID,
        "error": "a leg of the table is missing",
        "data": {"name": "walnut", "legs": [1, 2]},
    }
    screen = Screen()
    monkeypatch.setenv("COLUMNS", "32")
    monkeypatch.setattr(sys, "stdout", screen)

    output.fields(thing)
    monkeypatch.undo()
    output.fields(thing)

    assert screen.getvalue().splitlines() == [
        f"id     {ID}",
        "error  a leg of the table is",
        "       missing",
        "data   {",
        '         "name": "walnut",',
        '         "legs": [',
        "           1,",
        "           2",
        "         ]",
        "       }",
    ]
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_what_to_type_is_on_a_line_of_its_own_where_it_would_be_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for columns in ("40", "80"):
        screen = Screen()
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setattr(sys, "stderr", screen)
        output.table(("Id",), [], empty="no tasks yet; create one with: taskdock tasks create NAME")

        command = "taskdock tasks create NAME\n"
        assert screen.getvalue().endswith(f":\n{command}" if columns == "40" else f": {command}")
