"""
What `pkictl doctor` looks at of git, store, clock, CRLs and mail.

A check looks at what is there and yields what is wrong, each with its fix. Nothing is changed, and
no key is read. Errors are what keeps the next run from doing its work, warnings what will.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from pki_as_code.gitplumbing import GitRepository
from pki_as_code.gitrepo import known_identity
from pki_as_code.linters import missing
from pki_as_code.linters.badkeys_program import has_blocklist
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.manifest_set import ManifestSet
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.watcher import Watcher
from pki_as_code.model import (
    TOLERATED_CLOCK_ERROR,
    Finding,
    Severity,
    Source,
    crl_id,
    format_time,
)
from pki_as_code.stores.interface import Store

OLDEST_GIT = (2, 36)
_CRL_SOON = timedelta(hours=24)


def git_findings(repository: GitRepository, now: datetime) -> Iterator[Finding]:
    said = repository.run("version").decode("ascii", "replace")
    match = re.search(r"(\d+)\.(\d+)", said)
    if match is not None and (int(match[1]), int(match[2])) < OLDEST_GIT:
        yield Finding(
            "doctor.old_git",
            f"git is {match[0]}, older than {'.'.join(map(str, OLDEST_GIT))}",
            help="install a newer git",
        )
    if known_identity(repository) is None:
        yield _warning(
            "doctor.no_identity",
            "git does not know who commits here",
            help="git config user.name NAME; git config user.email ADDRESS",
        )
    head = repository.head_commit()
    if head is None:
        yield _warning("doctor.no_commit", "there is no commit yet", help="commit the manifests")
        return
    text = repository.run("show", "--no-patch", "--format=%ct", "--end-of-options", head)
    committed = datetime.fromtimestamp(int(text), now.tzinfo)
    if committed - now > TOLERATED_CLOCK_ERROR:
        yield _warning(
            "doctor.clock",
            f"the clock says {format_time(now)}, and the last commit is of "
            f"{format_time(committed)}",
            help="set the clock of this machine, or of the one that made the commit",
        )


def store_findings(store: Store, now: datetime) -> Iterator[Finding]:
    head = store.head()
    if head.at is None:
        yield _warning(
            "doctor.empty_store", "nothing was issued yet", help="`pkictl reconcile` issues"
        )
        return
    if head.at - now > TOLERATED_CLOCK_ERROR:
        yield Finding(
            "doctor.clock",
            f"the clock says {format_time(now)}, and the store was written at "
            f"{format_time(head.at)}",
            help="set the clock of this machine: a run would stop at once",
        )
    for reservation in store.open_reservations():
        yield _warning(
            "doctor.open_reservation",
            f"{reservation.object_id}: reserved, and not known to be signed",
            help="`pkictl reconcile` signs or gives up what a run that died left open",
        )
    for failure in store.failures():
        yield _warning(
            "doctor.failed",
            f"{failure.object_id} failed {failure.attempts} times: {failure.message}",
            help=f"it is tried again after {format_time(failure.retry_at)}; `pkictl status`",
        )


def crl_findings(store: Store, manifests: ManifestSet, now: datetime) -> Iterator[Finding]:
    """Say which CRLs relying parties refuse, or soon will."""
    for crl in store.crls():
        authority = manifests.authority(crl.issuer)
        place = authority.source("spec") if authority is not None else None
        name = crl_id(crl.issuer, crl.scope).path
        if crl.next_update <= now:
            yield Finding(
                "doctor.crl_ended",
                f"the CRL of {name} ended at {format_time(crl.next_update)}",
                place,
                help="relying parties refuse it: `pkictl reconcile`, then publish; see why the "
                "scheduled run did not",
            )
        elif crl.next_update - now < _CRL_SOON:
            yield _warning(
                "doctor.crl_ends_soon",
                f"the CRL of {name} ends at {format_time(crl.next_update)}",
                place,
                help="`pkictl reconcile` signs the next one; see why the scheduled run did not",
            )


def mail_findings(manifests: ManifestSet, variables: Mapping[str, str]) -> Iterator[Finding]:
    """Say that nobody can be told, or that nobody is to be. Nothing is sent, nor connected to."""
    project = manifests.project
    smtp = project.manifest.spec.notifications.smtp if project else None
    if smtp is None and _wants_mail(manifests):
        yield Finding(
            "doctor.no_mail_server",
            "watchers are to be told by mail, and no mail server is known",
            project.source("spec") if project else Source("pki.yaml"),
            help="name it under spec.notifications.smtp in pki.yaml; see docs/notices.md",
        )
    if smtp is not None and "PKI_SMTP_USER" in variables and "PKI_SMTP_PASSWORD" not in variables:
        yield _warning(
            "doctor.no_mail_password",
            "PKI_SMTP_USER is set, and PKI_SMTP_PASSWORD is not",
            help="set both, or neither",
        )
    if manifests.of(Certificate) and not _has_watchers(manifests):
        yield _warning(
            "doctor.no_watchers",
            "nobody is told when certificates end",
            help="`pkictl cert_watchers`, or a Watcher in watchers/",
        )


def linter_findings(manifests: ManifestSet) -> Iterator[Finding]:
    """Say which linters cannot be asked although they are to be."""
    project = manifests.project
    wanted = project.manifest.spec.lints.linters if project else ()
    for name in missing(wanted):
        yield Finding(
            "lint.linter_missing",
            f"{name} is not installed, and nothing is signed without its opinion",
            project.source("spec", "lints", "linters") if project else None,
            help=f"install `pki-as-code[{name}]`",
        )
    if "badkeys" in wanted and not has_blocklist():
        yield _warning(
            "doctor.no_blocklist",
            "badkeys has no blocklist of keys that others know",
            project.source("spec", "lints", "linters") if project else None,
            help="`badkeys --update-bl` fetches it",
        )


def _addresses(manifests: ManifestSet) -> Iterator[str]:
    for watcher in manifests.of(Watcher).values():
        yield from watcher.manifest.spec.notify
    for certificate in manifests.of(Certificate).values():
        yield from (f"mailto:{address}" for address in certificate.manifest.spec.watchers)
    for namespace in manifests.of(Namespace).values():
        yield from (f"mailto:{address}" for address in namespace.manifest.spec.defaults.watchers)


def _has_watchers(manifests: ManifestSet) -> bool:
    return next(_addresses(manifests), None) is not None


def _wants_mail(manifests: ManifestSet) -> bool:
    return any(address.startswith("mailto:") for address in _addresses(manifests))


def _warning(code: str, message: str, place: Source | None = None, *, help: str) -> Finding:
    return Finding(code, message, place, Severity.WARNING, help)
