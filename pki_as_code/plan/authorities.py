"""Authorities as manifests: their order, their own requests, what they add to others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from cryptography import x509

from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.profile import Profile
from pki_as_code.model import (
    AUTHORITY,
    CertificateRequest,
    Finding,
    JsonValue,
    ObjectId,
    RequestedExtension,
)
from pki_as_code.pkix.algorithms import certificate_hash_name, default_hash_name_of_spec
from pki_as_code.pkix.general_names import format_general_name, parse_general_name
from pki_as_code.pkix.names import format_name, parse_name

Authority = Loaded[CertificateAuthority]

_KEYS_WITH_HASH = ("RSA", "EC")


def authority_id(name: str) -> ObjectId:
    return ObjectId(AUTHORITY, "", name)


def find_authority(manifests: ManifestSet, name: str | None) -> Authority | None:
    """Return the authority of that name, None when there is none."""
    if name is None:
        return None
    return manifests.of(CertificateAuthority).get(authority_id(name))


def chain_of(authority: Authority, manifests: ManifestSet) -> Iterator[Authority]:
    """Yield the authority, its parent, and so on; stops before it comes round to one again."""
    seen: set[ObjectId] = set()
    current: Authority | None = authority
    while current is not None and current.object_id not in seen:
        seen.add(current.object_id)
        yield current
        current = find_authority(manifests, current.manifest.spec.parent)


def parents_first(manifests: ManifestSet) -> list[Authority]:
    """Return every authority after its parent; those of a cycle come last, in name order."""
    authorities = manifests.of(CertificateAuthority)
    return sorted(
        authorities.values(),
        key=lambda a: (sum(1 for _ in chain_of(a, manifests)), a.object_id),
    )


def cycle_findings(manifests: ManifestSet) -> Iterator[Finding]:
    """Authorities whose parents lead back to themselves: nobody could have signed the first."""
    for authority in parents_first(manifests):
        chain = list(chain_of(authority, manifests))
        if chain[-1].manifest.spec.parent == authority.object_id.name:
            names = [link.object_id.name for link in chain]
            yield Finding(
                "authority.cycle",
                f"authorities sign each other in a circle: {' <- '.join([*names, names[0]])}",
                authority.source("spec", "parent"),
                help="give one of them no parent (a root) or another one",
            )


# --- The authority's own certificate -------------------------------------------------------------


def resolve_authority(
    authority: Authority, manifests: ManifestSet, public_key_der: bytes = b""
) -> CertificateRequest:
    """
    Return the request for an authority's own certificate.

    Its key may not exist yet: the request is completed with it before anything is reserved.
    """
    spec = authority.manifest.spec
    extensions = {e.name: e for e in (spec.extensions.requested() if spec.extensions else ())}
    extensions.setdefault(
        "keyUsage", RequestedExtension("keyUsage", True, ["keyCertSign", "cRLSign"])
    )
    if spec.name_constraints is not None:
        value = {
            "permitted": list(spec.name_constraints.permitted),
            "excluded": list(spec.name_constraints.excluded),
        }
        extensions["nameConstraints"] = RequestedExtension("nameConstraints", True, value)
    parent = find_authority(manifests, spec.parent)
    if parent is not None:
        for extension in _location_extensions(parent, manifests):
            extensions[extension.name] = joined(extensions.get(extension.name), extension)
    return CertificateRequest(
        object_id=authority.object_id,
        issuer=spec.parent or authority.object_id.name,
        profile="",
        subject=format_name(parse_name(spec.subject)),
        subject_alternative_names=_own_names(authority),
        public_key_der=public_key_der,
        validity_seconds=int(spec.validity.total_seconds()),
        not_after=None,
        backdate_seconds=0,
        hash_algorithm=signing_hash(authority, manifests),
        is_ca=True,
        path_length=spec.path_length,
        extensions=tuple(extensions[name] for name in sorted(extensions)),
        crl_shards=parent.manifest.spec.crl.shards if parent else 1,
        intent=authority_intent(authority),
    )


def authority_intent(authority: Authority) -> dict[str, JsonValue]:
    """Return what cannot change while an authority lives: another one would have to be made."""
    spec = authority.manifest.spec
    constraints = spec.name_constraints
    return {
        "subject": format_name(parse_name(spec.subject)),
        "parent": spec.parent,
        "keyType": spec.key_type,
        "pathLength": spec.path_length,
        "nameConstraints": {
            "permitted": sorted(constraints.permitted),
            "excluded": sorted(constraints.excluded),
        }
        if constraints
        else None,
        "subjectAltNames": sorted(_own_names(authority)) or None,
    }


def _own_names(authority: Authority) -> tuple[str, ...]:
    names = authority.manifest.spec.subject_alt_names
    return tuple(dict.fromkeys(format_general_name(parse_general_name(name)) for name in names))


# --- Keys ----------------------------------------------------------------------------------------


def key_uri(authority: Authority) -> str | None:
    """Return where the authority's own key is, None when its manifest does not say it."""
    key = authority.manifest.spec.key
    return key.uri if key else None


def key_path(uri: str | None) -> str | None:
    """Return where a `file:` key lies, relative to the repository; None for one elsewhere."""
    if uri is None:
        return None
    scheme, _, path = uri.partition(":")
    inside = not path.startswith("/") and ".." not in path.split("/")
    return path if scheme == "file" and inside else None


def committed_key(authority: Authority, path: str) -> Finding:
    """Say that a private key is in git, where everybody who can read the repository has it."""
    anew = "a new authority" if path == key_path(key_uri(authority)) else "another"
    return Finding(
        "key.committed",
        f"a key of authority {authority.object_id.name} ({path}) is committed to git",
        authority.source("spec", "key", "uri"),
        help=f"treat it as lost and make {anew}; `git rm --cached {path}`",
    )


