"""Debuggers of functions in their containers: what a container sees and is told for one.

Functions are entered by AWS's own way, a wrapper script; images stay as they are:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html

A debugger listens on its container's own loopback alone. Nothing there can be reached but by the
container's launcher.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from functools import cached_property
from importlib import metadata
from pathlib import Path

from taskdock.base import ids, resources
from taskdock.base.errors import IllegalState
from taskdock.base.files import own_files
from taskdock.engines.engine import Mount
from taskdock.lambdas.environment.provision.coverage import WRAPPER
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.function import Function

FOLDER = "debugger"
"""The folder's name in the data folder."""
MORE_MEMORY = 256  # MB, of the container, that the debugger has beside the function's own
NO_TIME_LIMIT = 7 * 24 * 3600  # seconds: all waits of an invocation need some number
_INSIDE = "/dev/taskdock-debugger"
_PACKAGES = "packages"
"""The folder inside that Python finds debugpy in; see `runtimes/debugger/sitecustomize.py`."""
_OLD_PYTHONS = frozenset({"python2.7", "python3.6", "python3.7"})  # debugpy knows none of them
_FOR_ALL = "debugpy<1.8.22"
"""The versions of debugpy for Python 3.8 and 3.9, too."""
_PIPX = "pipx"
"""The folder in which pipx keeps the environments of programs: .../pipx/venvs/NAME."""
_NEEDED = ("*.py", "*.so", "*.cfg")


class Language(str, Enum):
    """A language of functions that can be debugged; the value is its family of runtimes."""

    PYTHON = "python"
    NODEJS = "nodejs"

    @property
    def port(self) -> int:
        """The port that debuggers of this language usually have."""
        return 5678 if self is Language.PYTHON else 9229


@dataclass(frozen=True, kw_only=True)
class Debugger:
    language: Language
    waits: bool = False
    """The function's first module waits for a client."""
    mounts: tuple[Mount, ...] = ()

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """Variables in place of, and beside, those that a function has."""
        variables = {WRAPPER: f"{_INSIDE}/wrapper", "TASKDOCK_DEBUG_PORT": str(self.language.port)}
        if self.waits:
            variables["TASKDOCK_DEBUG_WAIT"] = "1"
        if given.get(WRAPPER):
            variables["TASKDOCK_EXEC_WRAPPER"] = given[WRAPPER]
        return variables


@dataclass(frozen=True, kw_only=True)
class DebuggedFunction(Function):
    """A function in the environment of a debug session, which serves nothing else."""

    debugger: Debugger
    original: Function

    @cached_property
    def fingerprint(self) -> str:
        """Nobody else's."""
        return f"debug-{ids.word()}"


def debugged(function: Function, debugger: Debugger) -> DebuggedFunction:
    """The function without a time limit, and with memory for its debugger."""
    given = {each.name: getattr(function, each.name) for each in fields(Function)}
    given["time_limit"] = NO_TIME_LIMIT
    given["memory_limit"] = function.memory_limit + MORE_MEMORY
    return DebuggedFunction(**given, debugger=debugger, original=function)


def language_of(function: Function, asked: str | None) -> Language:
    """`asked`: the language of a function that is an image. Raises `IllegalState`."""
    if function.runtime is None:
        if asked is None:
            raise IllegalState(
                f"{function.name} is an image, which may have any runtime; name its language with"
                " --language python or --language nodejs"
            )
        return Language(asked)
    family = runtimes.find(function.runtime).family
    known = [language for language in Language if language.value == family]
    if not known or function.runtime in _OLD_PYTHONS:
        raise IllegalState(
            f"{function.name} has the runtime {function.runtime}, for which there is no debugger:"
            " functions of Node.js and of Python from 3.8 on can be debugged"
        )
    return known[0]


