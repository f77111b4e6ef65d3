"""Extensions that may stand in any certificate (RFC 5280 section 4.2 and the RFCs named)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pki_as_code.model import Finding
from pki_as_code.pkix import der
from pki_as_code.pkix.certificate import subject_key_identifier
from pki_as_code.pkix.extensions import EXTENSION_BY_OID, Criticality, Holder
from pki_as_code.pkix.extensions.extended_key_usage import PURPOSES, purpose_name
from pki_as_code.pkix.lint.base import (
    AUTHORITY_INFORMATION_ACCESS,
    AUTHORITY_KEY_IDENTIFIER,
    CRL_DISTRIBUTION_POINTS,
    FRESHEST_CRL,
    KEY_USAGE,
    NO_REVOCATION_AVAILABLE,
    OCSP_NO_CHECK,
    POLICY_MAPPINGS,
    SUBJECT_INFORMATION_ACCESS,
    SUBJECT_KEY_IDENTIFIER,
    TLS_FEATURE,
    Linted,
    RawCertificate,
    error,
    label,
    warning,
)
from pki_as_code.pkix.lint.names import DIRECTORY_NAME, URI, general_name_findings

ANY_PURPOSE: Final = PURPOSES["anyExtendedKeyUsage"]
OCSP_SIGNING: Final = PURPOSES["OCSPSigning"]
OCSP_METHOD: Final = "1.3.6.1.5.5.7.48.1"

_MUST_BE_CRITICAL = frozenset(
    oid for oid, e in EXTENSION_BY_OID.items() if e.criticality is Criticality.MUST
)
_MUST_NOT_BE_CRITICAL = frozenset(
    oid for oid, e in EXTENSION_BY_OID.items() if e.criticality is Criticality.MUST_NOT
) | {AUTHORITY_KEY_IDENTIFIER, SUBJECT_KEY_IDENTIFIER}
_SHOULD_BE_CRITICAL = frozenset({KEY_USAGE, POLICY_MAPPINGS})
_SHOULD_NOT_BE_CRITICAL = frozenset({CRL_DISTRIBUTION_POINTS, TLS_FEATURE, OCSP_NO_CHECK})

_KEY_IDENTIFIER_TAG = 0x80
_POINT_NAME_TAG, _CRL_ISSUER_TAG = 0xA0, 0xA2
_FULL_NAME_TAG = 0xA0


def extensions_are_there_and_differ(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 sections 4.1.2.9 and 4.2: at least one, none twice."""
    extensions = linted.raw.extensions
    if extensions is not None and not extensions:
        yield error("rfc5280.extensions_empty", "the list of extensions is empty")
    seen: set[str] = set()
    for extension in extensions or ():
        if extension.oid in seen:
            yield error("rfc5280.duplicate_extension", f"{label(extension.oid)} stands there twice")
        seen.add(extension.oid)