# --- Hashes --------------------------------------------------------------------------------------


def key_takes_hash(authority: CertificateAuthority) -> bool:
    """EdDSA and ML-DSA have no separate hash (RFC 8410 section 3, RFC 9881 section 2)."""
    return authority.spec.key_spec.type in _KEYS_WITH_HASH


def default_hash(issuer: Authority, manifests: ManifestSet) -> str | None:
    """
    Return the hash `issuer` signs with unless told otherwise; None where its key has none.

    It is the one its own certificate is signed with, where its key can use it.
    """
    spec = issuer.manifest.spec
    if not key_takes_hash(issuer.manifest):
        return None
    # Below a parent that signs without a hash, `algorithm` still says what it signs with itself.
    own = str(spec.algorithm) if spec.algorithm else None
    return own or signing_hash(issuer, manifests) or default_hash_name_of_spec(spec.key_spec)


def signing_hash(authority: Authority, manifests: ManifestSet) -> str | None:
    """
    Return the hash of the signature on this authority's own certificate.

    Of one that was made elsewhere the certificate says it; None where that is none to sign with.
    """
    if authority.manifest.spec.certificate:
        return _given_hash(authority.manifest.spec.certificate)
    signer = find_authority(manifests, authority.manifest.spec.parent) or authority
    if not key_takes_hash(signer.manifest):
        return None
    own = authority.manifest.spec.algorithm
    return str(own) if own else default_hash_name_of_spec(signer.manifest.spec.key_spec)


@lru_cache(maxsize=64)
def _given_hash(certificate_pem: str) -> str | None:
    return certificate_hash_name(x509.load_pem_x509_certificate(certificate_pem.encode()))


# --- What an authority adds to the certificates it signs -----------------------------------------


def issued_extensions(
    issuer: Authority, profile: Profile, manifests: ManifestSet
) -> list[RequestedExtension]:
    """Return what `issuer` adds, as far as the profile wants it."""
    found = {extension.name: extension for extension in added_extensions(issuer, manifests)}
    spec = profile.spec
    if not spec.add_crl_url:
        found.pop("crlDistributionPoints", None)
    if not spec.add_issuer_alternative_name:
        found.pop("issuerAltName", None)
    access = found.pop("authorityInfoAccess", None)
    if access is not None:
        wanted = {"ocsp": spec.add_ocsp_url, "caIssuers": spec.add_issuer_url}
        value = {m: urls for m, urls in dict(access.value).items() if urls and wanted.get(m, True)}
        if value:
            found["authorityInfoAccess"] = RequestedExtension(access.name, access.critical, value)
    return [found[name] for name in sorted(found)]


def added_extensions(issuer: Authority, manifests: ManifestSet) -> list[RequestedExtension]:
    """Return what `issuer` adds to a certificate whose profile wants all of it, sorted by name."""
    signs = issuer.manifest.spec.signs
    found = {e.name: e for e in (signs.extensions.requested() if signs.extensions else ())}
    for extension in _location_extensions(issuer, manifests):
        found[extension.name] = joined(found.get(extension.name), extension)
    return [found[name] for name in sorted(found)]


def joined(asked: RequestedExtension | None, added: RequestedExtension) -> RequestedExtension:
    """An explicit extension wins; of authorityInfoAccess each access method by itself."""
    if asked is None:
        return added
    if asked.name == "authorityInfoAccess":
        given = {method: locations for method, locations in dict(asked.value).items() if locations}
        return replace(asked, value={**added.value, **given})
    return asked


def _location_extensions(issuer: Authority, manifests: ManifestSet) -> Iterator[RequestedExtension]:
    """
    Yield where the issuer's CRL, OCSP responder and certificate are (RFC 5280 4.2.1.13, 4.2.2.1).

    Nothing where neither the authority names a URL nor the project has a `baseUrl`: a URL at which
    nobody answers makes relying parties wait.
    """
    spec = issuer.manifest.spec
    base = manifests.project.manifest.spec.base_url if manifests.project else None
    crl = _urls(spec.crl.urls, base, "{CRL_PATH}")
    if crl:
        value: JsonValue = [{"fullName": crl}]
        yield RequestedExtension("crlDistributionPoints", False, value)
    access = {
        "ocsp": _urls(spec.ocsp.urls, base, "{OCSP_PATH}"),
        "caIssuers": _urls(spec.issuer_urls, base, "{CA_ISSUER_PATH}"),
    }
    value = {method: urls for method, urls in access.items() if urls}
    if value:
        yield RequestedExtension("authorityInfoAccess", False, value)


def crl_urls(issuer: Authority, manifests: ManifestSet) -> list[str]:
    """Return where the CRLs of an authority are, as templates of URIs without a prefix."""
    base = manifests.project.manifest.spec.base_url if manifests.project else None
    urls = _urls(issuer.manifest.spec.crl.urls, base, "{CRL_PATH}")
    return [url[4:] for url in urls]  # `URI:`, in whatever case


def _urls(given: Sequence[str] | None, base: str | None, path: str) -> list[str]:
    """Return the URLs an authority names, else the one below the project's `baseUrl`."""
    if given is not None:
        return [_uri(url) for url in given]
    return [_uri(f"{base.rstrip('/')}/{path}")] if base else []


def _uri(url: str) -> str:
    """Mark a URL as one: general names without a prefix are guessed, variables are not."""
    return url if url.lower().startswith("uri:") else f"URI:{url}"
