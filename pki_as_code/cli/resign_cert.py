"""`pkictl resign_cert`: the same certificate once more, for the CSR that lies beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.certificate_output import certificate_output_options
from pki_as_code.cli.completers import complete_certificate
from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, submission_options

if TYPE_CHECKING:
    from pki_as_code.manifests.certificate import Certificate
    from pki_as_code.manifests.load import Loaded
    from pki_as_code.model import CertificateRecord
    from pki_as_code.workspace import Workspace


@click.command(help="Sign a certificate again, for the CSR that is kept.")
@click.argument("cert", shell_complete=complete_certificate)
@option("--expires", metavar="DURATION", help="For how long it is valid from now on: days, 90d or "
        "2160h (default: as its manifest says).")  # fmt: skip
@option("--watch", metavar="EMAIL", multiple=True, help="Who is told before it expires, instead "
        "of those it has. May be repeated.")  # fmt: skip
@option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Write the certificate there.")  # fmt: skip
@submission_options
@certificate_output_options(default="pem")
@click.pass_obj
def command(console: Console, /, cert: str, **given: Any) -> int:
    from pki_as_code.apply.submit import Submission
    from pki_as_code.authoring.certificates import write_reissue
    from pki_as_code.cli.certificate_output import CertificateOutput, check_out
    from pki_as_code.cli.issuing import current_certificate, issue_and_show
    from pki_as_code.cli.option_values import reading, validity
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How
    from pki_as_code.manifests.locations import check_mailbox
    from pki_as_code.workspace.lookup import find_certificate

    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    output = CertificateOutput.of(given)
    check_out(console, given["out"])
    expires = None if given["expires"] is None else validity("--expires", given["expires"])
    for mailbox in given["watch"]:
        with reading("--watch"):
            check_mailbox(mailbox)
    with writing(console, push=given["push"]) as workspace:
        record = find_certificate(workspace.store, cert)
        loaded = _loaded(workspace, record)
        current = current_certificate(workspace, record.object_id)
        _check_can_be_signed(loaded, (record, current))
        written = write_reissue(
            loaded,
            after=int(current.request.get("reissue", 0)) if current else 0,
            validity=expires,
            watchers=list(dict.fromkeys(given["watch"])),
        )
        submission = Submission(
            written.files,
            frozenset([written.object_id]),
            f"Reissue certificate {written.object_id.path}",
        )
        issue_and_show(console, workspace, submission, how, output, given["out"])
    return 0


def _loaded(workspace: Workspace, record: CertificateRecord) -> Loaded[Certificate]:
    from pki_as_code.errors import NotFoundError
    from pki_as_code.manifests.certificate import Certificate

    loaded = workspace.loaded.manifests.of(Certificate).get(record.object_id)
    if loaded is None:
        raise NotFoundError(
            f"the manifest of {record.object_id.path} is gone, and with it its CSR",
            help="`pkictl sign_cert` with its CSR asks for a new certificate",
            code="certificate.no_manifest",
        )
    return loaded


def _check_can_be_signed(
    loaded: Loaded[Certificate], records: tuple[CertificateRecord | None, ...]
) -> None:
    """There is a CSR, and its key is not the one of a certificate that was revoked."""
    from pki_as_code.cli.issuing import check_not_revoked
    from pki_as_code.errors import InvalidValueError
    from pki_as_code.pkix.csr import parse_csr
    from pki_as_code.plan.requests import csr_key_digest

    if loaded.csr is None:
        raise InvalidValueError(
            f"{loaded.object_id.path} was issued elsewhere and has no CSR here",
            help="`pkictl sign_cert --as` with its name and a CSR gives it one",
            code="certificate.no_csr",
        )
    digest = csr_key_digest(parse_csr(loaded.csr))
    for record in records:
        check_not_revoked(record, digest)
