"""Which pages may speak to the app: those it served itself, and those of origins that a person named at its start.

A browser says with a request which page asked (its origin: scheme, host and port) and which server it wants (the Host).
A page of another origin may be any page that is open somewhere, those of other programs on this machine included; a
Host that is none of the app's may be a name that was pointed at this machine a moment ago.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from akl_viz.errors import InvalidInput

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The names that this machine has for itself, to which no other can be pointed."""
DEFAULT_PORTS = {"http": 80, "https": 443}
"""Scheme -> the port that a browser leaves out."""
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


_STRANGE = (
    "The app is not open under this name: open the address that was printed at its start, or start it with --origin "
    "and the scheme, host and port of this one."
)
_FOREIGN = (
    "A page of another origin asked, which the app does not answer: to allow it, start the app with --origin and the "
    "page's scheme, host and port."
)


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of a page, as a browser compares them."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """As a browser writes it: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}")


def read_origin(text: str) -> Origin | None:
    """The origin that this text is, whatever its case; None for `null`, for a pattern and for a longer address."""
    scheme, separator, authority = text.lower().partition("://")
    if not separator or scheme not in DEFAULT_PORTS:
        return None
    host, port = _read_authority(authority)
    return Origin(scheme, host, DEFAULT_PORTS[scheme] if port is None else port) if host else None


def name_origins(texts: Sequence[str]) -> list[str]:
    """The origins that a person named, as a browser writes them, each once; an address's last slash is no mistake.

    Raises:
        InvalidInput: one of them is no origin.
    """
    named = {}
    for text in texts:
        origin = read_origin(text.strip().removesuffix("/"))
        if origin is None:
            raise InvalidInput(
                f"{text!r} is not an origin: give scheme, host and port of a page, as in http://localhost:3000."
            )
        named[str(origin)] = origin
    return list(named)


def hosts_of(origins: Sequence[str]) -> list[str]:
    """The hosts of origins, as a list of allowed hosts has them."""
    return list(dict.fromkeys(filter(None, (urlsplit(origin).hostname for origin in origins))))


def refusal(headers: Mapping[str, Sequence[str]], named: Collection[str], host_known: bool) -> str | None:
    """Why a request is refused, in a sentence; None where it is answered.

    Args:
        headers: all values of `host`, `origin`, `sec-fetch-site` and `sec-fetch-mode`.
        named: the origins that a person named, as a browser writes them.
        host_known: whether the Host is one of the app's.
    """
    hosts, origins = headers["host"], headers["origin"]
    if len(hosts) != 1 or not host_known:
        return _STRANGE
    if not origins:
        # A program that is no browser says nothing of a page. A browser says so of a page's images and scripts in
        # another way; a link that a person followed is no request of the page it stood on.
        elsewhere = not {"cross-site", "same-site"}.isdisjoint(headers["sec-fetch-site"])
        return _FOREIGN if elsewhere and list(headers["sec-fetch-mode"]) != ["navigate"] else None
    origin = read_origin(origins[0]) if len(origins) == 1 else None
    own = origin is not None and _is_at(origin, hosts[0])
    return None if own or (origin is not None and str(origin) in named) else _FOREIGN


def _is_at(origin: Origin, host: str) -> bool:
    """Whether the page came from the server that the request goes to."""
    name, port = _read_authority(host.lower())
    return name == origin.host and (DEFAULT_PORTS[origin.scheme] if port is None else port) == origin.port


def _read_authority(text: str) -> tuple[str, int | None]:
    """Host, in the one form that it has, and port of `host[:port]` in lower case; no host where it is none."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return "", None
    host, port = found["host"].removesuffix("."), found["port"]
    if host.startswith("["):
        try:
            host = ip_address(host[1:-1]).compressed
        except ValueError:
            return "", None
    number = None if port is None else int(port)
    return (host, number) if number is None or 1 <= number <= 65535 else ("", None)
