from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import load_pem_x509_certificate
from pydantic import Field, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.base import FieldError, Manifest, Maybe, Spec
from pki_as_code.manifests.durations import Duration
from pki_as_code.manifests.locations import KeyUri, UrlTemplate
from pki_as_code.manifests.pkix_values import (
    CertificatePem,
    ConstraintName,
    Curve,
    GeneralName,
    HashName,
    KeyType,
    Subject,
)
from pki_as_code.manifests.scalars import NOT_EMPTY, Integer, Name, Text
from pki_as_code.pkix.algorithms import KeySpec, key_spec
from pki_as_code.pkix.extensions import ExtensionSet

AuthorityUsage = Literal["sign", "crl", "ocsp"]

DEFAULT_CURVE = "P-256"
DEFAULT_RSA_SIZE = 3072

Urls = Annotated[tuple[UrlTemplate, ...], Field(max_length=16)]
Subtrees = Annotated[tuple[ConstraintName, ...], Field(max_length=256)]


class KeyKind(Spec):
    """What kind of key is made when it is not there yet."""

    type: KeyType = "EC"
    """Type of the key."""

    size: Maybe[Annotated[Integer, Field(ge=2048, le=8192)]] = None
    """Bits of an RSA key; 3072 when left out."""

    curve: Maybe[Curve] = None
    """Curve of an EC key; P-256 when left out."""

    @property
    def key_spec(self) -> KeySpec:
        """The key as `pkix` describes it, with size or curve filled in."""
        size = (self.size or DEFAULT_RSA_SIZE) if self.type == "RSA" else self.size
        curve = (self.curve or DEFAULT_CURVE) if self.type == "EC" else self.curve
        return KeySpec(self.type, size, curve)

    @model_validator(mode="after")
    def _size_and_curve_fit_the_type(self) -> Self:
        self.key_spec  # noqa: B018 (raises)
        return self


class AuthorityKey(KeyKind):
    """The private key of an authority: where it is, and what is made when it is not there yet."""

    uri: KeyUri
    """Where the key is, such as `file:keys/issuing.pem`. The scheme names the backend."""


class ResponderKey(KeyKind):
    """The private key of an OCSP responder, which is another one than the authority's."""

    uri: Maybe[KeyUri] = None
    """Where the key is. Left out: beside a `file:` key of the authority, as `NAME.ocsp.pem`."""


class AuthorityNameConstraints(Spec):
    """Names that certificates below this authority may have (RFC 5280 section 4.2.1.10)."""

    permitted: Subtrees = ()
    """Subtrees such as `DNS:corp.example`, `IP:10.0.0.0/8` or `email:example.com`. Of each type
    that is listed, only these names are valid."""

    excluded: Subtrees = ()
    """Subtrees of names that are never valid."""

    @model_validator(mode="after")
    def _has_a_subtree(self) -> Self:
        if not self.permitted and not self.excluded:
            raise InvalidValueError(
                "nameConstraints constrain nothing",
                code="authority.empty_constraints",
                help="name a subtree under permitted or excluded, or leave nameConstraints out",
            )
        return self


