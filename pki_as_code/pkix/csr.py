"""
Certification requests (PKCS #10, RFC 2986): a public key and the proof of possessing its private
key. `conformance.md` rows R01 to R04.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Finding, Severity
from pki_as_code.pkix.algorithms import SignatureAlgorithm, describe_key
from pki_as_code.pkix.attributes import attribute_name, value_problem
from pki_as_code.pkix.csr_parts import read_csr_parts
from pki_as_code.pkix.general_names import parse_general_name
from pki_as_code.pkix.key_checks import key_findings
from pki_as_code.pkix.names import parse_name_der
from pki_as_code.pkix.pem import decode_single
from pki_as_code.pkix.requested_extensions import read_requested_extensions
from pki_as_code.pkix.signature_identifiers import known_signature_algorithm

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

MAX_CSR_BYTES: Final = 64 * 1024
PEM_LABELS: Final = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")


@dataclass(frozen=True, slots=True)
class Csr:
    """A CSR whose encoding was checked and whose signature was verified."""

    der: bytes = field(repr=False)
    public_key: PublicKeyTypes = field(repr=False, compare=False)
    public_key_der: bytes = field(repr=False)
    """SubjectPublicKeyInfo, byte for byte as it stands in the CSR."""

    subject: x509.Name
    """Told to the user, never used for a certificate."""

    requested_names: tuple[str, ...]
    """The subjectAltName it asks for, as `format_general_name` writes it; escaped where needed."""

    requested_extensions: tuple[str, ...]
    """The other extensions it asks for, which are never copied: names, or dotted OIDs."""

    key: str
    """`RSA-2048`, `P-256`, as `describe_key` writes it."""

    has_password: bool = False
    """It carries a challengePassword, which is never looked at and never shown."""


def parse_csr(data: bytes, *, size_limit: int = MAX_CSR_BYTES) -> Csr:
    """
    Return the one CSR in `data`, PEM or DER, after everything about it was checked but its key.

    1. one object of at most `size_limit` bytes, and no private key beside it;
    2. strict DER, version 0, public key and algorithms encoded as their RFCs say;
    3. subject, attributes and extensions can all be decoded, none of them twice;
    4. the signature verifies with the CSR's own key, by a hash that is not broken.

    Raises `InvalidValueError` (`csr.*`, `der.not_strict`, `key.*`). Whether the key is good enough
    is what `csr_findings` says.
    """
    # 1.
    if len(data) > size_limit:
        raise _bad("too_large", f"the CSR has {len(data)} bytes, more than {size_limit}")
    der = decode_single(data, PEM_LABELS, what="certificate request (CSR)", source="csr")
    # 2.
    parts = read_csr_parts(der)
    algorithm = known_signature_algorithm(parts.algorithm)
    # 3.
    name = parse_name_der(parts.subject.encoding)
    requested = read_requested_extensions(parts.attributes)
    request, public_key = _load(der)
    # 4.
    _verify(request, public_key, algorithm, parts.info.encoding, parts.signature)
    return Csr(
        der=der,
        public_key=public_key,
        public_key_der=parts.public_key_info.encoding,
        subject=name,
        requested_names=requested.names,
        requested_extensions=requested.others,
        key=describe_key(public_key),
        has_password=requested.has_password,
    )


def csr_findings(csr: Csr, *, test_primality: bool = True) -> list[Finding]:
    """
    Return what is wrong with the key of a CSR, and warnings for names that could not be issued.

    See `key_findings` for `test_primality`.
    """
    findings = key_findings(csr.public_key, test_primality=test_primality)
    subject_problems = [
        f"{attribute_name(attribute.oid)}: {problem.message}"
        for attribute in csr.subject
        if isinstance(attribute.value, str)
        and (problem := value_problem(attribute.oid, attribute.value)) is not None
    ]
    if subject_problems:
        findings.append(_unusable("csr.unusable_subject", "subject", subject_problems))
    name_problems = [
        reason for name in csr.requested_names if (reason := _name_problem(name)) is not None
    ]
    if name_problems:
        findings.append(_unusable("csr.unusable_name", "subjectAltName", name_problems))
    return [*findings, *password_findings(csr)]


def password_findings(csr: Csr) -> Iterator[Finding]:
    """Say that a CSR brings a password along, which is committed with it."""
    if csr.has_password:
        yield Finding(
            "csr.challenge_password",
            "the CSR carries a challengePassword; whoever can read the repository can read it",
            severity=Severity.WARNING,
            help="make the CSR anew without one, and use that password nowhere else",
        )


def _unusable(code: str, where: str, problems: list[str]) -> Finding:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Finding(
        code,
        f"the {where} of the CSR could not be in a certificate: {problems[0]}{more}",
        severity=Severity.WARNING,
        help="names come from the manifest; make the CSR anew if you want the two to agree",
    )


def _name_problem(name: str) -> str | None:
    try:
        parse_general_name(name)
    except InvalidValueError as error:
        return error.message
    return None


def _load(der: bytes) -> tuple[x509.CertificateSigningRequest, PublicKeyTypes]:
    try:
        request = x509.load_der_x509_csr(der)
        _force_extensions(request)
        return request, request.public_key()
    except UnsupportedAlgorithm:
        raise InvalidValueError(
            "the key of the CSR is of a type or on a curve that is not supported",
            help="use RSA, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA",
            code="key.unsupported_type",
        ) from None
    except (ValueError, TypeError) as error:
        if isinstance(error, InvalidValueError):
            raise
        raise _bad("malformed", "the CSR or its key cannot be decoded") from None


def _verify(
    request: x509.CertificateSigningRequest,
    public_key: PublicKeyTypes,
    algorithm: SignatureAlgorithm | None,
    info: bytes,
    signature: bytes,
) -> None:
    """RFC 2986 section 4.2: the proof that whoever asks has the private key."""
    try:
        if algorithm is not None:
            algorithm.verify_signature(public_key, signature, info)
            return
        if request.is_signature_valid:
            return
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError) as error:
        if isinstance(error, InvalidValueError):
            raise
    raise _bad(
        "signature_invalid",
        "the signature of the CSR does not verify with its own key",
        help_text="make the CSR anew with the private key it is for; do not edit it afterwards",
    )


def _force_extensions(request: x509.CertificateSigningRequest) -> None:
    """cryptography decodes extensions when they are first looked at: do it now."""
    try:
        len(request.extensions)
    except x509.UnsupportedGeneralNameType:
        # x400Address and ediPartyName are well-formed; `read_requested_extensions` has told them.
        return
    except (ValueError, TypeError, x509.DuplicateExtension):
        raise _bad("malformed_extension", "an extension the CSR asks for is malformed") from None


def _bad(code: str, message: str, *, help_text: str = "") -> InvalidValueError:
    return InvalidValueError(
        message,
        help=help_text or "make the CSR anew, for example with openssl req -new",
        code=f"csr.{code}",
    )
