"""Certificate manifests made of what somebody asked for, and of what is there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from posixpath import dirname, relpath

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.authoring.manifests import (
    Written,
    certificate_id,
    certificate_path,
    check_free,
    content_of,
    make_manifest,
    manifest_bytes,
    object_name,
)
from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.edit import REMOVE, set_spec_fields
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.splice import Removal
from pki_as_code.model import CERTIFICATE, JsonValue, ObjectId
from pki_as_code.pkix.csr import Csr, parse_csr
from pki_as_code.pkix.general_names import format_general_name, parse_general_name
from pki_as_code.pkix.names import common_name, format_name, parse_name, with_common_name


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
    extensions: Mapping[str, JsonValue] = field(default_factory=dict)
    """By name, as a manifest has them: `{"tlsFeature": {"value": ["status_request"]}}`."""

    reissue: int | None = None

    @property
    def names_it(self) -> bool:
        """Whether they say what is certified, and so describe a certificate as a whole."""
        return bool(self.subject or self.subject_alt_names)


def write_certificate_manifest(
    manifests: ManifestSet, wishes: CertificateWishes, read: Callable[[str], bytes]
) -> Written:
    """
    Return the manifest and the CSR file for `wishes`.

    An object that exists keeps its place, its comments, and what the wishes cannot say: labels,
    renewal, deletion policy. Each extension that they do not name stays, too. Wishes that name
    nothing to be certified change what they say and nothing else. Of the text only those fields
    change that are to be others.

    Raises:
        InvalidValueError: the CSR cannot be read, no name can be made, or the name or the file is
            taken.
        ManifestError: the manifest cannot be changed in its place.
    """
    csr = parse_csr(wishes.csr)
    object_id = identity_of(wishes)
    known = manifests.of(Certificate).get(object_id)
    if known is not None and not wishes.name:
        _check_is_that_one(known, _called(wishes))
    path = known.path if known else check_free(certificate_path(object_id), read)
    csr_path = _csr_path(object_id, path, manifests)
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
        "extensions": dict(wishes.extensions),
        "reissue": wishes.reissue,
    }
    files: dict[str, bytes] = {}
    if not _holds_csr(content_of(read, csr_path), csr.der):
        files[csr_path] = csr_pem(csr.der)
    if known is None:
        files[path] = manifest_bytes(make_manifest(CERTIFICATE, object_id.name, spec), path)
    elif (text := _edited(known, spec, whole=wishes.names_it)) != known.text.text:
        files[path] = text.encode()
    return Written(object_id, files)


def identity_of(wishes: CertificateWishes) -> ObjectId:
    """Return the object that `wishes` are about. Raises `InvalidValueError` when none is named."""
    return certificate_id(wishes.name or object_name(_called(wishes)), wishes.namespace)


_KEPT_UNLESS_GIVEN = ("watchers", "reissue")

_INSTEAD_OF = {"validity": "notAfter", "notAfter": "validity"}

_NOTHING: Sequence[JsonValue] = (None, [], (), {})


def _edited(known: Loaded[Certificate], spec: Mapping[str, JsonValue], *, whole: bool) -> str:
    """
    Return the text of a manifest with the fields of `spec` as given, and no CSR inside.

    A field that says nothing is taken away when `spec` describes the `whole`, else left as it is.
    """
    before = known.manifest.model_dump(mode="json", by_alias=True, exclude_unset=True)
    given = {name: value for name, value in spec.items() if value not in _NOTHING}
    extensions = given.pop("extensions", {})
    kept = {name: value for name, value in before["spec"].items() if name != "csr"}
    for name in spec:
        instead = _INSTEAD_OF.get(name) in given
        if instead or (whole and name not in (*_KEPT_UNLESS_GIVEN, "extensions")):
            kept.pop(name, None)
    wanted = {**kept, **given}
    now, then = _effective(before), _effective({**before, "spec": wanted})
    fields = sorted({*spec, "csr"} - {"extensions"}, key=lambda name: name not in wanted)
    changes: dict[str, JsonValue | Removal] = {
        name: wanted.get(name, REMOVE) for name in fields if now[name] != then[name]
    }
    changes |= _changed_extensions(before["spec"].get("extensions") or {}, extensions, before)
    return set_spec_fields(known.text.text, changes, document=known.document)


def write_reissue(
    known: Loaded[Certificate],
    *,
    after: int,
    validity: str | None = None,
    watchers: Sequence[str] = (),
) -> Written:
    """
    Return the manifest changed so that its certificate is signed again.

    `after` is the `reissue` of the certificate there is: the manifest may have begun anew since.

    Raises:
        ManifestError: the manifest cannot be changed in its place.
    """
    changes: dict[str, JsonValue | Removal] = {
        "reissue": max(known.manifest.spec.reissue, after) + 1
    }
    if validity is not None:
        changes["validity"] = validity
        if known.manifest.spec.not_after is not None:
            changes["notAfter"] = REMOVE
    if watchers:
        changes["watchers"] = list(watchers)
    text = set_spec_fields(known.text.text, changes, document=known.document)
    return Written(known.object_id, {known.path: text.encode()})


def _changed_extensions(
    before: Mapping[str, JsonValue],
    given: Mapping[str, JsonValue],
    manifest: Mapping[str, JsonValue],
) -> dict[str, JsonValue]:
    """Return what to set so that the extensions given stand over those that are there."""
    if not given:
        return {}
    wanted = {**before, **{name: _over(name, before, value) for name, value in given.items()}}
    now = _effective(dict(manifest))["extensions"] or {}
    spec = {**manifest["spec"], "extensions": wanted}
    then = _effective({**manifest, "spec": spec})["extensions"]
    return {f"extensions.{n}": wanted[n] for n in given if now.get(n) != then.get(n)}


def _over(name: str, before: Mapping[str, JsonValue], given: JsonValue) -> JsonValue:
    """An extension replaces the one before; of authorityInfoAccess each access method does."""
    if name != "authorityInfoAccess" or name not in before:
        return given
    return {**before[name], "value": {**before[name]["value"], **given["value"]}}


def _check_is_that_one(known: Loaded[Certificate], called: str) -> None:
    """Two different names can give one name of a manifest: `*.a.example`, `wildcard.a.example`."""
    spec = known.manifest.spec
    names = [format_general_name(parse_general_name(name)) for name in spec.subject_alt_names]
    names.append(common_name(parse_name(spec.subject or "")) or "")
    if called not in names and called not in [name.partition(":")[2] for name in names]:
        raise InvalidValueError(
            f"{known.path} is there already, and is not for {called!r}",
            help=f"--as NAME gives yours a name of its own; --as {known.object_id.path} changes "
            "the one that is there",
            code="manifest.exists",
        )


def _effective(manifest: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a spec as the model has it, so that two ways to write one are equal."""
    model = Certificate.model_validate(manifest)
    spec: dict[str, JsonValue] = model.model_dump(mode="json", by_alias=True)["spec"]
    names = [parse_general_name(name) for name in model.spec.subject_alt_names]
    spec["subjectAltNames"] = [format_general_name(name) for name in names]
    if model.spec.subject:
        spec["subject"] = format_name(parse_name(model.spec.subject))
    return spec


