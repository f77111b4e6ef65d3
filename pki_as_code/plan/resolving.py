"""Every Certificate of a repository resolved, side by side where that is faster."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from operator import attrgetter
from typing import Any, Final

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.model import CertificateRequest, Finding, ObjectId
from pki_as_code.plan.renewal import Renewal
from pki_as_code.plan.requests import ResolvedCertificate, resolve_request
from pki_as_code.workers import Work, without_collecting

_Values = tuple[Any, ...]
_Packed = tuple[_Values | None, tuple[Finding, ...], str, Renewal | None]
"""What a child hands back: nothing that the parent has already, and no object of a class."""

_REQUEST_FIELDS: Final = [
    field.name for field in dataclasses.fields(CertificateRequest) if field.name != "object_id"
]
_values_of = attrgetter(*_REQUEST_FIELDS)


def resolve_certificates(manifests: ManifestSet) -> tuple[ResolvedCertificate, ...]:
    """Resolve every Certificate, in the order of their identities."""
    certificates = manifests.of(Certificate)
    ordered: Sequence[ObjectId] = sorted(certificates)
    with (
        without_collecting(),
        closing(Work(partial(_resolve, manifests, certificates), ordered)) as work,
    ):
        return tuple(
            _unpacked(certificates[object_id], packed)
            for object_id, packed in zip(ordered, work.results(), strict=True)
        )


def _resolve(
    manifests: ManifestSet,
    certificates: Mapping[ObjectId, Loaded[Certificate]],
    object_id: ObjectId,
) -> _Packed:
    resolved = resolve_request(certificates[object_id], manifests)
    request = resolved.request
    values = _values_of(request) if request is not None else None
    return values, resolved.findings, resolved.deletion_policy, resolved.renewal


def _unpacked(loaded: Loaded[Certificate], packed: _Packed) -> ResolvedCertificate:
    values, findings, policy, renewal = packed
    request = None
    if values is not None:
        given = dict(zip(_REQUEST_FIELDS, values, strict=True))
        request = CertificateRequest(object_id=loaded.object_id, **given)
    return ResolvedCertificate(loaded, request, findings, policy, renewal)
