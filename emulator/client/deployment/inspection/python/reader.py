"""The modules of a function in Python, as far as they are imported at once: parsed, and not run."""

from __future__ import annotations

import ast
import posixpath
import re
import sys
import warnings

from taskdock.client.deployment.inspection.contents import Contents
from taskdock.client.deployment.inspection.finding import PackageFinding
from taskdock.client.deployment.inspection.python import age

_MOST_FILES = 200
"""The handler's module and those that it imports from the package, so many at most."""


def file_of(contents: Contents, path: str) -> str | None:
    """The source of a module: a package of that name goes before a file (Python's own order)."""
    for name in (f"{path}/__init__.py", f"{path}.py"):
        if contents.has(name):
            return name
    return None


class ImportReader:
    """Parses a module and the modules of the package that it surely imports."""

    def __init__(self, contents: Contents, version: tuple[int, int]) -> None:
        """`version`: the runtime's Python, such as (3, 11)."""
        self.contents = contents
        self._version = version
        self._seen: set[str] = set()
        self._searches_more = False
        self._imports: dict[str, tuple[str, int]] = {}
        self.findings: list[PackageFinding] = []
        self.unread: list[str] = []
        """The places where files may be right, in syntax that is newer than this Python."""

    @property
    def imports(self) -> dict[str, tuple[str, int]]:
        """The modules that are imported as soon as the function starts, by the first part of each
        name, with file and line. They are none where the code itself changes the folders that are
        searched."""
        return {} if self._searches_more else self._imports

    def read(self, file: str) -> ast.Module | None:
        """The tree of the file; the files that it imports at once are read too."""
        first, waiting = None, [file]
        while waiting and len(self._seen) < _MOST_FILES:
            name = waiting.pop(0)
            if name in self._seen:
                continue
            self._seen.add(name)
            tree = self._parse(name)
            if tree is not None:
                waiting.extend(self._imported(tree, name))
            if name == file:
                first = tree
        return first

    def _parse(self, file: str) -> ast.Module | None:
        source = self.contents.text(file)
        if source is None:
            return None
        own = sys.version_info[:2]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as a wrong escape, which still runs
                tree = ast.parse(source, filename=file)
        except SyntaxError as error:
            if self._version < (3, 8):
                return None  # a parser of another age cannot judge
            if own < self._version and not age.is_certain(error, source, own, self._version):
                self.unread.append(f"{file}:{error.lineno or 1}")
                return None
            self.findings.append(_syntax(file, error.lineno, error.msg))
            return None
        except (ValueError, RecursionError, MemoryError):  # a NUL; nesting that no person writes
            return None
        self._judge_age(file, source, tree)
        return tree

    def _judge_age(self, file: str, source: bytes, tree: ast.Module) -> None:
        """Finds syntax that is newer than the runtime: the parser keeps older grammars for that,
        as far as it knows them."""
        if not (3, 8) <= self._version < sys.version_info[:2]:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(source, filename=file, feature_version=self._version)
        except SyntaxError as error:
            self.findings.append(_syntax(file, error.lineno, error.msg))
        except (ValueError, RecursionError, MemoryError):
            return
        else:
            if self._version < (3, 12) and (line := age.newer_f_string(source)):
                message = "an f-string as Python 3.12 and newer have it"
                self.findings.append(_syntax(file, line, message))

    def _imported(self, tree: ast.Module, file: str) -> list[str]:
        """The package's own files that the module's top level imports: those are run at once."""
        found: list[str] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("path", "meta_path", "path_hooks"):
                self._searches_more |= isinstance(node.value, ast.Name) and node.value.id == "sys"
            self._searches_more |= isinstance(node, ast.ImportFrom) and node.module == "sys"
            self._searches_more |= isinstance(node, ast.Name) and node.id == "addsitedir"
        for node in tree.body:
            if isinstance(node, ast.Import):
                paths = [alias.name.replace(".", "/") for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                paths = _from_paths(node, file)
            else:
                continue
            if not (isinstance(node, ast.ImportFrom) and node.level):
                tops = [path.split("/", 1)[0] for path in paths]
                tops = tops[:1] if isinstance(node, ast.ImportFrom) else tops
                for top in tops:
                    self._imports.setdefault(top, (file, node.lineno))
            found.extend(name for path in paths if (name := self._own(path)))
        return found

    def _own(self, path: str) -> str | None:
        name = file_of(self.contents, path)
        if name is None or "site-packages" in name:
            return None
        return None if self._is_installed(path.split("/", 1)[0]) else name

    def _is_installed(self, top: str) -> bool:
        """Whether `pip install --target` put the module there: it is not the user's to mend."""
        return top.lower().replace("-", "_") in self._installed

    @property
    def _installed(self) -> frozenset[str]:
        names = (name.split("/", 1)[0] for name in self.contents.names)
        dists = {name for name in names if name.endswith((".dist-info", ".egg-info"))}
        tops = {name.split("-", 1)[0].lower() for name in dists}
        for dist in dists:
            listed = self.contents.text(f"{dist}/top_level.txt") or b""
            tops.update(line.strip().lower() for line in listed.decode("utf-8", "replace").split())
            record = self.contents.text(f"{dist}/RECORD") or b""
            lines = record.decode("utf-8", "replace").splitlines()
            tops.update(re.split(r"[/.,]", line, maxsplit=1)[0].lower() for line in lines)
        return frozenset(tops)


def _from_paths(node: ast.ImportFrom, file: str) -> list[str]:
    base = (node.module or "").replace(".", "/")
    if node.level:
        folder = posixpath.dirname(file)
        for _ in range(node.level - 1):
            folder = posixpath.dirname(folder)
        base = posixpath.join(folder, base).rstrip("/")
    return [base, *(posixpath.join(base, alias.name) for alias in node.names)]


def _syntax(file: str, line: int | None, message: str) -> PackageFinding:
    return PackageFinding(kind="syntax", message=f"syntax error: {message}", file=file, line=line)
