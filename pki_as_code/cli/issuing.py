"""What sign_cert and resign_cert share: carry out a request, then show what was issued."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from pki_as_code.apply.submit import Submission
from pki_as_code.cli.certificate_output import (
    CertificateOutput,
    certificate_bytes,
    write_certificate,
    write_certificate_file,
)
from pki_as_code.cli.console import Console
from pki_as_code.cli.submission import How, carry_out
from pki_as_code.errors import InvalidValueError
from pki_as_code.formats.certificates import certificate_json
from pki_as_code.formats.findings import format_finding
from pki_as_code.model import CertificateRecord, ObjectId, Severity
from pki_as_code.pkix.drafts import certificate_findings
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.plan.watchers import watchers_of
from pki_as_code.workspace import Workspace
from pki_as_code.workspace.lookup import certificate_and_chain


def current_certificate(workspace: Workspace, object_id: ObjectId) -> CertificateRecord | None:
    """Return the certificate issued last under an object that is looked after."""
    observed = workspace.store.observe([object_id]).get(object_id)
    return observed.current if observed and not observed.retired else None


def check_not_revoked(record: CertificateRecord | None, public_key_sha256: str) -> None:
    """
    Refuse a certificate for the key of a revoked one under the same name.

    The planner refuses it, too, with a warning in every plan; whoever asks gets an error.
    """
    if record is None or record.revocation is None:
        return
    if record.public_key_sha256 != public_key_sha256:
        return
    raise InvalidValueError(
        f"{record.object_id.path} ({format_serial_number(record.serial_number)}) is revoked "
        f"({record.revocation.reason}) and not issued again with the same key",
        help="make a new key and CSR",
        code="certificate.revoked",
    )


def issue_and_show(
    console: Console,
    workspace: Workspace,
    submission: Submission,
    how: How,
    output: CertificateOutput,
    out: Path | None,
) -> None:
    """Carry out a request for one certificate, and show the certificate it has then."""
    [object_id] = submission.objects
    done = carry_out(console, workspace, submission, how)
    if done is None:
        return
    record = current_certificate(workspace, object_id)
    if record is None:
        return
    signed = any(outcome.issued is not None for outcome in done)
    certificate, chain = certificate_and_chain(workspace.store, record)
    if signed:
        _warn(console, certificate, chain)
    _show(console, workspace, record, certificate, chain, output, out)
    if not signed:
        console.note("No changes: that certificate was signed before.")


def _warn(console: Console, certificate: x509.Certificate, chain: list[x509.Certificate]) -> None:
    """Say what the standards advise against; what they forbid was refused."""
    for finding in certificate_findings(certificate, chain):
        if finding.severity is Severity.WARNING:
            console.note(format_finding(finding, color=False).rstrip())


def _show(
    console: Console,
    workspace: Workspace,
    record: CertificateRecord,
    certificate: x509.Certificate,
    chain: list[x509.Certificate],
    output: CertificateOutput,
    out: Path | None,
) -> None:
    now = console.now()
    reconciled = workspace.at(workspace.repository.head_commit() or workspace.commit)
    watchers = watchers_of(record, reconciled.loaded.manifests)
    behind = chain if output.bundle else []
    status = str(record.status(now))
    value = certificate_json(record, now=now, watchers=lambda _: watchers)
    if out is None:
        write_certificate(
            console, certificate, output,
            chain=behind, status=status, watchers=watchers, record=value,
        )  # fmt: skip
        return
    data = certificate_bytes(
        certificate, output, chain=behind, status=status, watchers=watchers, record=value
    )
    write_certificate_file(console.directory / out, certificate, data)
    console.note(f"wrote {out}")
