"""
Lints of a CRL (RFC 5280 section 5), on its bytes.

`lint_crl` judges a CRL that is signed, `lint_tbs_cert_list` one that is about to be. Each lint is a
function that cites its section; `LINTS` has those that need no look at the entries.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Finding
from pki_as_code.pkix import der
from pki_as_code.pkix.algorithms import SignatureAlgorithm, signature_algorithm
from pki_as_code.pkix.certificate import subject_name_der
from pki_as_code.pkix.crl import lint_extensions
from pki_as_code.pkix.crl.entries import EntryDecoder
from pki_as_code.pkix.crl.fields import (
    Octets,
    RawTbsCertList,
    Span,
    read_raw_crl,
    read_raw_tbs_cert_list,
)
from pki_as_code.pkix.crl.frame import VERSION_2
from pki_as_code.pkix.crl.lint_entries import entry_findings
from pki_as_code.pkix.lint.base import RawCertificate, error
from pki_as_code.pkix.signature_identifiers import known_signature_algorithm

CRL_SIGN = 6
"""Number of the bit in keyUsage (RFC 5280 section 4.2.1.3)."""

_EMPTY_NAME = b"\x30\x00"
_HASHED_AT_A_TIME = 1 << 20


@dataclass(frozen=True, slots=True)
class LintedCrl:
    """What the lints look at."""

    tbs: RawTbsCertList
    issuer: x509.Certificate
    this_update: datetime | None
    """None where it cannot be read; which is found elsewhere."""

    next_update: datetime | None


Lint = Callable[[LintedCrl], Iterator[Finding]]


def lint_crl(data: bytes | mmap.mmap, issuer: x509.Certificate) -> list[Finding]:
    """
    Return what is wrong with a complete CRL that `issuer` is said to have signed.

    `data` is DER. The signature is verified. Of a fault that many entries have there is one
    finding, with their number and the first of them. What is not DER is not judged any further.
    """
    try:
        raw = read_raw_crl(data)
        findings = _tbs_findings(data, raw.tbs, issuer)
    except InvalidValueError as refusal:
        return [error("rfc5280.crl_not_der", refusal.message)]
    if raw.signature_algorithm.encoding != raw.tbs.signature_algorithm.encoding:
        text = "the CRL names two different signature algorithms"
        return [*findings, error("rfc5280.crl_algorithms_differ", text)]
    if not _signature_verifies(data, raw.tbs_cert_list, raw.tbs, raw.signature, issuer):
        text = "the signature of the CRL does not verify with the issuer's key"
        findings.append(error("rfc5280.crl_signature_invalid", text))
    return findings


def lint_tbs_cert_list(data: Octets, issuer: x509.Certificate) -> list[Finding]:
    """Return what is wrong with a TBSCertList that `issuer` is about to sign."""
    try:
        return _tbs_findings(data, read_raw_tbs_cert_list(data), issuer)
    except InvalidValueError as refusal:
        return [error("rfc5280.crl_not_der", refusal.message)]


def _tbs_findings(data: Octets, tbs: RawTbsCertList, issuer: x509.Certificate) -> list[Finding]:
    linted = LintedCrl(tbs, issuer, _when(tbs.this_update), _when(tbs.next_update))
    return [
        *(finding for lint in LINTS for finding in lint(linted)),
        *(f for lint in lint_extensions.LINTS for f in lint(tbs.extensions, issuer)),
        *entry_findings(data, tbs.revoked_certificates, linted.this_update),
    ]


def version_is_2(linted: LintedCrl) -> Iterator[Finding]:
    """Section 5.1.2.1: version 2, which is the value 1."""
    version = linted.tbs.version
    if version is None or version.encoding != VERSION_2:
        yield error("rfc5280.crl_version", "the version of the CRL is not 2")


def algorithm_is_known(linted: LintedCrl) -> Iterator[Finding]:
    """Section 5.1.1.2: one for the issuer's key, and no MD5 or SHA-1."""
    try:
        _algorithm(linted.tbs, linted.issuer)
    except InvalidValueError as refusal:
        yield error("rfc5280.crl_signature_algorithm", refusal.message)


