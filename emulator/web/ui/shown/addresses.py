"""Addresses as a room may see them. Pure."""

from __future__ import annotations


def without_query(url: str) -> str:
    """A query may hold a token."""
    path, mark, _ = url.partition("?")
    return f"{path}{'?…' if mark else ''}"
