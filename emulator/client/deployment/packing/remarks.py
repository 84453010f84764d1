"""Remarks about a package: what its author should know of each deployment. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from taskdock.client.deployment.packing.selection import LeftOut, Selection

_NAMED = 3


def remarks(selection: Selection) -> Iterator[str]:
    """Sentences, for one line each."""
    yield from _left_out(selection.left_out)
    if selection.closed:
        yield _closed(selection.closed)


def _left_out(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """What is left out by a file that was written for git or npm."""
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
    (path, mode), others = closed[0], len(closed) - 1
    more = f", and {others} more are closed" if others else ""
    return (
        f"{path} is {mode:04o}{more}: packed as readable here, but exh keeps the modes, and on AWS"
        " the function could not read it; chmod -R a+rX the folder"
    )


def _listed(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
