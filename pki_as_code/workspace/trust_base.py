"""The trust base of a change: what was agreed on before it, from git's objects."""

from __future__ import annotations

from collections.abc import Sequence

from pki_as_code.errors import ManifestError
from pki_as_code.gitplumbing import GitRepository, RevisionTree
from pki_as_code.increments.scope import SHARED
from pki_as_code.manifests.base import NAMESPACE_FILE
from pki_as_code.manifests.load import ManifestSet, load_manifests
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.places import place_of
from pki_as_code.manifests.policy import Policy
from pki_as_code.model import Finding, Severity
from pki_as_code.plan.policy_judging import TrustBase
from pki_as_code.plan.references import policies_name_something
from pki_as_code.rules.evaluator import Rules
from pki_as_code.workspace.policy_rules import rule_findings


def load_trust_base(repository: GitRepository, revision: str) -> TrustBase:
    """
    Load what administrators and owners of namespaces had written at `revision`.

    Certificates are not looked at: they come from the change alone.

    Raises:
        RepositoryError: there is no such revision here.
        ManifestError: something of it cannot be read. What is not known cannot be believed.
    """
    commit = repository.resolve_revision(revision)
    with RevisionTree(repository, commit) as tree:
        namespaces = {
            file.path
            for file in tree.files()
            if file.path.endswith(f"/{NAMESPACE_FILE}") and place_of(file.path).holds(Namespace)
        }
        loaded = load_manifests(tree, paths={*SHARED, *namespaces})
    with Rules() as rules:
        findings = [
            *loaded.findings,
            *policies_name_something(loaded.manifests),
            *rule_findings(loaded.manifests, rules),
        ]
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        raise ManifestError(
            f"the base {commit[:7]} cannot be believed: {errors[0].message}",
            help="name a base whose policies and settings load; mend them there first",
            code="base.unreadable",
            findings=errors,
        )
    return TrustBase(commit, loaded.manifests)


def base_findings(manifests: ManifestSet, base: TrustBase | None) -> Sequence[Finding]:
    """Say that a base without policies has no say, while the change brings some."""
    if base is None or base.manifests.of(Policy) or not manifests.of(Policy):
        return ()
    return (
        Finding(
            "policy.none_in_base",
            f"the base {base.commit[:7]} has no Policy: those of this change alone decide",
            severity=Severity.INFO,
            help="that is so for the change that brings the first one; have it reviewed with care",
        ),
    )
