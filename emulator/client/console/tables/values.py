"""Cells of times, durations and states, as every list shows them. Pure."""

from __future__ import annotations

from taskdock.client.console.tables.layout import Cell

_COLOURS = {
    "complete": "green",
    "failed": "red",
    "retried": "yellow",
    "inProgress": "cyan",
    "canceled": "bright_black",
}


def moment(timestamp: object, today: str = "") -> Cell:
    """A timestamp of the service in UTC, cut to seconds: `2026-01-02 03:04:05`.

    `today`: the date of the service's clock, such as `2026-01-02`. As in `ls -l`, the short form is
    `03:04:05` for a time of today, `01-02 03:04` in the same year, and the date in another one.
    """
    text = str(timestamp or "")[:19].replace("T", " ")
    if text[:10] == today:
        return Cell(text, text[11:])
    return Cell(text, text[5:16] if text[:4] == today[:4] else text[:10])


def duration(seconds: float | None) -> Cell:
    """`7 ms`, `1.2 s`, `2m 05s` or `3h 07m`; nothing for None."""
    if seconds is None:
        return Cell("")
    if seconds < 0.9995:
        return Cell(f"{seconds * 1000:.0f} ms")
    if seconds < 99.95:
        return Cell(f"{seconds:.1f} s")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return Cell(f"{minutes}m {rest:02d}s")
    return Cell(f"{minutes // 60}h {minutes % 60:02d}m")


def status(text: str) -> Cell:
    """The status of a task."""
    return Cell(text, style=_COLOURS.get(text, ""))


def http_status(code: int) -> Cell:
    """The status of an answer by HTTP."""
    return Cell(str(code), style="green" if code < 400 else "yellow" if code < 500 else "red")


def error(found: dict[str, str] | None, *, whole: bool = False) -> Cell:
    """An error's name; `whole`: with its message."""
    if not found:
        return Cell("")
    name = found.get("name", "")
    return Cell(f"{name}: {found.get('message', '')}" if whole else name, style="red")
