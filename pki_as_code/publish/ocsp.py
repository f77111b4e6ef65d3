"""
OCSP responses that are signed ahead, as files: the section, and its checks.

Whoever has the key of a responder makes the responses; this room has none. What is published
already and says the same stays until half of its time is over: publishing again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki_as_code.model import Finding, Severity
from pki_as_code.pkix.algorithms import parse_hash_name, signature_algorithm
from pki_as_code.pkix.variables import ocsp_path
from pki_as_code.publish.interface import Item, Kept, Material, PublishedFile, Section

Responses = Callable[[], Iterable[tuple[str, bytes]]]
"""Makes (path, response in DER); the path is `ocsp/<authority>/<base64 of the request>`."""

_SLASHES: Final = re.compile("/{2,}")


def ocsp_files(responses: Responses, unsigned: Mapping[str, str] | None = None) -> Section:
    """
    Return the section of these responses.

    `unsigned` says why others cannot be made, by authority: what is published of those stays.
    """

    def section(material: Material) -> Iterator[Item]:
        yield from _kept(unsigned or {}, material)
        for path, content in responses():
            # Base64 may have two slashes in a row; servers and file systems take them for one.
            place = _SLASHES.sub("/", path)
            issuer = material.authorities.get(place.split("/")[1])
            check = partial(check_response, place, issuer=issuer, now=material.now)
            published = material.published(place)
            if (
                published is not None
                and says_the_same(published, content, material.now)
                and not list(check(published))
            ):
                yield Kept(place)
            else:
                yield PublishedFile(place, content, check)

    return section


def _kept(unsigned: Mapping[str, str], material: Material) -> Iterator[Item]:
    for name, why in sorted(unsigned.items()):
        yield Finding(
            "publish.ocsp_unsigned",
            f"the OCSP responses of {name} are not made anew: {why}",
            severity=Severity.WARNING,
            help="publish where the key of its responder is; `pkictl plan` says what else is wrong",
        )
        yield from (
            Kept(path)
            for path in sorted(material.published_paths)
            if path.startswith(f"{ocsp_path(name)}/")
        )


def check_response(
    path: str, data: bytes, *, issuer: x509.Certificate | None, now: datetime
) -> Iterator[Finding]:
    """Yield what speaks against a response: unreadable, not by the authority, or not of now."""
    try:
        response = ocsp.load_der_ocsp_response(data)
        next_update = response.next_update_utc
        this_update = response.this_update_utc
    except (ValueError, TypeError) as error:  # also one that is not successful
        yield Finding(
            "publish.unreadable",
            f"{path} cannot be read as an OCSP response: {type(error).__name__}",
            help="run the command again; if it stays, please report it",
        )
        return
    if issuer is None or not _is_signed_for(response, issuer, now):
        yield Finding(
            "publish.bad_signature",
            f"{path} is not signed by its authority, nor by a responder of it",
            help="see that the responder's certificate is valid: `pkictl reconcile`",
        )
    elif next_update is None or not this_update <= now < next_update:
        yield Finding(
            "publish.ocsp_not_fresh",
            f"{path} is not of now",
            help="see that the clock is right, and run the command again",
        )


def says_the_same(published: bytes, new: bytes, now: datetime) -> bool:
    """Tell whether a published response does as well as the new one for some time to come."""
    try:
        before, after = map(ocsp.load_der_ocsp_response, (published, new))
        if before.next_update_utc is None or _statement(before) != _statement(after):
            return False
        half = (before.next_update_utc - before.this_update_utc) / 2
        return before.next_update_utc - now > half
    except (ValueError, TypeError):
        return False


def _statement(response: ocsp.OCSPResponse) -> tuple[object, ...]:
    return (
        response.issuer_key_hash,
        response.serial_number,
        response.certificate_status,
        response.revocation_time_utc,
        response.revocation_reason,
    )


def _is_signed_for(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> bool:
    """Tell whether the authority signed, or a responder of it (RFC 6960 section 4.2.2.2)."""
    return any(
        _verifies(response, signer) for signer in (issuer, *_responders(response, issuer, now))
    )


def _responders(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> Iterator[x509.Certificate]:
    for certificate in response.certificates:
        try:
            certificate.verify_directly_issued_by(issuer)
            usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except Exception:  # noqa: BLE001, S112 (whatever it is: it is no responder of the authority)
            continue
        valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        if valid and ExtendedKeyUsageOID.OCSP_SIGNING in usage:
            yield certificate


def _verifies(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    try:
        used = response.signature_hash_algorithm
        public_key = signer.public_key()
        algorithm = signature_algorithm(public_key, parse_hash_name(used.name) if used else None)
        algorithm.verify_signature(public_key, response.signature, response.tbs_response_bytes)
    except Exception:  # noqa: BLE001 (whatever it is: the signature was not verified)
        return False
    return True
