"""Whether a folder's file system tells of each change, or has to be looked at again and again.

A file system of another machine, or of the machine around this one, takes changes that this
kernel does not see. There a change from here is told of and one from there is not, so a file that
is written from here, the probe, does not settle it alone: the kind of the file system comes first.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")

_OF_OTHERS = re.compile(
    r"9p|drvfs|v9fs|virtiofs|vboxsf|prl_fs|vmhgfs|nfs4?|cifs|smb3|smbfs|afs|ceph|lustre|gfs2"
    r"|glusterfs|fuse\.(?!ext|ntfs|exfat).*|fakeowner|grpcfuse|osxfs"
)
"""Types of mounts whose files also change from outside of this kernel: 9p and drvfs are WSL's,
virtiofs, fakeowner, grpcfuse and osxfs Docker Desktop's and Colima's, vboxsf, prl_fs and vmhgfs
those of virtual machines; all others are networks'."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def changes_elsewhere(kind: str) -> bool:
    """Whether a file system of this type also changes where this kernel does not see it."""
    return _OF_OTHERS.fullmatch(kind) is not None


def kind_of(folder: Path) -> str:
    """The type of the folder's file system, such as ext4; empty where the system does not say."""
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
        return kind_by(lines, os.path.realpath(folder))
    except OSError:
        return ""


def kind_by(mounts: list[str], folder: str) -> str:
    """The type by the lines of mountinfo: of the last mount that the folder is in, as later mounts
    hide earlier ones. https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html"""
    found, longest = "", -1
    for line in mounts:
        fields, _, more = line.partition(" - ")
        point = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4])
        inside = folder == point or folder.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            found, longest = more.split(" ")[0], len(point)
    return found
