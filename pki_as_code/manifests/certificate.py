from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.base import CERTIFICATES, FieldError, Manifest, Maybe, Spec
from pki_as_code.manifests.durations import Duration
from pki_as_code.manifests.linting import Waiver
from pki_as_code.manifests.locations import Mailbox
from pki_as_code.manifests.pkix_values import CsrPem, GeneralName, HashName, Subject
from pki_as_code.manifests.profile import Renewal
from pki_as_code.manifests.project import DeletionPolicy
from pki_as_code.manifests.scalars import Boolean, Integer, Name, Text
from pki_as_code.manifests.timestamps import Timestamp
from pki_as_code.pkix.extensions import ExtensionSet

MAX_NAMES = 500


class Adopt(Spec):
    certificate_file: Text
    """File with the certificate that exists already, beside the manifest."""


_CONDITIONS: dict[str, Any] = {
    "anyOf": [{"required": ["csrFile"]}, {"required": ["csr"]}, {"required": ["adopt"]}],
    "allOf": [
        {"not": {"required": ["csr", "csrFile"]}},
        {"not": {"required": ["validity", "notAfter"]}},
    ],
}
"""What the model checks as well, for editors."""


class CertificateSpec(Spec):
    model_config = ConfigDict(json_schema_extra=_CONDITIONS)

    csr_file: Maybe[Text] = None
    """File with the certificate signing request, in PEM or DER, relative to the manifest."""

    csr: Maybe[CsrPem] = None
    """The certificate signing request itself, in PEM; instead of `csrFile`."""

    subject_alt_names: Annotated[tuple[GeneralName, ...], Field(max_length=MAX_NAMES)] = ()
    """Names of the certificate: `api.example.com`, `IP:10.0.0.7`, `email:…`, `URI:…`,
    `otherName:OID;UTF8:…`. The prefix is needed only where the type is not plain to see."""

    subject: Maybe[Subject] = None
    """Distinguished name in certificate order. Completed from the profile and the project; without
    a CN the first DNS name or address becomes it."""

    common_name_in_san: Boolean = True
    """Add the common name to the names when it is a valid one."""

    issuer: Maybe[Name] = None
    """Authority that signs. Left out: that of the namespace or of the project."""

    profile: Maybe[Name] = None
    """Profile of the certificate. Left out: that of the namespace or of the project."""

    validity: Maybe[Duration] = None
    """How long the certificate is valid. Left out: what the profile says."""

    not_after: Maybe[Timestamp] = None
    """When the certificate ends; instead of `validity`. In quotes."""

    algorithm: Maybe[HashName] = None
    """Hash of the signature. Left out: that of the profile or of the authority."""

    extensions: Maybe[ExtensionSet] = None
    """Extensions of the certificate. They have precedence over those of the profile."""

    renewal: Maybe[Renewal] = None
    """When it is signed again. Left out: what the profile says."""

    watchers: Annotated[tuple[Mailbox, ...], Field(max_length=64)] = ()
    """Addresses that are told before it expires: `ops@example.com`, `Name <ops@example.com>`."""

    deletion_policy: Maybe[DeletionPolicy] = None
    """What removing this manifest does while the certificate is valid: `Refuse`, `Retain` or
    `Revoke`. What counts is the value that the store knows: reconcile an edit before removing."""

    reissue: Annotated[Integer, Field(ge=0, le=1_000_000)] = 0
    """Raise it to have the certificate signed again."""

    adopt: Maybe[Adopt] = None
    """A certificate that exists already and is taken over. Without a CSR it is only observed."""

    on_supersede: Literal["Keep", "Revoke"] = "Keep"
    """What becomes of the previous certificate when a new one replaces it: `Keep` leaves it valid
    until its end, `Revoke` revokes it after `supersedeDelay`."""

    supersede_delay: Maybe[Duration] = None
    """How long a superseded certificate stays valid under `onSupersede: Revoke`; 7d when left
    out."""

    waivers: Annotated[tuple[Waiver, ...], Field(max_length=16)] = ()
    """Objections of linters that are known and put up with, each with its reason."""

    @model_validator(mode="after")
    def _fields_that_exclude_each_other(self) -> Self:
        if self.csr is not None and self.csr_file is not None:
            raise _conflict("csr", "csrFile")
        if self.validity is not None and self.not_after is not None:
            raise _conflict("validity", "notAfter")
        if self.csr is None and self.csr_file is None and self.adopt is None:
            raise InvalidValueError(
                "the certificate has no CSR",
                code="certificate.no_csr",
                help="name the file under `csrFile`, or put the PEM text under `csr: |`",
            )
        if self.supersede_delay is not None and self.on_supersede != "Revoke":
            raise FieldError(
                "supersedeDelay means nothing without `onSupersede: Revoke`",
                field="supersedeDelay",
                code="certificate.supersede_delay",
                help="add `onSupersede: Revoke`, or remove supersedeDelay",
            )
        return self


def _conflict(first: str, second: str) -> FieldError:
    return FieldError(
        f"{first} and {second} are both given",
        field=second,
        code="manifest.conflict",
        help="remove one of the two",
    )


class Certificate(Manifest):
    """A certificate that is wanted: whose key, which names, signed by whom."""

    places: ClassVar[tuple[str, ...]] = (CERTIFICATES,)
    namespaced: ClassVar[bool] = True

    kind: Literal["Certificate"]
    spec: CertificateSpec
    """What is wanted."""
