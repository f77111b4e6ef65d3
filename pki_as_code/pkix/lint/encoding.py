"""Is it DER, and DER of what it claims to be? Every other lint builds on these."""

from __future__ import annotations

from collections.abc import Iterator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Finding
from pki_as_code.pkix import der
from pki_as_code.pkix.extensions import EXTENSION_BY_OID
from pki_as_code.pkix.extensions.parse import UNREADABLE, parse_extension
from pki_as_code.pkix.lint.base import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    NO_REVOCATION_AVAILABLE,
    POLICY_MAPPINGS,
    Linted,
    error,
    label,
)
from pki_as_code.pkix.raw_certificate import read_tbs_certificate, split_certificate

MAX_SIZE = 64 * 1024
"""Bytes. Chains of larger certificates do not pass TLS (RFC 8446 section 4.4.2, in practice)."""


def encoding_findings(certificate_der: bytes) -> list[Finding]:
    """
    Return why `certificate_der` is not a certificate in strict DER; at most one finding.

    Checked on raw bytes: the whole (RFC 5280 section 4.1, X.690 section 11), its size, that both
    signatureAlgorithm fields are equal (4.1.1.2), and the value of every extension.
    """
    if len(certificate_der) > MAX_SIZE:
        return [
            error(
                "rfc5280.too_large",
                f"the certificate has {len(certificate_der)} bytes, more than {MAX_SIZE}",
                help_text="ask for fewer names, or issue several certificates",
            )
        ]
    try:
        der.check_strict_der(certificate_der)
        tbs_certificate, _ = split_certificate(certificate_der)
        for extension in read_tbs_certificate(tbs_certificate).extensions or ():
            _check_value(extension.oid, extension.value_der)
    except InvalidValueError as refusal:
        is_algorithm = refusal.code == "certificate.algorithms_differ"
        code = "rfc5280.algorithms_differ" if is_algorithm else "rfc5280.not_der"
        return [error(code, refusal.message)]
    return []


def _check_value(oid: str, value_der: bytes) -> None:
    try:
        der.check_strict_der(value_der)
    except InvalidValueError as refusal:
        raise InvalidValueError(f"{label(oid)}: {refusal.message}", code=refusal.code) from None


def every_known_extension_can_be_read(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.2: a value is the DER of the type that belongs to its identifier."""
    try:
        # The usual case, at the cost of one reading.
        _ = linted.certificate.extensions
    except UNREADABLE:
        for extension in linted.raw.extensions or ():
            if parse_extension(extension.encoding) is None:
                yield _unreadable(extension.oid)
    for extension in linted.raw.extensions or ():
        if extension.oid in _READ_HERE and not _is_readable_here(extension.encoding):
            yield _unreadable(extension.oid)


def _is_readable_here(extension_der: bytes) -> bool:
    """Tell whether an extension that cryptography takes as a mere blob is what it should be."""
    extension = parse_extension(extension_der)
    if extension is None:
        return True
    try:
        EXTENSION_BY_OID[extension.oid.dotted_string].from_x509(extension.value)
    except InvalidValueError:
        return False
    return True


_READ_HERE = frozenset({NO_REVOCATION_AVAILABLE, POLICY_MAPPINGS})
"""Those that cryptography hands out unread."""


def _unreadable(oid: str) -> Finding:
    return error("rfc5280.extension_unreadable", f"the value of {label(oid)} cannot be read")


def defaults_are_left_out(linted: Linted) -> Iterator[Finding]:
    """X.690 section 11.5: `critical` FALSE and `cA` FALSE are not written."""
    for extension in linted.raw.extensions or ():
        if extension.has_default:
            yield error(
                "rfc5280.default_encoded", f"{label(extension.oid)} writes out critical FALSE"
            )
    members = linted.members(BASIC_CONSTRAINTS)
    if members and members[0].encoding == b"\x01\x01\x00":
        yield error("rfc5280.default_encoded", "basicConstraints writes out cA FALSE")


def key_usage_has_no_trailing_zeros(linted: Linted) -> Iterator[Finding]:
    """X.690 section 11.2.2: a named bit list ends with a bit that is set."""
    content = linted.octets(KEY_USAGE)
    if content and len(content) > 1 and not content[-1] & 1 << content[0]:
        yield error("rfc5280.key_usage_not_trimmed", "keyUsage ends in bits that are not set")


LINTS = (
    every_known_extension_can_be_read,
    defaults_are_left_out,
    key_usage_has_no_trailing_zeros,
)

LINTS_OF_FRAME = (
    defaults_are_left_out,
    key_usage_has_no_trailing_zeros,
)
