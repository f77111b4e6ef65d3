"""After a run that found nothing to do: how long that holds, noted for the next one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from pki_as_code.apply.outcome import Settings
from pki_as_code.durable import make_directory_durably
from pki_as_code.errors import PkiAsCodeError
from pki_as_code.model import Plan
from pki_as_code.plan.responders import responder_key_uri, responders_of
from pki_as_code.plan.superseded import revokes_superseded
from pki_as_code.quiet.note import (
    LONGEST_SECONDS,
    file_state,
    note_path,
    passphrases_given,
    write_note,
)
from pki_as_code.quiet.repository_state import config_digest
from pki_as_code.stores.interface import CertificateFilter, Head
from pki_as_code.stores.position import Position
from pki_as_code.workspace import Workspace
from pki_as_code.workspace.opening import store_uri

LONGEST = timedelta(seconds=LONGEST_SECONDS)
_TRIED = (LONGEST, timedelta(hours=4), timedelta(minutes=30))
_SETTLED_SECONDS = 2
"""A file written to so shortly ago could be written to again without another time."""


def note_if_quiet(workspace: Workspace, settings: Settings, plan: Plan, before: Head) -> None:
    """
    Leave a note when nothing is to be done and that is all there is to say; else none.

    `before` is where the ledger ended when the plan was made. What goes wrong here is no fault of
    the run: the next one does the work again.
    """
    lifted = settings.allowed or settings.only or settings.retry
    with suppress(PkiAsCodeError, OSError):
        if plan.commit and not lifted and before.sequence >= 0 and _is_quiet(plan):
            _note(workspace, settings, before)


def _is_quiet(plan: Plan) -> bool:
    return not (plan.changes or plan.refused or plan.findings or plan.waiting)


def _note(workspace: Workspace, settings: Settings, before: Head) -> None:
    repository, store = workspace.repository, workspace.store
    # Looked at before it is found that nothing is to be done: what moves later is another state.
    config, files = config_digest(repository), _key_files(workspace, settings)
    refs = _protected_refs(workspace)
    if files is None or settings.issuers.lost_responder_keys():
        return
    position = store.position()
    until = quiet_until(workspace, settings.now)
    if position is None or until is None or not _still(workspace, before, position):
        return
    refs |= position.get("refs", {})
    make_directory_durably(note_path(repository.git_dir).parent)
    write_note(
        repository.git_dir,
        {
            "commit": workspace.commit,
            "refs": refs,
            "config": config,
            "store": store.uri,
            "configured": store_uri(workspace.loaded.manifests, None),
            "position": position,
            "files": files,
            "passphrases": passphrases_given(os.environ),
            "noted_at": int(settings.now.timestamp()),
            "until": int(until.timestamp()),
        },
    )


def _still(workspace: Workspace, before: Head, position: Position) -> bool:
    """Tell whether the ledger is where it was when the plan was made."""
    head = workspace.store.head()
    return (head.sequence, head.digest) == (before.sequence, before.digest) and (
        workspace.store.position() == position
    )


def _key_files(workspace: Workspace, settings: Settings) -> dict[str, list[int] | None] | None:
    """
    Return the state of the files with responders' keys; None when one cannot be vouched for.

    Such a key is looked into by every run: one that is gone, or another one, is certified anew.
    """
    found: dict[str, list[int] | None] = {}
    for authority in responders_of(workspace.loaded.manifests).values():
        uri = responder_key_uri(authority)
        if uri is None:
            continue
        scheme, _, location = uri.partition(":")
        if scheme != "file" or not settings.issuers.can_open_responder_key(authority):
            return None
        location = location.removeprefix("//") if location.startswith("///") else location
        path = str(workspace.root.resolve() / Path(location))
        state = file_state(path)
        if state is None or max(state[:3]) > _settled(settings.now):
            return None
        found[path] = state
    return found


def _settled(now: datetime) -> int:
    return int((now.timestamp() - _SETTLED_SECONDS) * 10**9)


def _protected_refs(workspace: Workspace) -> dict[str, str | None]:
    """Return what says whether the commit is on the protected branch."""
    project = workspace.loaded.manifests.project
    protected = project.manifest.spec.trust.protected_ref if project else None
    if not protected:
        return {}
    names = (f"refs/heads/{protected}", f"refs/remotes/origin/{protected}")
    values = workspace.repository.ref_values(*names)
    return {name: values.get(name) for name in names}


# --- How long -------------------------------------------------------------------------------------


def quiet_until(workspace: Workspace, now: datetime) -> datetime | None:
    """
    Return a time before which a plan of the same manifests and store stays empty; None for soon.

    What makes something due is that a time has come. So a plan that is empty now and empty later is
    empty between, unless something came due and then ended: nothing known ends between.
    """
    end = min([now + LONGEST, *(t - timedelta(seconds=1) for t in _ends(workspace, now))])
    for span in _TRIED:
        later = min(now + span, end)
        if later <= now:
            return None
        with suppress(PkiAsCodeError):
            if _is_quiet(workspace.plan(later)):
                return later
    return None


def _ends(workspace: Workspace, now: datetime) -> Iterator[datetime]:
    """Yield the times, in what follows `now`, at which something that is known begins or ends."""
    store = workspace.store
    first = CertificateFilter(
        kinds=(),
        not_after_from=now,
        not_after_before=now + LONGEST,
        # With increments not all manifests are there to be asked.
        current_only=workspace.increments is None
        and not revokes_superseded(workspace.loaded.manifests),
        limit=1,
    )
    times = [record.not_after for record in store.find(first)]
    for certificate in workspace.authority_certificates().values():
        times += [certificate.not_valid_before_utc, certificate.not_valid_after_utc]
    times += [crl.next_update for crl in store.crls()]
    times += [failure.retry_at for failure in store.failures()]
    if workspace.increments is not None:
        times.append(workspace.increments.full_due(now))
    yield from (time for time in times if now < time)
