"""Zip files for tests, as the code of a function is sent."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping


def zip_of(files: Mapping[str, str | bytes], mode: int = 0o644) -> bytes:
    """A zip of these files by their paths, each with this Unix mode; a path that ends with a slash
    is a folder. Python's own way gives every file to its owner alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            entry.create_system = 3  # Unix: without it the mode means nothing
            entry.external_attr = (0o040755 if path.endswith("/") else 0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
