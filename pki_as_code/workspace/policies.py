"""Trying policies: on requests that stand in files, and on the certificates there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from pki_as_code.errors import NotFoundError
from pki_as_code.manifests.load import LoadResult
from pki_as_code.manifests.tree import WorkingTree
from pki_as_code.model import CERTIFICATE, Status
from pki_as_code.plan.linting import Linting
from pki_as_code.plan.policy_impact import Impact, make_impact
from pki_as_code.plan.policy_judging import TrustBase
from pki_as_code.plan.policy_trials import Tried, parse_trials, try_request
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.references import policies_name_something
from pki_as_code.plan.validate import resolve_all
from pki_as_code.rules.evaluator import Rules
from pki_as_code.workspace.judging import (
    check_findings,
    concerns_all,
    load_certificates,
)
from pki_as_code.workspace.opening import load_repository
from pki_as_code.workspace.policy_rules import rule_findings
from pki_as_code.workspace.validation import below_root
from pki_as_code.workspace.view import Workspace

TESTS = "policy-tests"
"""Where requests to try are, beside the places of manifests."""


def try_policies(
    start: Path, ref: str | None, paths: Sequence[str], now: datetime
) -> tuple[Tried, ...]:
    """
    Try the requests in these files and directories, or in `policy-tests/`; of the working tree.

    With `ref` the policies of a revision are tried on them. Raises `ManifestError` where a policy
    or a file of requests cannot be read, `NotFoundError` where there are none.
    """
    repository, _, _, loaded = load_repository(start, ref)
    manifests = loaded.manifests
    # What linters would say is not asked: it is policies that are tried.
    preview = Preview(manifests, {}, now, Linting())
    places = [below_root(repository.root, start, path) for path in paths] or [TESTS]
    tried = []
    with Rules() as rules:
        _check_policies(loaded, rules)
        for path in _files(repository.root, places):
            data = WorkingTree(repository.root).read(path)
            tried += [
                try_request(trial, source, manifests, preview, rules.evaluate)
                for trial, source in parse_trials(data, path)
            ]
    return tuple(tried)


def _check_policies(loaded: LoadResult, rules: Rules) -> None:
    """Raise `ManifestError` for what is wrong with policies, and all else that concerns all."""
    manifests = loaded.manifests
    findings = [
        *loaded.findings,
        *policies_name_something(manifests),
        *rule_findings(manifests, rules),
    ]
    check_findings([finding for finding in findings if concerns_all(finding)])


def _files(root: Path, places: Sequence[str]) -> Iterator[str]:
    """Yield the YAML files at or below these places, which must have some."""
    for place in places:
        found = (
            [root / place] if (root / place).is_file() else sorted((root / place).rglob("*.y*ml"))
        )
        if not found:
            raise NotFoundError(
                f"there is no file of requests at {place}",
                help=f"write {TESTS}/<name>.yaml; docs/policies.md says how",
                code="path.not_found",
            )
        yield from (path.relative_to(root).as_posix() for path in found)


def policy_impact(workspace: Workspace, base: TrustBase, now: datetime) -> Impact:
    """
    Judge every certificate in use as its renewal would be, before and after a change of policies.

    Raises `ManifestError` for what concerns all, `StoreError` when the store cannot be read.
    """
    loaded = workspace.loaded
    with Rules() as rules:
        _check_policies(loaded, rules)
        return _impact(workspace, base, now, rules)


def _impact(workspace: Workspace, base: TrustBase, now: datetime, rules: Rules) -> Impact:
    loaded = workspace.loaded
    desired = resolve_all(loaded.manifests)
    asked = [resolved.loaded.object_id for resolved in desired.certificates]
    live = {
        object_id
        for object_id, observed in workspace.store.observe(asked).items()
        if object_id.kind == CERTIFICATE
        and observed.current is not None
        and observed.current.status(now) in {Status.VALID, Status.ON_HOLD}
    }
    issued = load_certificates(workspace.store.authorities())
    # What linters would say of a renewal is not asked: it is policies that are compared.
    preview = Preview(loaded.manifests, issued, now, Linting())
    return make_impact(desired, base, live, preview, rules.evaluate)
