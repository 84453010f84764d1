"""Hints for packages that were built for another machine, system or version of Python."""

from __future__ import annotations

import re
import shlex

from taskdock.client.failures.failed_run import FailedRun

_OTHER = (
    "invalid ELF header",
    "wrong ELF class",
    "Exec format error",
    "not a valid Win32",
    "slice is not valid mach-o file",
    "libc.musl-",
)
_NOT_LOADED = re.compile(r"/var/task/(\S+): cannot open shared object file: No such file")
_LIBRARY = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")
_NEWER_LIBC = re.compile(r"version [`']?(GLIBC_[\d.]+|GLIBCXX_[\d.]+)' not found")
_NODE_VERSION = "was compiled against a different Node.js version"
_BUILT_FOR = re.compile(r"\.cpython-3(\d+)[^/]*\.so$")


def native(failed: FailedRun) -> str | None:
    """A library that this machine cannot load."""
    text = failed.message
    if _NODE_VERSION in text:
        return f"a part of the package was built for another Node.js: {_again(failed)}"
    if any(words in text for words in _OTHER) or _NOT_LOADED.search(text):
        target = f"Linux on {failed.machine}"
        return (
            f"a part of the package was built for another machine than {target}: {_again(failed)}"
        )
    if match := _NEWER_LIBC.search(text):
        return (
            f"a part of the package was built for a newer Linux ({match[1]} is not here):"
            f" {_again(failed)}"
        )
    if match := _LIBRARY.search(text):
        return (
            f"the system library {match[1]} is neither in the runtime nor in the package: put it"
            " into the folder lib of the package, where functions' libraries are looked for"
        )
    return None


def other_python(failed: FailedRun) -> str | None:
    """The parts in C of a package of Python are for one version each."""
    minor = re.fullmatch(r"python3\.(\d+)", failed.runtime or "")
    module = re.search(
        r"No module named '([\w.]+)'|cannot import name '(\w+)' from [^']*'([\w.]+)'",
        failed.message,
    )
    if minor is None or module is None:
        return None
    wanted = (module[1] or f"{module[3]}.{module[2]}").replace(".", "/")
    built = [
        match[1]
        for name in failed.code.names()
        if name.startswith(f"{wanted}.") and (match := _BUILT_FOR.search(name))
    ]
    if not built or minor[1] in built:
        return None
    package = wanted.partition("/")[0]
    return (
        f"{package} was installed for Python 3.{built[0]}, and this is {failed.runtime}:"
        f" {_again(failed)}"
    )


def _again(failed: FailedRun) -> str:
    """The line that installs for the right platform."""
    known = failed.folder != "DIR"
    where = "" if known else ", where DIR is the folder of the function's code"
    folder = shlex.quote(failed.folder)
    if failed.is_python:
        machine = "aarch64" if failed.machine == "arm64" else failed.machine
        version = (failed.runtime or "python3")[len("python") :]
        return (
            f"pip install --target {folder} --upgrade --platform manylinux2014_{machine}"
            f" --python-version {version} --only-binary=:all: PACKAGE{where}"
        )
    cpu = "arm64" if failed.machine == "arm64" else "x64"
    return (
        f"remove node_modules, then npm install --omit=dev --os=linux --libc=glibc --cpu={cpu}"
        f" --prefix {folder}{where}"
    )
