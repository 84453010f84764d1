"""OAuth1 signatures: who signed a request, checked by oauthlib over what was really sent.

https://datatracker.ietf.org/doc/html/rfc5849; the service takes HMAC-SHA1 in the Authorization
header, with a token or, to get one, without.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from oauthlib.oauth1 import (
    SIGNATURE_HMAC_SHA1,
    RequestValidator,
    ResourceEndpoint,
    SignatureOnlyEndpoint,
)

from taskdock.base.errors import BadSignature, DuplicateRequest, UnknownConsumerKey, UnknownToken
from taskdock.base.timing.clock import Clock, SystemClock, to_epoch
from taskdock.identity.account import Application, FunctionToken, Token, TokenKind
from taskdock.identity.tokens import Tokens
from taskdock.web.access.nonces import Nonces

LIFETIME = 600
"""Seconds that a client's clock may be off."""
_LONGEST = 512  # characters of each name that is sent; ours have 40, those of functions more
_TIMESTAMP = re.compile("[0-9]{1,10}")
_WITH_TOKEN = re.compile(r"\boauth_token=\"[^\"]")
FindFunctionToken = Callable[[str], FunctionToken | None]
_URL_CHARACTERS = "=&;:%+~,*@!()/?'$-._"


class Signer(NamedTuple):
    """The application that signed, and the token of its user."""

    application: Application
    token: Token | FunctionToken | None


class Verifier:
    def __init__(
        self,
        tokens: Tokens,
        clock: Clock | None = None,
        *,
        nonces: Nonces | None = None,
        functions: FindFunctionToken = lambda _: None,
    ) -> None:
        """`clock`: the machine's, because clients sign by the real time. `nonces`: those of before
        the start. `functions` finds a function's token by its text."""
        self._nonces = nonces or Nonces(LIFETIME)
        validator = _Validator(tokens, clock or SystemClock(), functions)
        self._with_token = ResourceEndpoint(validator)
        self._without_token = SignatureOnlyEndpoint(validator)

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
                valid, signed = self._without_token.validate_request(*sent)
        except ValueError:
            raise BadSignature(_UNREADABLE) from None
        if not valid:
            raise BadSignature(None if signed and signed.validator_log else _INCOMPLETE)
        token: Token | FunctionToken | None = getattr(signed, "found_token", None)
        sender = f"{signed.client_key} {token.token if token else ''}"
        if not self._nonces.use(sender, int(signed.timestamp), signed.nonce):
            raise DuplicateRequest
        return Signer(signed.found_application, token)


_UNREADABLE = (
    "the OAuth1 signature cannot be checked: the Authorization header has to be a list of"
    ' name="value" (RFC 5849, 3.5.1), and header, query and form percent-encoded (3.6)'
)
_INCOMPLETE = (
    "the Authorization header is not a complete OAuth1 one: it needs oauth_consumer_key,"
    " oauth_nonce, oauth_timestamp, oauth_signature_method HMAC-SHA1 and oauth_signature"
)


class _Validator(RequestValidator):  # type: ignore[misc]  # oauthlib has no types
    """The answers to oauthlib's questions: refuses by raising, keeps its finds in the request."""

    enforce_ssl = False
    allowed_signature_methods = (SIGNATURE_HMAC_SHA1,)
    timestamp_lifetime = 10**10  # oauthlib's own check knows one answer for every trouble
    dummy_client = dummy_access_token = ""

    def __init__(self, tokens: Tokens, clock: Clock, functions: FindFunctionToken) -> None:
        super().__init__()
        self._tokens = tokens
        self._functions = functions
        self._clock = clock

    def check_client_key(self, client_key: str) -> bool:
        return True  # it is looked up: its form says nothing

    check_access_token = check_nonce = check_client_key

    def validate_timestamp_and_nonce(
        self, client_key: str, timestamp: str, nonce: str, request: Any, **_: Any
    ) -> bool:
        sent = {
            "oauth_consumer_key": client_key,
            "oauth_token": request.resource_owner_key or "",
            "oauth_nonce": nonce,
        }
        for name, value in sent.items():
            if len(value) > _LONGEST:
                raise BadSignature(f"{name} has {len(value)} characters; {_LONGEST} are allowed")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise BadSignature("oauth_timestamp is not a number of seconds since 1970")
        off = abs(to_epoch(self._clock.now()) // 1000 - int(timestamp))
        if off > LIFETIME:
            raise DuplicateRequest(
                f"oauth_timestamp is {off} s off the time here, and so might be a request from"
                f" before; {LIFETIME} s are allowed"
            )
        return True

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        request.found_application = self._tokens.consumer(client_key)
        if request.found_application is None:
            raise UnknownConsumerKey
        return True

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        found = self._functions(token) or self._tokens.look_up(TokenKind.OAUTH1, token)
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
