"""The folder of this package: what lies beside its code, and how another Python imports it."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

PACKAGE = str(_PACKAGE)
IMPORT = (
    "import sys; sys.path[:] = filter(None, sys.path);"
    " from importlib.util import module_from_spec, spec_from_file_location;"
    " spec = spec_from_file_location('taskdock', sys.argv.pop(1) + '/__init__.py');"
    " package = sys.modules['taskdock'] = module_from_spec(spec);"
    " spec.loader.exec_module(package);"
)
"""Python code for another process, whose first argument is `PACKAGE`. Imports of `taskdock` behind
it are of this very package, whatever is installed and whatever its folder is called. The current
folder, which is the user's, is not searched: a module of any name there would take the place of
Python's own."""


def folder(name: str) -> Path:
    """The folder `name`, `runtimes` or `sample_functions`: in an installed package, or beside the
    package in a checkout."""
    bundled = _PACKAGE / "_bundled" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name
