"""Builds an editable installation: `import taskdock` finds the folder `emulator` of this checkout.

Hatchling refuses to give a folder another name there, for the sake of folders inside packages
(https://github.com/pfmoore/editables/issues/20). This is a whole package.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from editables import EditableProject
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NOT_FOR_PYTEST = '"""Finds an editable package. PYTEST_DONT_REWRITE"""\n'
"""pytest would rewrite the modules of whoever brings a plugin, and warns where one was imported
before, as Python itself imports this one at its start."""


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            return
        project = EditableProject("taskdock", self.root)
        project.map("taskdock", "emulator")
        self._made = TemporaryDirectory(prefix="taskdock-editable-")  # until the build has ended
        for name, content in project.files():
            file = Path(self._made.name, name)
            file.write_text(_NOT_FOR_PYTEST + content if name.endswith(".py") else content)
            build_data["force_include_editable"][str(file)] = name
        build_data["dependencies"] += project.dependencies()