class DebuggerFiles:
    """Copies of the debuggers' files, in the data folder: an engine may not see the package's own.
    For any thread."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of this server alone; it may be missing."""
        self._folder = folder

    def debugger(self, function: Function, language: Language, *, waits: bool) -> Debugger:
        """Puts the files into place. Raises `IllegalState` where debugpy is not installed, or not
        for the function's Python, `ForeignFile` and `OSError`."""
        source = _debugpy(function) if language is Language.PYTHON else None
        own_files.make_folder(self._folder)
        hooks = self._folder / "hooks"
        _copy(resources.folder("runtimes") / "debugger", hooks, mode=0o755)
        (hooks / _PACKAGES).mkdir(exist_ok=True)  # where the folder below is mounted
        mounts = [Mount(source=hooks, target=_INSIDE)]
        if source is not None:
            packages = Mount(source=self._packages(source), target=f"{_INSIDE}/{_PACKAGES}")
            mounts.append(packages)
        return Debugger(language=language, waits=waits, mounts=tuple(mounts))

    def _packages(self, source: Path) -> Path:
        """The folder that has debugpy; another version of debugpy has another folder."""
        written = (source / "_version.py").stat()
        place = self._folder / f"debugpy-{written.st_mtime_ns:x}-{written.st_size:x}"
        if not place.is_dir():
            half_done = self._folder / f".{ids.word()}"
            _copy_tree(source, half_done / source.name)
            half_done.chmod(0o755)
            try:
                half_done.rename(place)
            except OSError:  # another thread was faster
                shutil.rmtree(half_done, ignore_errors=True)
        return place


def _debugpy(function: Function) -> Path:
    importlib.invalidate_caches()  # it may have been installed a moment ago
    spec = importlib.util.find_spec("debugpy")
    if spec is None or not spec.submodule_search_locations:
        raise IllegalState(
            "Python functions are debugged with debugpy, which is not installed where the server"
            f" runs; to install it there: {installing(Path(sys.prefix), sys.executable)}"
        )
    installed = metadata.metadata("debugpy")
    needs = _version(installed["Requires-Python"] or "")
    if needs > (_version(function.runtime or "") or needs):
        raise IllegalState(
            f"{function.name} has the runtime {function.runtime}, and debugpy"
            f" {installed['Version']}, which is installed where the server runs, needs Python"
            f" {needs[0]}.{needs[1]}; to install one there for both:"
            f" {installing(Path(sys.prefix), sys.executable)}"
        )
    return Path(spec.submodule_search_locations[0])


def installing(prefix: Path, python: str) -> str:
    """The line that installs debugpy into the environment `prefix`, whose Python is `python`. Pure.

    The pip that a shell finds may be that of another environment."""
    package = shlex.quote(_FOR_ALL)
    if prefix.parent.name == "venvs" and prefix.parent.parent.name == _PIPX:
        return f"pipx inject --force {shlex.quote(prefix.name)} {package}"
    return f"{shlex.quote(python)} -m pip install {package}"


def _version(text: str) -> tuple[int, ...]:
    """The first version that a text names, such as `>=3.8` or python3.11; else an empty one."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return () if found is None else (int(found[1]), int(found[2]))


def _copy(source: Path, target: Path, *, mode: int) -> None:
    target.mkdir(exist_ok=True)
    target.chmod(0o755)
    for file in source.iterdir():
        if not file.is_file():
            continue
        copy, text = target / file.name, file.read_bytes()
        if not copy.is_file() or copy.read_bytes() != text or not os.access(copy, os.X_OK):
            partial = target / f".{file.name}.{ids.word()}"
            partial.write_bytes(text)
            partial.chmod(mode)  # installers may have lost the mode of the wrapper
            partial.replace(copy)


def _copy_tree(source: Path, target: Path) -> None:
    """All that Python reads. Every user may read the copy, whatever this user's umask is."""
    target.mkdir(parents=True)
    target.chmod(0o755)
    for entry in source.iterdir():
        copy = target / entry.name
        if entry.is_dir() and entry.name != "__pycache__":
            _copy_tree(entry, copy)
        elif entry.is_file() and any(entry.match(pattern) for pattern in _NEEDED):
            copy.write_bytes(entry.read_bytes())
            copy.chmod(0o644)
