"""OAuth1 signatures: who signed a request, checked by oauthlib over what was really sent.

https://datatracker.ietf.org/doc/html/rfc5849; the service takes HMAC-SHA1 in the Authorization
header, with a token or, to get one, without.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from oauthlib.oauth1 import (
    SIGNATURE_HMAC_SHA1,
    RequestValidator,
    ResourceEndpoint,
    SignatureOnlyEndpoint,
)

from emulator.clock import Clock, SystemClock, to_epoch
from emulator.errors import BadSignature, DuplicateRequest, UnknownConsumerKey, UnknownToken
from emulator.identity.account import Application, Token, TokenKind
from emulator.identity.tokens import Tokens

_LIFETIME = 600  # seconds that a client's clock may be off
_WITH_TOKEN = re.compile(r"\boauth_token=\"[^\"]")
_URL_CHARACTERS = "=&;:%+~,*@!()/?'$-._"


class Signer(NamedTuple):
    """Who signed: an application, and the user whose token it has."""

    application: Application
    token: Token | None


class Verifier:
    def __init__(self, tokens: Tokens, clock: Clock | None = None) -> None:
        """`clock`: that of the machine, which clients sign by, whatever time the service has."""
        self._nonces = Nonces()
        validator = _Validator(tokens, clock or SystemClock())
        self._with_token = ResourceEndpoint(validator)
        self._without = SignatureOnlyEndpoint(validator)

    def verify(self, *, method: str, uri: str, body: bytes, headers: Mapping[str, str]) -> Signer:
        """Raises `UnknownConsumerKey`, `UnknownToken`, `BadSignature` or `DuplicateRequest`.

        `uri` is absolute and as it was sent, percent-encoded.
        """
        path, mark, query = uri.partition("?")
        sent = (
            path + mark + quote(query, safe=_URL_CHARACTERS),  # the decoded value is what counts
            method,
            body.decode("latin-1"),
            dict(headers),
        )
        try:
            if _WITH_TOKEN.search(headers["Authorization"]):
                valid, signed = self._with_token.validate_protected_resource_request(*sent)
            else:
                valid, signed = self._without.validate_request(*sent)
        except ValueError as error:
            raise BadSignature(f"the OAuth1 signature cannot be checked: {error}") from None
        if not valid:
            raise BadSignature(None if signed and signed.validator_log else _INCOMPLETE)
        token: Token | None = getattr(signed, "found_token", None)
        sender = (signed.client_key, token and token.token, signed.timestamp, signed.nonce)
        if not self._nonces.use(sender, int(signed.timestamp)):
            raise DuplicateRequest
        return Signer(signed.found_application, token)


class Nonces:
    """The nonces of late, each to be used once.

    What is older than the newest timestamp by twice the lifetime is refused for its age, whatever
    the clocks say, and need not be known any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: set[object] = set()
        self._by_arrival: deque[tuple[int, object]] = deque()
        self._newest = 0

    def use(self, nonce: object, timestamp: int) -> bool:
        """False when it was used before."""
        with self._lock:
            if nonce in self._used:
                return False
            self._newest = max(self._newest, timestamp)
            self._used.add(nonce)
            self._by_arrival.append((timestamp, nonce))
            while self._by_arrival[0][0] < self._newest - 2 * _LIFETIME:
                self._used.discard(self._by_arrival.popleft()[1])
            return True


_INCOMPLETE = (
    "the Authorization header is not a complete OAuth1 one: it needs oauth_consumer_key,"
    " oauth_nonce, oauth_timestamp, oauth_signature_method HMAC-SHA1 and oauth_signature"
)


class _Validator(RequestValidator):  # type: ignore[misc]  # oauthlib has no types
    """What oauthlib asks about. Says no by raising, and leaves what it found with the request."""

    enforce_ssl = False
    allowed_signature_methods = (SIGNATURE_HMAC_SHA1,)
    timestamp_lifetime = 10**10  # oauthlib's own check knows one answer for every trouble
    dummy_client = dummy_access_token = ""

    def __init__(self, tokens: Tokens, clock: Clock) -> None:
        super().__init__()
        self._tokens = tokens
        self._clock = clock

    def check_client_key(self, client_key: str) -> bool:
        return True  # it is looked up: its form says nothing

    check_access_token = check_nonce = check_client_key

    def validate_timestamp_and_nonce(
        self, client_key: str, timestamp: str, nonce: str, request: Any, **_: Any
    ) -> bool:
        off = abs(to_epoch(self._clock.now()) // 1000 - int(timestamp))
        if off > _LIFETIME:
            raise DuplicateRequest(
                f"oauth_timestamp is {off} s off the time here, and so might be a request from"
                f" before; {_LIFETIME} s are allowed"
            )
        return True

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        request.found_application = self._tokens.consumer(client_key)
        if request.found_application is None:
            raise UnknownConsumerKey
        return True

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        found = self._tokens.look_up(TokenKind.OAUTH1, token)
        if found is None or found.application_id != request.found_application.id:
            raise UnknownToken
        request.found_token = found
        return True

    def validate_realms(self, *_: Any, **__: Any) -> bool:
        return True

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return str(request.found_application.consumer_secret)

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return str(request.found_token.secret)