def _five_sevenths(data: dict[str, Any]) -> timedelta:
    """Return the default of `refreshBefore`: 5d of 7d. `data` lacks a validity that is invalid."""
    validity: timedelta = data.get("validity", timedelta(days=7))
    return timedelta(seconds=int(validity.total_seconds()) * 5 // 7)


_UNIQUE: dict[str, Any] = {"uniqueItems": True}


class Crl(Spec):
    validity: Duration = timedelta(days=7)
    """Time from thisUpdate to nextUpdate of a CRL."""

    refresh_before: Duration = Field(default_factory=_five_sevenths)
    """How long before its nextUpdate a CRL is replaced; five sevenths of `validity` when left
    out."""

    shards: Annotated[Integer, Field(ge=1, le=1024)] = 1
    """Number of CRLs over which certificates are spread when they are issued. The CRL of all of
    them is there as well."""

    scopes: Annotated[
        tuple[Literal["user", "ca"], ...], Field(max_length=2, json_schema_extra=_UNIQUE)
    ] = ()
    """CRLs beside the one of everything: of end entities only, of authorities only."""

    first_number: Annotated[Integer, Field(ge=1, le=2**53)] = 1
    """The lowest CRL number: above those that an authority made elsewhere has used."""

    urls: Maybe[Urls] = None
    """Where the CRL is found. When left out, below `baseUrl` of the project; `[]` for nowhere."""

    file: Maybe[Text] = None
    """The CRL of an offline authority, which people signed: the path of a file in PEM or DER,
    relative to the manifest."""

    @model_validator(mode="after")
    def _is_refreshed_in_time(self) -> Self:
        if self.refresh_before >= self.validity:
            raise FieldError(
                "refreshBefore is not shorter than validity, so that no CRL would ever be fresh",
                field="refreshBefore",
                code="authority.refresh_before",
                help="make refreshBefore shorter",
            )
        return self


class OcspResponder(Spec):
    """The certificate that signs OCSP responses in the authority's place (RFC 6960 2.6)."""

    validity: Duration = timedelta(days=14)
    """How long it is valid; it is renewed when a third of that is left."""

    key: ResponderKey = ResponderKey.model_construct()
    """Its private key."""


class Ocsp(Spec):
    validity: Duration = timedelta(days=2)
    """Time from thisUpdate to nextUpdate of a response."""

    urls: Maybe[Urls] = None
    """Where the responder is. When left out, below `baseUrl` of the project; `[]` for nowhere."""

    responder: OcspResponder = OcspResponder.model_construct()
    """Who signs the responses."""


class Signs(Spec):
    extensions: Maybe[ExtensionSet] = None
    """Extensions added to the certificates this authority signs."""


class CertificateAuthoritySpec(Spec):
    subject: Subject
    """Distinguished name in certificate order: `C=AT,O=Example,CN=Example Issuing CA`."""

    subject_alt_names: Annotated[tuple[GeneralName, ...], Field(max_length=100)] = ()
    """Other names of the authority, in its own certificate: `email:pki@example.com`, `URI:…`."""

    parent: Maybe[Name] = None
    """Authority that signs this one. Without it, the authority is a root and signs itself."""

    mode: Literal["online", "offline"] = "online"
    """`offline`: the key is never there when `pkictl` runs; what it is to sign is planned as a
    ceremony."""

    key: Maybe[AuthorityKey] = None
    """The private key. Left out only for an authority with a `certificate` that is offline."""

    certificate: Maybe[CertificatePem] = None
    """Certificate of an authority that was made elsewhere, in PEM."""

    validity: Duration = timedelta(days=3650)
    """How long its own certificate is valid."""

    path_length: Annotated[Integer, Field(ge=0, le=255)] | None = None
    """How many authorities may follow below this one; `null` or left out: any number."""

    algorithm: Maybe[HashName] = None
    """Hash of the signature on its own certificate, and the default for what it signs. Left out:
    what suits the key. Ed25519, Ed448 and ML-DSA have none."""

    name_constraints: Maybe[AuthorityNameConstraints] = None
    """Names that certificates below it may have."""

    usages: Annotated[
        tuple[AuthorityUsage, ...],
        Field(max_length=3, json_schema_extra={"minItems": 1, "uniqueItems": True}),
        NOT_EMPTY,
    ] = ("sign", "crl", "ocsp")
    """What the authority still does. Without `sign` it is retired: CRL and OCSP go on."""

    crl: Crl = Crl.model_construct()
    """The certificate revocation list of this authority."""

    ocsp: Ocsp = Ocsp.model_construct()
    """Its OCSP responses."""

    issuer_urls: Maybe[Urls] = None
    """Where its own certificate is found (caIssuers). When left out, below `baseUrl` of the
    project; `[]` for nowhere."""

    extensions: Maybe[ExtensionSet] = None
    """Extensions of its own certificate."""

    signs: Signs = Signs.model_construct()
    """What it adds to the certificates it signs."""

    @property
    def key_spec(self) -> KeySpec:
        """What key it has or will have; as its certificate says where that was made elsewhere."""
        if self.certificate is not None or self.key is None:
            return _key_spec_of(self.certificate or "")
        return self.key.key_spec

    @property
    def key_type(self) -> str:
        """The key in short: `P-256`, `RSA-3072`, `Ed25519`."""
        return str(self.key_spec)

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if self.key is None and (self.certificate is None or self.mode == "online"):
            raise InvalidValueError(
                "the authority has no key",
                code="authority.no_key",
                help="add `key: {uri: ...}`; only an authority with a certificate that is "
                "`mode: offline` needs none",
            )
        if self.certificate is not None:
            _check_same_key(self.key, _key_spec_of(self.certificate))
        if self.crl.file is not None and self.mode == "online":
            raise FieldError(
                "the authority is online and signs its CRL itself",
                field="crl",
                code="authority.crl_file_online",
                help="take crl.file out; it is for `mode: offline`",
            )
        if len(set(self.usages)) != len(self.usages):
            raise FieldError(
                "a usage is listed twice",
                field="usages",
                code="authority.duplicate_usage",
                help="list each once",
            )
        return self


_KIND = {"type", "size", "curve"}


def _check_same_key(key: AuthorityKey | None, certified: KeySpec) -> None:
    """Raise `FieldError` when the key is said to be another than the certificate's."""
    if key is not None and key.model_fields_set & _KIND and key.key_spec != certified:
        raise FieldError(
            f"the key is said to be {key.key_spec}, that of the certificate is {certified}",
            field="key",
            code="authority.key_mismatch",
            help="leave type, size and curve out: the certificate says what they are",
        )


@lru_cache(maxsize=256)
def _key_spec_of(certificate_pem: str) -> KeySpec:
    """Return the type of the key in a certificate. Raises `InvalidValueError`."""
    try:
        public_key = load_pem_x509_certificate(certificate_pem.encode()).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise FieldError(
            "the certificate of the authority cannot be read",
            field="certificate",
            code="authority.bad_certificate",
            help="put the PEM text of one certificate there",
        ) from None
    return key_spec(public_key)


class CertificateAuthority(Manifest):
    """A certification authority, a root or one below another."""

    places: ClassVar[tuple[str, ...]] = ("authorities",)
    administrative: ClassVar[bool] = True

    kind: Literal["CertificateAuthority"]
    spec: CertificateAuthoritySpec
    """What the authority is and does."""
