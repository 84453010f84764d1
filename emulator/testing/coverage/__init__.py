"""The lines that functions ran in their containers, led back to the files that were deployed.

    from taskdock.testing.coverage import collect

    with running(Settings(coverage=folder)) as dock:
        ...
    counted = collect(folder, {"welcome-mail": Path("tasks/welcome-mail")})
    print("\\n".join(counted.summary))

Python's lines go into the data of coverage.py; those of Node.js into a file in LCOV's format.
"""

from taskdock.testing.coverage.collect import Counted, collect

__all__ = ["Counted", "collect"]
