"""The handler's own file in a package, by the entry point. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html and python-handler.html
"""

from __future__ import annotations

import os.path

_LANGUAGES = (".js", ".mjs", ".cjs", ".py", ".rb")


class Handler:
    """The paths that an entry point may mean."""

    def __init__(self, entry_point: str | None) -> None:
        """None: nothing is known."""
        module = (entry_point or "").rpartition(".")[0].removeprefix("./").strip("/")
        # Python takes "." for "/" in its modules' names
        modules = {module, module.replace(".", "/")} - {""}
        self._stems = frozenset(
            stem for module in modules for stem in (module, f"{module}/index", f"{module}/__init__")
        )

    def is_at(self, path: str) -> bool:
        """Whether the file at a path may be the handler's."""
        stem, suffix = os.path.splitext(path)
        return path == "bootstrap" or (suffix in _LANGUAGES and stem in self._stems)

    def is_in(self, folder: str) -> bool:
        """Whether the handler's file lies in a folder, or further down in it."""
        return any(stem.startswith(f"{folder}/") for stem in self._stems)
