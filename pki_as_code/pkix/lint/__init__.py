"""
Lints: a certificate as it would be signed, to what is wrong with it.

To add one: write a function that takes a `Linted` and yields findings, cite its source in the
docstring, and put it into the `LINTS` of its module; into its `LINTS_OF_FRAME` too when it looks
only at what the certificates of an issuer and a profile have in common (`frame`). Path lengths and
name constraints, which concern the whole chain, are judged by `pkix.constraints`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Finding
from pki_as_code.pkix import der
from pki_as_code.pkix.lint import authorities, encoding, extensions, fields, names
from pki_as_code.pkix.lint.base import Lint, Linted, RawCertificate, error
from pki_as_code.pkix.lint.encoding import encoding_findings
from pki_as_code.pkix.lint.frame import Frame, only_serial_number
from pki_as_code.pkix.raw_certificate import read_tbs_certificate

__all__ = ["LINTS", "LINTS_OF_FRAME", "lint_certificate", "lint_plainly", "serial_number_findings"]

LINTS: tuple[Lint, ...] = (
    *encoding.LINTS,
    *fields.LINTS,
    *names.LINTS,
    *extensions.LINTS,
    *authorities.LINTS,
)

LINTS_OF_FRAME: frozenset[Lint] = frozenset(
    (
        *encoding.LINTS_OF_FRAME,
        *fields.LINTS_OF_FRAME,
        *extensions.LINTS_OF_FRAME,
        *authorities.LINTS_OF_FRAME,
    )
)
"""Those that see only what is in a `Frame`."""


def lint_certificate(
    certificate: x509.Certificate, issuer: x509.Certificate | None
) -> list[Finding]:
    """
    Return what is wrong with a certificate, in the order of the lints.

    `certificate` is usually a draft: the bytes that will be signed, with any signature, which is
    not verified here. `issuer` is the authority's certificate, None for one that signs itself.
    Findings of severity error must stop it from being signed.
    """
    findings = encoding_findings(certificate.public_bytes(Encoding.DER))
    if findings:
        return findings
    raw = read_tbs_certificate(certificate.tbs_certificate_bytes)
    if issuer is None:
        return _findings(Linted(certificate, raw), LINTS)
    linted = Linted(certificate, raw, _read_issuer(issuer))
    said = _findings_in_frame(Frame.of(raw), issuer)
    for lint in LINTS:
        findings += said[lint] if lint in said else _said_by(lint, linted)
    return findings


def lint_plainly(certificate: x509.Certificate, issuer: x509.Certificate | None) -> list[Finding]:
    """Return what `lint_certificate` does, with nothing remembered: for tests to compare with."""
    findings = encoding_findings(certificate.public_bytes(Encoding.DER))
    raw = read_tbs_certificate(certificate.tbs_certificate_bytes)
    above = RawCertificate.of(issuer) if issuer is not None else None
    return findings or _findings(Linted(certificate, raw, above), LINTS)


def serial_number_findings(serial_number: der.Tlv) -> list[Finding]:
    """Return what is wrong with the serial number of a certificate whose rest is judged."""
    return _findings(only_serial_number(serial_number), fields.LINTS_OF_SERIAL_NUMBER)


def _findings(linted: Linted, lints: Iterable[Lint]) -> list[Finding]:
    return [finding for lint in lints for finding in _said_by(lint, linted)]


def _said_by(lint: Lint, linted: Linted) -> list[Finding]:
    findings: list[Finding] = []
    try:
        findings += lint(linted)
    except (InvalidValueError, LookupError, TypeError, ValueError):
        # What cannot be read cannot be vouched for.
        findings.append(
            error(
                "rfc5280.malformed",
                "part of the certificate is not of the type it must be, as found by "
                f"`{lint.__name__}`",
            )
        )
    return findings


@functools.lru_cache(maxsize=256)
def _findings_in_frame(frame: Frame, issuer: x509.Certificate) -> Mapping[Lint, list[Finding]]:
    """What a thousand certificates have in common is judged once."""
    linted = frame.linted(_read_issuer(issuer))
    return {lint: _said_by(lint, linted) for lint in LINTS_OF_FRAME}


@functools.lru_cache(maxsize=16)
def _read_issuer(issuer: x509.Certificate) -> RawCertificate:
    """An authority is read once, not for each of the certificates it issues."""
    return RawCertificate.of(issuer)
