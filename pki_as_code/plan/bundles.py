"""
What is carried to the offline machine: one file of canonical JSON with all that is to be signed.

Whoever reads it may have got it from anybody: everything in it is checked again there, and nothing
of it is a path to write to, a command or a key. Its SHA-256 is read out at the ceremony.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn

from pydantic import ValidationError

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted, safe
from pki_as_code.model import (
    CertificateRequest,
    JsonValue,
    ObjectId,
    RequestedExtension,
    Revocation,
    canonical_json,
    format_time,
)
from pki_as_code.pkix.algorithms import KeySpec
from pki_as_code.pkix.serial_numbers import format_serial_number, parse_serial_number
from pki_as_code.plan import bundle_schema as schema

MAX_BUNDLE_BYTES: Final = 16 << 20
"""A certificate's bundle has some KiB, one for a CRL about 150 bytes for each revocation."""


@dataclass(frozen=True, slots=True)
class StorePosition:
    """Which ledger a bundle was made of, and where that ended: at -1 when it is empty."""

    lineage: str
    sequence: int
    digest: str


@dataclass(frozen=True, slots=True)
class CertificateBundle:
    """The request for an authority's own certificate."""

    object_id: ObjectId
    request: CertificateRequest
    """Its public key is that of the CSR; empty without one."""

    key: KeySpec
    """What key the authority has, or is to get where it is signed."""

    csr: bytes | None = field(repr=False)
    """DER; None for an authority whose own key is offline, too."""

    chain: tuple[bytes, ...] = field(repr=False)
    """Certificates (DER) of the authority that signs, and of those above it; empty for a root, and
    while nothing is known of it."""

    store: StorePosition
    commit: str
    path: str
    """Of the manifest; for the record only."""

    prepared_at: datetime


@dataclass(frozen=True, slots=True)
class RevokedSerialNumber:
    """One entry of a CRL to be."""

    serial_number: int
    revocation: Revocation
    not_after: datetime
    """Of the certificate; what ended before the last CRL is not in the bundle."""


@dataclass(frozen=True, slots=True)
class CrlBundle:
    """What an offline authority is to say in its next CRL."""

    object_id: ObjectId
    hash_algorithm: str | None
    last_number: int
    """The highest CRL number that is known; 0 when there was no CRL yet."""

    validity_seconds: int
    revoked: tuple[RevokedSerialNumber, ...]
    chain: tuple[bytes, ...] = field(repr=False)
    """Certificates (DER) of the authority and of those above it."""

    store: StorePosition
    commit: str
    path: str
    prepared_at: datetime


Bundle = CertificateBundle | CrlBundle


def bundle_digest(data: bytes) -> str:
    """Return the hex SHA-256 of a bundle's file, as `sha256sum` prints it."""
    return hashlib.sha256(data).hexdigest()


# --- Writing -------------------------------------------------------------------------------------


def format_bundle(bundle: Bundle) -> bytes:
    """Return the file: canonical JSON and a line break."""
    content: dict[str, JsonValue]
    if isinstance(bundle, CertificateBundle):
        content = {
            "kind": "certificate",
            "request": bundle.request.to_json(),
            "intent": dict(bundle.request.intent),
            "key": {"type": bundle.key.type, "size": bundle.key.size, "curve": bundle.key.curve},
            "csr": None if bundle.csr is None else schema.encode_der(bundle.csr),
        }
    else:
        content = {
            "kind": "crl",
            "hashAlgorithm": bundle.hash_algorithm,
            "lastNumber": bundle.last_number,
            "validitySeconds": bundle.validity_seconds,
            "revoked": [_revoked_json(entry) for entry in bundle.revoked],
        }
    shared = {
        "schemaVersion": schema.SCHEMA_VERSION,
        "object": bundle.object_id.to_json(),
        "chain": [schema.encode_der(der) for der in bundle.chain],
        "store": {
            "lineage": bundle.store.lineage,
            "sequence": bundle.store.sequence,
            "digest": bundle.store.digest,
        },
        "commit": bundle.commit,
        "path": bundle.path,
        "preparedAt": format_time(bundle.prepared_at),
    }
    return canonical_json({**content, **shared}).encode() + b"\n"


def _revoked_json(entry: RevokedSerialNumber) -> JsonValue:
    invalidity_date = entry.revocation.invalidity_date
    return {
        "serialNumber": format_serial_number(entry.serial_number),
        "reason": entry.revocation.reason,
        "revocationDate": format_time(entry.revocation.revocation_date),
        "invalidityDate": format_time(invalidity_date) if invalidity_date else None,
        "notAfter": format_time(entry.not_after),
    }


# --- Reading -------------------------------------------------------------------------------------


