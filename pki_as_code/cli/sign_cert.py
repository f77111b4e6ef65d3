"""`pkictl sign_cert`: a certificate for a CSR, by way of a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.certificate_output import certificate_output_options
from pki_as_code.cli.completers import complete_authority
from pki_as_code.cli.console import Console
from pki_as_code.cli.extension_options import extension_options
from pki_as_code.cli.options import option, submission_options
from pki_as_code.cli.profile_flags import ProfileFlags, profile_options

if TYPE_CHECKING:
    from pki_as_code.authoring.certificates import CertificateWishes
    from pki_as_code.manifests.certificate import Certificate
    from pki_as_code.manifests.load import Loaded
    from pki_as_code.workspace import Workspace


@click.command(cls=ProfileFlags, help="Sign a certificate for a CSR.")
@option("--csr", "csr_file", metavar="FILE", default="-", show_default=True,
        help="The CSR, PEM or DER; - for stdin.")  # fmt: skip
@option(
    "--ca",
    metavar="CA",
    shell_complete=complete_authority,
    help="The authority that signs: serial number, name or common name.",
)
@option("--alt", "--name", "--subject-alternative-name", "alt", metavar="NAME", multiple=True,
        help="A name of the certificate: example.com, IP:127.0.0.1, email:..., URI:..., RID:..., "
        "dirName:..., otherName:OID;TYPE:VALUE. May be repeated.")  # fmt: skip
@option("--subject", metavar="NAME", help="Distinguished name: C=AT,CN=example.com. What it does "
        "not say comes from the profile and the project.")  # fmt: skip
@option("--subject-format", type=click.Choice(["rfc4514", "openssl"]), default="rfc4514",
        show_default=True, help="How the subject is written: C=AT,CN=x or /C=AT/CN=x.")  # fmt: skip
@option("--cn-not-in-san", is_flag=True, help="Do not add the common name to the names.")
@option("--strict-csr", is_flag=True, help="Refuse a CSR that asks for names the certificate will "
        "not have, instead of a warning.")  # fmt: skip
@option("--algorithm", metavar="HASH", help="Hash of the signature: SHA-256, SHA-384, SHA-512.")
@option("--expires", metavar="DURATION", help="For how long it is valid: days, 90d or 2160h.")
@option("--not-after", metavar="TIME", help="When it ends, RFC 3339: 2027-01-31T00:00:00Z.")
@option("--watch", metavar="EMAIL", multiple=True, help="Who is told before it expires: "
        "ops@example.com, or 'Name <ops@example.com>'. May be repeated.")  # fmt: skip
@profile_options
@extension_options
@option("--namespace", metavar="NS", help="The namespace it goes to (default: default).")
@option("--as", "object_name", metavar="NAME", help="The name of the manifest (default: made of "
        "the common name or the first name). With no other name, changes only what is said of a "
        "certificate that is there.")  # fmt: skip
@option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Write the certificate there.")  # fmt: skip
@submission_options
@certificate_output_options(default="pem")
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    from pki_as_code.apply.submit import Submission
    from pki_as_code.authoring.certificates import write_certificate_manifest
    from pki_as_code.cli.certificate_output import CertificateOutput, check_out
    from pki_as_code.cli.csr_input import read_csr
    from pki_as_code.cli.issuing import issue_and_show
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How

    console: Console = context.obj
    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    output = CertificateOutput.of(given)
    check_out(console, given["out"])
    options = _read(context, given)
    if given["csr_file"] == "-" and console.interactive:
        console.note("paste the CSR, then press Ctrl-D")
    csr = read_csr(given["csr_file"], console.directory)
    with writing(console, push=given["push"]) as workspace:
        wishes = _wishes(console, workspace, csr, given, options)
        written = write_certificate_manifest(
            workspace.loaded.manifests, wishes, workspace.tree.read
        )
        submission = Submission(
            written.files,
            frozenset([written.object_id]),
            f"Request certificate {written.object_id.path}",
        )
        issue_and_show(console, workspace, submission, how, output, given["out"])
    return 0


def _read(context: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the wishes whose values can be judged by themselves."""
    from pki_as_code.cli.extension_options import extensions_of
    from pki_as_code.cli.option_values import end_time, reading, validity
    from pki_as_code.cli.profile_flags import chosen_profile
    from pki_as_code.errors import UsageError
    from pki_as_code.manifests.locations import check_mailbox
    from pki_as_code.pkix.algorithms import parse_hash_name
    from pki_as_code.pkix.general_names import parse_general_name
    from pki_as_code.pkix.names import format_name, parse_name

    fields: dict[str, Any] = {"profile": chosen_profile(given)}
    if given["expires"] is not None and given["not_after"] is not None:
        raise UsageError("--expires and --not-after exclude each other", help="give one of them")
    if given["expires"] is not None:
        fields["validity"] = validity("--expires", given["expires"])
    if given["not_after"] is not None:
        fields["not_after"] = end_time("--not-after", given["not_after"])
    if given["subject"]:
        with reading("--subject"):
            subject = parse_name(given["subject"], form=given["subject_format"])
        fields["subject"] = format_name(subject) or None
    for name in given["alt"]:
        with reading("--alt"):
            parse_general_name(name)
    for mailbox in given["watch"]:
        with reading("--watch"):
            check_mailbox(mailbox)
    if given["algorithm"] is not None:
        with reading("--algorithm"):
            fields["algorithm"] = parse_hash_name(given["algorithm"])
    fields["extensions"] = extensions_of(context, given)
    return fields


