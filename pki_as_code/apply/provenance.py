"""How a certificate came to be, for its entry in the ledger: from serial number back to commit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from pki_as_code.gitplumbing import list_paths
from pki_as_code.model import Change, Identity, JsonValue, Plan, Reservation
from pki_as_code.plan.signers import Signers
from pki_as_code.workspace import Workspace
from pki_as_code.workspace.trust import believed_signers, identify_commits

_LONGEST_AUTHOR: Final = 200


class Provenances:
    """What the entries of one run say beside their signatures."""

    def __init__(self, workspace: Workspace, now: datetime, commit: str, plan: Plan | None) -> None:
        self._workspace, self._now, self._commit, self._plan = workspace, now, commit, plan
        self._identities: dict[str, Identity] = {}

    def of(self, asked: Sequence[tuple[Change, Reservation]]) -> list[dict[str, JsonValue]]:
        """Return what is known of each; all are looked up by a few processes."""
        paths = {path for change, reservation in asked for path in _paths(change, reservation)}
        blobs = self._blobs(paths - {""})
        identities = self._identify({reservation.commit for _, reservation in asked})
        return [
            self._one(change, reservation, blobs, identities.get(reservation.commit))
            for change, reservation in asked
        ]

    def _one(
        self,
        change: Change,
        reservation: Reservation,
        blobs: Mapping[str, str],
        identity: Identity | None,
    ) -> dict[str, JsonValue]:
        path, csr_path = _paths(change, reservation)
        waived = getattr(change, "waived", ())
        return {
            "reconciledCommit": self._commit,
            "reasons": [reason.code for reason in change.reasons],
            "commit": reservation.commit,
            "path": path,
            "blobId": blobs.get(path),
            "csrPath": csr_path or None,
            "csrBlobId": blobs.get(csr_path),
            "author": identity.commit.author[:_LONGEST_AUTHOR] if identity else None,
            "signers": list(identity.signers) if identity else [],
            "planDigest": self._plan_digest,
            "policies": list(getattr(change, "allowed_by", ())),
            **({"waivers": dict(waived)} if waived else {}),
        }

    @cached_property
    def _plan_digest(self) -> str | None:
        return self._plan.digest if self._plan is not None else None

    @cached_property
    def _signers(self) -> Signers:
        return believed_signers(self._workspace, self._now)

    def _identify(self, commits: set[str]) -> Mapping[str, Identity]:
        repository = self._workspace.repository
        new = [commit for commit in commits - self._identities.keys() if commit]
        if new:
            self._identities |= identify_commits(repository, new, self._signers)
        return self._identities

    def _blobs(self, paths: Collection[str]) -> Mapping[str, str]:
        """Return the blobs of these files at the commit that is reconciled."""
        if not self._commit:
            return {}
        entries = list_paths(self._workspace.repository, self._commit, paths, sizes=False)
        return {entry.path: entry.blob_id for entry in entries}


def _paths(change: Change, reservation: Reservation) -> tuple[str, str]:
    """Return where the manifest is, and the CSR beside it; empty for none."""
    return reservation.path, getattr(change, "csr_path", "")
