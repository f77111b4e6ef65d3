"""`pkictl import_ca`: an authority that was made elsewhere, with or without its key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.authority_options import signing_options
from pki_as_code.cli.certificate_output import certificate_output_options
from pki_as_code.cli.completers import complete_authority
from pki_as_code.cli.console import Console
from pki_as_code.cli.option_values import OrderedOptions
from pki_as_code.cli.options import option, submission_options

if TYPE_CHECKING:
    from cryptography import x509

    from pki_as_code.authoring.authorities import SigningWishes
    from pki_as_code.authoring.manifests import Written
    from pki_as_code.cli.authority_files import ImportedAuthority
    from pki_as_code.cli.submission import How
    from pki_as_code.model import ObjectId
    from pki_as_code.plan.authorities import Authority
    from pki_as_code.workspace import Workspace


@click.command(
    cls=OrderedOptions, help="Take up a certification authority that was made elsewhere."
)
@click.argument("name")
@click.argument("files", nargs=-1, required=True, metavar="[KEY] CERTIFICATE")
@option("--parent", metavar="CA", shell_complete=complete_authority, help="The authority that "
        "signed it (default: the one whose signature it has).")  # fmt: skip
@option("--key", "key_uri", metavar="URI", help="Where the key is to be kept, or is already when "
        "no KEY is given (default file:keys/NAME.pem).")  # fmt: skip
@option("--allow-expired", is_flag=True, help="Take it up although it has expired.")
@signing_options
@option("--passphrase", is_flag=True, help="Ask for a passphrase to encrypt the key with; "
        "PKI_PASSPHRASE_NAME gives one without asking. The passphrase that KEY has comes from "
        "PKI_IMPORT_PASSPHRASE, or a prompt.")  # fmt: skip
@submission_options
@certificate_output_options(default="serial")
@click.pass_context
def command(context: click.Context, /, name: str, files: tuple[str, ...], **given: Any) -> int:
    from pki_as_code.authoring.authorities import authority_object
    from pki_as_code.cli.authority_files import check_date, read_authority
    from pki_as_code.cli.authority_options import signing_wishes
    from pki_as_code.cli.certificate_output import CertificateOutput
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How
    from pki_as_code.cli.view_ca import write_authority

    console: Console = context.obj
    output = CertificateOutput.of(given)
    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    signing = signing_wishes(context, given)
    with writing(console, push=given["push"]) as workspace:
        object_id = authority_object(name, workspace.loaded.manifests, (), may_exist=True)
        imported = read_authority(console, object_id.name, files)
        check_date(console, imported.certificate, allow_expired=given["allow_expired"])
        known = _known(workspace, object_id, imported.certificate)
        if known is None:
            written = _write(workspace, object_id, imported, signing, given)
            done = _import(console, workspace, written, imported, how, given)
        else:
            done = _bring_key(console, workspace, known, imported, how, given)
        if done:
            latest = workspace.at(workspace.repository.head_commit() or workspace.commit)
            write_authority(console, latest, object_id.name, output)
            console.next_step("pkictl list_cas --tree")
    return 0


# --- The manifest --------------------------------------------------------------------------------


def _known(
    workspace: Workspace, object_id: ObjectId, certificate: x509.Certificate
) -> Authority | None:
    """Return the authority when it is there already with this certificate: it may lack its key."""
    from cryptography.x509 import load_pem_x509_certificate

    from pki_as_code.authoring.authorities import authority_object
    from pki_as_code.plan.authorities import find_authority

    known = dict(workspace.authority_certificates())
    authority = find_authority(workspace.loaded.manifests, object_id.name)
    written = authority.manifest.spec.certificate if authority else None
    if written is not None:
        known.setdefault(object_id.name, load_pem_x509_certificate(written.encode()))
    if authority is None or known.get(object_id.name) != certificate:
        authority_object(object_id.name, workspace.loaded.manifests, known)
        return None
    return authority


def _write(
    workspace: Workspace,
    object_id: ObjectId,
    imported: ImportedAuthority,
    signing: SigningWishes,
    given: dict[str, Any],
) -> Written:
    from pki_as_code.authoring.authorities import write_imported_authority

    uri = given["key_uri"]
    if uri is None and imported.private_key is not None:
        uri = f"file:keys/{object_id.name}.pem"
    return write_imported_authority(
        object_id,
        imported.certificate,
        parent=_parent(workspace, imported.certificate, given["parent"]),
        key_uri=uri,
        signing=signing,
        read=workspace.tree.read,
    )


def _parent(workspace: Workspace, certificate: x509.Certificate, text: str | None) -> str | None:
    """Return the authority that signed it, None for a root."""
    from pki_as_code.cli.init_ca import find_parent
    from pki_as_code.errors import InvalidValueError
    from pki_as_code.escape import quoted
    from pki_as_code.pkix.text import name_text
    from pki_as_code.plan.adoptable import is_signed_by
    from pki_as_code.plan.hierarchy import find_signer

    if text is not None:
        return find_parent(workspace, text)
    if is_signed_by(certificate, certificate):
        return None
    signer = find_signer(certificate, workspace.authority_certificates())
    issuer = name_text(certificate, is_subject=False) or "somebody"
    if signer is None:
        raise InvalidValueError(
            f"the certificate was issued by {quoted(issuer)}, and no authority here signed it",
            help="take up the authority that issued it before: pkictl import_ca NAME CERTIFICATE",
            code="authority.unknown_parent",
        )
    return signer


# --- Doing it ------------------------------------------------------------------------------------


def _import(
    console: Console,
    workspace: Workspace,
    written: Written,
    imported: ImportedAuthority,
    how: How,
    given: dict[str, Any],
) -> bool:
    """
    Take up the certificate, then bring its key; tells whether the certificate is in the store.

    The key comes last: until then nothing needs it, and a failure before leaves no key behind. The
    same command brings the key when only that is missing.
    """
    from pki_as_code.apply.authority_keys import bring_key, key_is_in_place
    from pki_as_code.apply.submit import Submission, preview
    from pki_as_code.cli.submission import carry_out
    from pki_as_code.plan.authorities import find_authority

    name = written.object_id.name
    submission = Submission(
        written.files, frozenset([written.object_id]), f"Import certification authority {name}"
    )
    imagined, _ = preview(workspace, submission, console.now())
    authority = find_authority(imagined.loaded.manifests, name)
    secrets = _secrets(console, imported, given)
    wanted = authority is not None and authority.manifest.spec.key is not None
    in_place = authority is not None and key_is_in_place(
        workspace, authority, imported.certificate, secrets
    )
    if wanted and not in_place and imported.private_key is None:
        raise click.UsageError("there is no key at the URI of --key: give the KEY, too")
    done = carry_out(console, workspace, submission, how)
    if authority is None or imported.private_key is None or in_place or how.dry_run:
        return done is not None
    bring_key(workspace, authority, imported.private_key, secrets)
    _tell_of_key(console, authority, imported, given)
    return done is not None


def _bring_key(
    console: Console,
    workspace: Workspace,
    authority: Authority,
    imported: ImportedAuthority,
    how: How,
    given: dict[str, Any],
) -> bool:
    """Bring the key of an authority that is known already; tells whether it is in the store."""
    from pki_as_code.apply.authority_keys import bring_key, key_is_in_place
    from pki_as_code.errors import InvalidValueError

    name = authority.object_id.name
    if imported.private_key is not None and authority.manifest.spec.key is None:
        raise InvalidValueError(
            f"authority {name} is known already, and it is offline",
            help=f"to sign with it here, replace `mode: offline` in {authority.path} by "
            f'`key: {{uri: "file:keys/{name}.pem"}}`, commit, and run this again',
            code="authority.offline",
        )
    secrets = _secrets(console, imported, given)
    in_place = key_is_in_place(workspace, authority, imported.certificate, secrets)
    if in_place or imported.private_key is None:
        console.note(f"No changes: authority {name} was taken up before.")
    elif not how.dry_run:
        bring_key(workspace, authority, imported.private_key, secrets)
        _tell_of_key(console, authority, imported, given)
    return name in workspace.store.authorities()


def _secrets(console: Console, imported: ImportedAuthority, given: dict[str, Any]) -> Any:
    from pki_as_code.apply.authority_keys import KeptPassphrase
    from pki_as_code.cli.console import EnvironmentSecrets

    asked = EnvironmentSecrets(interactive=console.interactive, ask_new=given["passphrase"])
    return KeptPassphrase(asked, imported.key_passphrase)


def _tell_of_key(
    console: Console, authority: Authority, imported: ImportedAuthority, given: dict[str, Any]
) -> None:
    from pki_as_code.keys.interface import passphrase_variable

    key = authority.manifest.spec.key
    variable = passphrase_variable(authority.object_id.name)
    console.note(f"the key is at {key.uri if key else ''} now, which git ignores")
    if imported.key_passphrase and variable not in os.environ and not given["passphrase"]:
        console.note(f"it keeps its passphrase, which belongs into {variable}")
