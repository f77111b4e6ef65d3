"""`pkictl import_cert`: certificates that were signed elsewhere, by way of manifests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.completers import complete_authority
from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, submission_options

if TYPE_CHECKING:
    from pki_as_code.authoring.manifests import Written
    from pki_as_code.workspace import Workspace


@click.command(help="Take up certificates that were signed elsewhere.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=str))
@option("--ca", metavar="CA", shell_complete=complete_authority,
        help="The authority that signed them: serial number, name or common name.")  # fmt: skip
@option("--as", "name", metavar="NAME", help="The name of the manifest, of a single file "
        "(default: made of the common name or the first name).")  # fmt: skip
@option("--namespace", metavar="NS", help="The namespace they go to (default: default).")
@option("--allow-expired", is_flag=True, help="Take up expired ones, too.")
@submission_options
@click.pass_obj
def command(
    console: Console,
    /,
    files: tuple[str, ...],
    ca: str | None,
    name: str | None,
    namespace: str | None,
    allow_expired: bool,
    **given: Any,
) -> int:
    from pki_as_code.apply.submit import Submission
    from pki_as_code.cli.import_judge import Judge
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How, carry_out
    from pki_as_code.model import AdoptCertificate
    from pki_as_code.pkix.serial_numbers import format_serial_number

    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    if name is not None and len(files) > 1:
        raise click.UsageError("--as names one certificate, and several files are given")
    contents = [(path, _content(console, path)) for path in files]
    with writing(console, push=given["push"]) as workspace:
        issuer = _issuer(workspace, ca, namespace)
        judge = Judge(workspace, issuer, None if allow_expired else console.now())
        for path, content in contents:
            judge.look_at(path, content)
        written = judge.write_manifests(name, namespace)
        submission = Submission(
            {path: data for item in written for path, data in item.files.items()},
            frozenset(item.object_id for item in written),
            _message(written),
        )
        for outcome in carry_out(console, workspace, submission, how) or ():
            change = outcome.change
            if isinstance(change, AdoptCertificate):
                serial = format_serial_number(change.serial_number)
                told = f"{serial}, until {change.not_after:%Y-%m-%d}"
                console.note(f"adopted certificate {change.object_id.path}: {told}")
    return 0


def _message(written: Sequence[Written]) -> str:
    if len(written) == 1:
        return f"Adopt certificate {written[0].object_id.path}"
    listed = "\n".join(f"  {item.object_id.path}" for item in written)
    return f"Adopt {len(written)} certificates\n\n{listed}"


def _content(console: Console, path: str) -> bytes | str:
    """Return what a file holds, or why it cannot be read."""
    from pki_as_code.manifests.attachments import MAX_ATTACHMENT

    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_ATTACHMENT + 1)
        else:
            with (console.directory / path).open("rb") as file:
                data = file.read(MAX_ATTACHMENT + 1)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "there is no such file"
    if len(data) > MAX_ATTACHMENT:
        return f"it has more than {MAX_ATTACHMENT} bytes, too much for a certificate"
    return data


def _issuer(workspace: Workspace, ca: str | None, namespace: str | None) -> str:
    """Return the authority that is to have signed: named, by default, or the only one there is."""
    from pki_as_code.errors import NotFoundError
    from pki_as_code.model import DEFAULT_NAMESPACE
    from pki_as_code.workspace.lookup import find_authority_name

    authorities = workspace.authority_certificates()
    if ca is not None or not authorities:
        return find_authority_name(authorities, ca or "")
    manifests = workspace.loaded.manifests
    holders = (manifests.namespace(namespace or DEFAULT_NAMESPACE), manifests.project)
    for holder in holders:
        named = holder.manifest.spec.defaults.issuer if holder else None
        if named is not None:
            return find_authority_name(authorities, named)
    if len(authorities) == 1:
        return next(iter(authorities))
    raise NotFoundError(
        "nothing says which authority signed the certificates",
        help=f"name it with --ca; there are: {', '.join(sorted(authorities))}",
        code="adopt.no_issuer",
    )
