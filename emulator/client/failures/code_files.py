"""The files of a function's package: those that the server has, or those of the folder here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

from taskdock.base.errors import TaskdockError
from taskdock.client.api import TaskService
from taskdock.client.failures.failed_run import CodeFiles, UnknownFiles

_LARGEST_CODE = 15_000_000  # bytes, of a package that is worth fetching
_LARGEST_FILE = 1_000_000  # bytes
_MOST_FILES = 20_000  # of a folder that is worth reading
_SECONDS = 5.0


class LocalCode:
    """The files of a folder here, which is read once somebody asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: list[str] | None = None

    def names(self) -> Sequence[str]:
        if self._names is None:
            self._names = []
            with suppress(OSError):
                for path in self._folder.rglob("*"):
                    if path.is_file():
                        self._names.append(path.relative_to(self._folder).as_posix())
                    if len(self._names) > _MOST_FILES:
                        break
        return self._names

    def text(self, name: str) -> str | None:
        """A function says the name, in a trace that it may have made up: so no file counts that is
        not in the folder."""
        try:
            file = (self._folder / name).resolve()
            if not file.is_relative_to(self._folder.resolve()) or not file.is_file():
                return None
            return None if file.stat().st_size > _LARGEST_FILE else file.read_text("utf-8")
        except (OSError, ValueError, RuntimeError):  # the last: links in a circle
            return None


class FetchedCode:
    """The files of a zip, which is read once somebody asks."""

    def __init__(self, content: bytes) -> None:
        import io  # noqa: PLC0415 - late, as the next: only what has failed needs them
        import zipfile  # noqa: PLC0415

        self._zip = zipfile.ZipFile(io.BytesIO(content))
        self._names = [name for name in self._zip.namelist() if not name.endswith("/")]

    def names(self) -> Sequence[str]:
        return self._names

    def text(self, name: str) -> str | None:
        try:
            if self._zip.getinfo(name).file_size > _LARGEST_FILE:
                return None
            return self._zip.read(name).decode()
        except Exception:
            return None


class LateCode:
    """The files of a function's package, fetched from the server when they are first asked for."""

    def __init__(self, service: TaskService, function_name: str) -> None:
        self._service = service
        self._path = f"/2015-03-31/functions/{quote(function_name, safe='')}"
        self._found: CodeFiles | None = None

    def names(self) -> Sequence[str]:
        return self._code().names()

    def text(self, name: str) -> str | None:
        return self._code().text(name)

    def _code(self) -> CodeFiles:
        if self._found is None:
            self._found = UnknownFiles()
            with suppress(TaskdockError, OSError, ValueError, KeyError):
                self._found = self._fetched()
        return self._found

    def _fetched(self) -> CodeFiles:
        import zipfile  # noqa: PLC0415 - late: only what has failed needs it

        configuration = self._service.call("GET", self._path, seconds=_SECONDS)["Configuration"]
        if configuration.get("PackageType") == "Image":
            return UnknownFiles()
        if configuration["CodeSize"] > _LARGEST_CODE:
            return UnknownFiles()
        try:
            return FetchedCode(_fetch(self._service.url, f"{self._path}/code"))
        except zipfile.BadZipFile as error:
            raise ValueError(str(error)) from None


def _fetch(url: str, path: str) -> bytes:
    """The body of an answer. Raises `OSError`, and `ValueError` for any other status than 200."""
    from http import client  # noqa: PLC0415 - late: only what has failed needs it

    parts = urlsplit(url)
    kind = client.HTTPSConnection if parts.scheme == "https" else client.HTTPConnection
    connection = kind(parts.hostname or "localhost", parts.port, timeout=_SECONDS * 4)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        with connection.getresponse() as answer:
            if answer.status != 200:
                raise ValueError(f"HTTP {answer.status}")
            return answer.read()
    except client.HTTPException as error:
        raise OSError(str(error)) from None
    finally:
        connection.close()
