"""Certificate manifests for certificates that were signed elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.authoring.manifests import (
    LONGEST_NAME,
    Written,
    certificate_path,
    check_free,
    make_manifest,
    manifest_bytes,
    object_name,
)
from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.model import CERTIFICATE, JsonValue, ObjectId
from pki_as_code.pkix.general_names import format_general_name, parse_general_name
from pki_as_code.pkix.names import common_name
from pki_as_code.pkix.serial_numbers import serial_number_hex
from pki_as_code.plan.adoptable import Adoptable

_SERIAL_DIGITS = 8


def adopted_name(adoptable: Adoptable, file_name: str) -> str:
    """
    Return what an adopted certificate is called: its common name, its first name, or its file's.

    Raises:
        InvalidValueError: `manifest.no_name`.
    """
    for text in (
        common_name(adoptable.certificate.subject),
        *(name.partition(":")[2] for name in adoptable.subject_alternative_names[:1]),
    ):
        try:
            return object_name(text or "")
        except InvalidValueError:
            continue
    return object_name(file_name)


def with_serial(name: str, serial_number: int) -> str:
    """Tell certificates apart that would have one name: `www.example.com-49bcf287`."""
    digits = serial_number_hex(serial_number)[:_SERIAL_DIGITS]
    return f"{name[: LONGEST_NAME - _SERIAL_DIGITS - 1].rstrip('.-')}-{digits}"


def write_adopted_manifest(
    object_id: ObjectId, adoptable: Adoptable, issuer: str, read: Callable[[str], bytes]
) -> Written:
    """
    Return the manifest of a new object that adopts a certificate, and the certificate's file.

    The names that it is valid for stand in the manifest as well, where a manifest can have them:
    with a CSR beside them the certificate can be renewed.

    Raises:
        InvalidValueError: there is a file in one of the two places.
    """
    path = check_free(certificate_path(object_id), read)
    file_path = check_free(f"{path.removesuffix('.yaml')}.pem", read)
    spec: dict[str, JsonValue] = {
        "issuer": issuer,
        "adopt": {"certificateFile": file_path.rpartition("/")[2]},
    }
    manifest = make_manifest(CERTIFICATE, object_id.name, {**_names(adoptable), **spec})
    if not _is_valid(manifest):
        manifest = make_manifest(CERTIFICATE, object_id.name, spec)
    pem = adoptable.certificate.public_bytes(Encoding.PEM)
    return Written(object_id, {path: manifest_bytes(manifest, path), file_path: pem})


def _names(adoptable: Adoptable) -> dict[str, JsonValue]:
    names = adoptable.subject_alternative_names
    implied = _implied_name(common_name(adoptable.certificate.subject))
    return {
        "subject": adoptable.subject or None,
        "subjectAltNames": [_short(name) for name in names],
        "commonNameInSan": False if implied is not None and implied not in names else None,
    }


def _short(name: str) -> str:
    """Leave out the type where it is plain to see."""
    bare = name.removeprefix("DNS:").removeprefix("IP:")
    try:
        return bare if format_general_name(parse_general_name(bare)) == name else name
    except InvalidValueError:
        return name


def _implied_name(text: str | None) -> str | None:
    """Return the name that a common name would add to the names."""
    try:
        name = parse_general_name(text or "")
    except InvalidValueError:
        return None
    added = isinstance(name, x509.DNSName | x509.IPAddress | x509.RFC822Name)
    return format_general_name(name) if added else None


def _is_valid(manifest: Mapping[str, JsonValue]) -> bool:
    """Tell whether a manifest can have what an older certificate has."""
    try:
        Certificate.model_validate(manifest)
    except ValueError:
        return False
    return True


def distinct_names(named: Sequence[tuple[str, Adoptable]]) -> list[str]:
    """Return a name for each; those that several would have get a part of the serial number."""
    names = Counter(name for name, _ in named)
    return [
        with_serial(name, adoptable.serial_number) if names[name] > 1 else name
        for name, adoptable in named
    ]