def criticality_is_as_the_standard_says(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.2, and the section or RFC of each extension."""
    for oid, extension in linted.extensions.items():
        if oid in _MUST_BE_CRITICAL and not extension.critical:
            yield error("rfc5280.criticality", f"{label(oid)} must be critical")
        elif oid in _MUST_NOT_BE_CRITICAL and extension.critical:
            yield error("rfc5280.criticality", f"{label(oid)} must not be critical")
        elif oid in _SHOULD_BE_CRITICAL and not extension.critical:
            yield warning("rfc5280.criticality_advice", f"{label(oid)} should be critical")
        elif oid in _SHOULD_NOT_BE_CRITICAL and extension.critical:
            yield warning("rfc5280.criticality_advice", f"{label(oid)} should not be critical")


def extensions_are_for_this_holder(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 sections 4.2.1.5, 10, 11, 14; RFC 6960 section 4.2.2.2.1; RFC 9608 section 2."""
    for oid in linted.extensions:
        known = EXTENSION_BY_OID.get(oid)
        if known is None:
            continue
        if known.holder is Holder.CA and not linted.is_ca:
            yield error(
                "rfc5280.ca_extension_in_end_entity",
                f"{known.name} belongs in {Holder.CA.value}",
                help_text=f"remove {known.name}",
            )
        if known.holder is Holder.END_ENTITY and linted.is_ca:
            yield error(
                "rfc5280.end_entity_extension_in_ca",
                f"{known.name} belongs in {Holder.END_ENTITY.value}",
                help_text=f"remove {known.name}",
            )


def issuer_is_identified_by_its_key(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.2.1.1: keyIdentifier, equal to the issuer's subject key identifier."""
    members = linted.members(AUTHORITY_KEY_IDENTIFIER)
    if members is None:
        if linted.issuer is not None:
            yield error("rfc5280.aki_missing", "authorityKeyIdentifier is missing")
        return
    identifiers = [m.content for m in members if m.tag == _KEY_IDENTIFIER_TAG]
    if not identifiers:
        yield error("rfc5280.aki_without_key", "authorityKeyIdentifier has no keyIdentifier")
    elif identifiers[0] != _key_identifier(linted.issuer or linted):
        yield error(
            "rfc5280.aki_mismatch",
            "authorityKeyIdentifier differs from the subjectKeyIdentifier of the issuer",
        )


def _key_identifier(signer: RawCertificate) -> bytes:
    """Return the subject key identifier, or the one that is derived where there is none."""
    identifier = signer.octets(SUBJECT_KEY_IDENTIFIER)
    if identifier is not None:
        return identifier
    return subject_key_identifier(signer.raw.public_key.encoding)


def subject_key_is_identified(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.2.1.2: must be in a CA, should be in others."""
    identifier = linted.octets(SUBJECT_KEY_IDENTIFIER)
    if identifier is None and linted.is_ca:
        yield error("rfc5280.ski_missing", "subjectKeyIdentifier is missing in an authority")
    elif identifier is None:
        yield warning("rfc5280.ski_missing_in_end_entity", "subjectKeyIdentifier is missing")
    elif not identifier:
        yield error("rfc5280.ski_empty", "subjectKeyIdentifier is empty")


def purposes_are_there_and_differ(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.2.1.12: at least one, none twice."""
    purposes = linted.extended_key_usages
    if purposes is None:
        return
    if not purposes:
        yield error("rfc5280.no_purpose", "extendedKeyUsage holds no purpose")
    if len(set(purposes)) != len(purposes):
        yield error("rfc5280.repeated_purpose", "extendedKeyUsage has a purpose twice")


def purposes_are_not_unlimited(linted: Linted) -> Iterator[Finding]:
    """CA/B Forum BR section 7.1.2.7.10: no anyExtendedKeyUsage in an end entity."""
    if ANY_PURPOSE in (linted.extended_key_usages or ()) and not linted.is_ca:
        yield warning("cabf.any_purpose", "extendedKeyUsage allows any purpose")


def purposes_are_within_the_issuers(linted: Linted) -> Iterator[Finding]:
    """
    CA/B Forum BR section 7.1.2.10.6; what Microsoft, Mozilla and Go do with RFC 5280 4.2.1.12.

    An issuer with extendedKeyUsage hands on no other purposes. OCSPSigning is excepted, or no such
    issuer could have a responder.
    """
    allowed = linted.issuer.extended_key_usages if linted.issuer else None
    if allowed is None or ANY_PURPOSE in allowed:
        return
    purposes = linted.extended_key_usages
    if purposes is None:
        if linted.is_ca:
            return  # such an authority stays within its issuer's purposes for all readers
        yield warning(
            "rfc5280.purposes_open",
            "the certificate has no extendedKeyUsage although its issuer is limited to some",
        )
        return
    for purpose in purposes:
        if purpose not in allowed and purpose != OCSP_SIGNING:
            yield error(
                "rfc5280.purpose_not_allowed",
                f"the issuer is not allowed the purpose {purpose_name(purpose)}",
                help_text="remove the purpose, or issue from another authority",
            )


def responders_only_respond(linted: Linted) -> Iterator[Finding]:
    """RFC 6960 section 4.2.2.2; CA/B Forum BR section 7.1.2.8.5: OCSPSigning stands alone."""
    purposes = linted.extended_key_usages or ()
    if OCSP_SIGNING not in purposes:
        if OCSP_NO_CHECK in linted.extensions:
            yield error(
                "rfc6960.no_check_without_ocsp_signing",
                "ocspNoCheck belongs in certificates of OCSP responders only",
                help_text="remove ocspNoCheck, or add the purpose OCSPSigning",
            )
    elif linted.is_ca:
        yield error("rfc6960.ca_with_ocsp_signing", "an authority has the purpose OCSPSigning")
    elif len(purposes) > 1:
        yield warning(
            "cabf.ocsp_signing_with_other_purposes",
            "an OCSP responder has other purposes besides OCSPSigning",
        )


def distribution_points_say_where_or_who(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 sections 4.2.1.13 and 4.2.1.15: never reasons alone; names of their form."""
    for oid in (CRL_DISTRIBUTION_POINTS, FRESHEST_CRL):
        points = linted.members(oid)
        if points is not None and not points:
            yield error("rfc5280.no_distribution_point", f"{label(oid)} holds no point")
        for point in points or ():
            members = {member.tag: member for member in der.children(point)}
            if not members.keys() & {_POINT_NAME_TAG, _CRL_ISSUER_TAG}:
                yield error(
                    "rfc5280.distribution_point",
                    f"a point of {label(oid)} says neither where nor from whom the CRL is",
                )
            yield from _point_name_findings(members.get(_POINT_NAME_TAG), label(oid))
            issuer = members.get(_CRL_ISSUER_TAG)
            if issuer and not any(n.tag == DIRECTORY_NAME for n in der.children(issuer)):
                yield error(
                    "rfc5280.crl_issuer", f"a cRLIssuer of {label(oid)} has no directory name"
                )


def _point_name_findings(point_name: der.Tlv | None, where: str) -> Iterator[Finding]:
    for kind in der.children(point_name) if point_name else ():
        for name in der.children(kind) if kind.tag == _FULL_NAME_TAG else ():
            yield from general_name_findings(name, where)


def access_locations_can_be_fetched(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 sections 4.2.2.1 and 4.2.2.2: http or ldap URIs, to be of use."""
    for oid in (AUTHORITY_INFORMATION_ACCESS, SUBJECT_INFORMATION_ACCESS):
        descriptions = linted.members(oid)
        if descriptions is not None and not descriptions:
            yield error("rfc5280.no_access_location", f"{label(oid)} holds no location")
        for description in descriptions or ():
            _, location = der.children(description)
            yield from general_name_findings(location, label(oid))
            if location.tag != URI:
                yield warning(
                    "rfc5280.access_location_not_uri", f"a location of {label(oid)} is not a URI"
                )


def tls_features_are_handed_on(linted: Linted) -> Iterator[Finding]:
    """RFC 7633 sections 4.1 and 4.2.2: numbers; all of the issuer's among them; none twice."""
    features = _tls_features(linted)
    if features is not None and len(set(features)) != len(features):
        yield error("rfc7633.repeated_feature", "tlsFeature has a feature twice")
    if features is not None and not features:
        yield error("rfc7633.no_feature", "tlsFeature holds no feature")
    required = (_tls_features(linted.issuer) if linted.issuer else None) or []
    missing = sorted(set(required) - set(features or ()))
    if missing:
        yield error(
            "rfc7633.feature_missing",
            f"tlsFeature lacks {', '.join(map(str, missing))}, which the issuer has",
            help_text="add tlsFeature with everything the authority has there",
        )


def _tls_features(certificate: RawCertificate) -> list[int] | None:
    members = certificate.members(TLS_FEATURE)
    return None if members is None else [der.decode_integer(m.content) for m in members]


def no_revocation_means_no_pointers(linted: Linted) -> Iterator[Finding]:
    """RFC 9608 section 4: noRevAvail never together with where revocation could be looked up."""
    if NO_REVOCATION_AVAILABLE not in linted.extensions:
        return
    for oid in (CRL_DISTRIBUTION_POINTS, FRESHEST_CRL):
        if oid in linted.extensions:
            yield _contradiction(label(oid))
    for description in linted.members(AUTHORITY_INFORMATION_ACCESS) or ():
        if der.decode_oid(der.children(description)[0].content) == OCSP_METHOD:
            yield _contradiction("the OCSP location of authorityInfoAccess")


def _contradiction(what: str) -> Finding:
    return error(
        "rfc9608.revocation_pointer",
        f"{what} contradicts noRevAvail",
        help_text=f"remove {what} (addCrlUrl, addOcspUrl) or noRevAvail",
    )


LINTS = (
    extensions_are_there_and_differ,
    criticality_is_as_the_standard_says,
    extensions_are_for_this_holder,
    issuer_is_identified_by_its_key,
    subject_key_is_identified,
    purposes_are_there_and_differ,
    purposes_are_not_unlimited,
    purposes_are_within_the_issuers,
    responders_only_respond,
    distribution_points_say_where_or_who,
    access_locations_can_be_fetched,
    tls_features_are_handed_on,
    no_revocation_means_no_pointers,
)

LINTS_OF_FRAME = (
    extensions_are_there_and_differ,
    criticality_is_as_the_standard_says,
    extensions_are_for_this_holder,
    issuer_is_identified_by_its_key,
    purposes_are_there_and_differ,
    purposes_are_not_unlimited,
    purposes_are_within_the_issuers,
    responders_only_respond,
    distribution_points_say_where_or_who,
    access_locations_can_be_fetched,
    tls_features_are_handed_on,
    no_revocation_means_no_pointers,
)
