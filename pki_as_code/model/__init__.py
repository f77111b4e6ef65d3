"""
The data that flows through the pipeline. Read this package first.

    Manifest -> CertificateRequest -> Change -> Plan -> PreparedCertificate -> IssuedCertificate

Everything here is frozen, holds no open resources and imports nothing from the rest of the program.
Times are aware and in UTC, serial numbers are integers (text only at the edges), DER is `bytes`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pki_as_code.model.changes import (
        AbandonReservation,
        Action,
        AdoptAuthority,
        AdoptCertificate,
        AdoptCrl,
        BlockKey,
        Change,
        FinishReservation,
        IssueCertificate,
        PublishCrl,
        Reason,
        ReleaseHold,
        RenameObject,
        RetireObject,
        RevokeCertificate,
        UpdateObject,
        crl_id,
    )
    from pki_as_code.model.notices import (
        Event,
        Notice,
    )
    from pki_as_code.model.objects import (
        AUTHORITY,
        CERTIFICATE,
        CRL,
        DEFAULT_NAMESPACE,
        RESPONDER,
        Finding,
        JsonValue,
        ObjectId,
        Severity,
        Source,
        canonical_json,
        format_time,
        sha256_digest,
    )
    from pki_as_code.model.plans import (
        Plan,
        Refusal,
        StatusReport,
    )
    from pki_as_code.model.records import (
        CA_SCOPE,
        CERTIFICATE_HOLD,
        FULL_SCOPE,
        USER_SCOPE,
        BlockedKey,
        CertificateRecord,
        CrlRecord,
        Failure,
        Observed,
        Reservation,
        Revocation,
        SerialStatus,
        Status,
        scopes_of,
        shard_of,
        shard_scope,
    )
    from pki_as_code.model.requests import (
        CertificateRequest,
        IssuedCertificate,
        IssuedCrl,
        RequestedExtension,
    )
    from pki_as_code.model.trust import (
        Identity,
        SignedCommit,
    )

__all__ = [
    "AUTHORITY",
    "CA_SCOPE",
    "CERTIFICATE",
    "CERTIFICATE_HOLD",
    "CRL",
    "DEFAULT_NAMESPACE",
    "FULL_SCOPE",
    "RESPONDER",
    "USER_SCOPE",
    "AbandonReservation",
    "Action",
    "AdoptAuthority",
    "AdoptCertificate",
    "AdoptCrl",
    "BlockKey",
    "BlockedKey",
    "CertificateRecord",
    "CertificateRequest",
    "Change",
    "CrlRecord",
    "Event",
    "Failure",
    "Finding",
    "FinishReservation",
    "Identity",
    "IssueCertificate",
    "IssuedCertificate",
    "IssuedCrl",
    "JsonValue",
    "Notice",
    "ObjectId",
    "Observed",
    "Plan",
    "PublishCrl",
    "Reason",
    "Refusal",
    "ReleaseHold",
    "RenameObject",
    "RequestedExtension",
    "Reservation",
    "RetireObject",
    "Revocation",
    "RevokeCertificate",
    "SerialStatus",
    "Severity",
    "SignedCommit",
    "Source",
    "Status",
    "StatusReport",
    "UpdateObject",
    "canonical_json",
    "crl_id",
    "format_time",
    "scopes_of",
    "sha256_digest",
    "shard_of",
    "shard_scope",
]

_HOMES: Final = {
    "AUTHORITY": "objects",
    "AbandonReservation": "changes",
    "Action": "changes",
    "AdoptAuthority": "changes",
    "AdoptCertificate": "changes",
    "AdoptCrl": "changes",
    "BlockKey": "changes",
    "BlockedKey": "records",
    "CA_SCOPE": "records",
    "CERTIFICATE": "objects",
    "CERTIFICATE_HOLD": "records",
    "CRL": "objects",
    "CertificateRecord": "records",
    "CertificateRequest": "requests",
    "Change": "changes",
    "CrlRecord": "records",
    "DEFAULT_NAMESPACE": "objects",
    "Event": "notices",
    "FULL_SCOPE": "records",
    "Failure": "records",
    "Finding": "objects",
    "FinishReservation": "changes",
    "Identity": "trust",
    "IssueCertificate": "changes",
    "IssuedCertificate": "requests",
    "IssuedCrl": "requests",
    "JsonValue": "objects",
    "Notice": "notices",
    "ObjectId": "objects",
    "Observed": "records",
    "Plan": "plans",
    "PublishCrl": "changes",
    "RESPONDER": "objects",
    "Reason": "changes",
    "Refusal": "plans",
    "ReleaseHold": "changes",
    "RenameObject": "changes",
    "RequestedExtension": "requests",
    "Reservation": "records",
    "RetireObject": "changes",
    "Revocation": "records",
    "RevokeCertificate": "changes",
    "SerialStatus": "records",
    "Severity": "objects",
    "SignedCommit": "trust",
    "Source": "objects",
    "Status": "records",
    "StatusReport": "plans",
    "USER_SCOPE": "records",
    "UpdateObject": "changes",
    "canonical_json": "objects",
    "crl_id": "changes",
    "format_time": "objects",
    "scopes_of": "records",
    "sha256_digest": "objects",
    "shard_of": "records",
    "shard_scope": "records",
}
"""Imported when they are asked for: making all these classes takes longer than using a few."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
