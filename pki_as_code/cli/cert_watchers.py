"""`pkictl cert_watchers`: who is told about a certificate, in its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option, submission_options

if TYPE_CHECKING:
    from pki_as_code.authoring.watchers import WatcherChange
    from pki_as_code.cli.submission import How
    from pki_as_code.manifests.certificate import Certificate
    from pki_as_code.manifests.load import Loaded
    from pki_as_code.model import ObjectId
    from pki_as_code.workspace import Workspace


@click.command(help="Add, remove or list who is told about a certificate.")
@click.argument("cert")
@option("-a", "--add", "add", metavar="EMAIL", multiple=True, help="Tell this address, too: "
        "user@example.com or `Name <user@example.com>`. May be repeated.")  # fmt: skip
@option("-r", "--rm", "remove", metavar="EMAIL", multiple=True, help="Tell this address no longer. "
        "May be repeated; addresses are added first.")  # fmt: skip
@option("-l", "--list", "list_them", is_flag=True, help="List who is told; also what happens "
        "without any option.")  # fmt: skip
@output_option("text", "json")
@submission_options
@click.pass_obj
def command(
    console: Console,
    /,
    cert: str,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    list_them: bool,
    output: str,
    **given: Any,
) -> int:
    from pki_as_code.authoring.watchers import change_watchers
    from pki_as_code.cli.session import reading
    from pki_as_code.cli.submission import How

    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    with reading(console, "HEAD") as workspace:
        loaded, issuer = _find_manifest(workspace, cert)
        if add or remove:
            change = change_watchers(loaded.manifest.spec.watchers, add, remove)
            _note_what_was_so(console, change)
            after = _carry_out(console, workspace, loaded, change, how)
        else:
            after = workspace
        if list_them or not (add or remove):
            _list(console, after, loaded.object_id, issuer, output)
    return 0


def _find_manifest(workspace: Workspace, cert: str) -> tuple[Loaded[Certificate], str]:
    """
    Return the manifest of what `cert` names, and who signed the certificate.

    Also of one that nothing was issued for yet; then nobody did.
    """
    from pki_as_code.errors import NotFoundError
    from pki_as_code.escape import safe
    from pki_as_code.manifests.certificate import Certificate
    from pki_as_code.model import CERTIFICATE, DEFAULT_NAMESPACE, ObjectId
    from pki_as_code.workspace.lookup import find_certificate

    manifests = workspace.loaded.manifests.of(Certificate)
    issuer = ""
    try:
        record = find_certificate(workspace.store, cert)
        object_id, issuer = record.object_id, record.issuer
    except NotFoundError:
        namespace, _, name = cert.strip().rpartition("/")
        object_id = ObjectId(CERTIFICATE, namespace or DEFAULT_NAMESPACE, name)
        if object_id not in manifests:
            raise
    if object_id in manifests:
        return manifests[object_id], issuer
    path = safe(object_id.path)
    if workspace.loaded.manifests.is_unreadable(CERTIFICATE, object_id.namespace, object_id.name):
        raise NotFoundError(
            f"the manifest of certificate {path} may be among those that cannot be read",
            help="`pkictl validate` says what is wrong with them",
            code="watchers.no_manifest",
        )
    raise NotFoundError(
        f"certificate {path} has no manifest at HEAD, which is where its watchers would stand",
        help="its manifest was removed, or is not committed; a Watcher manifest can name it still",
        code="watchers.no_manifest",
    )


def _note_what_was_so(console: Console, change: WatcherChange) -> None:
    from pki_as_code.escape import safe

    for address in change.already_there:
        console.note(f"{safe(address)} is told already")
    for address in change.never_there:
        console.note(f"{safe(address)} was not among the watchers in the manifest")


def _carry_out(
    console: Console,
    workspace: Workspace,
    loaded: Loaded[Certificate],
    change: WatcherChange,
    how: How,
) -> Workspace:
    """
    Write and commit the manifest; returns the workspace as it is then.

    Nothing is reconciled: watchers are no part of what is signed, and what else may be pending for
    this certificate was not asked for.
    """
    from pki_as_code.apply.submit import write_files
    from pki_as_code.authoring.watchers import write_watchers
    from pki_as_code.gitrepo import commit_paths, commit_to_branch

    if change.watchers == loaded.manifest.spec.watchers:
        console.note("nothing was changed")
        return workspace
    path = loaded.path
    text = workspace.tree.read(path).decode()
    files = {path: write_watchers(loaded, text, change.watchers)}
    _check_readable(workspace, files)
    message = how.message or _message(loaded, change)
    if how.dry_run:
        console.write(f"--- {path}\n{files[path].decode()}")
        return workspace
    if how.branch is not None:
        commit = commit_to_branch(workspace.repository, how.branch, files, message)
        console.note(f"committed to branch {how.branch} as {commit[:7]}")
        console.next_step(f"git push origin {how.branch}, and open a pull request")
        return workspace.at(commit)
    write_files(workspace.repository, files)
    if how.no_commit:
        console.note(f"wrote {path}")
        console.next_step("git commit")
        return workspace
    commit = commit_paths(workspace.repository, [path], message)
    _note_change(console, change)
    return workspace.at(commit)


def _check_readable(workspace: Workspace, files: Mapping[str, bytes]) -> None:
    """Raise `ManifestError` for a fault that the change would bring; others do not matter here."""
    from pki_as_code.manifests.load import load_manifests
    from pki_as_code.manifests.overlay import OverlayTree
    from pki_as_code.workspace.judging import check_findings

    known = {(finding.code, finding.message) for finding in workspace.loaded.findings}
    found = load_manifests(OverlayTree(workspace.tree, files)).findings
    check_findings([finding for finding in found if (finding.code, finding.message) not in known])


def _note_change(console: Console, change: WatcherChange) -> None:
    from pki_as_code.escape import safe

    for word, mailboxes in (
        ("added", change.added), ("renamed", change.renamed), ("removed", change.removed),
    ):  # fmt: skip
        for mailbox in mailboxes:
            console.note(f"{word} {safe(mailbox)}")


def _message(loaded: Loaded[Certificate], change: WatcherChange) -> str:
    from pki_as_code.escape import safe

    parts = [f"+{safe(mailbox)}" for mailbox in (*change.added, *change.renamed)]
    parts += [f"-{safe(mailbox)}" for mailbox in change.removed]
    return f"Watchers of {loaded.object_id.path}: {' '.join(parts)}"


def _list(
    console: Console, workspace: Workspace, object_id: ObjectId, issuer: str, output: str
) -> None:
    from pki_as_code.formats.notices import format_watchers, watchers_json
    from pki_as_code.formats.structured import format_json
    from pki_as_code.plan.watchers import recipients_of_object

    recipients = recipients_of_object(object_id, issuer, workspace.loaded.manifests)
    told = [(recipient.mailbox, recipient.origins) for recipient in recipients]
    if output == "json":
        console.write(format_json(watchers_json(object_id, told)))
    else:
        console.write(format_watchers(told))
