"""Who signed for what is about to be signed: commits and files, looked up in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pki_as_code.errors import InvalidValueError, NotFoundError, PkiAsCodeError
from pki_as_code.gitplumbing import (
    GitRepository,
    RevisionTree,
    cut_commits,
    list_paths,
    verify_files,
)
from pki_as_code.gitplumbing.last_commits import commits_of_content, disputed_paths
from pki_as_code.manifests.base import CERTIFICATES, NAMESPACE_FILE
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet, load_manifests
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.policy import Policy
from pki_as_code.manifests.tree import Tree
from pki_as_code.model import (
    DEFAULT_NAMESPACE,
    Endorsement,
    Finding,
    FinishReservation,
    Identity,
    IssueCertificate,
    ObjectId,
    Plan,
)
from pki_as_code.plan.defaults import filled_in_by_namespace
from pki_as_code.plan.endorsements import (
    SUFFIX,
    bad_signature,
    endorse,
    history_cut,
    statement,
    unknown_signature,
)
from pki_as_code.plan.signers import Signers
from pki_as_code.rules.variables import WHO_STANDS_BEHIND_IT
from pki_as_code.workspace.trust import anchor_of, identify_commits, signers_at


@dataclass(frozen=True, slots=True)
class Endorsing:
    """
    One revision (or working tree), and the commit whose word counts: `base`, reconciled last.

    Where there was none yet (an empty text), the revision speaks for itself; where it is not here,
    or nobody knows which one it is (None), nobody does.
    """

    repository: GitRepository
    commit: str
    tree: Tree
    base: str | None
    now: datetime

    def endorsements(
        self, plan: Plan, manifests: ManifestSet, base: ManifestSet | None = None
    ) -> tuple[Mapping[ObjectId, Endorsement], list[Finding]]:
        """
        Return who stands behind each certificate that the plan signs, and what is wrong.

        `base` are the manifests of a trust base, whose policies may ask for it as well.
        """
        certificates = manifests.of(Certificate)
        wanted = [
            certificates[change.object_id]
            for change in plan.changes
            if isinstance(change, IssueCertificate | FinishReservation)
            and change.object_id in certificates
        ]
        there = self._signatures_beside({loaded.path for loaded in wanted})
        if not wanted or not (there or _are_asked_for(manifests, base)):
            return {}, []
        anchor = anchor_of(self.repository, self.base, self.commit)
        signers = signers_at(self.repository, anchor, self.now) if anchor else Signers()
        by_files, findings = self._signed_files(there, manifests, signers)
        commits, unknown = self._commits(wanted, signers)
        findings += unknown
        owners = self._owners(anchor, {loaded.object_id.namespace for loaded in wanted})
        found = {
            loaded.object_id: replace(
                endorse(
                    commits.get(loaded.object_id, ()),
                    by_files.get(loaded.path, ()),
                    owners.get(loaded.object_id.namespace, ()),
                ),
                filled_in=filled_in_by_namespace(loaded, manifests),
            )
            for loaded in wanted
        }
        return found, findings

    # --- Files ---

    def _signed_files(
        self, there: Mapping[str, bytes], manifests: ManifestSet, signers: Signers
    ) -> tuple[dict[str, list[Sequence[str]]], list[Finding]]:
        """Return, by manifest, the names of whom each good signature beside it is."""
        of_file: dict[str, list[Loaded[Certificate]]] = {path: [] for path in there}
        for loaded in manifests.of(Certificate).values() if there else ():
            if loaded.path in of_file:
                of_file[loaded.path].append(loaded)
        paths = list(of_file)
        texts = [(self._statement(path, of_file[path]), there[path]) for path in paths]
        results = verify_files(texts, signers.allowed_signers)
        found: dict[str, list[Sequence[str]]] = {}
        findings: list[Finding] = []
        for path, signatures in zip(paths, results, strict=True):
            for signature in signatures:
                names = signers.principals_of_key(signature.fingerprint, signature.signer)
                found.setdefault(path, []).append(names)
                if signature.known and not signature.good:
                    findings.append(bad_signature(path))
                elif not names:
                    findings.append(unknown_signature(path))
        return found, list(dict.fromkeys(findings))

    def _statement(self, path: str, loaded: Sequence[Loaded[Any]]) -> bytes:
        return statement(path, self.tree.read(path), attached(loaded))

    def _signatures_beside(self, paths: set[str]) -> dict[str, bytes]:
        names = sorted(f"{path}{SUFFIX}" for path in paths)
        if self.commit:
            listed = self._listed(names)
            names = [name for name in names if name in listed]
        found: dict[str, bytes] = {}
        for name in names:
            try:
                found[name.removesuffix(SUFFIX)] = self.tree.read(name)
            except NotFoundError:
                continue
            except InvalidValueError:  # a link, or far too large: it is there, and no signature
                found[name.removesuffix(SUFFIX)] = b""
        return found

    def _listed(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the blobs of those files that the commit has."""
        entries = list_paths(self.repository, self.commit, paths, sizes=False)
        return {entry.path: entry.blob_id for entry in entries}

    # --- Commits ---

    def _commits(
        self, wanted: Sequence[Loaded[Certificate]], signers: Signers
    ) -> tuple[dict[ObjectId, list[Identity]], list[Finding]]:
        """
        Return, by object, who made the last commit of it and its CSR; of both, if need be.

        Of those of which nobody is known to have made them what they are, nothing; and a warning
        where that is so because a clone was cut off.
        """
        if not self.commit:
            return {}, []
        paths = {path for loaded in wanted for path in (loaded.path, loaded.csr_path) if path}
        blobs = self._listed(sorted(paths))
        last = commits_of_content(self.repository, self.commit, blobs)
        # Where a shallow clone begins, a commit seems to have made all that is there.
        cut = cut_commits(self.repository)
        behind = {path for path, id in last.items() if id in cut}
        last = {path: id for path, id in last.items() if path not in behind}
        for path in disputed_paths(self.repository, self.commit, last):
            del last[path]
        identities = identify_commits(self.repository, [*set(last.values())], signers)
        newest: dict[frozenset[str], list[str]] = {}
        found: dict[ObjectId, list[Identity]] = {}
        for loaded in wanted:
            named = {path for path in (loaded.path, loaded.csr_path) if path}
            if not named <= last.keys():
                continue
            ids = frozenset(last[path] for path in named)
            if ids not in newest:
                newest[ids] = self._newest(sorted(ids))
            found[loaded.object_id] = [identities[id] for id in newest[ids]]
        return found, [history_cut(sorted(behind)[0])] if behind else []

    def _newest(self, ids: list[str]) -> list[str]:
        """Return the one that stands on the other, where one does: it is over both."""
        for one, other in ((0, -1), (-1, 0)):
            if self.repository.is_ancestor(ids[one], ids[other]):
                return [ids[other]]
        return ids

    # --- Owners ---

    def _owners(self, anchor: str, namespaces: set[str]) -> dict[str, tuple[str, ...]]:
        """Return the owners of each namespace as that commit has them."""
        if not anchor:
            return {}
        paths = {f"{CERTIFICATES}/{name}/{NAMESPACE_FILE}" for name in namespaces}
        if DEFAULT_NAMESPACE in namespaces:
            paths.add(f"{CERTIFICATES}/{NAMESPACE_FILE}")
        try:
            with RevisionTree(self.repository, anchor) as tree:
                loaded = load_manifests(tree, paths=paths).manifests.of(Namespace)
        except PkiAsCodeError:
            return {}
        return {id.name: found.manifest.spec.owners for id, found in loaded.items()}


