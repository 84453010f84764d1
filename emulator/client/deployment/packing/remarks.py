"""Remarks about a package: what its author should know of each deployment. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from taskdock.client.deployment.packing.selection import LeftOut, Selection

_NAMED = 3
_SECRETS = re.compile(r"\.env(\..+)?|\.npmrc|\.netrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)|.+\.pem")
_SAMPLES = re.compile(r".+\.(example|sample|template|dist|defaults)")


def remarks(selection: Selection) -> Iterator[str]:
    """Sentences, for one line each."""
    yield from _left_out(selection.left_out)
    if selection.closed:
        yield _closed(selection.closed)


def secret_hint(path: str) -> str | None:
    """A few words about a file that is packed and may hold secrets. exh packs it, too, and a
    function may need it, so it is not left out unasked."""
    name = path.rpartition("/")[2]
    if _SECRETS.fullmatch(name) is None or _SAMPLES.fullmatch(name) is not None:
        return None
    return f"secrets? {name} in a .taskdockignore leaves it out"


def _left_out(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """A sentence for each file that was written for git or npm and leaves something out."""
    by_file: dict[str, list[str]] = {}
    for one in left_out:
        if one.line is not None and not one.line.is_own:
            by_file.setdefault(one.line.source, []).append(one.path)
    for source, paths in by_file.items():
        yield (
            f"{source} leaves out {_listed(paths)}; a .taskdockignore, even an empty one, takes its"
            " place"
        )


def _closed(closed: Sequence[tuple[str, int]]) -> str:
    """exh packs by archiver, which keeps modes, and the function's user owns nothing on Lambda:
    https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html"""
    path, mode = closed[0]
    more = f" (and so on: {len(closed)} in all)" if len(closed) > 1 else ""
    return (
        f"{path} has the mode {mode:04o}{more}. It is packed as readable here, but exh keeps modes,"
        " and on AWS the function could not read it; to mend that: chmod -R a+rX ."
    )


def _listed(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
