"""Functions to deploy: files or an image, and the forms in which contenders take them."""

from __future__ import annotations

import base64
import io
import platform
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

ARM = platform.machine() in ("arm64", "aarch64")
ARCHITECTURE = "arm64" if ARM else "x86_64"
MODE = 0o755  # of a file that has none of its own
ROLE = "arn:aws:iam::123456789012:role/any"


@dataclass(frozen=True)
class Function:
    """Files by name, and Lambda's settings."""

    files: Mapping[str, str | bytes]
    runtime: str = "python3.11"
    handler: str = "app.handler"
    memory: int = 128  # MB
    timeout: int = 3  # seconds
    environment: Mapping[str, str] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)  # of files; others have MODE
    package: bytes | None = None  # a zip to be deployed as it is, whatever the files are
    recipe: str = ""  # of an image in place of a zip: the lines behind FROM
    image_config: Mapping[str, Any] = field(default_factory=dict)  # as CreateFunction takes it

    def write(self, folder: Path) -> None:
        folder.chmod(0o755)
        for name, content in self.files.items():
            (folder / name).write_bytes(as_bytes(content))
            (folder / name).chmod(self.modes.get(name, MODE))

    def zipped(self) -> bytes:
        if self.package is not None:
            return self.package
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in self.files.items():
                archive.writestr(entry(name, self.modes.get(name, MODE)), as_bytes(content))
        return packed.getvalue()

    def build_context(self, base: str) -> io.BytesIO:
        """The build context of the image; `base`: an image of the function's runtime."""
        return tarred({"Dockerfile": f"FROM {base}\n{self.recipe}", **self.files}, self.modes)


def tarred(
    files: Mapping[str, str | bytes], modes: Mapping[str, int] = MappingProxyType({})
) -> io.BytesIO:
    """An archive, as an engine takes what it builds an image from."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.mode = modes.get(name, MODE)
            member.size = len(as_bytes(content))
            archive.addfile(member, io.BytesIO(as_bytes(content)))
    packed.seek(0)
    return packed


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def entry(name: str, mode: int, kind: int = stat.S_IFREG) -> zipfile.ZipInfo:
    """Of a zip made on Unix."""
    made = zipfile.ZipInfo(name)
    made.create_system = 3
    made.external_attr = (kind | mode) << 16
    return made


def create_request(
    name: str, function: Function, image: str = "", *, architectures: bool = True
) -> dict[str, Any]:
    """CreateFunction's body (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html).

    `image`: the reference of what was built by the function's recipe, if it has one.
    """
    body: dict[str, Any] = {
        "FunctionName": name,
        "Role": ROLE,
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "Environment": {"Variables": dict(function.environment)},
    }
    if architectures:
        body["Architectures"] = [ARCHITECTURE]
    if image:
        config = dict(function.image_config)
        return body | {"PackageType": "Image", "Code": {"ImageUri": image}, "ImageConfig": config}
    code = {"ZipFile": base64.b64encode(function.zipped()).decode()}
    return body | {"Runtime": function.runtime, "Handler": function.handler, "Code": code}


@contextmanager
def code_folder(function: Function) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="taskdock-benchmark-") as folder:
        function.write(Path(folder))
        yield folder
