"""Lints of the extensions of a CRL (RFC 5280 section 5.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Finding
from pki_as_code.pkix import der
from pki_as_code.pkix.crl.distribution_point import parse_issuing_distribution_point
from pki_as_code.pkix.crl.frame import (
    AUTHORITY_KEY_IDENTIFIER,
    CRL_NUMBER,
    DELTA_CRL_INDICATOR,
    ISSUING_DISTRIBUTION_POINT,
    MAX_CRL_NUMBER,
    issuer_key_identifier,
)
from pki_as_code.pkix.crl.read import read_crl_number, read_key_identifier
from pki_as_code.pkix.lint.base import (
    AUTHORITY_INFORMATION_ACCESS,
    FRESHEST_CRL,
    ISSUER_ALTERNATIVE_NAME,
    error,
)
from pki_as_code.pkix.raw_certificate import RawExtension

Extensions = tuple[RawExtension, ...] | None
Lint = Callable[[Extensions, x509.Certificate], Iterator[Finding]]

_NAMES: Final = {
    AUTHORITY_INFORMATION_ACCESS: "authorityInfoAccess",
    AUTHORITY_KEY_IDENTIFIER: "authorityKeyIdentifier",
    CRL_NUMBER: "cRLNumber",
    DELTA_CRL_INDICATOR: "deltaCRLIndicator",
    FRESHEST_CRL: "freshestCRL",
    ISSUER_ALTERNATIVE_NAME: "issuerAltName",
    ISSUING_DISTRIBUTION_POINT: "issuingDistributionPoint",
}
_CRITICAL: Final = frozenset({DELTA_CRL_INDICATOR, ISSUING_DISTRIBUTION_POINT})
_USER_CERTS, _CA_CERTS, _ATTRIBUTE_CERTS = 0x81, 0x82, 0x85


def extensions_are_there_once(extensions: Extensions, _: x509.Certificate) -> Iterator[Finding]:
    """Section 5.1.2.7 and X.690 section 11.5: not an empty list, nothing twice, no default."""
    if extensions is not None and not extensions:
        yield error("rfc5280.crl_extensions_empty", "the list of extensions is empty")
    for oid, count in Counter(extension.oid for extension in extensions or ()).items():
        if count > 1:
            text = f"the CRL has {_label(oid)} {count} times"
            yield error("rfc5280.crl_duplicate_extension", text)
    for extension in extensions or ():
        if extension.has_default:
            text = f"{_label(extension.oid)} writes out critical FALSE"
            yield error("rfc5280.crl_default_encoded", text)


def criticality_is_right(extensions: Extensions, _: x509.Certificate) -> Iterator[Finding]:
    """Section 5.2: a CRL with a critical extension that is not known is of no use to anybody."""
    for extension in extensions or ():
        name = _label(extension.oid)
        if extension.oid not in _NAMES:
            if extension.critical:
                text = f"{name} is critical, and nothing understands it"
                yield error("rfc5280.crl_unknown_critical_extension", text)
        elif extension.critical is not (extension.oid in _CRITICAL):
            must = "must not be critical" if extension.critical else "must be critical"
            yield error("rfc5280.crl_criticality", f"{name} {must}")


def key_identifier_is_the_issuers(
    extensions: Extensions, issuer: x509.Certificate
) -> Iterator[Finding]:
    """Section 5.2.1: there, and the subject key identifier of the authority."""
    value = _value(extensions, AUTHORITY_KEY_IDENTIFIER)
    if value is None:
        yield error("rfc5280.crl_aki_missing", "the CRL has no authorityKeyIdentifier")
        return
    try:
        identifier = read_key_identifier(value)
    except InvalidValueError:
        identifier = None
    if identifier != issuer_key_identifier(issuer):
        text = "authorityKeyIdentifier of the CRL is not the authority's subjectKeyIdentifier"
        yield error("rfc5280.crl_aki_mismatch", text)


def number_is_there(extensions: Extensions, _: x509.Certificate) -> Iterator[Finding]:
    """Section 5.2.3: from 0 on, at most 20 octets."""
    value = _value(extensions, CRL_NUMBER)
    if value is None:
        yield error("rfc5280.crl_number_missing", "the CRL has no number")
        return
    try:
        read_crl_number(value)
    except InvalidValueError:
        text = f"the number of the CRL is not one from 0 to {MAX_CRL_NUMBER:#x}"
        yield error("rfc5280.crl_number_range", text)


def is_complete(extensions: Extensions, _: x509.Certificate) -> Iterator[Finding]:
    """Section 5.2.4: a delta CRL is no substitute for a complete one."""
    if _value(extensions, DELTA_CRL_INDICATOR) is not None:
        yield error("rfc5280.crl_delta", "it is a delta CRL, where a complete one belongs")


def distribution_point_is_sound(extensions: Extensions, _: x509.Certificate) -> Iterator[Finding]:
    """Section 5.2.5: says something, at most one onlyContains, not indirect, for all reasons."""
    value = _value(extensions, ISSUING_DISTRIBUTION_POINT)
    if value is None:
        return
    tlv = der.read_single(value)
    members = der.children(tlv) if tlv.tag == der.SEQUENCE else ()
    tags = {member.tag for member in members}
    if not members:
        yield error("rfc5280.crl_idp_empty", "issuingDistributionPoint says nothing")
    elif len(tags & {_USER_CERTS, _CA_CERTS, _ATTRIBUTE_CERTS}) > 1:
        text = "issuingDistributionPoint has more than one onlyContains"
        yield error("rfc5280.crl_idp_contains", text)
    elif any(m.content == b"\x00" for m in members if not m.is_constructed):
        text = "issuingDistributionPoint writes out a default value"
        yield error("rfc5280.crl_default_encoded", text)
    else:
        try:
            parse_issuing_distribution_point(value)
        except InvalidValueError as refusal:
            yield error("rfc5280.crl_idp_unsupported", refusal.message)


LINTS: tuple[Lint, ...] = (
    extensions_are_there_once,
    criticality_is_right,
    key_identifier_is_the_issuers,
    number_is_there,
    is_complete,
    distribution_point_is_sound,
)


def _value(extensions: Extensions, oid: str) -> bytes | None:
    return next((e.value_der for e in extensions or () if e.oid == oid), None)


def _label(oid: str) -> str:
    return _NAMES.get(oid, f"extension {oid}")
