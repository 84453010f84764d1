"""Made-up HTTP: requests as bytes, right and wrong, and a strict parser of the answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

ECHO = b"/2015-03-31/functions/echo/invocations"
RUNTIME = b"/2018-06-01/runtime"
KINDS = {"public": (b"localhost", ECHO), "runtime": (b"127.0.0.1:9001", b"/2018-06-01/ping")}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def closes(self) -> bool:
        return ("connection", "close") in self.headers


_HEAD = re.compile(
    rb"HTTP/1\.1 ([1-5]\d\d) [^\r\n\0]*\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*)\r\n"
)


def answers(came: bytes, *, heads: bool = False) -> list[Answer]:
    """All that came by a connection, but for 100 Continue. Raises `AssertionError` where it is not
    well-formed: RFC 9112. `heads`: an answer may be that to HEAD, which has no body."""
    read: list[Answer] = []
    while came:
        found = _HEAD.match(came)
        assert found, f"this is no answer: {came[:400]!r}, behind {read}"
        assert not (read and read[-1].closes), f"behind the end: {came[:400]!r}"
        lines = [line.partition(b":") for line in found[2].splitlines()]
        headers = tuple((name.decode().lower(), value.strip().decode()) for name, _, value in lines)
        status, rest = int(found[1]), came[found.end() :]
        fields = dict(headers)
        if status == 100:
            came = rest
            continue
        assert status >= 200, f"an interim answer that nobody asked for: {status}"
        names = [name for name, _ in headers]
        assert names.count("date") == names.count("server") == 1, names
        assert "transfer-encoding" not in fields
        assert names.count("content-length") == (status not in (204, 304)), (status, names)
        length = int(fields.get("content-length", 0))
        if heads and length and (not rest or _HEAD.match(rest)):
            length = 0
        assert len(rest) >= length, f"cut off: {len(rest)} of {length} bytes"
        read.append(Answer(status, headers, rest[:length]))
        came = rest[length:]
    return read


# Requests that are right

_EXTENSIONS = st.sampled_from([b"", b"", b";a", b";a=b", b';a="b;c"', b";a;b=2"])
_TRAILERS = st.sampled_from([b"", b"", b"X-Trailer: a\r\n", b"A: b\r\nc: d\r\n"])
_MORE_HEADERS = st.sampled_from(
    [
        b"",
        b"X-Empty:\r\n",
        b"x-SPACES:  \t a b \t\r\n",
        b"X-High: \xff\xfe\r\n",
        b"Cookie: a=b\r\nCookie: c=d\r\n",
        b"Accept: */*\r\n",
        b"X_Under: a\r\n",
        b"Connection: keep-alive\r\n",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        b"X-Long: " + b"l" * 3000 + b"\r\n",
        b"Te: trailers\r\n",
        b"Expect: something-else\r\n",
    ]
)
_TEXTS = st.text(max_size=40) | st.sampled_from(
    ["POST /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n", "0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]
)
_SIZES = st.sampled_from([0, 0, 0, 0, 1, 1000, 9000, 70_000])


@st.composite
def framed(draw: Any, body: bytes) -> tuple[bytes, bytes]:
    """A body as headers and bytes: with its length, or in chunks of any kind."""
    if draw(st.booleans()):
        zeros = draw(st.sampled_from([b"", b"", b"00"]))
        name = draw(st.sampled_from([b"Content-Length", b"content-length", b"CONTENT-LENGTH"]))
        return b"%s: %s%d\r\n" % (name, zeros, len(body)), body
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=6)))
    chunks = []
    for begin, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        if begin < end:
            size = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"0000%x"])) % (end - begin)
            chunks.append(size + draw(_EXTENSIONS) + b"\r\n" + body[begin:end] + b"\r\n")
    last = draw(st.sampled_from([b"0", b"000"])) + draw(_EXTENSIONS) + b"\r\n"
    name = draw(st.sampled_from([b"Transfer-Encoding: chunked", b"transfer-encoding:  Chunked"]))
    return name + b"\r\n", b"".join(chunks) + last + draw(_TRAILERS) + b"\r\n"


@st.composite
def right(draw: Any, to: str, number: int) -> tuple[bytes, tuple[int, bytes | None]]:
    """A request, and its answer: the status, and the body, where there is one of its own."""
    host, path = KINDS[to]
    before = draw(st.sampled_from([b"", b"", b"", b"\r\n"]))
    if draw(st.booleans()):
        target = draw(st.sampled_from([b"", b"", b"http://" + host])) + (
            b"/health" if to == "public" else path
        )
        head = b"GET %s HTTP/1.1\r\nHost: %s\r\n" % (target, host)
        return before + head + draw(_MORE_HEADERS) + b"\r\n", (
            200,
            None if to == "public" else b"pong",
        )
    said = draw(_TEXTS) + "x" * draw(_SIZES)
    text = f'[{number}, "{_escaped(said)}"]'.encode()
    headers, body = draw(framed(text))
    more = draw(_MORE_HEADERS)
    order = draw(st.permutations([b"Host: %s\r\n" % host, headers, more]))
    if to == "public":
        head, answer = b"POST %s HTTP/1.1\r\n" % ECHO, (200, text)
    else:
        head, answer = (
            b"POST %s/invocation/%d/response HTTP/1.1\r\n" % (RUNTIME, number),
            (
                400,
                b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}',
            ),
        )
    return before + head + b"".join(order) + b"\r\n" + body, answer


def _escaped(text: str) -> str:
    """As JSON has it, in ASCII."""
    return "".join(
        char if " " <= char <= "~" and char not in '"\\' else _escape(char) for char in text
    )


def _escape(char: str) -> str:
    utf16 = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{utf16[at : at + 4]}" for at in range(0, len(utf16), 4))


# Requests that could be read in two ways, or in none

_BAD_BODIES = [
    b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    b"Content-Length: 2\r\ncontent-length: 3\r\n\r\n{}",
    b"Content-Length: 2, 2\r\n\r\n{}",
    b"Content-Length: +2\r\n\r\n{}",
    b"Content-Length: -1\r\n\r\n{}",
    b"Content-Length: 0x2\r\n\r\n{}",
    b"Content-Length: 2 2\r\n\r\n{}",
    b"Content-Length: 99999999999999999999999999\r\n\r\n{}",
    b"Content-Length: \xb2\r\n\r\n{}",
    b"Content-Length:\r\n 2\r\n\r\n{}",
    b"Content-Length : 2\r\n\r\n{}",
    b" Content-Length: 2\r\n\r\n{}",
    b"Content-Length: 2\n\n{}",
    b"Content-Length: 2\r\r\n\r\n{}",
    b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding\x00: chunked\r\n\r\n0\r\n\r\n",
    b"X: a\x00b\r\n\r\n",
    b"X\x00: b\r\n\r\n",
    b"X: a\rb: c\r\n\r\n",
    b"X y: b\r\n\r\n",
    b": b\r\n\r\n",
    b"nothing\r\n\r\n",
]
_BAD_CHUNKS = [
    b"-1\r\n{}\r\n",
    b"+2\r\n{}\r\n",
    b"0x2\r\n{}\r\n",
    b"2 2\r\n{}\r\n",
    b"g\r\n",
    b"\r\n2\r\n{}\r\n",
    b"2\r\n{}2\r\n",
    b"2\n{}\r\n",
    b"2\r\n{}\n",
    b"2\r\n{}\r\r\n",
    b"2;\x00\r\n{}\r\n",
    b"2;a=\n\r\n{}\r\n",
    b"ffffffffffffffffff\r\n{}\r\n",
    b"\xb2\r\n{}\r\n",
    b"2;" + b"e" * 2_000_000 + b"\r\n",
]
_BAD_LINES = [
    b"POST %s\r\n",
    b"GET %s\r\n",
    b"POST %s HTTP/0.9\r\n",
    b"POST %s HTTP/1.1 \r\n",
    b"POST %s HTTP/1.1 x\r\n",
    b"POST %s HTTP/2.0\r\n",
    b"POST %s HTTP/11\r\n",
    b"POST %s HTTP/1.1\n",
    b"POST %s HTTPS/1.1\r\n",
    b"POST %s http/1.1\r\n",
    b"POST %s HTTP/3.7\r\n",
    b"POST\t%s\tHTTP/1.1\r\n",
    b"post %s HTTP/1.1\r\n",
    b"P\x00ST %s HTTP/1.1\r\n",
    b"POST %s\x00 HTTP/1.1\r\n",
    b"POST %s\x7f HTTP/1.1\r\n",
    b"CONNECT localhost:80 HTTP/1.1\r\nX: %s\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00%s",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03%s",
    b"HTTP/1.1 200 OK\r\nX: %s\r\n",
]


@st.composite
def wrong(draw: Any, to: str) -> bytes:
    """A request that has to be refused, with which nothing behind it means anything."""
    host, path = KINDS[to]
    start = b"POST %s HTTP/1.1\r\nHost: %s\r\n" % (path, host)
    kind = draw(st.sampled_from(["body", "chunk", "line"]))
    if kind == "body":
        return start + draw(st.sampled_from(_BAD_BODIES))
    if kind == "chunk":
        before = draw(st.sampled_from([b"", b"3\r\n{ }\r\n"]))
        bad = draw(st.sampled_from(_BAD_CHUNKS))
        return start + b"Transfer-Encoding: chunked\r\n\r\n" + before + bad + b"0\r\n\r\n"
    return draw(st.sampled_from(_BAD_LINES)) % path + b"Host: %s\r\n\r\n" % host


# What may be anything


def words(text: str) -> st.SearchStrategy[str]:
    """One of those in it."""
    return st.sampled_from(text.split())


_METHODS = words(
    "GET GET POST POST PUT DELETE PATCH HEAD OPTIONS TRACE CONNECT PRI M-SEARCH QUERY get BREW"
).map(str.encode)
_TARGETS = words(
    """/ /health /status /openapi.json * // /.. /%00 /%ff /%2e%2e/ /a?b=%zz http://localhost/health
    http://evil.example/ https://localhost/health http://[ localhost:80 ? # /health#x /tasks/v1/
    /tasks/v1/api/echo/ /tasks/v1/functions/ /2015-03-31/functions /2018-06-01/ping
    /2018-06-01/runtime/invocation/next /2018-06-01/runtime/invocation/%00/response
    /2018-06-01/runtime/init/error /2020-01-01/extension/register /docs //evil.example/x
    http://localhost:99999999/ http://u:p@localhost/ /\xe9 /a\\b ;/;a=b /%E0%A4%A /a%0d%0aX:y
    /tasks/v1/ /users/v1/me /events/v1/subscriptions /2018-06-01/runtime/invocation/1/response"""
).map(lambda text: text.encode("latin-1"))
_VERSIONS = st.sampled_from(
    [*[b" HTTP/1.1"] * 8, b" HTTP/1.0", b" HTTP/1.0", b" HTTP/0.9", b" HTTP/2.0", b"", b" x"]
)
_LINES = st.one_of(
    st.sampled_from(
        [
            b"GET /health HTTP/1.1",
            b"HEAD /health HTTP/1.1",
            b"GET /tasks/v1/?limit(1) HTTP/1.1",
            b"GET /tasks/v1/api/echo/a HTTP/1.1",
            b"GET /2018-06-01/ping HTTP/1.1",
            b"GET /2018-06-01/runtime/invocation/next HTTP/1.1",
            b"POST %s HTTP/1.1" % ECHO,
            b"OPTIONS * HTTP/1.1",
        ]
    ),
    st.builds(lambda *parts: b"%s %s%s" % parts, _METHODS, _TARGETS, _VERSIONS),
)
_HOSTS = [b"Host: evil.example", b"Host: [::1", b"Host:", b"No-Host:"]
_HEADERS = st.sampled_from(
    [
        b"Host: localhost",
        b"Origin: http://localhost",
        b"Origin: http://[",
        b"Origin: null",
        b"Expect: 100-continue",
        b"Expect: 100-continue, x",
        b"Connection: close",
        b"Connection: upgrade",
        b"Connection: ,,,",
        b"Upgrade: websocket",
        b"Upgrade: h2c",
        b"Content-Length: 0",
        b"Content-Length: 3",
        b"Content-Length: 100000",
        b"Content-Length: 80000000",
        b"Content-Length: 99999999999",
        b"Transfer-Encoding: chunked",
        b"Content-Type: application/json",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Type: multipart/form-data; boundary=",
        b"Content-Type: \xff; charset=\x80",
        b"Content-Type: application/json; charset=utf-7",
        b"Content-Encoding: gzip",
        b"Authorization: Bearer x",
        b"Authorization: Basic \xff",
        b"Authorization: OAuth oauth_token=\xff",
        b'Authorization: OAuth realm="", oauth_consumer_key="a", oauth_nonce=""',
        b"Authorization: AWS4-HMAC-SHA256 Credential=x",
        b"Range: bytes=0-",
        b"If-None-Match: *",
        b"If-Modified-Since: x",
        b"X-Amz-Invocation-Type: \xff",
        b"X-Amz-Client-Context: e30",
        b"X-Amz-Client-Context: \xff",
        b"X-Forwarded-Host: evil.example",
        b"X-HTTP-Method-Override: DELETE",
        b"Lambda-Runtime-Function-Error-Type: \xff",
        b"Lambda-Runtime-Function-Response-Mode: streaming",
        b"Cookie: \xff=\x80; ; =",
        b"Accept: \xff",
        b"Sec-Fetch-Site: cross-site",
        b"Date: x",
        b"a: " + b"b" * 20_000,
    ]
)
_BODIES = st.sampled_from(
    [b"", b"{}", b"[]", b"null", b"\xff", b"{", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n", b"\0" * 99]
)
_GOOD = st.just(b"\r\n")
_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r"])
_BYTES = st.binary(max_size=24) | st.sampled_from([b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"\t"])


@st.composite
def anything(draw: Any) -> bytes:
    """Something like requests; some have bytes of any kind in between, or lack their end."""
    pieces: list[bytes] = []
    ends = draw(st.sampled_from([_GOOD, _GOOD, _GOOD, _ENDS]))
    for _ in range(draw(st.integers(1, 4))):
        line = draw(_LINES)
        host = draw(st.sampled_from([b"Host: localhost"] * 6 + _HOSTS))
        more = draw(st.sampled_from([st.just([]), st.lists(_HEADERS, max_size=3)]))
        lines = [line, host, *draw(more), b""]
        pieces += [part for each in lines for part in (each, draw(ends))]
        pieces.append(draw(draw(st.sampled_from([st.just(b""), _BODIES]))))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        pieces.insert(draw(st.integers(0, len(pieces))), draw(_BYTES))
    whole = b"".join(pieces)
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.integers(0, 3)) == 3 else whole


class Pieces(list[bytes]):
    """Pieces of a request that are sent one by one; `repr` shows their lengths."""

    def __repr__(self) -> str:
        return f"in pieces of {[len(piece) for piece in self]}"


@st.composite
def in_pieces(draw: Any, whole: bytes) -> Pieces:
    """As it may come: cut anywhere."""
    if len(whole) < 400 and draw(st.integers(0, 9)) == 9:
        return Pieces(whole[at : at + 1] for at in range(len(whole)))
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    ends = zip([0, *cuts], [*cuts, len(whole)], strict=True)
    return Pieces(whole[begin:end] for begin, end in ends if begin < end)