def issuer_name_is_the_subject(linted: LintedCrl) -> Iterator[Finding]:
    """Section 5.1.2.3: byte for byte the subject of the authority, and not empty."""
    name = linted.tbs.issuer.encoding
    if name == _EMPTY_NAME:
        yield error("rfc5280.crl_issuer_name", "the CRL has no issuer name")
    elif name != subject_name_der(linted.issuer):
        text = "the issuer name of the CRL is not the subject of the authority, byte for byte"
        yield error("rfc5280.crl_issuer_name", text)


def times_are_in_order(linted: LintedCrl) -> Iterator[Finding]:
    """Sections 5.1.2.4 and 5.1.2.5: encoded as their year wants it, nextUpdate there and later."""
    tbs = linted.tbs
    if tbs.next_update is None:
        yield error("rfc5280.crl_next_update_missing", "the CRL has no nextUpdate")
    for name, time, when in (
        ("thisUpdate", tbs.this_update, linted.this_update),
        ("nextUpdate", tbs.next_update, linted.next_update),
    ):
        if time is not None and when is None:
            text = f"{name} of the CRL is not encoded as its year wants it"
            yield error("rfc5280.crl_time_encoding", text)
    if linted.this_update and linted.next_update and linted.next_update <= linted.this_update:
        text = "nextUpdate of the CRL is not after thisUpdate"
        yield error("rfc5280.crl_time_order", text)


def list_of_revoked_is_absent_when_empty(linted: LintedCrl) -> Iterator[Finding]:
    """Section 5.1.2.6."""
    revoked = linted.tbs.revoked_certificates
    if revoked is not None and not len(revoked):
        text = "the list of revoked certificates is there although it is empty"
        yield error("rfc5280.crl_revoked_empty", text)


def issuer_may_sign_crls(linted: LintedCrl) -> Iterator[Finding]:
    """Section 4.2.1.3: cRLSign in keyUsage, where the certificate has one."""
    bits = RawCertificate.of(linted.issuer).key_usage_bits
    if bits is not None and CRL_SIGN not in bits:
        yield error(
            "rfc5280.crl_signer_may_not_sign",
            "keyUsage of the authority lacks cRLSign",
            help_text="certificates of this authority cannot be revoked by a CRL of its own; "
            "make a new authority whose keyUsage has cRLSign",
        )


LINTS: tuple[Lint, ...] = (
    version_is_2,
    algorithm_is_known,
    issuer_name_is_the_subject,
    times_are_in_order,
    list_of_revoked_is_absent_when_empty,
    issuer_may_sign_crls,
)


def _when(time: der.Tlv | None) -> datetime | None:
    try:
        return EntryDecoder().when(time.encoding) if time is not None else None
    except InvalidValueError:
        return None


def _algorithm(tbs: RawTbsCertList, issuer: x509.Certificate) -> SignatureAlgorithm:
    """Return how the CRL is signed. Raises `InvalidValueError` where the key cannot do that."""
    algorithm = known_signature_algorithm(tbs.signature_algorithm)
    if algorithm is None:
        raise InvalidValueError("the CRL is signed with RSASSA-PSS, which is not verified here")
    if signature_algorithm(issuer.public_key(), algorithm.hash_name) != algorithm:
        raise InvalidValueError(f"the issuer's key makes no signatures with {algorithm.name}")
    return algorithm


def _signature_verifies(
    data: bytes | mmap.mmap,
    span: Span,
    tbs: RawTbsCertList,
    signature: bytes,
    issuer: x509.Certificate,
) -> bool:
    """Tell whether it does; without a copy of a CRL that is mapped into memory."""
    try:
        algorithm = _algorithm(tbs, issuer)
        public_key = issuer.public_key()
        state = algorithm.new_hash()
        if state is None:
            with memoryview(data) as whole, whole[span.start : span.end] as signed:
                algorithm.verify_signature(public_key, signature, signed)
            return True
        for start in range(span.start, span.end, _HASHED_AT_A_TIME):
            state.update(data[start : min(start + _HASHED_AT_A_TIME, span.end)])
        algorithm.verify_signature(public_key, signature, state.finalize(), prehashed=True)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
