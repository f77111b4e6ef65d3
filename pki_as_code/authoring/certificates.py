"""Certificate manifests made of what somebody asked for, and of what is there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname, relpath

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki_as_code.authoring.manifests import (
    Written,
    certificate_path,
    make_manifest,
    manifest_bytes,
    object_name,
)
from pki_as_code.errors import InvalidValueError, RepositoryError
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import CERTIFICATE, DEFAULT_NAMESPACE, JsonValue, ObjectId
from pki_as_code.pkix.csr import parse_csr
from pki_as_code.pkix.general_names import format_general_name, parse_general_name
from pki_as_code.pkix.names import common_name, format_name, parse_name


@dataclass(frozen=True, slots=True)
class CertificateWishes:
    """What somebody asks for on a command line or in a form; None where they said nothing."""

    csr: bytes
    name: str | None = None
    namespace: str | None = None
    subject: str | None = None
    subject_alt_names: Sequence[str] = ()
    common_name_in_san: bool = True
    issuer: str | None = None
    profile: str | None = None
    validity: str | None = None
    not_after: str | None = None
    algorithm: str | None = None
    watchers: Sequence[str] = ()


def write_certificate_manifest(
    manifests: ManifestSet, wishes: CertificateWishes, read: Callable[[str], bytes]
) -> Written:
    """
    Return the manifest and the CSR file for `wishes`.

    An object that exists keeps its place, and what the wishes cannot say: labels, renewal, deletion
    policy. When its spec is already what is asked for, its text stays as it is.

    Raises:
        InvalidValueError: the CSR cannot be read, or no name can be made.
    """
    csr = parse_csr(wishes.csr)
    name = wishes.name or object_name(_called(wishes))
    namespace = wishes.namespace or DEFAULT_NAMESPACE
    if "/" in name:
        namespace, _, name = name.partition("/")
    object_id = ObjectId(CERTIFICATE, namespace, name)
    known = manifests.of(Certificate).get(object_id)
    path = known.path if known else certificate_path(object_id)
    csr_path = known.csr_path if known and known.csr_path else f"{path.removesuffix('.yaml')}.csr"
    spec: dict[str, JsonValue] = {
        "csrFile": relpath(csr_path, dirname(path)),
        "subjectAltNames": list(wishes.subject_alt_names),
        "subject": wishes.subject,
        "commonNameInSan": None if wishes.common_name_in_san else False,
        "issuer": wishes.issuer,
        "profile": wishes.profile,
        "validity": wishes.validity,
        "notAfter": wishes.not_after,
        "algorithm": wishes.algorithm,
        "watchers": list(wishes.watchers),
    }
    labels: Mapping[str, str] | None = None
    if known is not None:
        before = known.manifest.model_dump(mode="json", by_alias=True, exclude_unset=True)
        labels = known.manifest.metadata.labels
        spec = {**{f: v for f, v in before["spec"].items() if f in _KEPT}, **_given(spec)}
    manifest = make_manifest(CERTIFICATE, name, spec, labels)
    files = {csr_path: csr_pem(csr.der)}
    if known is None or _effective(before) != _effective(manifest):
        files[path] = manifest_bytes(manifest, path)
    return Written(
        object_id,
        {file: data for file, data in files.items() if not _is_same(read, file, data, known)},
    )


_KEPT = ("renewal", "deletionPolicy", "reissue", "onSupersede", "supersedeDelay", "watchers")
"""Fields that the wishes do not set anew; watchers only when some are given."""


def _called(wishes: CertificateWishes) -> str:
    """Return what the certificate is called: its common name, else its first name."""
    name = common_name(parse_name(wishes.subject)) if wishes.subject else None
    if name:
        return name
    if wishes.subject_alt_names:
        first = format_general_name(parse_general_name(wishes.subject_alt_names[0]))
        return first.partition(":")[2]
    raise InvalidValueError(
        "neither --subject with a common name nor --alt is given",
        help="name it: --alt www.example.com",
        code="certificate.no_names",
    )


def csr_pem(der: bytes) -> bytes:
    """Return a CSR as PEM (RFC 7468 section 7), and nothing that stood around it."""
    request = x509.load_der_x509_csr(der)
    return request.public_bytes(Encoding.PEM)


def _given(spec: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {field: value for field, value in spec.items() if value not in (None, [], ())}


def _effective(manifest: Mapping[str, JsonValue]) -> JsonValue:
    """Return a manifest as the model has it, so that two ways to write one are equal."""
    model = Certificate.model_validate(manifest)
    return model.model_dump(mode="json", by_alias=True)


def _is_same(read: Callable[[str], bytes], path: str, data: bytes, known: object | None) -> bool:
    """Tell whether the file is there with that content; only an object that exists has files."""
    if known is None:
        return False
    try:
        return read(path) == data
    except (InvalidValueError, RepositoryError):
        return False


def names_in_csr(csr: bytes) -> tuple[str | None, tuple[str, ...]]:
    """
    Return the subject and names to propose for a CSR: what it asks for, to be reviewed.

    The names of its subjectAltName, and its common name where that is a name; a common name that is
    just words (`Jane Doe`) is proposed as the subject.
    """
    parsed = parse_csr(csr)
    names = [str(name) for name in parsed.requested_names]
    text = common_name(parsed.subject)
    subject = None
    if text is not None:
        try:
            names.insert(0, format_general_name(parse_general_name(text)))
        except InvalidValueError:
            subject = format_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]))
    return subject, tuple(dict.fromkeys(_short(name) for name in names))


def _short(name: str) -> str:
    """Leave out the type where it is plain to see."""
    return name.removeprefix("DNS:")
