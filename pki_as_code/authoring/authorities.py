"""Manifests of authorities made of what somebody asked for, and of certificates made elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.authoring.manifests import (
    Written,
    check_free,
    make_manifest,
    manifest_bytes,
    object_name,
)
from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.attachments import resolve_beside
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.edit import set_spec_fields
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import AUTHORITY, JsonValue, ObjectId
from pki_as_code.pkix.key_types import KEY_TYPES_WITHOUT_HASH
from pki_as_code.pkix.text import name_text
from pki_as_code.plan.authorities import Authority, find_authority, key_takes_hash

_CRL_FILE = ("crl", "file")
_WEB = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class SigningWishes:
    """What an authority is to put into the certificates it signs."""

    ocsp: Sequence[str] = ()
    ca_issuers: Sequence[str] = ()
    """Where its own certificate is: what it signs names its issuer, not the issuer's issuer."""

    crl: Sequence[str] = ()
    crl_critical: bool = False
    ocsp_validity: str | None = None
    extensions: Mapping[str, JsonValue] = field(default_factory=dict)
    """The others, as a manifest has them."""

    def spec(self) -> dict[str, JsonValue]:
        """
        Return the fields of the manifest they go to.

        A web address goes where CRLs and OCSP responses are looked after, too; any other kind of
        name (`ldap:`, a directory) into the extension itself.
        """
        extensions = dict(self.extensions)
        points = [{"fullName": list(self.crl)}]
        if self.crl and (self.crl_critical or not _on_the_web(self.crl)):
            critical = {"critical": True} if self.crl_critical else {}
            extensions["crlDistributionPoints"] = {**critical, "value": points}
        access = {"ocsp": self.ocsp, "caIssuers": self.ca_issuers}
        elsewhere = {m: list(urls) for m, urls in access.items() if urls and not _on_the_web(urls)}
        if elsewhere:
            extensions["authorityInfoAccess"] = {"value": elsewhere}
        return {
            "crl": _given({"urls": _web_urls(self.crl)}),
            "ocsp": _given({"validity": self.ocsp_validity, "urls": _web_urls(self.ocsp)}),
            "issuerUrls": _web_urls(self.ca_issuers),
            "signs": _given({"extensions": extensions}),
        }


@dataclass(frozen=True, slots=True)
class AuthorityWishes:
    """What somebody asks for on a command line or in a form; None where they said nothing."""

    name: str
    subject: str
    """In certificate order, as `pkix.names.format_name` writes it."""

    key: Mapping[str, JsonValue]
    validity: str
    parent: str | None = None
    path_length: int | None = None
    algorithm: str | None = None
    permitted: Sequence[str] = ()
    excluded: Sequence[str] = ()
    subject_alt_names: Sequence[str] = ()
    extensions: Mapping[str, JsonValue] = field(default_factory=dict)
    """Of its own certificate."""

    signing: SigningWishes = SigningWishes()


def authority_name(text: str) -> str:
    """Return the `metadata.name` for what people call an authority: `Root CA` -> `root-ca`."""
    try:
        return object_name(text)
    except InvalidValueError as error:
        raise InvalidValueError(
            error.message, help="use letters, digits, dashes and dots", code=error.code
        ) from None


def authority_object(
    name: str, manifests: ManifestSet, known: Collection[str], *, may_exist: bool = False
) -> ObjectId:
    """
    Return the identity of an authority that is to be called `name`.

    `known` are the names the store has certificates of: one whose manifest is gone is still an
    authority. Raises `InvalidValueError` (`authority.exists`).
    """
    object_id = ObjectId(AUTHORITY, "", authority_name(name))
    if may_exist:
        return object_id
    if object_id in manifests.of(CertificateAuthority):
        raise InvalidValueError(
            f"there is an authority called {object_id.name} already",
            help="give the new one another name",
            code="authority.exists",
        )
    if object_id.name in known:
        raise InvalidValueError(
            f"there was an authority called {object_id.name}, and its manifest is gone",
            help=f"put authorities/{object_id.name}.yaml back, or give the new one another name",
            code="authority.exists",
        )
    return object_id


