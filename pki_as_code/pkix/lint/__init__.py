"""
Lints: a certificate as it would be signed, to what is wrong with it.

To add one: write a function that takes a `Linted` and yields findings, cite its source in the
docstring, and put it into the `LINTS` of its module. Path lengths and name constraints, which
concern the whole chain, are judged by `pkix.constraints`.
"""

from __future__ import annotations

import functools

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Finding
from pki_as_code.pkix.lint import authorities, encoding, extensions, fields, names
from pki_as_code.pkix.lint.base import Lint, Linted, RawCertificate, error
from pki_as_code.pkix.lint.encoding import encoding_findings
from pki_as_code.pkix.raw_certificate import read_tbs_certificate

__all__ = ["LINTS", "lint_certificate"]

LINTS: tuple[Lint, ...] = (
    *encoding.LINTS,
    *fields.LINTS,
    *names.LINTS,
    *extensions.LINTS,
    *authorities.LINTS,
)


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
    linted = Linted(
        certificate,
        read_tbs_certificate(certificate.tbs_certificate_bytes),
        _read_issuer(issuer) if issuer is not None else None,
    )
    for lint in LINTS:
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


@functools.lru_cache(maxsize=16)
def _read_issuer(issuer: x509.Certificate) -> RawCertificate:
    """An authority is read once, not for each of the certificates it issues."""
    return RawCertificate.of(issuer)
