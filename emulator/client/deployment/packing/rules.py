"""Rules of what is no part of a function's code, by names and places. Pure.

A rule that is not firm gives way to a line of a .taskdockignore that names the file or folder, such
as `!.vscode/`; `!*/` takes nothing of this back. Folders of
dependencies are left as they were installed, but for what no program reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from taskdock.base.files import own_folder


@dataclass(frozen=True)
class PlaceRule:
    reason: str
    """The words for people."""
    firm: bool = False


_DATA_FOLDER = PlaceRule("a server's data folder, with its credentials", firm=True)
_DATABASE = PlaceRule("a server's database, with its credentials", firm=True)
_REPOSITORY = PlaceRule("version control", firm=True)
_ENVIRONMENT = PlaceRule("a virtual environment, for this machine only")
_CACHE = PlaceRule("a cache")
_BUILD = PlaceRule("another tool's packages")
_EDITOR = PlaceRule("an editor's own")
_SYSTEM = PlaceRule("the operating system's own")
_IGNORE_FILE = PlaceRule("an ignore file")

DATA_FOLDER = ".taskdock"
_REPOSITORIES = {".git", ".hg", ".svn", ".bzr", ".jj", "_darcs"}
_EVERYWHERE = {
    "__pycache__": _CACHE,
    ".DS_Store": _SYSTEM,
    "Thumbs.db": _SYSTEM,
    "desktop.ini": _SYSTEM,
    "__MACOSX": _SYSTEM,
}
_CACHES = (
    *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".pytype", ".tox", ".nox", ".hypothesis"),
    *(".ipynb_checkpoints", ".coverage", ".npm", ".cache", ".parcel-cache", ".turbo"),
    *(".nyc_output", ".sass-cache", ".eslintcache", ".stylelintcache", ".gradle"),
)
_OUTSIDE_DEPENDENCIES = {
    **dict.fromkeys(_CACHES, _CACHE),
    **dict.fromkeys((".aws-sam", ".serverless", "cdk.out"), _BUILD),
    **dict.fromkeys((".idea", ".vscode", ".vs", ".fleet", ".zed", ".history"), _EDITOR),
    **dict.fromkeys((".AppleDouble", ".Spotlight-V100", ".Trashes", "$RECYCLE.BIN"), _SYSTEM),
    **dict.fromkeys((".taskdockignore", ".npmignore", ".gitignore"), _IGNORE_FILE),
    ".venv": _ENVIRONMENT,
}
# Vim's swap files, Emacs's copies and locks, and macOS's files of attributes
_FILES = (
    (re.compile(r"\..*\.sw[a-p]|.*~|\.#.*|#.*#", re.DOTALL), _EDITOR),
    (re.compile(r"\._.*", re.DOTALL), _SYSTEM),
)
_IN_NODE_MODULES = {".cache", ".vite"}  # bundlers keep what they have built there

INSTALLED = {"node_modules", "site-packages", "dist-packages"}
"""Names of folders that only installers write to."""


def of_folder(path: str, *, dependency: bool) -> PlaceRule | None:
    """The rule that leaves out a folder, whatever is in it. `path`: in the package, with slashes;
    `dependency`: it was installed, or lies in one that was."""
    above, _, name = path.rpartition("/")
    if name == DATA_FOLDER:
        return _DATA_FOLDER
    if name in _IN_NODE_MODULES and above.rpartition("/")[2] == "node_modules":
        return _CACHE
    return of_name(name, dependency=dependency)


def of_contents(path: str, names: Collection[str], *, dependency: bool) -> PlaceRule | None:
    """The rule that leaves out a folder with these names in it; as `of_folder`."""
    if own_folder.is_one(names):
        return _DATA_FOLDER
    if dependency:
        return None
    if "pyvenv.cfg" in names or "conda-meta" in names:
        return _ENVIRONMENT
    # A module of the function's own may have that name further down, or be a Python package.
    return _ENVIRONMENT if path == "venv" and "__init__.py" not in names else None


def of_file(name: str, *, dependency: bool) -> PlaceRule | None:
    """The rule that leaves out a file or a link; as `of_folder`."""
    if name == DATA_FOLDER or name in own_folder.DATABASE_FILES:
        return _DATABASE
    rule = of_name(name, dependency=dependency)
    if rule is not None or dependency:
        return rule
    return next((rule for pattern, rule in _FILES if pattern.fullmatch(name)), None)


def of_name(name: str, *, dependency: bool) -> PlaceRule | None:
    """The rule for anything of that name."""
    if name in _REPOSITORIES:
        return _REPOSITORY
    if name in _EVERYWHERE:
        return _EVERYWHERE[name]
    return None if dependency else _OUTSIDE_DEPENDENCIES.get(name)
