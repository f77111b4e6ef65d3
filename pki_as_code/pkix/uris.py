"""URIs as certificates carry them (RFC 3986, RFC 5280 sections 4.2.1.6 and 7.4)."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final
from urllib.parse import quote

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters, quoted
from pki_as_code.pkix.dns import hidden_character, host_name

MAX_URI_LENGTH: Final = 2048
_LARGEST_PORT = 65535

_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):"
    r"(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_LEGAL = re.compile(r"(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_SPIFFE_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
# RFC 4516 and RFC 8089: an empty host means the reader's own server.
_SCHEMES_WITHOUT_HOST = frozenset({"ldap", "ldaps", "file"})


def absolute_uri(text: str) -> str:
    """
    Return `text` as a URI with scheme and host in lower case and the host as A-labels.

    Characters outside ASCII in the rest are percent-encoded (RFC 3987 section 3.1). A part with
    user information is refused: readers take it for the host. Raises `InvalidValueError`
    (`general_name.bad_uri`).
    """
    if has_hidden_characters(text):
        raise hidden_character(text)
    if len(text) > MAX_URI_LENGTH:
        raise _bad_uri(text, f"it has more than {MAX_URI_LENGTH} characters")
    match = _URI.fullmatch(text)
    if match is None:
        raise _bad_uri(text, "it does not begin with a scheme")
    scheme = match["scheme"].lower()
    authority = match["authority"]
    rest = match["path"] + (match["query"] or "")
    fragment = match["fragment"] or ""
    if authority is None and not match["path"]:
        raise _bad_uri(text, "nothing follows the scheme")
    start = f"{scheme}:"
    if authority is not None:
        start += f"//{_encode_authority(text, scheme, authority)}"
    elif scheme in {"http", "https", "spiffe"}:
        raise _bad_uri(text, "it has no host")
    uri = start + _encode_rest(text, rest)
    return uri + ("#" + _encode_rest(text, fragment[1:]) if fragment else "")


def uri_host(uri: str) -> str | None:
    """Return the host of a URI in lower case, without brackets; None when it has none."""
    match = _URI.fullmatch(uri)
    if match is None or not match["authority"]:
        return None
    host_and_port = match["authority"].rpartition("@")[2]
    authority = _AUTHORITY.fullmatch(host_and_port)
    if authority is None:
        return None
    return authority["host"].strip("[]").lower() or None


def plain_segments(path: str) -> tuple[str, ...] | None:
    """
    Return the segments of an absolute path that everybody reads alike; `()` for `` and `/`.

    None for any other: one with empty segments or steps (`.` and `..`, RFC 3986 section 5.2.4),
    with a query or a fragment, or with a percent-encoding of what can be written plainly (section
    6.2.2) or of a slash, which some readers decode first; or with parameters (`;`), which some take
    off before they go up by `..`.
    """
    if path in {"", "/"}:
        return ()
    if not path.startswith("/") or not _LEGAL.fullmatch(path) or {"?", ";"}.intersection(path):
        return None
    if any(_is_ambiguous(match[1]) for match in _ENCODED.finditer(path)):
        return None
    segments = tuple(path[1:].split("/"))
    return None if {"", ".", ".."}.intersection(segments) else segments


def _is_ambiguous(digits: str) -> bool:
    character = chr(int(digits, 16))
    return digits != digits.upper() or character in "/\\\0" or bool(_UNRESERVED.match(character))


def _encode_authority(text: str, scheme: str, authority: str) -> str:
    if "@" in authority:
        raise _bad_uri(text, "it has user information before the host")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise _bad_uri(text, "its host cannot be read")
    host, port = match["host"], match["port"]
    if not host and (port or scheme not in _SCHEMES_WITHOUT_HOST):
        raise _bad_uri(text, "it has no host")
    if port is not None and not 0 < int(port) <= _LARGEST_PORT:
        raise _bad_uri(text, f"{port} is not a port")
    encoded = _encode_host(text, scheme, host) if host else ""
    return encoded if port is None else f"{encoded}:{int(port)}"


def _encode_host(text: str, scheme: str, host: str) -> str:
    if scheme == "spiffe" and _SPIFFE_TRUST_DOMAIN.fullmatch(host):
        return host
    try:
        if host.startswith("["):
            return f"[{ipaddress.IPv6Address(host[1:-1])}]" if "%" not in host else _no_zone(text)
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        if host.startswith("["):
            raise _bad_uri(text, "its host is not an IPv6 address") from None
    return host_name(host)


def _no_zone(text: str) -> str:
    raise _bad_uri(text, "its IPv6 address has a zone")


def _encode_rest(text: str, rest: str) -> str:
    # '%' stays, so what is encoded already is not encoded twice.
    ascii_rest = "".join(
        character if character.isascii() else quote(character)
        for character in unicodedata.normalize("NFC", rest)
    )
    if not _LEGAL.fullmatch(ascii_rest):
        raise _bad_uri(text, "it has a character that must be percent-encoded")
    return ascii_rest


def _bad_uri(text: str, reason: str) -> InvalidValueError:
    return InvalidValueError(
        f"{quoted(text)} is not an absolute URI: {reason}",
        help="write a URI like https://example.com/path, urn:uuid:... or spiffe://example.org/name",
        code="general_name.bad_uri",
    )
