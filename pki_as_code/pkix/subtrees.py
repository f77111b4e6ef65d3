"""
Is a name in a subtree of name constraints (RFC 5280 section 4.2.1.10)?

Each question is asked twice, because the careful answer depends on it: `is_permitted` says yes only
when every reader would, `is_excluded` when one might.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509

from pki_as_code.pkix.uris import uri_host

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# As OpenSSL decides it: letters, digits, hyphens and underscores with a dot in between.
_HOST_LIKE = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\.?")


def dns_name_in_common_name(value: str) -> str | None:
    """Return the host name that a reader may see in a common name, None when there is none."""
    return value.rstrip(".") if _HOST_LIKE.fullmatch(value) else None


def ip_address_in_common_name(value: str) -> Address | None:
    """Return the IP address that a common name is, None when it is none."""
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def _dns_within(name: str, base: str) -> bool:
    """The base itself and everything below it; with a leading dot only what is below it."""
    name, base = name.lower().rstrip("."), base.lower().rstrip(".")
    if not base:
        return True
    if base.startswith("."):
        return name.endswith(base) and len(name) > len(base)
    return name == base or name.endswith(f".{base}")


def _wildcard_reaches(name: str, base: str) -> bool:
    """`*.example.com` stands for `a.example.com` too, when that is what is excluded."""
    if not name.startswith("*."):
        return False
    return base.lower().lstrip(".").partition(".")[2] == name[2:].lower()


def _mailbox_within(name: str, base: str, *, any_case: bool = False) -> bool:
    if not base:
        return True
    local_part, _, host = name.rpartition("@")
    base_local_part, at, base_host = base.rpartition("@")
    if at:
        if any_case:
            local_part, base_local_part = local_part.lower(), base_local_part.lower()
        return local_part == base_local_part and host.lower() == base_host.lower()
    return bool(local_part) and _host_within(host.lower(), base)


def _host_within(host: str, base: str) -> bool:
    """One host, or with a leading dot all below that domain: unlike a dNSName."""
    base = base.lower()
    if not base:
        return True
    return (host.endswith(base) and len(host) > len(base)) if base[0] == "." else host == base


def _constrainable_host(uri: str) -> str | None:
    host = uri_host(uri)
    if host is None or ip_address_in_common_name(host) is not None:
        return None
    return host


def _uri_permitted(uri: str, base: str) -> bool:
    host = _constrainable_host(uri)
    return host is not None and _host_within(host, base)


def _uri_excluded(uri: str, base: str) -> bool:
    # A URI without a host name is to be refused wherever URIs are constrained.
    host = _constrainable_host(uri)
    return host is None or _host_within(host, base)


def _address_within(name: Address | Network, base: Network) -> bool:
    # A network in place of an address is not a name; the first address speaks for it.
    address = name if isinstance(name, Address) else name.network_address
    return address in base


def _directory_name_within(
    name: x509.Name, base: x509.Name, normal_form: Callable[[str], str]
) -> bool:
    """The RDNs of the base are the first ones of the name (section 7.1 compares them)."""
    if len(base.rdns) > len(name.rdns):
        return False
    return all(
        _rdn_form(mine, normal_form) == _rdn_form(its, normal_form)
        for mine, its in zip(name.rdns, base.rdns, strict=False)
    )


def _rdn_form(
    rdn: x509.RelativeDistinguishedName, normal_form: Callable[[str], str]
) -> frozenset[tuple[str, str | bytes]]:
    return frozenset(
        (
            attribute.oid.dotted_string,
            normal_form(attribute.value) if isinstance(attribute.value, str) else attribute.value,
        )
        for attribute in rdn
    )


def _openssl_form(value: str) -> str:
    """ASCII in lower case, runs of blanks as one: what the least tolerant common reader equates."""
    lowered = "".join(c.lower() if c.isascii() else c for c in value)
    return " ".join(lowered.split())


def _loose_form(value: str) -> str:
    """Case folded and compatibility characters replaced, as RFC 4518 prepares strings."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


@dataclass(frozen=True, slots=True)
class Subtree:
    """How values of one type of names are compared with the base of a subtree."""

    is_permitted: Callable[[Any, Any], bool]
    is_excluded: Callable[[Any, Any], bool]


SUBTREES: Final[Mapping[type[x509.GeneralName], Subtree]] = {
    x509.DNSName: Subtree(
        _dns_within,
        lambda name, base: _dns_within(name, base) or _wildcard_reaches(name, base),
    ),
    x509.RFC822Name: Subtree(
        _mailbox_within, lambda name, base: _mailbox_within(name, base, any_case=True)
    ),
    x509.UniformResourceIdentifier: Subtree(_uri_permitted, _uri_excluded),
    x509.IPAddress: Subtree(_address_within, _address_within),
    x509.DirectoryName: Subtree(
        lambda name, base: _directory_name_within(name, base, _openssl_form),
        lambda name, base: _directory_name_within(name, base, _loose_form),
    ),
}
"""The types of names whose constraints can be evaluated."""