def _are_asked_for(manifests: ManifestSet, base: ManifestSet | None) -> bool:
    """Tell whether anything in a repository can depend on who signed: else nobody is asked."""
    project = manifests.project
    return (
        any(loaded.manifest.spec.owners for loaded in manifests.of(Namespace).values())
        or any(each.of(Policy) for each in (manifests, base) if each is not None)
        or (project is not None and project.manifest.spec.trust.require_signed_commits)
    )


def asks_who_signed(manifests: ManifestSet) -> bool:
    """
    Tell whether a policy wants owners to have signed, or has a rule that can ask who did.

    An expression has the name of each variable in it as it is, be it in a text or a comment.
    """
    specs = [loaded.manifest.spec for loaded in manifests.of(Policy).values()]
    return any(
        spec.approvals.require_signature
        or spec.approvals.min_owners
        or any(name in rule.expression for rule in spec.rules for name in WHO_STANDS_BEHIND_IT)
        for spec in specs
    )


def attached(loaded: Sequence[Loaded[Any]]) -> dict[str, bytes]:
    """Return the files that the manifests of one file name, by their paths."""
    found: dict[str, bytes] = {}
    for one in loaded:
        for path, data in (
            (one.csr_path, one.csr_beside),
            (one.adopted_path, one.adopted_certificate),
        ):
            if path and data is not None:
                found[path] = data
    return found
