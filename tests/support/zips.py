"""Zips with any entries, as a tool of any system could have made them."""

from __future__ import annotations

import io
import warnings
import zipfile

UNIX, WINDOWS = 3, 0  # where a zip was made


def zipped(
    *entries: tuple[str, str | bytes, int], system: int = UNIX, packing: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """Entries are (name, content, Unix mode), the name as it is: backslashes too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.filename = name
            entry.create_system = system
            entry.compress_type = packing
            archive.writestr(entry, content)
            entry.external_attr = mode << 16  # by itself it puts one where there is none
    return buffer.getvalue()
