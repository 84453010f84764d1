"""An image's /etc/passwd with the user that AWS Lambda runs functions as.

On AWS, `whoami` and `getpwuid` know that user in every image; few images do. An image is not
changed for it: what is made here is for a file of ours in the place of the image's own.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
import threading
from collections.abc import Mapping

import docker
from docker.errors import DockerException, NotFound

from taskdock.engines.docker.containers.creation import glimpse

_PATH = "/etc/passwd"
_NAME, _ID = b"sbx_user1051", 993
_USER = b"sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"  # its home is not there
_ROOT = b"root:x:0:0:root:/root:/sbin/nologin\n"
_FIELDS = 7
_LIMIT = 1024 * 1024  # bytes of a tar that holds it
_REMEMBERED = 200  # images; the first ones go first
_LINKS = 8  # symbolic links, one leading to the next


def with_user(passwd: bytes) -> bytes | None:
    """The file `passwd` (b"" where there is none) with the user added; None where the file has the
    user already.

    A look-up of an id takes the first line that has the id, so the user's line comes first.
    """
    return None if _name_of_user(passwd) == _NAME else _USER + (passwd or _ROOT)


def _name_of_user(passwd: bytes) -> bytes | None:
    for line in passwd.split(b"\n"):
        fields = line.split(b":")
        if len(fields) == _FIELDS and fields[2].isdigit() and int(fields[2]) == _ID:
            return fields[0]
    return None


class PasswdFiles:
    """Asks the engine for each image once, and remembers what it found; for any thread."""

    def __init__(self, api: docker.APIClient) -> None:
        self._api = api
        self._known: dict[str, bytes | None] = {}
        self._asking = threading.Lock()  # many containers of one image may start at once

    def for_image(self, id: str, labels: Mapping[str, str] | None = None) -> bytes | None:
        """The content of /etc/passwd in this image's containers; None: the image's own stays.

        That, too, where the engine does not say what is in the image: a function without a name
        for its user is better than none. `labels`: of the container in which it is looked for, by
        which it is found should this process end meanwhile.
        """
        with self._asking:
            if id not in self._known:
                try:
                    self._known[id] = self._look(id, dict(labels or {}))
                except (DockerException, OSError, tarfile.TarError):
                    return None
                if len(self._known) > _REMEMBERED:
                    del self._known[next(iter(self._known))]
            return self._known[id]

    def _look(self, id: str, labels: dict[str, str]) -> bytes | None:
        """In a container that is never started: without one, no engine shows an image's files."""
        with glimpse(self._api, id, labels=labels) as container:
            found = self._read(container)
        return None if found is None else with_user(found)

    def _read(self, container: str) -> bytes | None:
        """The file; b"": there is none. None: what is there is no file, or too large for one."""
        path = _PATH
        for _ in range(_LINKS):
            try:
                chunks, _ = self._api.get_archive(container, path)
            except NotFound:
                return b""
            archive = io.BytesIO()
            for chunk in chunks:
                if archive.write(chunk) and archive.tell() > _LIMIT:
                    return None
            archive.seek(0)
            with tarfile.open(fileobj=archive) as opened:
                entry = opened.next()
                if entry is None or not entry.issym():
                    file = opened.extractfile(entry) if entry and entry.isfile() else None
                    return file.read() if file else None
                path = posixpath.join(posixpath.dirname(path), entry.linkname)
        return None
