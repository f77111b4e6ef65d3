from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pki_as_code.manifests.base import FieldError, Manifest, Maybe, Spec
from pki_as_code.manifests.durations import (
    Duration,
    DurationOrZero,
    Percentage,
    RenewalTime,
    format_duration,
)
from pki_as_code.manifests.pkix_values import HashName, KeyRequirementText, Subject
from pki_as_code.manifests.scalars import Boolean, Text
from pki_as_code.pkix.extensions import ExtensionSet

RENEW_BEFORE = Percentage(33)
BACKDATE = timedelta(minutes=5)


class ProfileValidity(Spec):
    default: Maybe[Duration] = None
    """How long a certificate is valid that does not say it. Left out: the default of the project,
    else 90d."""

    max: Maybe[Duration] = None
    """The longest validity that may be asked for."""

    backdate: DurationOrZero = BACKDATE
    """How long before its issuance a certificate begins to be valid, for clocks that are slow."""

    @model_validator(mode="after")
    def _default_is_not_over_the_maximum(self) -> Self:
        if self.default is not None and self.max is not None and self.default > self.max:
            raise FieldError(
                f"the default validity {format_duration(self.default)} is longer than the maximum "
                f"of {format_duration(self.max)}",
                field="default",
                code="profile.validity_too_long",
                help="lower `default` or raise `max`",
            )
        return self


class ProfileKeys(Spec):
    allowed: Annotated[tuple[KeyRequirementText, ...], Field(max_length=32)] = ()
    """Keys that certificates of this profile may have: `RSA-3072+`, `P-256`, `Ed25519`. Empty: any
    key that is not weak."""

    max_age: Maybe[Duration] = None
    """How long one key may be used, over all renewals, from the first certificate with it; then a
    new CSR is wanted."""


class Renewal(Spec):
    """When a certificate is signed again before it ends."""

    mode: Literal["Automatic", "Request", "None"] = "Automatic"
    """`Automatic` signs the same request again, `Request` tells people that a new CSR is wanted,
    `None` does nothing."""

    before: RenewalTime = RENEW_BEFORE
    """How long before its end a certificate is renewed: a duration, or a part of its lifetime."""


class ProfileSpec(Spec):
    description: Maybe[Text] = None
    """What the profile is for."""

    subject: Maybe[Subject] = None
    """Distinguished name that subjects are completed from."""

    validity: ProfileValidity = ProfileValidity.model_construct()
    """How long certificates are valid."""

    algorithm: Maybe[HashName] = None
    """Hash of the signature. Left out: that of the authority."""

    keys: ProfileKeys = ProfileKeys.model_construct()
    """Which keys are accepted."""

    extensions: Maybe[ExtensionSet] = None
    """Extensions of the certificates. One of the same name in the Certificate has precedence."""

    add_crl_url: Boolean = True
    """Add the URL of the issuer's CRL."""

    add_ocsp_url: Boolean = True
    """Add the URL of the issuer's OCSP responder."""

    add_issuer_url: Boolean = True
    """Add the URL of the issuer's certificate."""

    add_issuer_alternative_name: Boolean = True
    """Add the issuerAltName of the authority's `signs`."""

    renewal: Renewal = Renewal.model_construct()
    """When certificates are signed again."""

    on_change: Literal["NextRenewal", "Reissue"] = "NextRenewal"
    """`NextRenewal`: a change of the profile, or of the authority or the defaults that certificates
    are made with, reaches them when they are renewed. `Reissue` signs all of them again, under the
    guards of the project."""


class Profile(Manifest):
    """What certificates of one purpose have in common."""

    places: ClassVar[tuple[str, ...]] = ("profiles",)
    administrative: ClassVar[bool] = True

    kind: Literal["Profile"]
    spec: ProfileSpec = ProfileSpec.model_construct()
    """What they have in common."""
