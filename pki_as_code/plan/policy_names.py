"""
Names against what policies say of them, once for what is allowed and once for what is kept out.

The two lean to opposite sides. A name is allowed only when it is in its canonical form and a rule
fits exactly; it is kept out also when it merely can be taken for what is to be kept out. ALLOWED
and KEPT_OUT are the tables; a name of a type that is in neither is never allowed, and always kept
out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.policy import Allowed, Matched
from pki_as_code.manifests.policy_names import (
    DnsRule,
    OtherNameRule,
    canonical_dns_name,
    canonical_host,
)
from pki_as_code.pkix.der import IA5_STRING, UTF8_STRING, read_single
from pki_as_code.pkix.dns import host_name, mailbox
from pki_as_code.pkix.names import format_name, parse_name
from pki_as_code.pkix.other_names import SMTP_UTF8_MAILBOX, parse_other_name
from pki_as_code.plan.policy_readings import (
    addresses_read_as,
    below,
    distinguished_name_read_as,
    host_read_as,
    is_canonical,
    mailbox_read_as,
    value_read_as,
)
from pki_as_code.plan.policy_uris import UriTerm, make_uri_term, uri_allowed, uri_kept_out

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Depth = tuple[int | None, bool]
"""Of a suffix: how many labels may stand before it, and whether a wildcard may."""


@dataclass(frozen=True, slots=True)
class NameTerms:
    """The names of one policy, in the form in which they are compared."""

    dns_names: frozenset[str]
    dns_suffixes: Mapping[str, tuple[Depth, ...]]
    networks: tuple[Network, ...]
    email_domains: frozenset[str]
    email_addresses: frozenset[str]
    uris: tuple[UriTerm, ...]
    other_names: tuple[OtherNameRule, ...]
    registered_ids: frozenset[str]
    directory_names: tuple[x509.Name, ...]
    dns_parents: frozenset[str]
    """What stands behind the first label of each DNS name and suffix: a wildcard there stands for
    it."""


def make_name_terms(terms: Allowed | Matched) -> NameTerms:
    """Return the names of a policy, put into their canonical form once for all certificates."""
    names, suffixes = set(), dict[str, list[Depth]]()
    for rule in terms.dns or ():
        if rule.name is not None:
            names.add(canonical_dns_name(rule.name))
        elif rule.suffix is not None:
            depth = (rule.max_labels, rule.wildcard) if isinstance(rule, DnsRule) else (None, True)
            suffixes.setdefault(canonical_host(rule.suffix), []).append(depth)
    emails = terms.email or ()
    return NameTerms(
        dns_names=frozenset(names),
        dns_suffixes={suffix: tuple(depths) for suffix, depths in suffixes.items()},
        networks=tuple(map(ipaddress.ip_network, terms.ip or ())),
        email_domains=frozenset(canonical_host(rule.domain) for rule in emails if rule.domain),
        email_addresses=frozenset(mailbox(rule.address) for rule in emails if rule.address),
        uris=tuple(map(make_uri_term, terms.uri or ())),
        other_names=tuple(terms.other_name or ()),
        registered_ids=frozenset(terms.registered_id or ()),
        directory_names=tuple(map(parse_name, terms.directory_name or ())),
        dns_parents=frozenset(name.partition(".")[2] for name in (*names, *suffixes)),
    )


def is_allowed(name: x509.GeneralName, terms: NameTerms) -> bool:
    """Tell whether a rule allows exactly this name."""
    check = ALLOWED.get(type(name))
    return check is not None and check(name, terms)


def is_kept_out(name: x509.GeneralName, terms: NameTerms) -> bool:
    """Tell whether this name is, or can be taken for, one that a rule keeps out."""
    check = KEPT_OUT.get(type(name))
    return check is None or check(name, terms)


# --- DNS -----------------------------------------------------------------------------------------


def _dns_name(text: str) -> str:
    return host_name(text, wildcard=True)


def _dns_allowed(name: x509.DNSName, terms: NameTerms) -> bool:
    text = name.value
    if not is_canonical(text, _dns_name):
        return False
    if text in terms.dns_names:
        return True
    is_wildcard = text.startswith("*.")
    return any(
        (most is None or count <= most) and (wildcard or not is_wildcard)
        for count, suffix in below(text)
        for most, wildcard in terms.dns_suffixes.get(suffix, ())
    )


def _dns_kept_out(name: x509.DNSName, terms: NameTerms) -> bool:
    if not (terms.dns_names or terms.dns_suffixes):
        return False
    return not is_canonical(name.value, _dns_name) or dns_text_kept_out(name.value, terms)


def dns_text_kept_out(text: str, terms: NameTerms) -> bool:
    """Tell it of any text, which need not be a name by the rules: a common name is no such one."""
    text = host_read_as(text)
    first, _, rest = text.partition(".")
    if text in terms.dns_names or any(suffix in terms.dns_suffixes for _, suffix in below(text)):
        return True
    return "*" in first and rest in terms.dns_parents  # `a*` is one as well, to some readers


# --- IP addresses --------------------------------------------------------------------------------


def _ip_allowed(name: x509.IPAddress, terms: NameTerms) -> bool:
    address = name.value
    if not isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return False  # a network, which no certificate of an end entity has
    return any(_is_in(address, network) for network in terms.networks)


def _ip_kept_out(name: x509.IPAddress, terms: NameTerms) -> bool:
    address = name.value
    if not isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return True
    known = addresses_read_as(address)
    return any(_is_in(one, network) for one in known for network in terms.networks)


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: Network) -> bool:
    return address.version == network.version and address in network


# --- E-mail --------------------------------------------------------------------------------------


def _email_allowed(name: x509.RFC822Name, terms: NameTerms) -> bool:
    if not is_canonical(name.value, mailbox):
        return False
    return (
        name.value in terms.email_addresses or name.value.partition("@")[2] in terms.email_domains
    )


def _email_kept_out(name: x509.RFC822Name, terms: NameTerms) -> bool:
    if not (terms.email_addresses or terms.email_domains):
        return False
    return not is_canonical(name.value, mailbox) or email_text_kept_out(name.value, terms)


def email_text_kept_out(text: str, terms: NameTerms) -> bool:
    """Tell it of any text, in any case: few servers tell local parts apart by it."""
    text = mailbox_read_as(text)
    addresses = (address.lower() for address in terms.email_addresses)
    return text in addresses or text.rpartition("@")[2] in terms.email_domains


# --- URIs ----------------------------------------------------------------------------------------


def _uri_allowed(name: x509.UniformResourceIdentifier, terms: NameTerms) -> bool:
    return uri_allowed(name, terms.uris)


def _uri_kept_out(name: x509.UniformResourceIdentifier, terms: NameTerms) -> bool:
    return uri_kept_out(name, terms.uris)


# --- Names of other types ------------------------------------------------------------------------


def _other_name_allowed(name: x509.OtherName, terms: NameTerms) -> bool:
    return any(_fits_other(name, rule) for rule in terms.other_names)


def _other_name_kept_out(name: x509.OtherName, terms: NameTerms) -> bool:
    """In any case and any type of string: directories look users up without regard to either."""
    text, oid = value_read_as(name.value), name.type_id.dotted_string
    if oid == SMTP_UTF8_MAILBOX and email_text_kept_out(text, terms):
        return True
    return any(rule.oid == oid and _reads_as(text, rule) for rule in terms.other_names)


def _reads_as(text: str, rule: OtherNameRule) -> bool:
    if rule.value is not None:
        return text == value_read_as(parse_other_name(f"{rule.oid};{rule.value}").value)
    if rule.domain is not None:
        return "@" in text and text.rpartition("@")[2] == canonical_host(rule.domain)
    return rule.any


def _fits_other(name: x509.OtherName, rule: OtherNameRule) -> bool:
    if name.type_id.dotted_string != rule.oid:
        return False
    if rule.any:
        return True
    if rule.value is not None:
        return parse_other_name(f"{rule.oid};{rule.value}").value == name.value
    return rule.domain is not None and _domain_of(name.value) == canonical_host(rule.domain)


def _domain_of(der: bytes) -> str | None:
    """Return the domain of a text of the form `user@domain`; None for anything else."""
    try:
        value = read_single(der)
        if value.tag not in {UTF8_STRING, IA5_STRING}:
            return None
        user, at, domain = value.content.decode().partition("@")
        return host_name(domain) if user and at else None
    except (ValueError, InvalidValueError):
        return None


def _registered_id_fits(name: x509.RegisteredID, terms: NameTerms) -> bool:
    return name.value.dotted_string in terms.registered_ids


def _directory_name_allowed(name: x509.DirectoryName, terms: NameTerms) -> bool:
    return name.value in terms.directory_names


def _directory_name_kept_out(name: x509.DirectoryName, terms: NameTerms) -> bool:
    texts = (distinguished_name_read_as(format_name(known)) for known in terms.directory_names)
    return distinguished_name_read_as(format_name(name.value)) in texts


Check = Callable[..., bool]

ALLOWED: Final[Mapping[type[x509.GeneralName], Check]] = {
    x509.DNSName: _dns_allowed,
    x509.IPAddress: _ip_allowed,
    x509.RFC822Name: _email_allowed,
    x509.UniformResourceIdentifier: _uri_allowed,
    x509.OtherName: _other_name_allowed,
    x509.RegisteredID: _registered_id_fits,
    x509.DirectoryName: _directory_name_allowed,
}
KEPT_OUT: Final[Mapping[type[x509.GeneralName], Check]] = {
    x509.DNSName: _dns_kept_out,
    x509.IPAddress: _ip_kept_out,
    x509.RFC822Name: _email_kept_out,
    x509.UniformResourceIdentifier: _uri_kept_out,
    x509.OtherName: _other_name_kept_out,
    x509.RegisteredID: _registered_id_fits,
    x509.DirectoryName: _directory_name_kept_out,
}

FIELDS: Final[Mapping[type[x509.GeneralName], str]] = {
    x509.DNSName: "dns",
    x509.IPAddress: "ip",
    x509.RFC822Name: "email",
    x509.UniformResourceIdentifier: "uri",
    x509.OtherName: "other_name",
    x509.RegisteredID: "registered_id",
    x509.DirectoryName: "directory_name",
}
"""The field of a policy that speaks of names of this type."""


def written_fields(terms: Allowed | Matched) -> frozenset[str]:
    """Return the fields that a policy writes down, be it as an empty list."""
    fields: Iterable[str] = type(terms).model_fields
    return frozenset(field for field in fields if getattr(terms, field) is not None)
