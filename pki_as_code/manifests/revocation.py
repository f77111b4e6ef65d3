from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.base import CERTIFICATES, FieldError, Manifest, Maybe, Spec
from pki_as_code.manifests.pkix_values import RevocationReason
from pki_as_code.manifests.scalars import (
    Boolean,
    CertificateReference,
    Name,
    SerialNumber,
    Sha256,
)
from pki_as_code.manifests.timestamps import Timestamp
from pki_as_code.model import CERTIFICATE_HOLD
from pki_as_code.pkix.serial_numbers import parse_serial_number

_CONDITIONS: dict[str, Any] = {
    "oneOf": [
        {"required": ["certificate"]},
        {"required": ["serial", "issuer"]},
        {"required": ["spkiSha256"]},
    ]
}
"""What the model checks as well, for editors."""


class RevocationSpec(Spec):
    model_config = ConfigDict(json_schema_extra=_CONDITIONS)

    certificate: Maybe[CertificateReference] = None
    """Name of the Certificate whose current certificate is revoked; `namespace/name` for one of
    another namespace, which only admins may name."""

    serial: Maybe[SerialNumber] = None
    """Serial number in hexadecimal, in quotes: `"49:BC:F2:…"`; together with `issuer`."""

    issuer: Maybe[Name] = None
    """Authority that issued the certificate with this `serial`."""

    spki_sha256: Maybe[Sha256] = None
    """SHA-256 of a SubjectPublicKeyInfo, in hexadecimal: every certificate with that key. With
    reason `keyCompromise`, in `revocations/`, also a key that was never certified."""

    reason: RevocationReason = "unspecified"
    """Why (RFC 5280 section 5.3.1). `keyCompromise` also keeps the key from ever being signed
    again; only `certificateHold` can be lifted."""

    compromised_at: Maybe[Timestamp] = None
    """Since when the key is thought to be lost (invalidityDate). In quotes."""

    release: Boolean = False
    """Lift a `certificateHold`."""

    @property
    def serial_number(self) -> int | None:
        """The serial number as a number."""
        return None if self.serial is None else parse_serial_number(self.serial)

    @model_validator(mode="after")
    def _names_what_it_revokes(self) -> Self:
        named = [
            name
            for name, value in (
                ("certificate", self.certificate),
                ("serial", self.serial),
                ("spkiSha256", self.spki_sha256),
            )
            if value is not None
        ]
        if len(named) != 1:
            raise _wrong_number(named)
        if (self.serial is None) != (self.issuer is None):
            raise FieldError(
                "serial and issuer go together: a serial number is unique only below its issuer",
                field="serial" if self.issuer is None else "issuer",
                code="revocation.serial_and_issuer",
                help="add `issuer`" if self.issuer is None else "remove `issuer`",
            )
        if self.release and self.reason != CERTIFICATE_HOLD:
            raise FieldError(
                f"a revocation for {self.reason} cannot be lifted, only a certificateHold can",
                field="release",
                code="revocation.not_a_hold",
                help="remove `release`; have a new certificate signed",
            )
        return self


def _wrong_number(named: list[str]) -> InvalidValueError:
    help_text = "give one of `certificate`, `serial` with `issuer`, and `spkiSha256`"
    if not named:
        return InvalidValueError(
            "nothing says what to revoke", code="revocation.no_certificate", help=help_text
        )
    return FieldError(
        f"{' and '.join(named)} are given, which may be different certificates",
        field=named[-1],
        code="manifest.conflict",
        help=help_text,
    )


class Revocation(Manifest):
    """A certificate, or every certificate with one key, that is no longer to be trusted."""

    places: ClassVar[tuple[str, ...]] = ("revocations", CERTIFICATES)
    namespaced: ClassVar[bool] = True

    kind: Literal["Revocation"]
    spec: RevocationSpec
    """Which certificate, and why."""
