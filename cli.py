"""The taskdock command of a checkout; the map of its commands is emulator/commands/__init__.py."""

from emulator.commands import main

if __name__ == "__main__":
    main(prog_name="taskdock")
