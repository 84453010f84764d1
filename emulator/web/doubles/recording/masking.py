"""Takes secrets out of what is written down, each replaced by the same word wherever it is.

A word stands for its secret as long as the server runs: a recorded answer that is replayed in the
middle of a recording leads to further calls with the word, and the cluster gets the secret.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from typing import Any

from taskdock.base import ids

_SECRET = re.compile(
    r"pass(?:word|wd|phrase)|secret|token|api_?key|private_?key|credential|authorization|cookie",
    re.IGNORECASE,
)
"""Fields that hold secrets, by a part of their name."""
_ABOUT_SECRETS = re.compile(
    r"(?:type|kind|policy|expiry|expires?|expires_?(?:in|at)|expiration|lifetime|length|count)$",
    re.IGNORECASE,
)
"""Fields that say something of a secret, by the end of their name: RFC 6749, 5.1 has token_type."""
_IN_QUERY = re.compile(
    rf"(?<![\w.-])([\w.-]{{0,64}}(?:{_SECRET.pattern})[\w.-]{{0,64}})(=|%3D|,|%2C)([^&),]+)",
    re.IGNORECASE,
)
"""Names are bounded: a long text without an end of a name would be read over and over."""
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*")  # RFC 7519, 3.1
_SHORTEST = 6  # characters: a shorter secret is in too much else to be replaced everywhere


class Masks:
    """For any thread."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """`known`: secrets from the beginning."""
        self._words: dict[str, str] = {}  # by secret
        self._lock = threading.Lock()
        for secret in known:
            self._word(secret)

    def learn(self, value: Any) -> None:
        """Finds the secrets in a JSON value."""
        for name, inner in _leaves(value, ""):
            if self.has(name) and isinstance(inner, str) and inner:
                self._word(inner)

    def learn_query(self, query: str) -> None:
        """Finds the secrets in a query string."""
        for found in _IN_QUERY.finditer(query):
            if self.has(found[1]):
                self._word(found[3])

    def json(self, value: Any, name: str = "") -> Any:
        """The value without secrets. `name`: of the field that has it."""
        if isinstance(value, dict):
            return {key: self.json(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.json(inner, name) for inner in value]
        if not isinstance(value, str):
            return 0 if self.has(name) and type(value) is int else value
        return self._word(value) if self.has(name) and value else self.text(value)

    def text(self, text: str) -> str:
        """The text without secrets that are known, and without JSON web tokens."""
        text = _JWT.sub(lambda found: self._word(found[0]), text)
        with self._lock:
            secrets = sorted(self._words, key=len, reverse=True)
        for secret in secrets:
            if len(secret) >= _SHORTEST and secret in text:
                text = text.replace(secret, self._words[secret])
        return text

    def revealed(self, text: str) -> str:
        """The text with secrets in place of their words."""
        with self._lock:
            words = {word: secret for secret, word in self._words.items()}
        for word, secret in words.items():
            text = text.replace(word, secret)
        return text

    def has(self, name: str) -> bool:
        """Whether a field of this name holds secrets."""
        return bool(_SECRET.search(name)) and not _ABOUT_SECRETS.search(name)

    def _word(self, secret: str) -> str:
        with self._lock:
            if secret in self._words.values():
                return secret  # it is a word itself
            return self._words.setdefault(secret, f"masked-{ids.word(12)}")


def _leaves(value: Any, name: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        yield name, value
