"""`pkictl ceremony accept`: the file that came back, and the manifest it goes to."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from pki_as_code.apply.authority_keys import key_is_in_place
from pki_as_code.apply.ceremony_acceptance import accept_certificate, find_authority_of
from pki_as_code.apply.ceremony_chains import load_certificate
from pki_as_code.authoring.manifests import Written
from pki_as_code.cli.ceremony_table import MOST_BYTES, read_bundle, read_file
from pki_as_code.cli.console import Console, EnvironmentSecrets
from pki_as_code.errors import InvalidValueError
from pki_as_code.keys import key_exists
from pki_as_code.plan.adoptable import decode_adopted
from pki_as_code.plan.authorities import Authority
from pki_as_code.plan.bundles import CertificateBundle
from pki_as_code.plan.ceremonies import is_offline
from pki_as_code.workspace import Workspace


def written_response(
    console: Console, workspace: Workspace, path: Path, *, name: str | None, bundle: Path | None
) -> Written:
    """Check what came back; returns the manifest with it."""
    certificate = load_certificate(decode_adopted(read_file(console, path, MOST_BYTES, "response")))
    authority = find_authority_of(certificate, workspace.loaded.manifests, name)
    carried = None
    if bundle is not None:
        carried = _bundle_of(console, bundle, authority)
    written = accept_certificate(workspace, certificate, authority, carried, console.now())
    _check_key(console, workspace, authority, certificate, compared=carried is not None)
    return written


def _bundle_of(console: Console, path: Path, authority: Authority) -> CertificateBundle:
    bundle = read_bundle(console, path, None).bundle
    if not isinstance(bundle, CertificateBundle) or bundle.object_id != authority.object_id:
        raise InvalidValueError(
            f"the bundle is not for the certificate of {authority.object_id.name}",
            help="give the bundle that was carried to this ceremony",
            code="ceremony.other_bundle",
        )
    return bundle


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
