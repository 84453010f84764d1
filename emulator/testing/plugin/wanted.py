"""The wishes of a test: by its markers, and by the settings of its repository. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("functions", "auth", "clock", "doubles")
"""The arguments of the marker; with `taskdock_` before it, each is a setting."""

_CHOICES = {"auth": ("open", "strict"), "clock": ("auto", "manual", "real")}
_LATER = "write @pytest.mark.taskdock(functions=[...], auth=..., clock=..., doubles=...)"


class WrongTestSetting(Exception):
    """A marker, a setting or an option that cannot be; the message is for the author of the
    test."""


@dataclass(frozen=True)
class Kind:
    """The difference between two servers; a session has one of each kind that its tests want."""

    auth: str = "open"
    doubles: Path | None = None


@dataclass(frozen=True)
class Wanted:
    """The server of one test, and what is on it."""

    kind: Kind
    clock: str
    functions: tuple[Path, ...] = ()
    """Folders of functions, the general ones first; of two that have one name, the later counts."""
    asked: frozenset[str] = frozenset()
    """The names of what a marker says; in the rest, a server that runs already may be another."""


def wanted(
    root: Path,
    settings: Mapping[str, Any],
    markers: Sequence[tuple[tuple[Any, ...], Mapping[str, Any]]],
) -> Wanted:
    """`root`: the folder that relative paths begin in. `settings`: by the marker's names, where
    they are set. `markers`: the positional and named arguments of each, the nearest first.

    The functions of all of them are there; of everything else, the nearest counts. Raises
    `WrongTestSetting`.
    """
    given = [_marker(*marker) for marker in reversed(markers)]
    sources = [("the setting taskdock_", settings), *(("the marker's ", each) for each in given)]
    values: dict[str, Any] = {"auth": "open", "clock": "auto", "doubles": None}
    folders: dict[Path, None] = {}
    for source, each in sources:
        for name, value in each.items():
            if name == "functions":
                for folder in _folders(root, value, f"{source}functions"):
                    folders.pop(folder, None)
                    folders[folder] = None
            elif name == "doubles":
                values[name] = _folder(root, value, f"{source}doubles")
            else:
                values[name] = _choice(name, value, f"{source}{name}")
    return Wanted(
        kind=Kind(values["auth"], values["doubles"]),
        clock=values["clock"],
        functions=tuple(folders),
        asked=frozenset(name for each in given for name in each),
    )


def _marker(positional: tuple[Any, ...], named: Mapping[str, Any]) -> Mapping[str, Any]:
    if positional:
        raise WrongTestSetting(
            f"the marker taskdock takes named arguments, not {positional[0]!r}: {_LATER}"
        )
    for name in named:
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, n=1)
            advice = f"did you mean {close[0]}? " if close else ""
            raise WrongTestSetting(
                f"the marker taskdock has no argument {name!r}; {advice}it has {', '.join(NAMES)}"
            )
    return named


def _choice(name: str, value: Any, source: str) -> str:
    choices = _CHOICES[name]
    if value not in choices:
        raise WrongTestSetting(f"{source} is {value!r}; it can be {' or '.join(choices)}")
    return str(value)


def _folder(root: Path, value: Any, source: str) -> Path | None:
    if value in (None, ""):
        return None
    folder = root / str(value)
    if not folder.is_dir():
        raise WrongTestSetting(f"{source} is {str(value)!r}, but there is no folder {folder}")
    return folder


def _folders(root: Path, value: Any, source: str) -> list[Path]:
    """Each as it is written, or what a pattern such as `tasks/*` matches. Of a pattern, folders
    without a task-config.json do not count."""
    if isinstance(value, str | Path) or not isinstance(value, Sequence):
        raise WrongTestSetting(f"{source} is {value!r}; it has to be a list of folders")
    found: list[Path] = []
    for each in value:
        if not isinstance(each, str | Path):
            raise WrongTestSetting(f"{source} has {each!r}; it has to be a list of folders")
        if any(letter in str(each) for letter in "*?["):
            matches = [path.parent for path in sorted(root.glob(f"{each}/task-config.json"))]
            if not matches:
                raise WrongTestSetting(
                    f"{source} has {str(each)!r}, but no folder in {root} matches that and has a"
                    " task-config.json"
                )
            found += matches
        elif (root / each).exists():
            found.append(root / each)
        else:
            raise WrongTestSetting(
                f"{source} has {str(each)!r}, but there is no folder {root / each}"
            )
    return found
