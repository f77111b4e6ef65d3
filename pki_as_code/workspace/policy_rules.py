"""Rules of policies, looked at before anything is judged by them."""

from __future__ import annotations

from collections.abc import Iterator

from pki_as_code.children import ChildError
from pki_as_code.escape import safe
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.policy import Policy
from pki_as_code.model import Finding
from pki_as_code.rules.evaluator import NOT_INSTALLED, Rules


def rule_findings(manifests: ManifestSet, rules: Rules) -> Iterator[Finding]:
    """
    Yield an error for each rule that is none, or for each policy with rules that nobody evaluates.

    Without any rules nobody is asked, and no process started.
    """
    with_rules = [p for p in manifests.of(Policy).values() if p.manifest.spec.rules]
    if not with_rules:
        return
    if rules.is_installed():
        for policy in with_rules:
            yield from _of(policy, rules)
        return
    for policy in with_rules:
        yield Finding(
            "policy.rules_unsupported",
            f"rules cannot be evaluated here: {NOT_INSTALLED}",
            policy.source("spec", "rules", key=True),
            help="install the extra `cel`: pip install 'pki-as-code[cel]'; or say it with `allow` "
            "or `match`",
        )


def _of(policy: Loaded[Policy], rules: Rules) -> Iterator[Finding]:
    for position, rule in enumerate(policy.manifest.spec.rules):
        try:
            problem = rules.problem_of(rule.expression)
        except ChildError as error:
            yield Finding(
                "policy.rules_not_evaluated",
                f"it cannot be told whether this is a rule: {safe(str(error))}",
                policy.source("spec", "rules", position, "expression"),
                help="try again; what cannot be judged is denied",
            )
            return
        if problem:
            yield Finding(
                "policy.rule_invalid",
                f"this is not a rule: {safe(problem)}",
                policy.source("spec", "rules", position, "expression"),
                help="docs/policies.md has the variables of rules; a rule is an expression in CEL "
                "that gives true or false",
            )
