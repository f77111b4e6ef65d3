"""Checks without a store: of a revision, of the working tree, of files that are to be written."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pki_as_code.errors import NotFoundError, RepositoryError
from pki_as_code.escape import quoted
from pki_as_code.manifests.load import ManifestSet, load_manifests
from pki_as_code.manifests.overlay import OverlayTree
from pki_as_code.manifests.policy import Policy
from pki_as_code.manifests.tree import Tree
from pki_as_code.model import Finding, Severity
from pki_as_code.plan.policy_judging import TrustBase
from pki_as_code.plan.policy_terms import RULE_NOT_MET
from pki_as_code.plan.validate import resolve_all, validate_manifests
from pki_as_code.rules.evaluator import Rules
from pki_as_code.workspace.judging import check_findings, linting_of
from pki_as_code.workspace.opening import load_repository
from pki_as_code.workspace.policy_rules import rule_findings
from pki_as_code.workspace.trust_base import base_findings, load_trust_base
from pki_as_code.workspace.view import committed_keys


def validate_repository(
    start: Path,
    ref: str | None,
    paths: Collection[str],
    now: datetime,
    base: str | None = None,
) -> tuple[list[Finding], int]:
    """
    Check the manifests, without a store; returns the findings and how many files were looked at.

    With a `base` (a revision) its policies hold as well. With `paths` (files or directories below
    the root, as the shell gives them) only their findings.
    """
    repository, commit, tree, loaded = load_repository(start, ref, second_gate=True)
    trust_base = load_trust_base(repository, base) if base is not None else None
    findings = [
        *loaded.findings,
        *committed_keys(repository, commit, loaded.manifests),
        *_judged(loaded.manifests, now, trust_base),
        *base_findings(loaded.manifests, trust_base),
    ]
    if not any(finding.severity is Severity.ERROR for finding in findings):
        findings += _no_policy(loaded.manifests)
    places = {path: below_root(repository.root, start, path) for path in paths}
    if not places:
        return findings, loaded.file_count
    every = [file.path for file in tree.files()]
    _check_named(places, every)
    named = places.values()
    files = [path for path in every if path.endswith((".yaml", ".yml")) and _is_in(path, named)]
    findings = [f for f in findings if f.source is not None and _is_in(f.source.path, named)]
    return findings, len(files)


def _judged(manifests: ManifestSet, now: datetime, base: TrustBase | None = None) -> list[Finding]:
    """Return what is wrong across manifests, and with the rules of policies."""
    with Rules() as rules:
        unusable = list(rule_findings(manifests, rules))
        findings = validate_manifests(
            resolve_all(manifests),
            now,
            linting_of(manifests, base),
            base=base,
            evaluate=rules.evaluate,
        )
    if unusable:  # that every certificate is denied for it says nothing new
        findings = [finding for finding in findings if finding.code != RULE_NOT_MET]
    return [*unusable, *findings]


def _no_policy(manifests: ManifestSet) -> Iterator[Finding]:
    """Say that nothing limits who may ask for what, where nothing graver is to be said."""
    if not manifests.of(Policy) and not manifests.is_unreadable(Policy.__name__, "", None):
        yield Finding(
            "policy.none",
            "there is no Policy: whoever can change a manifest can ask for any name",
            severity=Severity.INFO,
            help="`pkictl new policy` writes a first one; from then on, what none grants is denied",
        )


def below_root(root: Path, start: Path, path: str) -> str:
    """Return `path`, which is relative to where the command was started, relative to the root."""
    absolute = Path(os.path.normpath((start / path).absolute()))
    try:
        return absolute.relative_to(root).as_posix()
    except ValueError:
        raise RepositoryError(
            f"{path} is not in the repository {root}",
            help="name files or directories of the repository",
            code="path.outside",
        ) from None


def _check_named(places: Mapping[str, str], files: Sequence[str]) -> None:
    """A misspelt path must not look as if there were nothing to object to."""
    for path, place in places.items():
        if not any(_is_in(file, [place]) for file in files):
            raise NotFoundError(
                f"there is no file {quoted(path)} that is checked, nor a directory with one",
                help="name manifests, or directories with manifests; without any, all are checked",
                code="path.not_found",
            )


def _is_in(path: str, places: Collection[str]) -> bool:
    return any(place in (".", path) or path.startswith(f"{place}/") for place in places)


def check_overlay(tree: Tree, files: Mapping[str, bytes], now: datetime) -> None:
    """
    Check what new or changed files would make of a tree.

    Raises:
        ManifestError: one of those files has an error; errors elsewhere are no reason.
    """
    overlay = OverlayTree(tree, files)
    loaded = load_manifests(overlay)
    findings = [*loaded.findings, *_judged(loaded.manifests, now)]
    check_findings([f for f in findings if f.source is None or f.source.path in files])
