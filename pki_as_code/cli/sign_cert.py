"""`pkictl sign_cert`: a certificate for a CSR, by way of a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option, submission_options

if TYPE_CHECKING:
    from pki_as_code.authoring.manifests import Written
    from pki_as_code.workspace import Workspace

PROFILES = ["client", "server", "webserver", "enduser", "ocsp"]


@click.command(help="Sign a certificate for a CSR.")
@option(
    "--csr", "csr_file", metavar="FILE", required=True, help="The CSR, PEM or DER; - for stdin."
)
@option("--ca", metavar="CA", help="The authority that signs: serial number, name or common name.")
@option("--alt", "--name", "--subject-alternative-name", "alt", metavar="NAME", multiple=True,
        help="A name of the certificate: example.com, IP:127.0.0.1, email:..., URI:... "
        "May be repeated.")  # fmt: skip
@option("--subject", metavar="NAME", help="Distinguished name: C=AT,CN=example.com.")
@option("--subject-format", type=click.Choice(["rfc4514", "openssl"]), default="rfc4514",
        show_default=True, help="How the subject is written: C=AT,CN=x or /C=AT/CN=x.")  # fmt: skip
@option("--cn-not-in-san", is_flag=True, help="Do not add the common name to the names.")
@option("--algorithm", metavar="HASH", help="Hash of the signature: SHA-256, SHA-384, SHA-512.")
@option("--expires", metavar="DURATION", help="For how long it is valid: days, 90d or 2160h.")
@option("--not-after", metavar="TIME", help="When it ends, RFC 3339: 2027-01-31T00:00:00Z.")
@option("--watch", metavar="EMAIL", multiple=True, help="Who is told before it expires.")
@option("--profile", metavar="NAME", help="The profile; also --client, --server, --webserver, "
        "--enduser, --ocsp.")  # fmt: skip
@option("--client", "profile_flag", flag_value="client", hidden=True, show_envvar=False)
@option("--server", "profile_flag", flag_value="server", hidden=True, show_envvar=False)
@option("--webserver", "profile_flag", flag_value="webserver", hidden=True, show_envvar=False)
@option("--enduser", "profile_flag", flag_value="enduser", hidden=True, show_envvar=False)
@option("--ocsp", "profile_flag", flag_value="ocsp", hidden=True, show_envvar=False)
@option("--namespace", metavar="NS", help="The namespace it goes to (default: default).")
@option("--as", "object_name", metavar="NAME", help="The name of the manifest "
        "(default: made of the common name or the first name).")  # fmt: skip
@option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Write the certificate there.")  # fmt: skip
@option("-b", "--bundle", is_flag=True, help="With the authorities that signed it.")
@submission_options
@output_option("pem", "der", "text", "json", "serial", "none", default="pem")
@click.pass_obj
def command(console: Console, /, out: Path | None, output: str, bundle: bool, **given: Any) -> int:
    from pki_as_code.apply.submit import Submission
    from pki_as_code.cli.csr_input import read_csr
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How, carry_out

    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    csr = read_csr(given["csr_file"])
    with writing(console, push=given["push"]) as workspace:
        written = _write(workspace, csr, given)
        submission = Submission(
            written.files,
            frozenset([written.object_id]),
            f"Request certificate {written.object_id.path}",
        )
        done = carry_out(console, workspace, submission, how)
        if done is not None:
            _show(console, workspace, written, out=out, output=output, bundle=bundle)
            if not done:
                console.note("No changes: that certificate was signed before.")
    return 0


def _write(workspace: Workspace, csr: bytes, given: dict[str, Any]) -> Written:
    from pki_as_code.authoring.certificates import CertificateWishes, write_certificate_manifest
    from pki_as_code.errors import UsageError
    from pki_as_code.pkix.names import format_name, parse_name
    from pki_as_code.workspace.lookup import find_authority_name

    subject = given["subject"]
    if subject is not None:
        subject = format_name(parse_name(subject, form=given["subject_format"]))
    if given["expires"] and given["not_after"]:
        raise UsageError("--expires and --not-after exclude each other")
    if given["profile"] and given["profile_flag"]:
        raise UsageError(f"--profile and --{given['profile_flag']} exclude each other")
    issuer = given["ca"]
    if issuer is not None:
        issuer = find_authority_name(workspace.authority_certificates(), issuer)
    expires = given["expires"]
    wishes = CertificateWishes(
        csr=csr,
        name=given["object_name"],
        namespace=given["namespace"],
        subject=subject or None,
        subject_alt_names=given["alt"],
        common_name_in_san=not given["cn_not_in_san"],
        issuer=issuer,
        profile=given["profile"] or given["profile_flag"],
        validity=f"{expires}d" if expires and expires.isdigit() else expires,
        not_after=given["not_after"],
        algorithm=given["algorithm"],
        watchers=given["watch"],
    )
    return write_certificate_manifest(workspace.loaded.manifests, wishes, workspace.tree.read)


def _show(
    console: Console,
    workspace: Workspace,
    written: Written,
    *,
    out: Path | None,
    output: str,
    bundle: bool,
) -> None:
    from pki_as_code.cli.certificate_output import pem, write_certificate
    from pki_as_code.durable import write_file_atomically
    from pki_as_code.workspace.lookup import certificate_and_chain

    observed = workspace.store.observe([written.object_id]).get(written.object_id)
    if observed is None or observed.current is None:
        return
    certificate, chain = certificate_and_chain(workspace.store, observed.current)
    shown = chain if bundle else []
    if out is not None:
        data = "".join(pem(item) for item in [certificate, *shown])
        write_file_atomically(out, data.encode())
        console.note(f"wrote {out}")
        return
    write_certificate(console, certificate, output, chain=shown)
