"""This Python and this project, run by a user who is not root.

That user may have no access to the folders of the two, which may be below /root. So both folders
are bound into a folder that everybody can read, in a mount namespace of the command's own. Needs
root.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from tests.support.live import REPOSITORY

ID = 64_123  # nobody's; also the group's

_SCRIPT = r"""
set -e
bound=$1 groups=$2 id=$3 python=$4
shift 4
for source in python project packages; do
  mkdir -p "$bound/$source"
  mount --bind "$1" "$bound/$source"
  shift
done
mkdir -p "$bound/names"
ln -sfn ../project/emulator "$bound/names/taskdock"
cd "$HOME"
export PYTHONPATH="$bound/names:$bound/project:$bound/packages" PYTHONDONTWRITEBYTECODE=1
exec setpriv --reuid "$id" --regid "$id" --groups "$groups" --no-new-privs --bounding-set=-all \
    env PATH="$PATH" LD_LIBRARY_PATH="$bound/python/lib" "$bound/python/bin/$python" "$@"
"""


def project(bound: Path) -> Path:
    """The folder in which such a command sees this project."""
    return bound / "project"


def python(bound: Path, *words: str, groups: Sequence[int] = (ID,)) -> list[str]:
    """A command that runs Python with these words, in the folder HOME, as the user `ID`.

    `bound`: a folder that this user can read.
    """
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [
        *("unshare", "--mount", "sh", "-c", _SCRIPT, "another"),
        *(str(bound), ",".join(map(str, groups)), str(ID), name),
        *(sys.base_prefix, str(REPOSITORY), sysconfig.get_path("purelib")),
        *words,
    ]


def taskdock(bound: Path, *words: str, groups: Sequence[int] = (ID,)) -> list[str]:
    """The command `taskdock` with these words, as the user `ID`."""
    return python(bound, str(project(bound) / "cli.py"), *words, groups=groups)
