"""Opening what a command works on, and showing what a run did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pki_as_code.apply.run import Outcome
from pki_as_code.cli.console import Console
from pki_as_code.cli.main import format_error
from pki_as_code.errors import (
    EXIT_FAILED,
    EXIT_PARTIAL,
    RepositoryError,
)
from pki_as_code.escape import safe
from pki_as_code.formats.plan import abbreviate
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.gitrepo import uncommitted_paths
from pki_as_code.model import AUTHORITY, Action, RevokeCertificate
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.stores import open_store
from pki_as_code.stores.interface import Store
from pki_as_code.workspace import Workspace, load_repository, open_workspace
from pki_as_code.workspace.opening import store_uri

MANIFEST_PLACES = (
    "pki.yaml", "authorities", "profiles", "policies", "revocations", "watchers", "certificates",
)  # fmt: skip


_MOST_NAMED = 3


@contextmanager
def reading(console: Console, ref: str | None = None) -> Iterator[Workspace]:
    """Open the manifests (of the working tree, or of a revision) and the store, to be read only."""
    workspace = open_workspace(console.directory, ref=ref, store=console.store, read_only=True)
    try:
        yield workspace
    finally:
        workspace.store.close()


@contextmanager
def writing(console: Console, ref: str = "HEAD", *, push: bool = True) -> Iterator[Workspace]:
    """Open a revision and the store, to be written."""
    repository = GitRepository.discover(console.directory)
    if ref == "HEAD" and repository.head_commit() is None:
        raise RepositoryError(
            "this repository has no commit yet",
            help="`git add -A && git commit` what is to be reconciled",
            code="git.no_commit",
        )
    workspace = open_workspace(
        console.directory, ref=ref, store=console.store, read_only=False, push=push
    )
    try:
        yield workspace
    finally:
        workspace.store.close()


@contextmanager
def rebuilding(console: Console) -> Iterator[Store]:
    """Open the store alone, to be repaired; whatever the manifests look like."""
    repository, _, _, loaded = load_repository(console.directory, None)
    store = open_store(
        store_uri(loaded, console.store), repository, root=repository.root, push=False
    )
    try:
        yield store
    finally:
        store.close()


def note_uncommitted(console: Console, repository: GitRepository) -> None:
    """Say that what is not committed is not part of the run."""
    if repository.bare:
        return
    paths = uncommitted_paths(repository, MANIFEST_PLACES)
    if paths:
        more = ", ..." if len(paths) > _MOST_NAMED else ""
        shown = ", ".join(safe(path) for path in paths[:_MOST_NAMED]) + more
        console.note(f"not committed, hence not part of this run: {shown}")


def show_outcomes(console: Console, outcomes: Iterable[Outcome]) -> tuple[list[Outcome], int]:
    """Print what was done as it is done; returns all outcomes and the exit code they add up to."""
    done: list[Outcome] = []
    for outcome in outcomes:
        done.append(outcome)
        if outcome.error is not None:
            console.note(format_error(outcome.error, color=False).rstrip())
        else:
            console.note(_told(outcome))
    failed = sum(outcome.error is not None for outcome in done)
    if not failed:
        return done, 0
    return done, EXIT_PARTIAL if failed < len(done) else EXIT_FAILED


def _told(outcome: Outcome) -> str:
    change = outcome.change
    thing = "authority" if change.object_id.kind == AUTHORITY else change.object_id.kind.lower()
    name = f"{thing} {safe(change.object_id.path)}"
    if outcome.issued is not None:
        serial = format_serial_number(outcome.issued.serial_number)
        word = _ISSUED.get(change.action, "issued")
        return f"{word} {name}: {serial}, until {outcome.issued.not_after:%Y-%m-%d}"
    if isinstance(change, RevokeCertificate):
        serial = format_serial_number(change.certificate.serial_number)
        revoked = safe(change.certificate.object_id.path)
        return f"revoked certificate {revoked}: {serial}, {change.revocation_reason}"
    return f"{change.action} {name}"


_ISSUED = {Action.REPLACE: "replaced", Action.RENEW: "renewed", Action.FINISH: "finished"}


def raise_first(outcomes: Iterable[Outcome]) -> None:
    """Raise the error of the first outcome that has one."""
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


def issued_der(workspace: Workspace, outcomes: Iterable[Outcome]) -> bytes | None:
    """Return the certificate the last outcome issued, as the store has it."""
    for outcome in reversed(list(outcomes)):
        if outcome.issued is not None:
            issued = outcome.issued
            return workspace.store.certificate_der(issued.issuer, issued.serial_number)
    return None


def revision_of(workspace: Workspace) -> str:
    return abbreviate(workspace.commit) if workspace.commit else "the working tree"
