"""`pkictl ceremony accept`: the file that came back, and the manifest it goes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from pki_as_code.apply.authority_keys import key_is_in_place
from pki_as_code.apply.ceremony_acceptance import (
    accept_certificate,
    find_authority_of,
    find_crl_issuer,
)
from pki_as_code.apply.ceremony_chains import load_certificate
from pki_as_code.authoring.authorities import write_crl
from pki_as_code.cli.ceremony_table import CRL_LABEL, MOST_BYTES, read_bundle, read_file
from pki_as_code.cli.console import Console, EnvironmentSecrets
from pki_as_code.errors import InvalidValueError
from pki_as_code.keys import key_exists
from pki_as_code.manifests.attachments import MAX_CRL
from pki_as_code.model import ObjectId
from pki_as_code.pkix.crl import read_crl
from pki_as_code.pkix.pem import encode_pem
from pki_as_code.plan.adoptable import decode_adopted
from pki_as_code.plan.authorities import Authority
from pki_as_code.plan.bundles import Bundle, CertificateBundle, CrlBundle
from pki_as_code.plan.ceremonies import is_offline
from pki_as_code.plan.crl_ceremonies import decode_crl
from pki_as_code.workspace import Workspace

_CRL_BEGIN = b"-----BEGIN X509 CRL-----"


@dataclass(frozen=True, slots=True)
class Returned:
    """Files of the repository that have what came back in them."""

    object_id: ObjectId
    files: Mapping[str, bytes]
    is_certificate: bool


def written_response(
    console: Console, workspace: Workspace, path: Path, *, name: str | None, bundle: Path | None
) -> Returned:
    """Check what came back; returns the manifest with it, and a CRL as a file beside it."""
    data = read_file(console, path, MAX_CRL, "response")
    carried = read_bundle(console, bundle, None).bundle if bundle is not None else None
    if _is_crl(data):
        return _returned_crl(workspace, decode_crl(data), name, carried)
    if len(data) > MOST_BYTES:
        raise InvalidValueError(
            "the response is too large for a certificate",
            help="give the file that `pkictl ceremony sign` wrote",
            code="ceremony.no_file",
        )
    certificate = load_certificate(decode_adopted(data))
    authority = find_authority_of(certificate, workspace.loaded.manifests, name)
    if carried is not None and not isinstance(carried, CertificateBundle):
        raise _other_bundle(authority)
    _check_same(carried, authority)
    written = accept_certificate(workspace, certificate, authority, carried, console.now())
    _check_key(console, workspace, authority, certificate, compared=carried is not None)
    return Returned(written.object_id, written.files, True)


def _is_crl(data: bytes) -> bool:
    if _CRL_BEGIN in data:
        return True
    try:
        read_crl(data)
    except InvalidValueError:
        return False
    return True


def _returned_crl(
    workspace: Workspace, der: bytes, name: str | None, carried: Bundle | None
) -> Returned:
    """The plan of the change judges it: see `plan.crl_ceremonies`."""
    description, _ = read_crl(der)
    authority = find_crl_issuer(description.issuer_name_der, workspace, name)
    _check_same(carried, authority)
    if carried is not None and (
        not isinstance(carried, CrlBundle) or carried.prepared_at != description.this_update
    ):
        raise _other_bundle(authority)
    pem = encode_pem(CRL_LABEL, der)
    written = write_crl(authority, pem, workspace.tree.read)
    return Returned(written.object_id, written.files, False)


def _check_same(bundle: Bundle | None, authority: Authority) -> None:
    if bundle is not None and bundle.object_id != authority.object_id:
        raise _other_bundle(authority)


def _other_bundle(authority: Authority) -> InvalidValueError:
    return InvalidValueError(
        f"the bundle is not the one that this response of {authority.object_id.name} answers",
        help="give the bundle that was carried to this ceremony",
        code="ceremony.other_bundle",
    )


def _check_key(
    console: Console,
    workspace: Workspace,
    authority: Authority,
    certificate: x509.Certificate,
    *,
    compared: bool,
) -> None:
    """Compare with the key where that is at hand; a reviewer's machine need not have it."""
    key = authority.manifest.spec.key
    if key is None or is_offline(authority):
        return
    if key_exists(key.uri, root=workspace.root):
        secrets = EnvironmentSecrets(interactive=console.interactive)
        key_is_in_place(workspace, authority, certificate, secrets)
    elif not compared:
        console.note(
            f"warning: the key of {authority.object_id.name} is not here, so nobody compared it "
            "with the certificate; --bundle does"
        )
