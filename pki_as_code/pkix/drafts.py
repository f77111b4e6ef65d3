"""
From a request and an issuer to the bytes that will be signed, and what there is to say about them.

`plan` previews, `issuance` prepares: both call this, so that what was judged in the pull request
and what is signed are the same but for the serial number and the time.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import (
    FULL_SCOPE,
    CertificateRequest,
    Finding,
    format_time,
    shard_scope,
)
from pki_as_code.pkix.certificate import (
    load_draft,
    make_tbs_certificate,
    subject_name_der,
    validity_of,
)
from pki_as_code.pkix.constraints import name_constraint_findings, path_length_findings
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.pkix.lint import lint_certificate
from pki_as_code.pkix.names import parse_name
from pki_as_code.pkix.raw_certificate import read_tbs_certificate
from pki_as_code.pkix.variables import uri_variables

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

E = TypeVar("E", bound=x509.ExtensionType)

Chain = Sequence[x509.Certificate]
"""The certificate of the authority that signs, then its parent, up to the root; empty for a root
that is about to sign itself."""


def make_draft(
    request: CertificateRequest, chain: Chain, *, serial_number: int, now: datetime
) -> bytes:
    """
    Return the TBSCertificate for `request`.

    An authority whose validity was left to the default ends with its issuer at the latest; any
    other certificate that would outlive its issuer is refused.

    Raises:
        InvalidValueError: the request cannot be encoded, or would outlive its issuer.
    """
    issuer = _read_issuer(chain[0]) if chain else None
    not_before, not_after = validity_of(request, now)
    if issuer is not None:
        not_before = max(not_before, issuer.not_before)
        if not_after > issuer.not_after:
            if not request.is_ca:
                raise _outlives(request, not_after, issuer.not_after)
            not_after = issuer.not_after
    if not_after <= not_before:
        raise InvalidValueError(
            f"{request.object_id.path} would end at {format_time(not_after)}, before it begins",
            help="give a later notAfter, or a longer validity",
            code="certificate.ends_before_it_begins",
        )
    if issuer is None:
        public_key, key_identifier = load_der_public_key(request.public_key_der), None
        issuer_name_der = parse_name(request.subject).public_bytes()
    else:
        public_key, key_identifier = issuer.public_key, issuer.key_identifier
        issuer_name_der = issuer.name_der
    issuer_serial_number = issuer.serial_number if issuer else serial_number
    return make_tbs_certificate(
        request,
        issuer_name_der=issuer_name_der,
        issuer_public_key=public_key,
        issuer_key_identifier=key_identifier,
        serial_number=serial_number,
        not_before=not_before,
        not_after=not_after,
        variables=uri_variables(
            request.issuer, issuer_serial_number, serial_number, _crl_scope(request, serial_number)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Issuer:
    """What the certificates of an authority take from its own."""

    name_der: bytes
    public_key: PublicKeyTypes
    key_identifier: bytes | None
    serial_number: int
    not_before: datetime
    not_after: datetime


@functools.lru_cache(maxsize=16)
def _read_issuer(issuer: x509.Certificate) -> _Issuer:
    """An authority is read once, not for each of the certificates it issues."""
    found = _extension(issuer, x509.SubjectKeyIdentifier)
    return _Issuer(
        name_der=subject_name_der(issuer),
        public_key=issuer.public_key(),
        key_identifier=found.key_identifier if found else None,
        serial_number=issuer.serial_number,
        not_before=issuer.not_valid_before_utc,
        not_after=issuer.not_valid_after_utc,
    )


def _crl_scope(request: CertificateRequest, serial_number: int) -> str:
    return shard_scope(serial_number, request.crl_shards) if request.crl_shards > 1 else FULL_SCOPE


def is_draft_of(tbs_certificate: bytes, request: CertificateRequest, chain: Chain) -> bool:
    """
    Tell whether these bytes are what `make_draft` gives for `request`.

    Serial number and times may be others, as far as the request and its issuer allow them.

    Raises:
        InvalidValueError: the bytes are no TBSCertificate, or none can be made of the request.
    """
    draft = load_draft(tbs_certificate)
    not_before, not_after = draft.not_valid_before_utc, draft.not_valid_after_utc
    then = not_before + timedelta(seconds=request.backdate_seconds)
    again = make_draft(request, chain, serial_number=draft.serial_number, now=then)
    if again == tbs_certificate:
        return True
    # The start of a new authority cuts the backdating short: then the lifetime is shorter, too.
    latest = load_draft(again).not_valid_after_utc
    return not_after <= latest and _without_times(tbs_certificate) == _without_times(again)


def _without_times(tbs_certificate: bytes) -> tuple[object, ...]:
    raw = read_tbs_certificate(tbs_certificate)
    extensions = tuple(extension.encoding for extension in raw.extensions or ())
    return (
        raw.version and raw.version.encoding,
        raw.serial_number.encoding,
        raw.signature_algorithm.encoding,
        raw.issuer.encoding,
        raw.subject.encoding,
        raw.public_key.encoding,
        raw.unique_ids,
        extensions,
    )


def certificate_findings(draft: x509.Certificate, chain: Chain) -> list[Finding]:
    """Return everything there is to object to in a certificate that is not signed yet."""
    issuer = chain[0] if chain else None
    findings = lint_certificate(draft, issuer)
    if chain:
        findings += name_constraint_findings(draft.subject, _names(draft), chain)
        findings += path_length_findings(*_basic_constraints(draft), chain)
    return findings


def _outlives(request: CertificateRequest, not_after: datetime, end: datetime) -> InvalidValueError:
    return InvalidValueError(
        f"{request.object_id.path} would end at {format_time(not_after)} and outlive its authority "
        f"{request.issuer}, which ends at {format_time(end)}",
        help=f"ask for a notAfter of {format_time(end)} or earlier, or for another issuer",
        code="certificate.outlives_issuer",
    )


def _names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    found = _extension(certificate, x509.SubjectAlternativeName)
    return list(found) if found else []


def _basic_constraints(certificate: x509.Certificate) -> tuple[bool, int | None]:
    found = _extension(certificate, x509.BasicConstraints)
    return (found.ca, found.path_length) if found else (False, None)


def _extension(certificate: x509.Certificate, wanted: type[E]) -> E | None:
    """
    Return an extension, None when the certificate has none.

    Raises:
        InvalidValueError: its extensions cannot be read: an authority that was made elsewhere.
    """
    try:
        return certificate.extensions.get_extension_for_class(wanted).value
    except x509.ExtensionNotFound:
        return None
    except UNREADABLE as error:
        raise InvalidValueError(
            f"the extensions of the certificate {certificate.serial_number:x} cannot be read",
            help="it is not DER as RFC 5280 profiles it; have it made anew",
            code="certificate.unreadable",
        ) from error
