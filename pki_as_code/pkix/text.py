"""
A certificate as a person reads it, and as JSON.

Any certificate, also a hostile one: every field is read on its own, what cannot be read is shown
as hex, and all foreign text goes through `escape.safe`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import safe
from pki_as_code.model import JsonValue, format_time
from pki_as_code.pkix.attributes import BY_OID, attribute_name
from pki_as_code.pkix.extension_text import extension_lines, extension_title
from pki_as_code.pkix.extensions import describe_extension, extension_name
from pki_as_code.pkix.extensions.describe import hex_colons
from pki_as_code.pkix.extensions.parse import parse_extension
from pki_as_code.pkix.key_types import describe_key
from pki_as_code.pkix.names import format_name
from pki_as_code.pkix.raw_certificate import RawTbsCertificate, read_tbs_certificate
from pki_as_code.pkix.serial_numbers import format_serial_number

DIGESTS: Final = (
    ("SHA-224", "sha224"),
    ("SHA-256", "sha256"),
    ("SHA-384", "sha384"),
    ("SHA-512", "sha512"),
    ("SHA3/224", "sha3_224"),
    ("SHA3/256", "sha3_256"),
    ("SHA3/384", "sha3_384"),
    ("SHA3/512", "sha3_512"),
)
"""Fingerprints of the DER, with the name `hashlib` has for each."""

_SMALLEST_WIDTH = 20

# What cryptography and our own formatters raise for values they cannot make sense of.
_UNREADABLE = (
    InvalidValueError,
    KeyError,
    OverflowError,
    TypeError,
    UnsupportedAlgorithm,
    ValueError,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class ShownExtension:
    """An extension of any certificate."""

    oid: str
    critical: bool
    value_der: bytes = field(repr=False)
    value: JsonValue
    """In the form of a manifest; None when it cannot be read or has no such form."""


def format_certificate_text(
    certificate: x509.Certificate,
    *,
    status: str,
    watchers: Sequence[str] = (),
    pem: bool = True,
    extensions: bool = True,
    digests: bool = True,
    width: int | None = None,
) -> str:
    """
    Return the text of `view_cert`, ending in a newline.

    `status` and `watchers` come from the store. `pem`, `extensions` and `digests` tell whether
    these parts are shown. `width` is the number of columns digests are wrapped at; None does not
    wrap.
    """
    lines = [
        *_name_lines("Subject", certificate, is_subject=True),
        f"* Serial: {format_serial_number(certificate.serial_number)}",
        *_name_lines("Issuer", certificate, is_subject=False),
        f"* Not valid before: {certificate.not_valid_before_utc}",
        f"* Not valid after: {certificate.not_valid_after_utc}",
        f"* Key: {key_type(certificate) or 'unknown'}",
        f"* Signature algorithm: {safe(signature_algorithm_name(certificate))}",
        f"* Status: {status[:1].upper()}{status[1:]}",
        *_watcher_lines(watchers),
    ]
    if extensions:
        lines += ["", "Certificate extensions:", *_extension_lines(certificate)]
    if digests:
        lines += ["", "Digest:", *_digest_lines(certificate, width)]
    if pem:
        lines += ["", certificate.public_bytes(Encoding.PEM).decode("ascii").rstrip()]
    return "\n".join(lines) + "\n"


def certificate_json(certificate: x509.Certificate) -> dict[str, JsonValue]:
    """
    Return a certificate as JSON; names and extensions in the form manifests have them.

    Text in it is as the certificate has it: escape it before it goes to a terminal. A field that
    cannot be read is None. An extension without a form of its own is base64 of its DER.
    """
    raw = _raw(certificate)
    return {
        "subject": name_text(certificate, is_subject=True),
        "issuer": name_text(certificate, is_subject=False),
        "serialNumber": format_serial_number(certificate.serial_number),
        "notBefore": format_time(certificate.not_valid_before_utc),
        "notAfter": format_time(certificate.not_valid_after_utc),
        "version": certificate.version.value + 1,
        "key": {
            "type": key_type(certificate),
            "sha256": hashlib.sha256(raw.public_key.encoding).hexdigest() if raw else None,
        },
        "signatureAlgorithm": signature_algorithm_name(certificate),
        "extensions": _extensions_json(certificate),
        "fingerprints": fingerprints(certificate),
    }


def fingerprints(certificate: x509.Certificate) -> dict[str, str]:
    """Return the digests of the DER by name, each as `AA:BB:...`."""
    encoded = certificate.public_bytes(Encoding.DER)
    return {
        name: hex_colons(hashlib.new(algorithm, encoded).digest()) for name, algorithm in DIGESTS
    }


def name_text(certificate: x509.Certificate, *, is_subject: bool) -> str | None:
    """Return the subject or the issuer in one line; None when it cannot be read."""
    try:
        return format_name(certificate.subject if is_subject else certificate.issuer)
    except _UNREADABLE:
        return None


def key_type(certificate: x509.Certificate) -> str | None:
    """Return `RSA-2048`, `P-256`, ...; None when the key cannot be read."""
    try:
        return describe_key(certificate.public_key())
    except _UNREADABLE:
        return None


def signature_algorithm_name(certificate: x509.Certificate) -> str:
    """Return the name of the signature algorithm, or its dotted object identifier."""
    oid = certificate.signature_algorithm_oid
    name = str(oid._name)
    return oid.dotted_string if name == "Unknown OID" else name


def read_extensions(certificate: x509.Certificate) -> list[ShownExtension]:
    """Return the extensions in the order of the certificate, each read on its own."""
    raw = _raw(certificate)
    shown = []
    for extension in (raw.extensions if raw else None) or ():
        parsed = parse_extension(extension.encoding)
        value = None
        if parsed is not None and not _has_no_form(parsed):
            try:
                value = describe_extension(parsed)
            except _UNREADABLE:
                value = None
        shown.append(ShownExtension(extension.oid, extension.critical, extension.value_der, value))
    return shown


def _has_no_form(extension: x509.Extension[x509.ExtensionType]) -> bool:
    """Tell whether there is nothing better to show than the encoding."""
    oid = extension.oid.dotted_string
    return extension_name(oid) == oid


def _raw(certificate: x509.Certificate) -> RawTbsCertificate | None:
    try:
        return read_tbs_certificate(certificate.tbs_certificate_bytes)
    except InvalidValueError:
        return None


def _extensions_json(certificate: x509.Certificate) -> dict[str, JsonValue]:
    shown: dict[str, JsonValue] = {}
    for extension in read_extensions(certificate):
        name = extension_name(extension.oid)
        while name in shown:
            name += " (again)"
        value = extension.value
        if value is None:
            value = base64.b64encode(extension.value_der).decode("ascii")
        shown[name] = {"critical": extension.critical, "value": value}
    return shown


def _name_lines(label: str, certificate: x509.Certificate, *, is_subject: bool) -> Iterator[str]:
    raw = _raw(certificate)
    try:
        name = certificate.subject if is_subject else certificate.issuer
        attributes = [_attribute_text(attribute) for attribute in name]
    except _UNREADABLE:
        encoding = (raw.subject if is_subject else raw.issuer).encoding if raw else b""
        yield f"* {label}: (cannot be read) {encoding.hex().upper()}"
        return
    if not attributes:
        yield f"* {label}: (empty)"
        return
    yield f"* {label}:"
    yield from (f"  * {attribute}" for attribute in attributes)


def _attribute_text(attribute: x509.NameAttribute[Any]) -> str:
    value = attribute.value
    text = value.hex().upper() if isinstance(value, bytes) else safe(str(value))
    attribute_type = BY_OID.get(attribute.oid)
    name = attribute_name(attribute.oid)
    if attribute_type is None:
        return f"{name}: {text}"
    long_name = max((name, *attribute_type.aliases), key=len)
    return f"{name}: {text}" if long_name == name else f"{long_name} ({name}): {text}"


def _watcher_lines(watchers: Sequence[str]) -> Iterator[str]:
    if not watchers:
        yield "* No watchers"
        return
    yield "* Watchers:"
    yield from (f"  * {safe(watcher)}" for watcher in watchers)


def _extension_lines(certificate: x509.Certificate) -> Iterator[str]:
    if _raw(certificate) is None:
        yield "(cannot be read)"
        return
    shown = sorted(read_extensions(certificate), key=lambda e: extension_title(e.oid))
    for extension in shown:
        critical = " (critical)" if extension.critical else ""
        yield f"* {extension_title(extension.oid)}{critical}:"
        if extension.value is None:
            yield f"  {extension.value_der.hex().upper()}"
        else:
            yield from (f"  {line}" for line in extension_lines(extension.oid, extension.value))


def _digest_lines(certificate: x509.Certificate, width: int | None) -> Iterator[str]:
    longest = max(len(name) for name, _ in DIGESTS) + 1
    for name, digest in fingerprints(certificate).items():
        octets = digest.split(":")
        label = f"  {name + ':':<{longest}} "
        per_line = len(octets)
        if width is not None:
            per_line = max((max(width, _SMALLEST_WIDTH) - len(label)) // 3, 1)
        for at in range(0, len(octets), per_line):
            end = ":" if at + per_line < len(octets) else ""
            start = label if at == 0 else " " * len(label)
            yield start + ":".join(octets[at : at + per_line]) + end
