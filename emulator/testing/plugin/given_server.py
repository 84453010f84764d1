"""GivenServer: the server at --taskdock-url, which is what it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from taskdock.base.errors import TaskdockError
from taskdock.client.api import TaskService
from taskdock.client.errors import CredentialsRefused, ServiceError
from taskdock.testing.plugin.suite_server import Json, SuiteServer
from taskdock.testing.plugin.wanted import Wanted, WrongTestSetting
from taskdock.testing.values.errors import NotSupported
from taskdock.web.doubles.files import yaml_text
from taskdock.web.doubles.files.folder import ENDINGS, by_place
from taskdock.web.doubles.rules.file_content import with_content

_OF_SERVER = ("id", "used", "file")
"""Keys that a double has beside those that it was written with."""


class GivenServer(SuiteServer):
    """It was started by somebody else, and goes on when the tests have ended."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        """`environment`: of the tests' process. Raises `ServerUnreachable` or `ServiceError` where
        the server does not answer."""
        super().__init__(url, environment)
        self._doubles: dict[Path, list[tuple[Path, Json]]] = {}
        try:
            self._service.health()
        except TaskdockError:
            self.close()
            raise

    def prepare(self, wanted: Wanted) -> None:
        """As for any server. Raises `NotSupported` also where a marker asks for another server
        than this one; the settings count where they can."""
        if "auth" in wanted.asked and wanted.kind.auth != self._auth:
            does = "have to" if self._auth == "strict" else "need not"
            raise NotSupported(
                f"callers {does} sign in there: start it with --auth {wanted.kind.auth}"
            )
        super().prepare(wanted)
        if wanted.kind.doubles is not None:
            self._add_doubles(wanted.kind.doubles, is_asked="doubles" in wanted.asked)

    @cached_property
    def _auth(self) -> str:
        """By an answer to a caller without credentials."""
        anybody = TaskService(self.url, None)
        try:
            anybody.call("GET", "/tasks/v1/?limit(1)")
        except CredentialsRefused:
            return "strict"
        finally:
            anybody.close()
        return "open"

    def _add_doubles(self, folder: Path, *, is_asked: bool) -> None:
        """Adds those of a folder's files for one test, unless the server was started with them."""
        if folder not in self._doubles:
            self._doubles[folder] = _read(folder)
        doubles = self._doubles[folder]
        try:
            there = [_without_ids(each) for each in self.taskdock.doubles.all() if "file" in each]
            if all(source in there for _, source in doubles):
                return
            for file, source in reversed(doubles):  # of those that are added, the last is first
                self._add(file, _with_contents(source, folder))
        except NotSupported as error:
            if is_asked:
                raise
            self.remarks.append(f"the doubles of {folder} are not at {self.url}: {error}")

    def _add(self, file: Path, source: Json) -> None:
        try:
            self._service.call("POST", "/taskdock/doubles", source)
        except ServiceError as error:
            raise WrongTestSetting(f"{file}: {error.message}") from None


def _read(folder: Path) -> list[tuple[Path, Json]]:
    """Each double and its file, in the order in which a server asks them. Raises
    `WrongTestSetting`."""
    names = [path.name for path in folder.iterdir() if path.suffix in ENDINGS]
    found = []
    for file in (folder / name for name in sorted(names, key=by_place) if name[0] != "."):
        try:
            sources = yaml_text.load(file.read_bytes())
        except yaml_text.NotYaml as error:
            raise WrongTestSetting(f"{file}, line {error.line}: {error}") from None
        except OSError as error:
            raise WrongTestSetting(f"{file} cannot be read: {error.strerror}") from None
        if not isinstance(sources or [], list):
            raise WrongTestSetting(f"{file} has to be a list of doubles: each begins with a dash")
        found += [(file, source) for source in sources or []]
    return found


def _without_ids(double: Json) -> Json:
    return {name: value for name, value in double.items() if name not in _OF_SERVER}


def _with_contents(source: Any, folder: Path) -> Any:
    """The double with the files of its answers as base64: the server has a folder of its own, or
    none."""
    if not isinstance(source, dict):
        return source  # the server says what is wrong about it
    with_contents = dict(source)
    if "answer" in source:
        with_contents["answer"] = _answer(source["answer"], folder)
    if isinstance(source.get("answers"), list):
        with_contents["answers"] = [_answer(each, folder) for each in source["answers"]]
    return with_contents


def _answer(answer: Any, folder: Path) -> Any:
    name = answer.get("file") if isinstance(answer, dict) else None
    if not isinstance(name, str):
        return answer
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise WrongTestSetting(f"{folder / name} cannot be read: {error.strerror}") from None
    return with_content(answer, name, content)