def write_authority_manifest(
    manifests: ManifestSet,
    known: Collection[str],
    wishes: AuthorityWishes,
    read: Callable[[str], bytes],
) -> Written:
    """
    Return the manifest of a new authority.

    Raises:
        InvalidValueError: the name or the file is taken; the algorithm would have no effect.
    """
    object_id = authority_object(wishes.name, manifests, known)
    _check_algorithm(wishes, manifests)
    constraints = {"permitted": list(wishes.permitted), "excluded": list(wishes.excluded)}
    spec: dict[str, JsonValue] = {
        "subject": wishes.subject,
        "subjectAltNames": list(wishes.subject_alt_names),
        "parent": wishes.parent,
        "key": _given(wishes.key),
        "validity": wishes.validity,
        "pathLength": wishes.path_length,
        "algorithm": wishes.algorithm,
        "nameConstraints": _given(constraints),
        "extensions": dict(wishes.extensions),
        **wishes.signing.spec(),
    }
    return _written(object_id, spec, read)


def write_imported_authority(
    object_id: ObjectId,
    certificate: x509.Certificate,
    *,
    parent: str | None,
    key_uri: str | None,
    signing: SigningWishes,
    read: Callable[[str], bytes],
) -> Written:
    """
    Return the manifest of an authority that was made elsewhere; offline without a key.

    Raises:
        InvalidValueError: the file is taken, or the certificate's subject cannot be written.
    """
    subject = name_text(certificate, is_subject=True)
    if subject is None:
        raise InvalidValueError(
            "the subject of the certificate cannot be read",
            help="see what `openssl x509 -text` makes of it",
            code="authority.bad_certificate",
        )
    spec: dict[str, JsonValue] = {
        "subject": subject,
        "parent": parent,
        "mode": None if key_uri else "offline",
        "key": {"uri": key_uri} if key_uri else None,
        "certificate": certificate.public_bytes(Encoding.PEM).decode(),
        **signing.spec(),
    }
    return _written(object_id, spec, read)


def write_certificate(
    authority: Authority, certificate: x509.Certificate, read: Callable[[str], bytes]
) -> Written:
    """
    Return the manifest of an authority with a certificate in it; comments and all else stay.

    Raises:
        ManifestError: the file is written in a way that cannot be changed here.
    """
    text = read(authority.path).decode()
    pem = certificate.public_bytes(Encoding.PEM).decode()
    edited = set_spec_fields(text, {"certificate": pem}, document=authority.document)
    return Written(authority.object_id, {authority.path: edited.encode()})


def write_crl(authority: Authority, pem: bytes, read: Callable[[str], bytes]) -> Written:
    """
    Return an authority's CRL as a file beside its manifest, and the manifest that names it.

    Raises:
        ManifestError: the file is written in a way that cannot be changed here.
        InvalidValueError: there is something else where the CRL would go.
    """
    reference = authority.manifest.spec.crl.file
    if reference is not None:
        return Written(authority.object_id, {resolve_beside(authority.path, reference): pem})
    path = check_free(f"{authority.path.rpartition('.')[0]}.crl", read)
    changes = {".".join(_CRL_FILE): path.rpartition("/")[2]}
    edited = set_spec_fields(read(authority.path).decode(), changes, document=authority.document)
    return Written(authority.object_id, {authority.path: edited.encode(), path: pem})


def _written(
    object_id: ObjectId, spec: Mapping[str, JsonValue], read: Callable[[str], bytes]
) -> Written:
    path = check_free(f"authorities/{object_id.name}.yaml", read)
    manifest = make_manifest(object_id.kind, object_id.name, spec)
    return Written(object_id, {path: manifest_bytes(manifest, path)})


def _check_algorithm(wishes: AuthorityWishes, manifests: ManifestSet) -> None:
    """A hash that neither the parent nor the authority itself could use would be a mistake."""
    parent = find_authority(manifests, wishes.parent)
    key_type = str(wishes.key["type"])
    signer_takes_hash = parent is not None and key_takes_hash(parent.manifest)
    if wishes.algorithm and key_type in KEY_TYPES_WITHOUT_HASH and not signer_takes_hash:
        raise InvalidValueError(
            f"{wishes.name} signs with an {key_type} key, which has no separate hash",
            help="leave the algorithm out",
            code="algorithm.not_applicable",
        )


def _given(fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: value for name, value in fields.items() if value not in (None, [], (), {})}


def _on_the_web(names: Sequence[str]) -> bool:
    return all(_bare(name).lower().startswith(_WEB) for name in names)


def _web_urls(names: Sequence[str]) -> list[str] | None:
    return [_bare(name) for name in names] if names and _on_the_web(names) else None


def _bare(name: str) -> str:
    """Return a URI without the prefix that general names have."""
    return name[4:] if name[:4].upper() == "URI:" else name
