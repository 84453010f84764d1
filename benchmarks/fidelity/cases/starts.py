"""Cases of programs that cannot be started, and of images that contain almost nothing."""

from __future__ import annotations

from benchmarks.fidelity.case import Case, Row, body, calls, field
from benchmarks.function import Function

_PROVIDED = "provided.al2023"


def _message(kind: str, why: str) -> str:
    return f'{{"errorType":"{kind}","errorMessage":"RequestId: <id> Error: {why}"}}'


def _failing(name: str, title: str, bootstrap: bytes, why: str, mode: int = 0o755) -> Case:
    """A bootstrap that AWS says this of, in the words of Go's `exec` (which its emulator uses)."""
    function = Function(
        {"bootstrap": bootstrap},
        runtime=_PROVIDED,
        handler="any",
        modes={"bootstrap": mode},
        timeout=10,
    )
    expected = _message("Runtime.InvalidEntrypoint", f"fork/exec /var/task/bootstrap: {why}")
    return Case(
        name, f"A bootstrap {title}", function, calls({}), (Row("body", expected, "R", body(0)),)
    )


STARTS = (
    _failing(
        "dos-lines",
        "with DOS line ends",
        b"#!/bin/sh\r\necho hi\r\n",
        "no such file or directory",
    ),
    _failing(
        "no-interpreter",
        "whose interpreter is not there",
        b"#!/no/such\n",
        "no such file or directory",
    ),
    _failing(
        "other-machine",
        "for another machine",
        b"\x7fELF\x02\x01\x01junkjunkjunkjunk",
        "exec format error",
    ),
    _failing("no-first-line", "without `#!`", b"echo hi\n", "exec format error"),
    _failing("empty-bootstrap", "with nothing in it", b"", "exec format error"),
    _failing(
        "not-executable",
        "that is not executable",
        b"#!/bin/sh\necho hi\n",
        "permission denied",
        0o644,
    ),
)


_RECIPE = 'COPY app.py /var/task/app.py\nCMD ["app.handler"]\n'
_HANDLER = "def handler(event, context):\n    return 'ran'\n"


def _image(name: str, title: str, config: dict[str, object], expected: str, grade: str) -> Case:
    function = Function({"app.py": _HANDLER}, recipe=_RECIPE, image_config=config, timeout=10)
    return Case(name, title, function, calls({}), (Row("body", expected, grade, body(0)),))


IMAGE_STARTS = (
    _image(
        "no-entry-point",
        "An image function whose entry point is not there",
        {"EntryPoint": ["/does/not/exist"], "Command": ["app.handler"]},
        _message(
            "Runtime.InvalidEntrypoint", "fork/exec /does/not/exist: no such file or directory"
        ),
        "R",
    ),
    _image(
        "no-folder",
        "An image function whose working directory is not there",
        {"WorkingDirectory": "/no/such/dir"},
        _message("Runtime.InvalidWorkingDir", "the working directory doesn't exist: /no/such/dir"),
        "S",
    ),
)


# The runtime client is the image's own program here; what shell there is comes away.
_NO_SHELL = """COPY app.py /var/task/app.py
ENV PYTHONPATH=/var/runtime
RUN rm -f /bin/bash /bin/dash /bin/rbash /bin/sh /usr/bin/bash /usr/bin/dash /usr/bin/sh
ENTRYPOINT ["/var/lang/bin/python3.11", "-m", "awslambdaric"]
CMD ["app.handler"]
"""

NO_SHELL = Case(
    "no-shell",
    "An image without a shell, whose program is the runtime client",
    Function({"app.py": _HANDLER}, recipe=_NO_SHELL, timeout=10),
    calls({}),
    (Row("result", '"ran"', "D", body(0)),),
)


_WHO = """import getpass, os


def handler(event, context):
    return {"name": getpass.getuser(), "home": os.path.expanduser("~")}
"""

NO_USER = Case(
    "no-user",
    "An image that does not know Lambda's user",
    Function(
        {"app.py": _WHO},
        recipe=f"RUN sed -i /:993:/d /etc/passwd && sed -i /:990:/d /etc/group\n{_RECIPE}",
        timeout=10,
    ),
    calls({}),
    (
        Row("`getpass.getuser()`", "sbx_user1051", "R", field("name")),
        Row("`~`", "/home/sbx_user1051", "R", field("home")),
    ),
    needs="container",
)
