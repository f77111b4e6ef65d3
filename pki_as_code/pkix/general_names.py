"""General names (RFC 5280 section 4.2.1.6) from and to text, and those of name constraints."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters, quoted
from pki_as_code.pkix.asn1_values import parse_object_identifier
from pki_as_code.pkix.dns import hidden_character, host_name, mailbox
from pki_as_code.pkix.names import format_name, parse_name
from pki_as_code.pkix.other_names import format_other_name, parse_other_name
from pki_as_code.pkix.uris import absolute_uri

MAX_TEXT_LENGTH: Final = 8192

_REMEMBERED: Final = 512
"""A name is parsed several times on its way into a certificate, shortly after each other."""

_DIGITS_AND_DOTS = re.compile(r"[0-9./]*")
_PREFIXED = re.compile(
    r"(?P<prefix>DNS|IP|email|URI|RID|dirName|otherName):(?P<value>.*)", re.IGNORECASE | re.DOTALL
)
_URI_LIKE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|urn:", re.IGNORECASE)


@lru_cache(maxsize=_REMEMBERED)
def parse_general_name(text: str) -> x509.GeneralName:
    """
    Return the name that `DNS:api.example.com`, `IP:10.0.0.7`, `email:`, `URI:`, `RID:1.2.3`,
    `dirName:C=AT,CN=x` or `otherName:1.2.3;UTF8:text` writes.

    Prefixes are taken in any case. Without one the text is a URI when it has a scheme, a mailbox
    when it has an `@`, an IP address when it reads as one, else a host name. Internationalised
    names become A-labels (IDNA 2008). Raises `InvalidValueError` (`general_name.*`, `name.*`).
    """
    prefix, value = _split(text)
    return _PARSERS[prefix](value)


def parse_constraint_name(text: str) -> x509.GeneralName:
    """
    Return the base of a subtree of name constraints (RFC 5280 section 4.2.1.10).

    `DNS:corp.example` is that domain and all below it; a leading dot, which the standard does not
    have there, is taken off. `IP:10.0.0.0/8` is a network. `email:` and `URI:` take a host
    (`example.com`), a domain without the host itself (`.example.com`), `email:` also one mailbox.
    `dirName:O=Example` is every name that begins so. `DNS:` and `URI:` with nothing behind them are
    all names of that type. Raises `InvalidValueError`.
    """
    if _PREFIXED.fullmatch(text) is None and _is_network(text):
        text = f"IP:{text}"
    prefix, value = _split(text)
    parse = _CONSTRAINT_PARSERS.get(prefix)
    if parse is None or not text:
        raise InvalidValueError(
            f"{quoted(text)} cannot be constrained",
            help="name constraints are made of DNS, IP, email, URI and dirName",
            code="general_name.not_constrainable",
        )
    return parse(value)


def format_general_name(name: x509.GeneralName) -> str:
    """
    Return the canonical text of a general name or of a subtree of name constraints.

    `parse_general_name` (or `parse_constraint_name`) reads it back to an equal name. Names out of
    certificates made elsewhere may hold any ASCII: pass the text through `escape.safe` to show it.
    """
    match name:
        case x509.DirectoryName():
            return f"dirName:{format_name(name.value)}"
        case x509.RegisteredID():
            return f"RID:{name.value.dotted_string}"
        case x509.OtherName():
            return f"otherName:{format_other_name(name)}"
    return f"{_SIMPLE_PREFIXES[type(name)]}:{name.value}"


def _split(text: str) -> tuple[str, str]:
    """Return the type in lower case, guessed when it is not written, and the rest."""
    if len(text) > MAX_TEXT_LENGTH:
        raise InvalidValueError(
            f"a name has {len(text)} characters, at most {MAX_TEXT_LENGTH} are read",
            code="general_name.too_long",
        )
    if has_hidden_characters(text):
        raise hidden_character(text)
    match = _PREFIXED.fullmatch(text)
    if match is not None:
        return match["prefix"].lower(), match["value"]
    if _URI_LIKE.match(text):
        return "uri", text
    if "@" in text:
        return "email", text
    return ("ip" if _is_network(text) else "dns"), text


def _is_network(text: str) -> bool:
    if ":" not in text and not _DIGITS_AND_DOTS.fullmatch(text):
        return False  # only colons, or nothing but numbers, make an address
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _parse_dns(value: str) -> x509.GeneralName:
    return x509.DNSName(host_name(value, wildcard=True))


def _parse_email(value: str) -> x509.GeneralName:
    return x509.RFC822Name(mailbox(value))


def _parse_uri(value: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(absolute_uri(value))


def _parse_ip(value: str) -> x509.GeneralName:
    if "/" in value and _is_network(value):
        raise _bad_ip(value, "it is a network, and only an address can be in a certificate")
    if "%" in value:
        raise _bad_ip(value, "it has a zone")
    try:
        return x509.IPAddress(ipaddress.ip_address(value))
    except ValueError:
        raise _bad_ip(value, "it cannot be read") from None


def _parse_registered_id(value: str) -> x509.GeneralName:
    return x509.RegisteredID(parse_object_identifier(value))


def _parse_directory_name(value: str) -> x509.GeneralName:
    name = parse_name(value)
    if not name.rdns:
        raise InvalidValueError(
            "dirName has no value",
            help="write it like dirName:C=AT,O=Example",
            code="general_name.empty",
        )
    return x509.DirectoryName(name)


def _parse_constraint_dns(value: str) -> x509.GeneralName:
    return x509.DNSName(host_name(value.removeprefix(".")) if value else "")


def _parse_constraint_ip(value: str) -> x509.GeneralName:
    if "%" in value:
        raise _bad_ip(value, "it has a zone")
    try:
        return x509.IPAddress(ipaddress.ip_network(value))
    except ValueError:
        reason = "bits of the host are set" if _is_network(value) else "it cannot be read"
        raise _bad_ip(value, reason) from None


def _parse_constraint_email(value: str) -> x509.GeneralName:
    return x509.RFC822Name(mailbox(value) if "@" in value else _constraint_host(value))


def _parse_constraint_uri(value: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(_constraint_host(value) if value else "")


def _constraint_host(value: str) -> str:
    dot = "." if value.startswith(".") else ""
    return dot + host_name(value.removeprefix("."))


def _bad_ip(value: str, reason: str) -> InvalidValueError:
    return InvalidValueError(
        f"{quoted(value)} is not an IP address: {reason}",
        help="write it like 10.0.0.7 or 2001:db8::7 (in name constraints: 10.0.0.0/8)",
        code="general_name.bad_ip",
    )


_PARSERS: Mapping[str, Callable[[str], x509.GeneralName]] = {
    "dns": _parse_dns,
    "ip": _parse_ip,
    "email": _parse_email,
    "uri": _parse_uri,
    "rid": _parse_registered_id,
    "dirname": _parse_directory_name,
    "othername": parse_other_name,
}
_CONSTRAINT_PARSERS: Mapping[str, Callable[[str], x509.GeneralName]] = {
    "dns": _parse_constraint_dns,
    "ip": _parse_constraint_ip,
    "email": _parse_constraint_email,
    "uri": _parse_constraint_uri,
    "dirname": _parse_directory_name,
}
_SIMPLE_PREFIXES: Mapping[type[x509.GeneralName], str] = {
    x509.DNSName: "DNS",
    x509.IPAddress: "IP",
    x509.RFC822Name: "email",
    x509.UniformResourceIdentifier: "URI",
}
