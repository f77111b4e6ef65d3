"""Extensions as a person reads them: from the JSON form to lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pki_as_code.escape import safe
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions import extension_name

_TITLES: Final[Mapping[str, str]] = {
    "admissions": "Admissions",
    "authorityInfoAccess": "Authority Information Access",
    "authorityKeyIdentifier": "Authority Key Identifier",
    "basicConstraints": "Basic Constraints",
    "certificatePolicies": "Certificate Policies",
    "crlDistributionPoints": "CRL Distribution Points",
    "extendedKeyUsage": "Extended Key Usage",
    "freshestCrl": "Freshest CRL",
    "inhibitAnyPolicy": "Inhibit anyPolicy",
    "issuerAltName": "Issuer Alternative Name",
    "keyUsage": "Key Usage",
    "msCertificateTemplate": "Microsoft Certificate Template",
    "nameConstraints": "Name Constraints",
    "noRevAvail": "No Revocation Available",
    "ocspNoCheck": "OCSP No Check",
    "policyConstraints": "Policy Constraints",
    "policyMappings": "Policy Mappings",
    "precertPoison": "Precert Poison",
    "privateKeyUsagePeriod": "Private Key Usage Period",
    "signedCertificateTimestamps": "Signed Certificate Timestamps",
    "subjectAltName": "Subject Alternative Name",
    "subjectInfoAccess": "Subject Information Access",
    "subjectKeyIdentifier": "Subject Key Identifier",
    "tlsFeature": "TLS Feature",
}

_WORDS: Final[Mapping[str, str]] = {
    "addProfessionInfo": "Additional information (DER)",
    "admissionAuthority": "Admission authority",
    "authorityCertIssuer": "Issuer",
    "authorityCertSerialNumber": "Serial",
    "caIssuers": "CA Issuers",
    "caRepository": "CA Repository",
    "contentsOfAdmissions": "Admissions",
    "crlIssuer": "CRL Issuer",
    "excluded": "Excluded",
    "explicitText": "Explicit Text",
    "fullName": "Full Name",
    "inhibitPolicyMapping": "Inhibit policy mapping after",
    "issuerDomainPolicy": "Issuer policy",
    "keyIdentifier": "KeyID",
    "logId": "Log",
    "majorVersion": "Major version",
    "minorVersion": "Minor version",
    "nameRelativeToCRLIssuer": "Name relative to the CRL issuer",
    "namingAuthority": "Naming authority",
    "namingAuthorityId": "Identifier",
    "namingAuthorityText": "Text",
    "namingAuthorityUrl": "URL",
    "notAfter": "Not after",
    "notBefore": "Not before",
    "noticeNumbers": "Notice Numbers",
    "noticeRef": "Notice Reference",
    "ocsp": "OCSP",
    "organization": "Organization",
    "permitted": "Permitted",
    "professionInfos": "Professions",
    "professionItems": "Items",
    "professionOids": "Identifiers",
    "registrationNumber": "Registration number",
    "requireExplicitPolicy": "Require explicit policy after",
    "subjectDomainPolicy": "Subject policy",
    "templateId": "Template ID",
    "timeStamping": "Time Stamping",
    "timestamp": "Timestamp",
    "userNotice": "User Notice",
}
"""What members of JSON forms are called; others keep their name."""

_FEATURES: Final[Mapping[str, str]] = {
    "status_request": "status_request (OCSPMustStaple)",
    "status_request_v2": "status_request_v2 (MultipleCertStatusRequest)",
}


def extension_title(oid: str) -> str:
    """Return the English name of an extension, or its dotted object identifier."""
    name = extension_name(oid)
    return _TITLES.get(name, name)


def extension_lines(oid: str, value: JsonValue) -> list[str]:
    """Return the lines for a value in the form `describe_extension` gives; all text escaped."""
    lines = _SPECIAL.get(extension_name(oid), _lines)(value)
    return [_indented(line) for line in lines]


def _indented(line: str) -> str:
    """Escape a line, keeping what indents it."""
    text = line.lstrip(" ")
    return line[: len(line) - len(text)] + safe(text)


def _lines(value: JsonValue) -> Iterator[str]:
    """Return any value: members with their names, lists with stars, nested by two blanks."""
    if isinstance(value, dict):
        for name, member in value.items():
            label = _WORDS.get(name, name)
            if isinstance(member, dict | list):
                yield f"{label}:"
                yield from (f"  {line}" for line in _lines(member))
            else:
                yield f"{label}: {_scalar(member)}"
    elif isinstance(value, list):
        for member in value:
            first, *rest = list(_lines(member)) or [""]
            yield f"* {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _scalar(value: JsonValue) -> str:
    return "Yes" if value is True else str(value)


def _sorted(value: JsonValue) -> Iterator[str]:
    yield from (f"* {name}" for name in sorted(map(str, value), key=str.lower))


def _basic_constraints(value: dict[str, Any]) -> Iterator[str]:
    length = value.get("pathLenConstraint")
    suffix = "" if length is None else f", path length:{length}"
    yield f"CA:{'TRUE' if value['cA'] else 'FALSE'}{suffix}"


def _key_identifier(value: dict[str, Any]) -> Iterator[str]:
    yield from (f"* {line}" if not line.startswith(" ") else line for line in _lines(value))


def _access(value: dict[str, Any]) -> Iterator[str]:
    for method in sorted(value):
        yield f"{_WORDS.get(method, method)}:"
        yield from (f"  * {location}" for location in value[method])


def _distribution_points(value: list[dict[str, Any]]) -> Iterator[str]:
    for point in value:
        yield "* DistributionPoint:"
        for name in ("fullName", "nameRelativeToCRLIssuer", "crlIssuer"):
            found = point.get(name)
            if found:
                yield f"  * {_WORDS[name]}:"
                yield from (f"    * {n}" for n in ([found] if isinstance(found, str) else found))
        if point.get("reasons"):
            yield f"  * Reasons: {', '.join(point['reasons'])}"


def _policies(value: list[dict[str, Any]]) -> Iterator[str]:
    for policy in value:
        yield f"* Policy Identifier: {policy['policyIdentifier']}"
        qualifiers = policy.get("policyQualifiers", ())
        yield "  Policy Qualifiers:" if qualifiers else "  No Policy Qualifiers"
        for qualifier in qualifiers:
            if "cps" in qualifier:
                yield f"  * {qualifier['cps']}"
                continue
            yield "  * User Notice:"
            yield from (f"    * {line}" for line in _notice(qualifier["userNotice"]))


def _notice(notice: dict[str, Any]) -> Iterator[str]:
    if "explicitText" in notice:
        yield f"Explicit Text: {notice['explicitText']}"
    if "noticeRef" in notice:
        reference = notice["noticeRef"]
        numbers = ", ".join(str(number) for number in reference["noticeNumbers"])
        yield f"Notice Reference: {reference['organization']} ({numbers})"


def _features(value: list[str]) -> Iterator[str]:
    yield from (f"* {_FEATURES.get(name, name)}" for name in value)


_SPECIAL: Final[Mapping[str, Callable[[Any], Iterator[str]]]] = {
    "authorityInfoAccess": _access,
    "authorityKeyIdentifier": _key_identifier,
    "basicConstraints": _basic_constraints,
    "certificatePolicies": _policies,
    "crlDistributionPoints": _distribution_points,
    "extendedKeyUsage": _sorted,
    "freshestCrl": _distribution_points,
    "keyUsage": _sorted,
    "subjectInfoAccess": _access,
    "tlsFeature": _features,
}