def parse_bundle(data: bytes) -> Bundle:
    """
    Return the bundle in a file.

    1. Canonical JSON of at most `MAX_BUNDLE_BYTES`: one bundle has one text.
    2. Only the fields it must have, each of its type and within its bounds.
    3. The request that is made of it says the same as the file.

    Raises `InvalidValueError`: `ceremony.bundle_too_large`, `ceremony.bundle_malformed`,
    `ceremony.bundle_version`, `ceremony.bundle_kind`.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise InvalidValueError(
            f"the bundle has more than {MAX_BUNDLE_BYTES} bytes",
            help="give the file that `pkictl ceremony prepare` wrote",
            code="ceremony.bundle_too_large",
        )
    value = _load(data)
    if value.get("schemaVersion") != schema.SCHEMA_VERSION:
        raise InvalidValueError(
            "the bundle is of another version than this program reads",
            help="use the same version of pkictl on both machines",
            code="ceremony.bundle_version",
        )
    kind = value.get("kind")
    if kind not in ("certificate", "crl"):
        raise InvalidValueError(
            f"a bundle of kind {quoted(str(kind))} is not known",
            help="give the file that `pkictl ceremony prepare` wrote",
            code="ceremony.bundle_kind",
        )
    try:
        if kind == "crl":
            return _crl_bundle(schema.CrlBundleFile.model_validate(value))
        return _certificate_bundle(schema.CertificateBundleFile.model_validate(value), value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _malformed(f"{safe(where)}: {safe(first['msg'])}") from None
    except InvalidValueError as error:
        if error.code.startswith("ceremony."):
            raise
        raise _malformed(error.message) from None


def _load(data: bytes) -> dict[str, JsonValue]:
    try:
        text = data.decode("utf-8")
        value = json.loads(text, parse_constant=_no_constant, parse_float=_no_constant)
        # One comparison finds duplicate keys, other spacing, other escapes and lone surrogates.
        canonical = canonical_json(value) + "\n"
    except (ValueError, RecursionError):
        raise _malformed("it is not JSON") from None
    if not isinstance(value, dict):
        raise _malformed("it is no JSON object")
    if canonical != text:
        raise _malformed("it is not canonical JSON")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _certificate_bundle(
    read: schema.CertificateBundleFile, value: dict[str, JsonValue]
) -> CertificateBundle:
    asked = read.request
    object_id = ObjectId(read.object.kind, read.object.namespace, read.object.name)
    csr = None if read.csr is None else schema.decode_der(read.csr)
    request = CertificateRequest(
        object_id=object_id,
        issuer=asked.issuer,
        profile=asked.profile,
        subject=asked.subject,
        subject_alternative_names=tuple(asked.subject_alt_names),
        public_key_der=b"" if csr is None else schema.key_in_csr(csr),
        validity_seconds=asked.validity_seconds,
        not_after=None,
        backdate_seconds=asked.backdate_seconds,
        hash_algorithm=asked.hash_algorithm,
        is_ca=asked.is_ca,
        path_length=asked.path_length,
        extensions=tuple(
            RequestedExtension(name, asked.extensions[name].critical, asked.extensions[name].value)
            for name in sorted(asked.extensions)
        ),
        reissue=asked.reissue,
        crl_shards=asked.crl_shards or 1,
        intent=read.intent,
    )
    if canonical_json(request.to_json()) != canonical_json(value["request"]):
        raise _malformed("its request is for another key than the CSR's")
    if request.issuer == object_id.name and (csr is not None or read.chain):
        raise _malformed("a root signs itself: it has neither a CSR nor anybody above it")
    return CertificateBundle(
        object_id=object_id,
        request=request,
        key=KeySpec(read.key.type, read.key.size, read.key.curve),
        csr=csr,
        **_shared(read),
    )


def _crl_bundle(read: schema.CrlBundleFile) -> CrlBundle:
    revoked = tuple(
        RevokedSerialNumber(
            parse_serial_number(entry.serial_number),
            Revocation(
                entry.reason,
                schema.decode_time(entry.revocation_date),
                schema.decode_time(entry.invalidity_date) if entry.invalidity_date else None,
            ),
            schema.decode_time(entry.not_after),
        )
        for entry in read.revoked
    )
    numbers = [entry.serial_number for entry in revoked]
    if numbers != sorted(set(numbers)):
        raise _malformed("its serial numbers are not in order, or one of them is there twice")
    return CrlBundle(
        object_id=ObjectId(read.object.kind, read.object.namespace, read.object.name),
        hash_algorithm=read.hash_algorithm,
        last_number=read.last_number,
        validity_seconds=read.validity_seconds,
        revoked=revoked,
        **_shared(read),
    )


def _shared(read: schema.BundleFile) -> dict[str, JsonValue]:
    store = read.store
    return {
        "chain": tuple(schema.decode_der(text) for text in read.chain),
        "store": StorePosition(store.lineage, store.sequence, store.digest),
        "commit": read.commit,
        "path": read.path,
        "prepared_at": schema.decode_time(read.prepared_at),
    }


def _malformed(why: str) -> InvalidValueError:
    return InvalidValueError(
        f"the bundle is not one that can be signed: {why}",
        help="it may be damaged or changed: compare its SHA-256, and prepare it anew",
        code="ceremony.bundle_malformed",
    )
