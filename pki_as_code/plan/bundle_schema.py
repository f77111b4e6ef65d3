"""The fields of a bundle as they stand in its file, each with its type and its bounds."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.scalars import Name
from pki_as_code.pkix import der

SCHEMA_VERSION: Final = 1

_HIGHEST_VALIDITY: Final = 100 * 366 * 86400
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"

ShortText = Annotated[str, StringConstraints(max_length=256)]
NameText = Annotated[str, StringConstraints(max_length=4096)]
HexDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
TimeText = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Base64Der = Annotated[str, StringConstraints(max_length=128 * 1024)]
Seconds = Annotated[int, Field(ge=1, le=_HIGHEST_VALIDITY)]
HashText = Annotated[str, StringConstraints(max_length=32)]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
    )


class ObjectPart(_Part):
    kind: Literal["CertificateAuthority"]
    namespace: Literal[""]
    name: Name


class ExtensionPart(_Part):
    critical: bool
    value: Any


class RequestPart(_Part):
    """`CertificateRequest.to_json()` of an authority."""

    issuer: Name
    profile: Literal[""]
    subject: NameText
    subject_alt_names: Annotated[list[NameText], Field(max_length=100)]
    public_key_sha256: HexDigest
    validity_seconds: Seconds
    not_after: None
    backdate_seconds: Annotated[int, Field(ge=0, le=86400)]
    hash_algorithm: HashText | None
    is_ca: Literal[True]
    path_length: Annotated[int, Field(ge=0, le=255)] | None
    extensions: Annotated[dict[ShortText, ExtensionPart], Field(max_length=64)]
    reissue: Annotated[int, Field(ge=0)]
    crl_shards: Annotated[int, Field(ge=2, le=1024)] | None = None
    """Left out where there is one CRL of everything."""


class KeyPart(_Part):
    type: ShortText
    size: int | None
    curve: ShortText | None


class StorePart(_Part):
    lineage: ShortText
    sequence: Annotated[int, Field(ge=-1)]
    digest: HexDigest


class BundleFile(_Part):
    """What all kinds have."""

    schema_version: Literal[1]
    object: ObjectPart
    chain: Annotated[list[Base64Der], Field(max_length=16)]
    store: StorePart
    commit: ShortText
    path: NameText
    prepared_at: TimeText


class CertificateBundleFile(BundleFile):
    kind: Literal["certificate"]
    request: RequestPart
    intent: dict[str, Any]
    key: KeyPart
    csr: Base64Der | None


class RevokedPart(_Part):
    serial_number: ShortText
    reason: ShortText
    revocation_date: TimeText
    invalidity_date: TimeText | None
    not_after: TimeText


class CrlBundleFile(BundleFile):
    kind: Literal["crl"]
    hash_algorithm: HashText | None
    last_number: Annotated[int, Field(ge=0, lt=1 << 159)]
    validity_seconds: Seconds
    revoked: list[RevokedPart]


# --- Values --------------------------------------------------------------------------------------


def encode_der(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode_der(text: str) -> bytes:
    """Return the bytes; Base64 has one text for each. Raises `InvalidValueError`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or encode_der(data) != text:
        raise InvalidValueError("there is DER in it that is not in base64")
    return data


def decode_time(text: str) -> datetime:
    """Raises `InvalidValueError` for a time that there is not."""
    try:
        return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise InvalidValueError(f"there is no such time as {text}") from None


def key_in_csr(csr: bytes) -> bytes:
    """
    Return the SubjectPublicKeyInfo of a CSR, nothing else of which is looked at yet.

    RFC 2986 section 4.1. Raises `InvalidValueError`.
    """
    try:
        info = der.children(der.expect(der.read_single(csr), der.SEQUENCE))[0]
        return der.expect(der.children(info)[2], der.SEQUENCE).encoding
    except (ValueError, IndexError):
        raise InvalidValueError("its CSR is none") from None
