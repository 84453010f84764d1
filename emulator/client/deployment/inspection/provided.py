"""Functions that bring their own runtime: the program `bootstrap`.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
"""

from __future__ import annotations

from taskdock.client.deployment.inspection.binaries import system_of
from taskdock.client.deployment.inspection.contents import Contents
from taskdock.client.deployment.inspection.finding import PackageFinding

_FILE = "bootstrap"


def inspect(contents: Contents, machine: str, prefix: str) -> list[PackageFinding]:
    """`prefix`: the way to the package's folder, with a slash at its end, to type."""
    if not contents.has(_FILE):
        message = "there is no file bootstrap in the package, which is the program to run"
        return [PackageFinding(kind="handler", message=message)]
    beginning = contents.beginning(_FILE, 200) or b""
    first = beginning.split(b"\n", 1)[0]
    findings = []
    if not contents.is_executable(_FILE):
        message = "bootstrap is not executable"
        remedy = f"chmod +x {prefix}{_FILE}"
        findings.append(PackageFinding(kind="handler", message=message, file=_FILE, remedy=remedy))
    if first.startswith(b"#!") and first.endswith(b"\r"):
        message = "its first line ends as on Windows, so that no program of that name is found"
        remedy = f"sed -i 's/\\r$//' {prefix}{_FILE}"
        findings.append(
            PackageFinding(kind="handler", message=message, file=_FILE, line=1, remedy=remedy)
        )
    system = system_of(beginning)
    if system is not None and (system[0] != "Linux" or system[1] not in (None, machine)):
        built = " ".join(one for one in system if one)
        message = f"bootstrap was built for {built}, and the function runs with Linux {machine}"
        findings.append(PackageFinding(kind="platform", message=message, file=_FILE))
    return findings
