"""The fields of the TBSCertificate (RFC 5280 section 4.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.model import Finding, format_time
from pki_as_code.pkix import der
from pki_as_code.pkix.key_types import SMALLEST_RSA_BITS, key_family
from pki_as_code.pkix.lint.base import (
    SUBJECT_ALTERNATIVE_NAME,
    Linted,
    error,
    warning,
)

MAX_SERIAL_NUMBER_OCTETS: Final = 20
MIN_SERIAL_NUMBER_BITS: Final = 64

_UTC_TIME = re.compile(rb"[0-9]{12}Z")
_GENERALIZED_TIME = re.compile(rb"[0-9]{14}Z")
_NO_EXPIRY = b"99991231235959Z"
_FIRST_YEAR_OF_GENERALIZED_TIME = 2050
_EMPTY_NAME = b"\x30\x00"

_BROKEN_ALGORITHMS = frozenset(
    {
        "1.2.840.113549.1.1.2",  # md2WithRSAEncryption
        "1.2.840.113549.1.1.3",  # md4WithRSAEncryption
        "1.2.840.113549.1.1.4",  # md5WithRSAEncryption
        "1.2.840.113549.1.1.5",  # sha1WithRSAEncryption
        "1.2.840.10040.4.3",  # dsa-with-sha1
        "1.2.840.10045.4.1",  # ecdsa-with-SHA1
        "1.3.14.3.2.29",  # sha1WithRSASignature
    }
)


def version_is_3(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.1.2.1: version 3, which is the value 2, when there are extensions."""
    version = linted.raw.version
    if version is None or version.encoding != der.encode_integer(2):
        yield error("rfc5280.version", "the version of the certificate is not 3")


