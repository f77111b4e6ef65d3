"""
Is a certificate within the name constraints and path lengths of the authorities above it?

RFC 5280 sections 4.2.1.9, 4.2.1.10 and 6.1. Where readers differ, the stricter answer is given: a
certificate that some of them refuse is of no use.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki_as_code.escape import quoted, safe
from pki_as_code.model import Finding, Severity
from pki_as_code.pkix.general_names import format_general_name
from pki_as_code.pkix.names import format_name
from pki_as_code.pkix.subtrees import (
    SUBTREES,
    dns_name_in_common_name,
    ip_address_in_common_name,
)

# What cryptography raises for extensions it cannot decode.
_UNREADABLE = (ValueError, TypeError, x509.UnsupportedGeneralNameType, x509.DuplicateExtension)


@dataclass(frozen=True, slots=True)
class _CheckedName:
    """A name that constraints apply to, and how to tell the user where it stands."""

    name_type: type[x509.GeneralName]
    value: object
    """Of that type's `value`; text may be what the type itself would not take."""

    label: str


def name_constraint_findings(
    subject: x509.Name, names: Sequence[x509.GeneralName], chain: Sequence[x509.Certificate]
) -> list[Finding]:
    """
    Return a finding for every name that an authority of `chain` does not allow.

    `names` is the subjectAltName, `chain` the issuer first and then upwards. Checked besides it:
    the subject as a directoryName, its emailAddress attributes as mailboxes, and a common name that
    reads as a host name or an IP address as one. Codes: `rfc5280.name_not_permitted`,
    `rfc5280.name_excluded`, and `rfc5280.name_constraints_unsupported` for constraints that cannot
    be evaluated although they apply.
    """
    if not any(map(_may_constrain, chain)):
        return []
    checked = list(_checked_names(subject, names))
    findings: list[Finding] = []
    for authority in chain:
        findings += _findings_under(authority, checked)
    return findings


def path_length_findings(
    is_ca: bool, path_length: int | None, chain: Sequence[x509.Certificate]
) -> list[Finding]:
    """
    Return what is wrong with the path length of a new authority below `chain` (issuer first).

    Self-issued certificates are not counted (RFC 5280 section 4.2.1.9). Codes:
    `rfc5280.path_length_exceeded`, `rfc5280.path_length_too_long` and, as a warning,
    `rfc5280.path_length_open`.
    """
    if not is_ca:
        return []
    allowed = _allowed_path_length(chain)
    if allowed is None:
        return []
    remaining, authority = allowed
    issuer = format_name(authority.subject)
    if remaining < 0:
        return [
            Finding(
                "rfc5280.path_length_exceeded",
                f"the path length of {issuer} allows no further authority here",
                help="issue the authority from one with a longer path length",
            )
        ]
    if path_length is None:
        return [
            Finding(
                "rfc5280.path_length_open",
                f"the authority has no path length while {issuer} leaves it {remaining}",
                severity=Severity.WARNING,
                help=f"set pathLength: {remaining} or less",
            )
        ]
    if path_length > remaining:
        return [
            Finding(
                "rfc5280.path_length_too_long",
                f"a path length of {path_length} is more than the {remaining} that {issuer} leaves",
                help=f"set pathLength: {remaining} or less",
            )
        ]
    return []


def _allowed_path_length(
    chain: Sequence[x509.Certificate],
) -> tuple[int, x509.Certificate] | None:
    """Return the longest path length below `chain`, and the authority that limits it."""
    tightest: tuple[int, x509.Certificate] | None = None
    between = 0
    for authority in chain:
        limit = _path_length(authority)
        if limit is not None:
            remaining = limit - between - 1
            if tightest is None or remaining < tightest[0]:
                tightest = remaining, authority
        if authority.subject != authority.issuer:
            between += 1
    return tightest


@functools.lru_cache(maxsize=16)
def _path_length(authority: x509.Certificate) -> int | None:
    try:
        extension = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return None
    except _UNREADABLE:
        return 0
    return extension.value.path_length


def _checked_names(subject: x509.Name, names: Sequence[x509.GeneralName]) -> Iterator[_CheckedName]:
    if subject.rdns:
        yield _CheckedName(x509.DirectoryName, subject, f"the subject {format_name(subject)}")
    for name in names:
        yield _CheckedName(type(name), name.value, safe(format_general_name(name)))
    has_dns_name = any(isinstance(name, x509.DNSName) for name in names)
    for attribute in subject:
        value = attribute.value
        if isinstance(value, bytes):
            continue
        if attribute.oid == NameOID.EMAIL_ADDRESS:
            label = f"the emailAddress {quoted(value)} of the subject"
            yield _CheckedName(x509.RFC822Name, value, label)
        elif attribute.oid == NameOID.COMMON_NAME:
            yield from _names_in_common_name(value, has_dns_name)


def _names_in_common_name(value: str, has_dns_name: bool) -> Iterator[_CheckedName]:
    """
    Readers take a common name for a host name when there is no dNSName, some also when there is.

    OpenSSL takes an IP address there for a host name as well, so it is both in the former case.
    """
    label = f"the common name {quoted(value)}"
    address = ip_address_in_common_name(value)
    if address is not None:
        yield _CheckedName(x509.IPAddress, address, label)
    if address is None or not has_dns_name:
        host = dns_name_in_common_name(value)
        if host is not None:
            yield _CheckedName(x509.DNSName, host, label)


@functools.lru_cache(maxsize=16)
def _name_constraints(authority: x509.Certificate) -> x509.NameConstraints | None:
    """Return the constraints of an authority. Raises one of `_UNREADABLE`."""
    try:
        extension = authority.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return None
    # cryptography passes over `minimum` and `maximum`, which nobody may have set: what it read must
    # be all there is.
    if extension.value.public_bytes() not in authority.public_bytes(Encoding.DER):
        raise ValueError("name constraints with a minimum or maximum")
    return extension.value


def _may_constrain(authority: x509.Certificate) -> bool:
    try:
        return _name_constraints(authority) is not None
    except _UNREADABLE:
        return True


def _findings_under(
    authority: x509.Certificate, checked: Sequence[_CheckedName]
) -> Iterator[Finding]:
    issuer = format_name(authority.subject)
    try:
        constraints = _name_constraints(authority)
    except _UNREADABLE:
        yield _unsupported(issuer, "cannot be read")
        return
    if constraints is None:
        return
    permitted = constraints.permitted_subtrees or []
    excluded = constraints.excluded_subtrees or []
    for item in checked:
        permitted_bases = [base.value for base in permitted if isinstance(base, item.name_type)]
        excluded_bases = [base.value for base in excluded if isinstance(base, item.name_type)]
        within = SUBTREES.get(item.name_type)
        if within is None:
            if permitted_bases or excluded_bases:
                yield _unsupported(issuer, f"of the type of {item.label} are not supported")
            continue
        if any(within.is_excluded(item.value, base) for base in excluded_bases):
            yield Finding(
                "rfc5280.name_excluded",
                f"{item.label} is excluded by the name constraints of {issuer}",
                help="remove the name, or issue from another authority",
            )
        if permitted_bases and not any(
            within.is_permitted(item.value, base) for base in permitted_bases
        ):
            yield Finding(
                "rfc5280.name_not_permitted",
                f"{item.label} is outside what the name constraints of {issuer} permit",
                help="remove the name, or issue from another authority",
            )


def _unsupported(issuer: str, reason: str) -> Finding:
    return Finding(
        "rfc5280.name_constraints_unsupported",
        f"name constraints of {issuer} {reason}",
        help="issue from an authority whose constraints are on DNS, IP, email, URI or dirName",
    )
