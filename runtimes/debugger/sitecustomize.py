"""Starts debugpy before a function's code, in its container.

Python imports a module of this name before anything else:
https://docs.python.org/3/library/site.html#module-sitecustomize

The interpreters that the function starts are left alone. The syntax is that of Python 3.8.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_PACKAGES = os.path.join(_HERE, "packages")
_NO_WARNINGS = "PYDEVD_DISABLE_FILE_VALIDATION"
"""Of code that is frozen into the interpreter, where nobody sets a breakpoint."""


def _leave_no_trace():
    """The function sees the variables that it would have without us."""
    rest = [one for one in os.environ.pop("PYTHONPATH", "").split(os.pathsep) if one != _HERE]
    if rest != [""] and rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]
    port = os.environ.pop("TASKDOCK_DEBUG_PORT", "")
    return port, os.environ.pop("TASKDOCK_DEBUG_WAIT", "")


def _start(port, wait):
    given = os.environ.get(_NO_WARNINGS)
    os.environ[_NO_WARNINGS] = "1"
    sys.path.append(_PACKAGES)
    try:
        import debugpy  # noqa: PLC0415 - late: its folder has just become known

        debugpy.listen(("127.0.0.1", int(port)))
        if wait:
            debugpy.wait_for_client()
    finally:
        sys.path.remove(_PACKAGES)
        if given is None:
            os.environ.pop(_NO_WARNINGS, None)


def _hand_over():
    """The module of this name that would have been imported without us."""
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401, PLC0415 - late: ours has to be off its way
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = ours


_port, _wait = _leave_no_trace()
_hand_over()
if _port:
    try:
        _start(_port, _wait)
    except Exception as error:  # a function runs, debugged or not
        sys.stderr.write(f"taskdock: the debugger does not start: {error!r}\n")