def _csr_path(object_id: ObjectId, path: str, manifests: ManifestSet) -> str:
    """Return where the CSR goes: to its place, or beside the manifest; never over another's."""
    certificates = manifests.of(Certificate)
    others = {item.csr_path for other, item in certificates.items() if other != object_id}
    known = certificates.get(object_id)
    stem = path.rpartition(".")[0]
    own = known.csr_path if known else ""
    candidates = chain([own] if own else [], [f"{stem}.csr"], (f"{stem}-{n}.csr" for n in count(2)))
    return next(candidate for candidate in candidates if candidate not in others)


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


def _holds_csr(content: bytes | None, der: bytes) -> bool:
    """Tell whether a file holds that CSR already, in whatever form."""
    try:
        return content is not None and parse_csr(content).der == der
    except InvalidValueError:
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
            subject = format_name(with_common_name(x509.Name([]), text))
    return subject, tuple(dict.fromkeys(_short(name) for name in names))


def _short(name: str) -> str:
    """Leave out the type where it is plain to see."""
    return name.removeprefix("DNS:")


def names_only_in_csr(
    csr: Csr, wishes: CertificateWishes, known: Loaded[Certificate] | None
) -> tuple[str, ...]:
    """Return the subjectAltNames that a CSR asks for and its certificate will not have."""
    subject, names = wishes.subject, list(wishes.subject_alt_names)
    in_san = wishes.common_name_in_san
    if not wishes.names_it and known is not None:
        spec = known.manifest.spec
        subject, names = spec.subject, list(spec.subject_alt_names)
        in_san = in_san and spec.common_name_in_san
    name = common_name(parse_name(subject)) if subject else None
    if name and in_san:
        names.append(name)
    wanted = set()
    for text in names:
        try:
            wanted.add(format_general_name(parse_general_name(text)).lower())
        except InvalidValueError:  # a common name that is just words
            continue
    return tuple(name for name in csr.requested_names if name.lower() not in wanted)