def serial_number_is_positive_and_short(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.1.2.2: a positive INTEGER of at most 20 octets."""
    content = linted.raw.serial_number.content
    if der.decode_integer(content) <= 0:
        yield error("rfc5280.serial_number_not_positive", "the serial number is not positive")
    if len(content) > MAX_SERIAL_NUMBER_OCTETS:
        yield error(
            "rfc5280.serial_number_too_long",
            f"the serial number has {len(content)} octets, more than {MAX_SERIAL_NUMBER_OCTETS}",
        )


def serial_number_has_entropy(linted: Linted) -> Iterator[Finding]:
    """CA/B Forum BR section 7.1: at least 64 bits from a CSPRNG, so never a short number."""
    if der.decode_integer(linted.raw.serial_number.content).bit_length() < MIN_SERIAL_NUMBER_BITS:
        yield error(
            "cabf.serial_number_too_short",
            f"the serial number has fewer than {MIN_SERIAL_NUMBER_BITS} bits",
        )


def signature_algorithm_fits_the_issuer(linted: Linted) -> Iterator[Finding]:
    """
    RFC 5280 section 4.1.2.3; RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3,
    RFC 9881 section 2: an algorithm of the issuer's key, its parameters as they must be.
    """
    algorithm = linted.raw.signature_algorithm
    members = der.children(algorithm)
    if members and der.decode_oid(members[0].content) in _BROKEN_ALGORITHMS:
        yield error(
            "cabf.broken_signature_algorithm",
            "the signature algorithm uses a broken hash",
            help_text="use SHA-256, SHA-384 or SHA-512",
        )
        return
    allowed = (linted.issuer or linted).algorithm_identifiers
    if allowed is None:
        yield error("rfc5280.issuer_key_unreadable", "the public key of the issuer cannot be read")
    elif algorithm.encoding not in allowed:
        yield error(
            "rfc5280.signature_algorithm",
            "the signature algorithm, or its parameters, do not fit the key of the issuer",
        )


def issuer_name_is_the_subject_of_the_issuer(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 sections 4.1.2.4 and 4.1.2.6: not empty, and byte for byte the same."""
    if linted.raw.issuer.encoding == _EMPTY_NAME:
        yield error("rfc5280.issuer_empty", "the issuer name is empty")
    signer = linted.issuer or linted
    if linted.raw.issuer.encoding != signer.raw.subject.encoding:
        yield error(
            "rfc5280.issuer_name",
            "the issuer name differs from the subject of the issuer's certificate",
        )


def times_are_encoded_by_their_year(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.1.2.5: UTCTime to 2049, GeneralizedTime from 2050, no fractions."""
    for name, time in (("notBefore", linted.raw.not_before), ("notAfter", linted.raw.not_after)):
        if not _is_encoded_by_its_year(time):
            yield error("rfc5280.time_encoding", f"{name} is not encoded as its year wants it")


def _is_encoded_by_its_year(time: der.Tlv) -> bool:
    if time.tag == der.UTC_TIME:
        return bool(_UTC_TIME.fullmatch(time.content))
    return (
        time.tag == der.GENERALIZED_TIME
        and bool(_GENERALIZED_TIME.fullmatch(time.content))
        and int(time.content[:4]) >= _FIRST_YEAR_OF_GENERALIZED_TIME
    )


def validity_has_an_order(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.1.2.5: notBefore is not later than notAfter."""
    certificate = linted.certificate
    if certificate.not_valid_before_utc > certificate.not_valid_after_utc:
        yield error("rfc5280.validity_order", "the certificate ends before it begins")


def validity_is_within_the_issuers(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 6.1.3 (a)(2): each certificate of a path must be valid at the time."""
    if linted.issuer is None:
        return
    certificate, issuer = linted.certificate, linted.issuer.certificate
    if certificate.not_valid_after_utc > issuer.not_valid_after_utc:
        yield error(
            "rfc5280.outlives_issuer",
            f"the certificate ends at {format_time(certificate.not_valid_after_utc)}, its issuer "
            f"at {format_time(issuer.not_valid_after_utc)}",
            help_text="shorten its validity, or renew the issuer first",
        )
    if certificate.not_valid_before_utc < issuer.not_valid_before_utc:
        yield error(
            "rfc5280.begins_before_issuer",
            f"the certificate begins at {format_time(certificate.not_valid_before_utc)}, its "
            f"issuer at {format_time(issuer.not_valid_before_utc)}",
            help_text="lessen the backdating",
        )


def an_end_is_named(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.1.2.5: 99991231235959Z says that there is no expiry."""
    if linted.raw.not_after.content == _NO_EXPIRY:
        yield warning("rfc5280.no_expiry", "the certificate has no well-defined expiry")


def somebody_is_named(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 sections 4.1.2.6 and 4.2.1.6: a CA has a subject; others a subject or names."""
    if linted.raw.subject.encoding != _EMPTY_NAME:
        return
    if linted.is_ca:
        yield error("rfc5280.ca_subject_empty", "the certificate of an authority has no subject")
        return
    names = linted.extensions.get(SUBJECT_ALTERNATIVE_NAME)
    if names is None:
        yield error("rfc5280.no_name", "the certificate has neither a subject nor a name")
    elif not names.critical:
        yield error(
            "rfc5280.san_not_critical",
            "subjectAltName is not critical although there is no subject",
            help_text="remove `critical: false` from subjectAltName, or give a subject",
        )


def there_are_no_unique_identifiers(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.1.2.8: conforming CAs must not generate them."""
    if linted.raw.unique_ids:
        yield error("rfc5280.unique_identifier", "the certificate has a unique identifier")


def public_key_is_encoded_as_it_must_be(linted: Linted) -> Iterator[Finding]:
    """RFC 3279 section 2.3, RFC 5480 section 2, RFC 8410 section 4, RFC 9881 section 4."""
    public_key = linted.public_key
    if public_key is None:
        yield error("rfc5280.public_key_unreadable", "the public key cannot be read")
        return
    if key_family(public_key) is None:
        yield error("rfc5280.public_key_type", "the public key is of a type that is not signed")
        return
    encoding = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if encoding != linted.raw.public_key.encoding:
        yield error(
            "rfc5280.public_key_encoding",
            "the public key is not in the encoding its standard gives",
            help_text="make the CSR anew with a current tool",
        )


def rsa_key_is_large_enough(linted: Linted) -> Iterator[Finding]:
    """CA/B Forum BR section 6.1.5: at least 2048 bits."""
    public_key = linted.public_key  # without one, public_key_is_encoded_as_it_must_be says so
    if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size < SMALLEST_RSA_BITS:
        yield error(
            "cabf.rsa_key_too_small",
            f"the RSA key has {public_key.key_size} bits, fewer than {SMALLEST_RSA_BITS}",
        )


LINTS = (
    version_is_3,
    serial_number_is_positive_and_short,
    serial_number_has_entropy,
    signature_algorithm_fits_the_issuer,
    issuer_name_is_the_subject_of_the_issuer,
    times_are_encoded_by_their_year,
    validity_has_an_order,
    validity_is_within_the_issuers,
    an_end_is_named,
    somebody_is_named,
    there_are_no_unique_identifiers,
    public_key_is_encoded_as_it_must_be,
    rsa_key_is_large_enough,
)

LINTS_OF_FRAME = (
    version_is_3,
    signature_algorithm_fits_the_issuer,
    issuer_name_is_the_subject_of_the_issuer,
    there_are_no_unique_identifiers,
)

LINTS_OF_SERIAL_NUMBER = (serial_number_is_positive_and_short, serial_number_has_entropy)
