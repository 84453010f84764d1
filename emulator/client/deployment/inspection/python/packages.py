"""Dependencies of functions in Python: what requirements.txt names or the code imports, against
what `pip install --target` has put into the package."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator, Mapping

from taskdock.client.deployment.inspection.contents import Contents
from taskdock.client.deployment.inspection.finding import (
    PackageFinding,
    not_installed,
)

# AWS's SDK and what it brings: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
_SDK = """boto3 botocore s3transfer jmespath python-dateutil dateutil six urllib3 awslambdaric
simplejson snapshot-restore-py pip setuptools pkg-resources wheel"""
_OF_RUNTIME = frozenset(_SDK.split())
# Modules of older Pythons: the inspecting one may not know them any more.
_OLD = """distutils imp asynchat asyncore smtpd binhex formatter parser symbol macpath lib2to3
dummy_threading aifc audioop cgi cgitb chunk crypt imghdr mailcap msilib nis nntplib ossaudiodev
pipes sndhdr spwd sunau telnetlib uu xdrlib compression annotationlib"""
_OLD_MODULES = frozenset(_OLD.split())
# Modules that have another name than their distribution, where neither is in the other.
_MODULES = {
    "beautifulsoup4": "bs4",
    "mysqlclient": "mysqldb",
    "opencv-python": "cv2",
    "opencv-python-headless": "cv2",
    "pillow": "pil",
    "protobuf": "google",
    "pycryptodome": "crypto",
    "pycryptodomex": "cryptodome",
    "pyserial": "serial",
    "pywin32": "win32",
    "pyzmq": "zmq",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "typing-extensions": "typing_extensions",
}
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_DEEPEST = 5


def inspect(
    contents: Contents,
    imports: Mapping[str, tuple[str, int]],
    version: tuple[int, int],
    install: tuple[str, str],
) -> list[PackageFinding]:
    """`imports`: the modules that the handler imports at once, by their top name, each with file
    and line. `install`: the line that installs what is named behind it into the package, and the
    line that installs requirements.txt."""
    if any(posixpath.basename(name) == ".requirements.zip" for name in contents.names):
        return []  # unzipped by the function itself
    required = _required(contents, version)
    distributions = _distributions(contents)
    missing = [name for name in required if name not in distributions]
    modules = set(_modules(contents))
    if any(_may_be(name, module) for name in missing for module in modules):
        # Without pip's own folders, some distributions are known by their modules alone.
        missing = (
            []
            if not distributions
            else [name for name in missing if not any(_may_be(name, module) for module in modules)]
        )
    findings = (
        [not_installed(missing, file="requirements.txt", install=install[1])] if missing else []
    )
    for module, (file, line) in sorted(imports.items()):
        if _has_module(contents, module) or any(_may_be(name, module) for name in missing):
            continue
        listed = any(_may_be(name, module) for name in required)
        findings.append(
            PackageFinding(
                kind="dependency",
                message=f"{module} is not in the package",
                file=file,
                line=line,
                remedy=install[1] if listed else f"{install[0]} {module}",
            )
        )
    return findings


def normalized(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(
    contents: Contents, version: tuple[int, int], file: str = "requirements.txt", depth: int = 0
) -> list[str]:
    """Names of distributions, normalised, that a requirements file has for this runtime."""
    text = contents.text(file) if contents.has(file) else None
    if text is None or depth > _DEEPEST:
        return []
    found: list[str] = []
    joined = text.decode("utf-8-sig", "replace").replace("\\\r\n", " ").replace("\\\n", " ")
    for raw in joined.splitlines():
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        other = re.fullmatch(r"(?:-r|--requirement)[\s=]*(\S+)", line)
        if other:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(file), other[1]))
            found.extend(_required(contents, version, path, depth + 1))
        elif name := _requirement(line, version):
            found.append(name)
    return list(dict.fromkeys(name for name in found if name not in _OF_RUNTIME))


def _requirement(line: str, version: tuple[int, int]) -> str | None:
    """The name in one line; None for an option, a path without a name, or another platform's."""
    editable = re.match(r"(-e|--editable)[\s=]+(.*)", line)
    if editable or "://" in line.split("@", 1)[0]:
        egg = _EGG.search(line)
        return normalized(egg[1]) if egg else None
    if not line or line.startswith(("-", ".", "/")) or line.endswith((".whl", ".zip", ".gz")):
        return None
    match = _NAME.fullmatch(line)
    if match is None or match[3].startswith(("/", "\\", ":")):
        return None
    _, semicolon, marker = match[3].partition(";")
    if semicolon and not _applies(marker, version):
        return None
    return normalized(match[1])


_COMPARISON = re.compile(
    r"\(*\s*(python_version|python_full_version|sys_platform|platform_system|os_name|"
    r"platform_python_implementation|implementation_name)\s*(<=|>=|==|!=|<|>)\s*"
    r"""['"]([^'"]+)['"]\s*\)*"""
)
_LAMBDA = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
}


def _applies(marker: str, version: tuple[int, int]) -> bool:
    """Whether a marker surely holds on Lambda: comparisons joined by `and`, no others."""
    marker = re.split(r"\s--hash", marker)[0]
    return all(_holds(one, version) for one in re.split(r"\band\b", marker))


def _holds(comparison: str, version: tuple[int, int]) -> bool:
    match = _COMPARISON.fullmatch(comparison.strip())
    if match is None:
        return False
    variable, operator, wanted = match.groups()
    if variable in _LAMBDA:
        same = _LAMBDA[variable] == wanted
        return same if operator == "==" else not same if operator == "!=" else False
    if not re.fullmatch(r"\d+\.\d+(\.\d+)?", wanted):
        return False
    numbers = tuple(int(part) for part in wanted.split("."))[:2]
    return {
        "<": version < numbers,
        "<=": version <= numbers,
        ">": version > numbers,
        ">=": version >= numbers,
        "==": version == numbers,
        "!=": version != numbers,
    }[operator]


def _distributions(contents: Contents) -> set[str]:
    """Names of what pip has installed, in any folder of the package."""
    bases = {posixpath.basename(folder) for folder in contents.folders}
    bases |= {posixpath.basename(name) for name in contents.names if name.endswith(".egg-info")}
    dists = [base for base in bases if base.endswith((".dist-info", ".egg-info"))]
    return {normalized(base.rsplit(".", 1)[0].split("-", 1)[0]) for base in dists}


def _modules(contents: Contents) -> Iterator[str]:
    """Names of modules and folders that may be installed distributions, at any depth."""
    for folder in contents.folders:
        yield posixpath.basename(folder)
    for name in contents.names:
        base = posixpath.basename(name)
        if base.endswith((".py", ".so", ".pyc", ".pth")):
            yield base.split(".", 1)[0]


def _may_be(distribution: str, module: str) -> bool:
    """Whether the module may be what the distribution installs: their names resemble each other."""
    if _MODULES.get(distribution) == module.lower():
        return True
    plain, other = distribution.replace("-", ""), normalized(module).replace("-", "")
    parts = distribution.split("-")
    likely = {plain, parts[0], parts[-1], plain.removeprefix("python"), plain.removeprefix("py")}
    likely |= {plain.removesuffix("python"), plain.removesuffix("binary"), "".join(parts[:-1])}
    return bool(other) and other in likely


def _has_module(contents: Contents, top: str) -> bool:
    known = top in sys.stdlib_module_names or top in _OLD_MODULES
    if known or normalized(top) in _OF_RUNTIME or top in contents.folders:
        return True
    return any("/" not in name and name.split(".", 1)[0] == top for name in contents.names)
