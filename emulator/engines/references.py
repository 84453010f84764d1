"""References of container images, by Docker's grammar: what may be asked of an engine.

A reference becomes a part of an engine's URL, and an engine does for us whatever its URL says. So
what is no reference does not get there: `../containers/json` would be another question.

The grammar is that of https://github.com/distribution/reference (reference.go, regexp.go), with its
rules for digests of https://github.com/opencontainers/go-digest. Pure.
"""

from __future__ import annotations

import re

_LONGEST_NAME = 255  # characters, without tag and digest
_LONGEST = 1024  # of all: more is not looked at
_HEXADECIMALS = {"sha256": 64, "sha384": 96, "sha512": 128}

_HOST = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_HOST}(?:\.{_HOST})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = rf"{_PART}(?:/{_PART})*"
_NAME = re.compile(rf"(?:{_DOMAIN}/)?{_PATH}")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")


def fault(reference: str) -> str | None:
    """Why this is no reference of an image, in a few words; None: it is one."""
    if not 0 < len(reference) <= _LONGEST:
        return f"it has more than {_LONGEST} characters" if reference else "it is empty"
    if odd := next((character for character in reference if not "!" <= character <= "~"), None):
        return f"it holds {odd!a}"
    named, at, digest = reference.partition("@")
    if at and (wrong := _fault_of_digest(digest)):
        return wrong
    return _fault_of_name(*_split(named))


def refusal(reference: str) -> str:
    """A sentence on a reference that has a fault."""
    return (
        f"{_short(reference)} is no reference of a container image: {fault(reference)};"
        " give it as [HOST[:PORT]/]NAME[:TAG][@DIGEST]"
    )


def registry(reference: str) -> str | None:
    """The host that it names, without a port; None: it names none, which is Docker's own."""
    first, slash, _ = reference.partition("/")
    is_host = first == "localhost" or first != first.lower() or not {".", ":"}.isdisjoint(first)
    if not slash or not is_host:
        return None
    if first.startswith("["):
        return first[1:].partition("]")[0]
    return first.partition(":")[0]


def _split(named: str) -> tuple[str, str | None]:
    """The name, and the tag behind it: a colon before a slash belongs to a host's port."""
    name, colon, tag = named.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (named, None)


def _fault_of_name(name: str, tag: str | None) -> str | None:
    if tag is not None and not _TAG.fullmatch(tag):
        return (
            f"its tag, {_short(tag)}, is not 1 to 128 letters, digits, underscores, dots and"
            " hyphens, of which the first is no dot or hyphen"
        )
    if not _NAME.fullmatch(name):
        if _NAME.fullmatch(name.lower()):
            return "a repository's name has no capital letters"
        return (
            "its name is not a registry's host, if any, and words of small letters and digits"
            " between slashes, joined by a dot, underscores or hyphens"
        )
    if len(name) > _LONGEST_NAME:
        return f"its name has more than {_LONGEST_NAME} characters"
    return None


def _fault_of_digest(digest: str) -> str | None:
    algorithm, _, value = digest.partition(":")
    length = _HEXADECIMALS.get(algorithm)
    if length is None:
        return f"its digest is by none of {', '.join(_HEXADECIMALS)}"
    if not re.fullmatch(rf"[a-f0-9]{{{length}}}", value):
        return f"its {algorithm} digest is not {length} digits of 0 to 9 and a to f"
    return None


def _short(text: str) -> str:
    shown = text if len(text) <= 80 else f"{text[:80]}..."
    return f"{shown!a}"
