"""CRLs for tests: whole ones, and ones with any part broken on purpose."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509

from pki_as_code.model import Revocation
from pki_as_code.pkix import der
from pki_as_code.pkix.algorithms import default_hash_name, signature_algorithm
from pki_as_code.pkix.certificate import subject_name_der
from pki_as_code.pkix.crl import CrlFrame, around_tbs_cert_list, write_tbs_cert_list
from pki_as_code.pkix.crl.frame import issuer_key_identifier
from tests.pkix.csr_maker import extension
from tests.pkix.samples import NOW, private_key, root

THIS_UPDATE = NOW + timedelta(days=1)
NEXT_UPDATE = THIS_UPDATE + timedelta(days=7)
REVOKED_AT = NOW + timedelta(hours=3)

AKI, NUMBER, REASON, INVALIDITY = "2.5.29.35", "2.5.29.20", "2.5.29.21", "2.5.29.24"
IDP, DELTA, CERTIFICATE_ISSUER = "2.5.29.28", "2.5.29.27", "2.5.29.29"
CRITICAL, NOT_CRITICAL_WRITTEN = b"\x01\x01\xff", b"\x01\x01\x00"

Entries = Iterable[tuple[int, Revocation]]


def algorithm_of(key_name: str) -> Any:
    public_key = private_key(key_name).public_key()
    return signature_algorithm(public_key, default_hash_name(public_key))


def frame(key_name: str = "P-256", **changes: Any) -> CrlFrame:
    fields: dict[str, Any] = {
        "issuer": root(key_name),
        "number": 7,
        "this_update": THIS_UPDATE,
        "next_update": NEXT_UPDATE,
        "algorithm": algorithm_of(key_name),
    }
    return CrlFrame(**{**fields, **changes})


def tbs_cert_list(of: CrlFrame, entries: Entries = ()) -> bytes:
    file = io.BytesIO()
    write_tbs_cert_list(of, entries, file)
    return file.getvalue()


def signed(tbs: bytes, key_name: str = "P-256", outer: bytes | None = None) -> bytes:
    """Return the CRL; `outer` is another AlgorithmIdentifier for the outside."""
    algorithm, key = algorithm_of(key_name), private_key(key_name)
    signature = key.sign(tbs, *algorithm.sign_arguments(key.public_key()))
    front, behind = around_tbs_cert_list(
        len(tbs), outer or algorithm.algorithm_identifier_der, signature
    )
    return front + tbs + behind


def crl(entries: Entries = (), key_name: str = "P-256", **changes: Any) -> bytes:
    """Return a CRL as this project makes it."""
    return signed(tbs_cert_list(frame(key_name, **changes), entries), key_name)


def generalized(text: str) -> bytes:
    return der.encode_tlv(der.GENERALIZED_TIME, text.encode())


def utc(text: str) -> bytes:
    return der.encode_tlv(der.UTC_TIME, text.encode())


def reason(value: bytes, critical: bytes = b"") -> bytes:
    return extension(REASON, value, critical)


def enumerated(number: int) -> bytes:
    return der.encode_tlv(der.ENUMERATED, bytes((number,)))


def entry(
    serial_number: int | bytes = 0x49BCF2,
    time: bytes | None = None,
    extensions: Iterable[bytes] | None = None,
) -> bytes:
    """Return one entry; `serial_number` as bytes is the content of the INTEGER."""
    number = (
        der.encode_tlv(der.INTEGER, serial_number)
        if isinstance(serial_number, bytes)
        else der.encode_integer(serial_number)
    )
    return der.encode_sequence(
        number,
        der.encode_time(REVOKED_AT) if time is None else time,
        b"" if extensions is None else der.encode_sequence(*extensions),
    )


@cache
def good_extensions() -> dict[str, bytes]:
    identifier = x509.AuthorityKeyIdentifier(issuer_key_identifier(root("P-256")), None, None)
    return {
        AKI: extension(AKI, identifier.public_bytes()),
        NUMBER: extension(NUMBER, der.encode_integer(7)),
    }


def broken_tbs(
    *,
    entries: bytes | None = None,
    extensions: dict[str, bytes] | bytes | None = None,
    **parts: bytes,
) -> bytes:
    """
    Return a TBSCertList of the P-256 root with parts replaced.

    `entries` is the content of revokedCertificates. `extensions` are added to the good ones, or
    replace them; empty bytes remove one. As bytes they are the whole field.
    """
    good = {
        "version": der.encode_integer(1),
        "algorithm": algorithm_of("P-256").algorithm_identifier_der,
        "issuer": subject_name_der(root("P-256")),
        "this_update": der.encode_time(THIS_UPDATE),
        "next_update": der.encode_time(NEXT_UPDATE),
        "revoked": b"" if entries is None else der.encode_sequence(entries),
    }
    if not isinstance(extensions, bytes):
        all_of_them = {**good_extensions(), **(extensions or {})}
        extensions = der.encode_explicit(0, der.encode_sequence(*all_of_them.values()))
    return der.encode_sequence(*{**good, **parts}.values(), extensions)


def broken(**parts: Any) -> bytes:
    """Return the signed CRL of `broken_tbs`."""
    return signed(broken_tbs(**parts))


def on(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