def _wishes(
    console: Console,
    workspace: Workspace,
    csr: bytes,
    given: dict[str, Any],
    fields: dict[str, Any],
) -> CertificateWishes:
    """Return what is asked for, after judging it against what there is."""
    from dataclasses import replace

    from pki_as_code.authoring.certificates import (
        CertificateWishes,
        identity_of,
        names_only_in_csr,
    )
    from pki_as_code.cli.issuing import check_not_revoked, current_certificate
    from pki_as_code.manifests.certificate import Certificate
    from pki_as_code.model import Status
    from pki_as_code.pkix.csr import parse_csr, password_findings
    from pki_as_code.plan.requests import csr_key_digest
    from pki_as_code.workspace.lookup import find_authority_name

    parsed = parse_csr(csr)
    if given["ca"] is not None:
        fields["issuer"] = find_authority_name(workspace.authority_certificates(), given["ca"])
    wishes = CertificateWishes(
        csr=csr,
        name=given["object_name"],
        namespace=given["namespace"],
        subject_alt_names=given["alt"],
        common_name_in_san=not given["cn_not_in_san"],
        watchers=list(dict.fromkeys(given["watch"])),
        **fields,
    )
    object_id = identity_of(wishes)
    known = workspace.loaded.manifests.of(Certificate).get(object_id)
    _tell_kept(console, wishes, known)
    for finding in password_findings(parsed):
        console.note(f"warning[{finding.code}]: {finding.message}")
    _tell_names(console, names_only_in_csr(parsed, wishes, known), strict=given["strict_csr"])
    current = current_certificate(workspace, object_id)
    check_not_revoked(current, csr_key_digest(parsed))
    if current is not None and current.status(console.now()) is Status.EXPIRED:
        # Who asks by hand gets one also where nothing renews it by itself.
        wishes = replace(wishes, reissue=int(current.request.get("reissue", 0)) + 1)
    return wishes


def _tell_kept(
    console: Console, wishes: CertificateWishes, known: Loaded[Certificate] | None
) -> None:
    """Say which extensions the manifest adds to those of the command line."""
    extensions = known.manifest.spec.extensions if known else None
    kept = [e.name for e in (extensions.requested() if extensions else ())]
    kept = [name for name in kept if name not in wishes.extensions]
    if known is not None and kept:
        console.note(f"kept from {known.path}: {', '.join(kept)}")


def _tell_names(console: Console, names: tuple[str, ...], *, strict: bool) -> None:
    """Say which names a CSR asks for in vain: names come from the manifest."""
    from pki_as_code.errors import InvalidValueError
    from pki_as_code.escape import safe

    if not names:
        return
    listed = ", ".join(safe(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")  # noqa: PLR2004
    message = f"the CSR asks for {listed}, which the certificate will not have"
    if strict:
        raise InvalidValueError(
            message,
            help="name them with --alt, or have the CSR made anew; without --strict-csr this is a "
            "warning",
            code="csr.other_names",
        )
    console.note(f"warning[csr.other_names]: {message}")
