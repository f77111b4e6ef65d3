"""
Text as a careless reader takes it, for what is to be kept out.

What a policy allows has to be written as it should be. What it keeps out is out in every clothing:
in any case, with a dot too many at its end, in wide letters, as a U-label.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.asn1_values import format_value
from pki_as_code.pkix.dns import host_name
from pki_as_code.pkix.general_names import parse_general_name

LIKE_NAMES: Final = (x509.DNSName, x509.IPAddress, x509.RFC822Name)
"""Names that a common name is taken for."""

_IDEOGRAPHIC_STOP: Final = "\u3002"
"""A dot to whoever maps host names by IDNA 2003; NFKC makes it of its half-wide form."""

_IPV4_WITHIN: Final = tuple(
    map(
        ipaddress.IPv6Network,
        ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
    )
)
"""
Addresses whose last 32 bits are one of IPv4: RFC 4291 section 2.5.5, RFC 2765 section 2.1, RFC 6052
section 2.1, RFC 8215.
"""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_canonical(text: str, canonical: Callable[[str], str]) -> bool:
    """What is not written as this program writes it may be read as another name by others."""
    try:
        return canonical(text) == text
    except InvalidValueError:
        return False


def below(name: str) -> Iterator[tuple[int, str]]:
    """Yield a name and what is above it, with the number of labels that were taken off."""
    count, rest = 0, name
    while rest:
        yield count, rest
        count, rest = count + 1, rest.partition(".")[2]


def read_as(text: str) -> str:
    """Return a text as it is compared: lower case, each letter in its plain form, blanks off."""
    plain = unicodedata.normalize("NFKC", text.lower()).replace(_IDEOGRAPHIC_STOP, ".")
    return plain.strip().lower().removesuffix(".")


def host_read_as(text: str) -> str:
    """Return the same of a host name or what looks like one, its labels as A-labels."""
    if text.isascii():
        return text.lower().strip().removesuffix(".")  # what nearly all are
    return ".".join(map(_label, read_as(text).split(".")))


def _label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return host_name(label)
    except InvalidValueError:
        return label


def mailbox_read_as(text: str) -> str:
    """Return the same of a mailbox, or what looks like one."""
    local_part, at, domain = read_as(text).rpartition("@")
    return f"{local_part}{at}{host_read_as(domain)}"


def addresses_read_as(address: Address) -> list[Address]:
    """Return an address, and those of IPv4 that it leads to: ::ffff:10.0.0.7 and 10.0.0.7."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    found: list[Address] = [address]
    if any(address in network for network in _IPV4_WITHIN):
        found.append(ipaddress.IPv4Address(address.packed[12:]))
    if address.teredo is not None:
        found += address.teredo
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    return found


def value_read_as(der: bytes) -> str:
    """Return the same of the text in an otherName, in whatever type of string it is."""
    return mailbox_read_as(format_value(der).partition(":")[2])


def distinguished_name_read_as(name: str) -> str:
    """Return a distinguished name, as `format_name` writes it, as it is compared: without regard
    to case, and to how many blanks there are (RFC 5280 section 7.1)."""
    return " ".join(read_as(name).split())


def name_read_in(text: str, prefix: str = "") -> x509.GeneralName | None:
    """Return the DNS name, address or mailbox that a text reads as, however it is written."""
    read = mailbox_read_as(text)
    try:
        name = parse_general_name(prefix + read)
    except InvalidValueError:
        return None
    return name if isinstance(name, LIKE_NAMES) else None
