"""`pkictl show`: one object, as it is asked for, as it was issued, and what happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pki_as_code.cli.completers import complete_certificate
from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option

if TYPE_CHECKING:
    from pki_as_code.formats.shown_object import Event, Provenance
    from pki_as_code.model import CertificateRecord, ObjectId, Source
    from pki_as_code.plan.effective import EffectiveValue
    from pki_as_code.stores.entries import Entry
    from pki_as_code.workspace import Workspace


@click.command(help="Show one object: manifest, certificate, history.")
@click.argument("name", metavar="ID", shell_complete=complete_certificate)
@option("--effective", is_flag=True, help="Show every value in force, and where it comes from.")
@option("--kind", type=click.Choice(["certificate", "authority"]), help="What ID is, where there "
        "are both of that name.")  # fmt: skip
@option("--ref", metavar="REF", help="Take the manifests of a revision (default: working tree).")
@output_option("text", "json")
@click.pass_obj
def command(
    console: Console,
    /,
    name: str,
    effective: bool,
    kind: str | None,
    ref: str | None,
    output: str,
) -> int:
    from pki_as_code.cli.session import reading
    from pki_as_code.formats.effective import effective_json, format_effective
    from pki_as_code.formats.shown_object import ShownObject, format_object, object_json
    from pki_as_code.formats.structured import format_json
    from pki_as_code.plan.watchers import watchers_of

    with reading(console, ref) as workspace:
        object_id, record = _find(workspace, name, kind)
        values = _effective_values(workspace, object_id) if effective else ()
        shown = ShownObject(
            object_id,
            _place(workspace, object_id),
            record,
            watchers_of(record, workspace.loaded.manifests) if record else (),
            _provenance(workspace, record) if record else None,
            [_event(entry) for entry in workspace.store.entries(object_id)],
            console.now(),
        )
    if output == "json":
        value = object_json(shown)
        if effective:
            value["effective"] = effective_json(values)
        console.write(format_json(value))
    elif effective:
        console.write(format_effective(values, color=console.color))
    else:
        console.write(format_object(shown, color=console.color))
    return 0


def _find(
    workspace: Workspace, name: str, kind: str | None
) -> tuple[ObjectId, CertificateRecord | None]:
    """Return the object that is meant: by its name, else by serial number or common name."""
    from pki_as_code.errors import NotFoundError
    from pki_as_code.escape import quoted
    from pki_as_code.manifests.authority import CertificateAuthority
    from pki_as_code.manifests.certificate import Certificate
    from pki_as_code.model import CERTIFICATE, DEFAULT_NAMESPACE, ObjectId
    from pki_as_code.plan.authorities import authority_id
    from pki_as_code.workspace.lookup import find_authority_name, find_certificate

    owner, _, short = name.strip().rpartition("/")
    certificate = ObjectId(CERTIFICATE, owner or DEFAULT_NAMESPACE, short)
    authority = authority_id(name.strip())
    manifests = workspace.loaded.manifests
    named = [
        object_id
        for object_id, known, word in (
            (certificate, manifests.of(Certificate), "certificate"),
            (authority, manifests.of(CertificateAuthority), "authority"),
        )
        if object_id in known and kind in {None, word}
    ]
    if len(named) > 1:
        raise NotFoundError(
            f"{quoted(name)} fits several: a certificate and an authority",
            help="say which with --kind certificate or --kind authority",
            code="name.ambiguous",
        )
    if not named and kind != "authority":
        try:
            record = find_certificate(workspace.store, name)
        except NotFoundError as error:
            if kind == "certificate" or error.code == "name.ambiguous":
                raise
        else:
            return record.object_id, record
    if not named:
        try:
            found = find_authority_name(workspace.authority_certificates(), name)
        except NotFoundError as error:
            if kind is not None or error.code == "name.ambiguous":
                raise
            raise NotFoundError(
                f"neither a certificate nor an authority is called {quoted(name)}",
                help="`pkictl list_certs --expired --revoked` and `pkictl list_cas` show them",
                code="name.not_found",
            ) from None
        named = [authority_id(found)]
    observed = workspace.store.observe(named).get(named[0])
    return named[0], observed.current if observed else None


def _place(workspace: Workspace, object_id: ObjectId) -> Source | None:
    from pki_as_code.manifests.authority import CertificateAuthority
    from pki_as_code.manifests.certificate import Certificate

    manifests = workspace.loaded.manifests
    loaded = manifests.of(Certificate).get(object_id) or manifests.of(CertificateAuthority).get(
        object_id
    )
    return loaded.source("spec", key=True) if loaded else None


def _provenance(workspace: Workspace, record: CertificateRecord) -> Provenance | None:
    """Return who asked; a shallow clone may not have the commit any more, the ledger knows it."""
    from pki_as_code.errors import RepositoryError
    from pki_as_code.formats.certificates import provenance_json
    from pki_as_code.formats.shown_object import Provenance
    from pki_as_code.gitrepo import describe_commit

    if not record.commit:
        return None
    known = provenance_json(record) or {}
    author, summary = known.get("author"), None
    try:
        workspace.repository.resolve_revision(record.commit)
    except RepositoryError:
        pass
    else:
        commit = describe_commit(workspace.repository, record.commit)
        author, summary = commit.author, commit.summary
    return Provenance(
        record.commit,
        author,
        summary,
        known.get("signers") or (),
        known.get("blobId"),
        known.get("planDigest"),
    )


def _event(entry: Entry) -> Event:
    from pki_as_code.formats.shown_object import Event

    payload = entry.payload
    reservation = getattr(payload, "reservation", None)
    serial = getattr(reservation or payload, "serial_number", None)
    detail = getattr(payload, "reason", "")
    if reservation is not None:
        detail = reservation.reason
    elif provenance := getattr(payload, "provenance", None):
        detail = " ".join(str(reason) for reason in provenance.get("reasons", ()))
    elif previous := getattr(payload, "previous", None):
        detail = f"was {previous.path}"
    elif address := getattr(payload, "address", ""):
        detail = f"{getattr(payload, 'event', '')} {address}".strip()
    elif policy := getattr(payload, "deletion_policy", ""):
        detail = f"deletionPolicy {policy}"
    elif message := getattr(payload, "message", ""):
        detail = message
    return Event(entry.sequence, entry.at, payload.type, serial, str(detail))


def _effective_values(workspace: Workspace, object_id: ObjectId) -> tuple[EffectiveValue, ...]:
    from pki_as_code.errors import NotFoundError
    from pki_as_code.manifests.authority import CertificateAuthority
    from pki_as_code.manifests.certificate import Certificate
    from pki_as_code.plan.effective import effective_values
    from pki_as_code.plan.effective_authority import effective_authority_values
    from pki_as_code.workspace.judging import check_findings

    manifests = workspace.loaded.manifests
    certificate = manifests.of(Certificate).get(object_id)
    if certificate is not None:
        values, findings = effective_values(certificate, manifests)
        check_findings(list(findings) if not values else [])
        return values
    authority = manifests.of(CertificateAuthority).get(object_id)
    if authority is not None:
        return effective_authority_values(authority, manifests)
    raise NotFoundError(
        f"the manifest of {object_id.path} is gone, so nothing is in force for it",
        help="leave --effective out to see what was issued",
        code="certificate.no_manifest",
    )
