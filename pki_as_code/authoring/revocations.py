"""
Revocation manifests for commands: a new one, or the one that is there already, edited.

A manifest is edited only when it is about this one certificate; any other of the same name stays
as it is, and the new one gets another name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import count

from pki_as_code.authoring.manifests import Written, make_manifest, manifest_bytes
from pki_as_code.errors import InvalidValueError, NotFoundError
from pki_as_code.manifests.edit import REMOVE, set_spec_fields
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.model import (
    CERTIFICATE_HOLD,
    CertificateRecord,
    JsonValue,
    ObjectId,
    format_time,
)
from pki_as_code.pkix.serial_numbers import format_serial_number, serial_number_hex

REVOCATION = "Revocation"
Read = Callable[[str], bytes]

_DIGITS_IN_NAME = 16


def write_revocation(
    manifests: ManifestSet,
    record: CertificateRecord,
    reason: str,
    compromised_at: datetime | None,
    read: Read,
) -> Written:
    """
    Return the manifest that revokes a certificate, or puts it on hold.

    A hold that becomes a revocation for good is changed where it stands, and so is one that was
    lifted and begins anew.

    Raises:
        ManifestError: the manifest cannot be edited by a program; `help` has the change.
    """
    since = format_time(compromised_at) if compromised_at is not None else None
    known = _own_manifest(manifests, record)
    if known is None:
        spec = {"reason": reason, "compromisedAt": since}
        return _new(manifests, record, spec, read)
    changes: dict[str, JsonValue] = {}
    if known.manifest.spec.reason != reason:
        changes["reason"] = reason
    if compromised_at is not None and known.manifest.spec.compromised_at != compromised_at:
        changes["compromisedAt"] = since
    if known.manifest.spec.release:
        changes["release"] = REMOVE
    return _edited(known, changes, read)


def write_release(manifests: ManifestSet, record: CertificateRecord, read: Read) -> Written:
    """
    Return the manifest that lifts the hold of a certificate.

    Raises:
        InvalidValueError: the hold is one of every certificate with that key.
        ManifestError: the manifest cannot be edited by a program; `help` has the change.
    """
    asked = record.revocation.requested_by if record.revocation else None
    holder = manifests.of(Revocation).get(asked) if asked else None
    if holder is not None and holder.manifest.spec.spki_sha256 is not None:
        raise InvalidValueError(
            f"{holder.path} holds every certificate with that key, not this one alone",
            help="write `release: true` there to lift it from all of them",
            code="revocation.holds_several",
        )
    known = holder or _own_manifest(manifests, record)
    if known is None:
        return _new(manifests, record, {"reason": CERTIFICATE_HOLD, "release": True}, read)
    return _edited(known, {} if known.manifest.spec.release else {"release": True}, read)


def _own_manifest(manifests: ManifestSet, record: CertificateRecord) -> Loaded[Revocation] | None:
    """Return the Revocation that is about this certificate and no other."""
    revocations = manifests.of(Revocation)
    asked = record.revocation.requested_by if record.revocation else None
    holder = revocations.get(asked) if asked else None
    if holder is not None and holder.manifest.spec.spki_sha256 is None:
        return holder
    for loaded in revocations.values():
        spec = loaded.manifest.spec
        if (spec.issuer, spec.serial_number) == (record.issuer, record.serial_number):
            return loaded
    return None


def _new(
    manifests: ManifestSet, record: CertificateRecord, spec: Mapping[str, JsonValue], read: Read
) -> Written:
    serial = format_serial_number(record.serial_number)
    for name in _names(record):
        object_id, path = ObjectId(REVOCATION, "", name), f"revocations/{name}.yaml"
        if object_id not in manifests.of(Revocation) and not _is_there(read, path):
            break
    given = {"serial": serial, "issuer": record.issuer, **spec}
    manifest = make_manifest(REVOCATION, name, given)
    return Written(object_id, {path: manifest_bytes(manifest, path)})


def _names(record: CertificateRecord) -> Iterator[str]:
    name = f"serial-{serial_number_hex(record.serial_number)[:_DIGITS_IN_NAME]}"
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _is_there(read: Read, path: str) -> bool:
    try:
        read(path)
    except NotFoundError:
        return False
    return True


def _edited(known: Loaded[Revocation], changes: Mapping[str, JsonValue], read: Read) -> Written:
    if not changes:
        return Written(known.object_id, {})
    text = set_spec_fields(read(known.path).decode(), changes, document=known.document)
    return Written(known.object_id, {known.path: text.encode()})
