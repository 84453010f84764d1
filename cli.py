"""The taskdock command of a checkout; the map of its commands is emulator/commands/__init__.py.

The folder `emulator` is the package `taskdock`. An installation gives it that name; here this
module does, so that a checkout runs its own code whatever is installed.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def import_package() -> None:
    """Imports the folder `emulator` beside this module as `taskdock`."""
    folder = Path(__file__).parent / "emulator"
    spec = spec_from_file_location(
        "taskdock", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules["taskdock"] = module_from_spec(spec)
    spec.loader.exec_module(package)


if __name__ == "__main__":
    import_package()
    from taskdock.commands import main

    main(prog_name="taskdock")
