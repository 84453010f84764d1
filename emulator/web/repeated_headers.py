"""Repeated headers joined with a bare comma, as API Gateway's events have them.

waitress joins with a comma and a space, which cannot be told from a space that the caller sent.
"""

from __future__ import annotations

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, get_header_lines
from waitress.server import BaseWSGIServer


def join_with_commas(server: BaseWSGIServer) -> None:
    server.channel_class = _Channel


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    def parse_header(self, header: bytes) -> None:
        super().parse_header(header)  # which has refused what is no header
        values: dict[str, list[str]] = {}
        for line in get_header_lines(header.partition(b"\r\n")[2]):
            name, _, value = line.decode("latin-1").partition(":")
            if "_" not in name:  # such headers are dropped: they would look like others
                values.setdefault(name.upper().replace("-", "_"), []).append(value.strip(" \t"))
        repeated = {name: given for name, given in values.items() if len(given) > 1}
        self.headers.update({name: _comma(name).join(given) for name, given in repeated.items()})


def _comma(name: str) -> str:
    return "; " if name == "COOKIE" else ","  # RFC 6265, 5.4: cookies are one list


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser
