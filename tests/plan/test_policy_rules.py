"""Rules of policies without what evaluates them: when one counts, and what it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pki_as_code.model import Endorsement, Facts, Finding, RuleOutcome, Source
from pki_as_code.plan.linting import Linting
from pki_as_code.plan.policy_findings import DENIALS
from pki_as_code.plan.policy_judging import TrustBase, judge_certificate, rulebooks
from pki_as_code.plan.policy_trials import parse_trials, try_request
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.validate import resolve_all
from pki_as_code.rules.variables import VARIABLES
from tests.plan.policy_worlds import asked, denials, deny, grant, limit, policy
from tests.plan.worlds import BASE, NOW, Files, load, profile

NAME = "api.payments.example.com"
DNS = {"dns": [{"suffix": "payments.example.com"}]}
ALL = grant("all", **DNS)
API = asked(NAME)
YES, NO = RuleOutcome(holds=True), RuleOutcome()
FAILED = RuleOutcome(problem="Iteration budget exceeded")
UNKNOWN = RuleOutcome(problem="author is not known", is_unknown=True)
ALICE = Endorsement(
    "c0ffee", "Alice", "alice@example.com", frozenset({"alice@example.com"}), frozenset()
)


@dataclass
class Said:
    """Evaluates by a table, and notes what it was asked."""

    outcomes: Mapping[str, RuleOutcome] = field(default_factory=dict)
    asked: list[tuple[tuple[str, ...], Facts]] = field(default_factory=list)

    def __call__(self, expressions: Sequence[str], facts: Facts) -> Mapping[str, RuleOutcome]:
        self.asked.append((tuple(expressions), facts))
        return {e: self.outcomes[e] for e in expressions if e in self.outcomes}


def ruled(effect: str, *expressions: str, name: str = "ruled", **spec: Any) -> Files:
    rules = [{"expression": expression} for expression in expressions]
    return policy(name, effect=effect, rules=rules, **spec)


def told(*parts: Files, **outcomes: RuleOutcome) -> list[str]:
    return [finding.code for finding in denials(*parts, evaluate=Said(outcomes))]


def judged(
    *parts: Files,
    said: Said | None,
    behind: Endorsement | None = None,
    base: Sequence[Files] | None = None,
) -> list[Finding]:
    manifests = load(BASE, *parts)
    [resolved] = resolve_all(manifests).certificates
    assert resolved.request is not None
    draft, _ = Preview(manifests, {}, NOW, Linting()).examine(resolved.request)
    assert draft is not None
    trust_base = TrustBase("1a2b3c4d5e", load(BASE, *base)) if base is not None else None
    books = rulebooks(manifests, trust_base)
    found = judge_certificate(
        books, resolved.loaded, resolved.request, draft, NOW, behind, evaluate=said
    )
    assert bool(found.findings) != bool(found.allowed_by)
    return list(found.findings)


# --- When a rule counts --------------------------------------------------------------------------

POLICIES = {
    "Grant": (ruled("Grant", "a", "b", allow=DNS),),
    "Limit": (ruled("Limit", "a", "b"), ALL),
    "Limit with terms": (ruled("Limit", "a", "b", allow={"maxValidity": "400d"}), ALL),
    "Deny": (ruled("Deny", "a", "b"), ALL),
    "Deny that matches nothing": (
        ruled("Deny", "a", "b", match={"dns": [{"name": "www.example.com"}]}),
        ALL,
    ),
}


@pytest.mark.parametrize("effect", POLICIES)
@pytest.mark.parametrize(
    ("outcomes", "denied"),
    [
        ({"a": YES, "b": YES}, 0),
        ({"a": YES, "b": NO}, 1),
        ({"a": NO, "b": NO}, 2),
        ({"a": FAILED, "b": YES}, 1),
        ({"a": YES}, 1),
        ({}, 2),
    ],
    ids=["true", "one false", "both false", "failed", "one without an answer", "no answer"],
)
def test_whatever_the_effect_all_rules_have_to_be_true(effect, outcomes, denied):
    assert told(*POLICIES[effect], API, **outcomes) == ["policy.rule_not_met"] * denied


@pytest.mark.parametrize("effect", POLICIES)
def test_without_an_evaluator_a_policy_with_rules_denies(effect):
    found = denials(*POLICIES[effect], API)
    assert {finding.code for finding in found} == {"policy.rule_not_met"}
    assert "nobody evaluated it; what cannot be judged is denied" in found[0].message


def test_rules_are_asked_of_a_grant_in_addition_to_what_it_allows():
    www = asked("www.example.com")
    assert told(ruled("Grant", "a", allow=DNS), www, a=YES) == ["policy.name_not_allowed"]
    both = told(ruled("Grant", "a", allow=DNS), www, a=NO)
    assert sorted(both) == ["policy.name_not_allowed", "policy.rule_not_met"]


def test_another_grant_is_enough():
    assert told(ruled("Grant", "a", allow=DNS), ALL, API, a=NO) == []


def test_two_grants_that_each_want_something_else_do_not_add_up():
    other = grant("other", dns=[{"name": "www.example.com"}])
    [finding] = denials(ruled("Grant", "a", allow=DNS), other, API, evaluate=Said({"a": NO}))
    assert "one policy has to grant all of the certificate" in finding.help


def test_a_deny_denies_by_its_match_or_by_its_rules():
    both = ruled("Deny", "a", match=DNS), grant("any", dns=[{"suffix": "example.com"}])
    assert told(*both, API, a=YES) == ["policy.denied"]
    assert sorted(told(*both, API, a=NO)) == ["policy.denied", "policy.rule_not_met"]
    assert told(*both, asked("www.example.com"), a=YES) == []


def test_rules_of_policies_about_others_are_not_asked():
    said = Said()
    other = ruled("Limit", "a", selector={"namespaces": ["web"]})
    assert denials(other, ALL, API, evaluate=said) == []
    assert said.asked == []


def test_without_rules_nobody_is_asked():
    said = Said()
    assert denials(ALL, limit(maxValidity="400d"), API, evaluate=said) == []
    assert said.asked == []


def test_one_question_has_the_rules_of_all_policies_of_both_revisions():
    said = Said({"a": YES, "b": YES, "c": YES})
    here = (ruled("Limit", "a", "b"), ruled("Deny", "a", name="second"), ALL, API)
    assert judged(*here, said=said, base=[ruled("Grant", "c", "b", allow=DNS)]) == []
    assert [expressions for expressions, _ in said.asked] == [("a", "b", "c")]


def test_the_rules_of_the_base_hold_as_well():
    base = [ruled("Limit", "b"), ALL]
    assert judged(ALL, API, said=Said({"b": YES}), base=base) == []
    [finding] = judged(ALL, API, said=Said({"b": NO}), base=base)
    assert finding.code == "policy.rule_not_met"
    assert finding.message.endswith(", under the base (1a2b3c4)")


def test_what_both_revisions_want_is_said_once():
    both = [ruled("Limit", "a"), ALL]
    [finding] = judged(*both, API, said=Said({"a": NO}), base=both)
    assert "under the base" not in finding.message


# --- Who stands behind it ------------------------------------------------------------------------


def test_what_is_unknown_is_no_objection_where_nobody_looked_and_is_one_where_somebody_did():
    world = ruled("Limit", "a"), ALL, API
    assert judged(*world, said=Said({"a": UNKNOWN})) == []
    [finding] = judged(*world, said=Said({"a": UNKNOWN}), behind=ALICE)
    assert "author is not known; what cannot be judged is denied" in finding.message
    [finding] = judged(*world, said=Said({"a": UNKNOWN}), behind=Endorsement())
    assert finding.code == "policy.rule_not_met"


def test_who_stands_behind_it_is_among_the_facts_where_somebody_looked():
    said = Said({"a": YES})
    world = ruled("Limit", "a"), ALL, API
    for behind in (None, Endorsement(), ALICE):
        judged(*world, said=said, behind=behind)
    nobody, unsigned, alice = (facts for _, facts in said.asked)
    assert VARIABLES.keys() - nobody.keys() == {"author", "signers", "approvals"}
    assert [unsigned[name] for name in ("author", "signers", "approvals")] == ["", [], []]
    assert [alice[name] for name in ("author", "signers", "approvals")] == [
        "alice@example.com", ["alice@example.com"], [],
    ]  # fmt: skip


# --- What a rule sees ----------------------------------------------------------------------------


def facts(*parts: Files) -> Facts:
    said = Said({"a": YES})
    judged(ruled("Grant", "a", allow=DNS), *parts, said=said, behind=ALICE)
    [(_, found)] = said.asked
    return found


def test_facts_are_the_variables_with_their_types():
    found = facts(asked(NAME, metadata={"labels": {"a": "b"}}))
    assert found.keys() == VARIABLES.keys()
    for name, type_ in VARIABLES.items():
        value = found[name]
        match type_:
            case "string":
                assert isinstance(value, str)
            case "int" | "duration":
                assert isinstance(value, int)
            case "list(string)":
                assert isinstance(value, list)
                assert all(isinstance(each, str) for each in value)
            case _:
                assert isinstance(value, dict)
                inner = list if "list" in type_ else str
                assert all(isinstance(each, inner) for each in value.values())


def test_facts_are_what_is_in_the_certificate():
    found = facts(
        profile("webserver", extensions={"extendedKeyUsage": {"value": ["serverAuth", "1.2.3"]}}),
        asked(
            "API.Payments.example.com", "IP:2001:DB8::7", "email:a@Example.com",
            "URI:https://example.com/x", "RID:1.2.3",
            subject="C=AT,O=Example,OU=a,OU=b,CN=api.payments.example.com",
            validity="90d", metadata={"labels": {"service": "api"}},
        ),
    )  # fmt: skip
    assert found["san.dns"] == [NAME]
    assert found["san.ip"] == ["2001:db8::7"]
    assert found["san.email"] == ["a@example.com"]
    assert found["san.uri"] == ["https://example.com/x"]
    assert found["san.other"] == ["RID:1.2.3"]
    assert found["subject"] == {"C": ["AT"], "O": ["Example"], "OU": ["a", "b"], "CN": [NAME]}
    assert (found["key.type"], found["key.size"], found["key.curve"]) == ("EC", 256, "P-256")
    assert found["validity"] == 90 * 86_400
    assert found["extendedKeyUsage"] == ["serverAuth", "1.2.3"]
    assert {"subjectAltName", "extendedKeyUsage"} <= set(found["extensions"])  # type: ignore[arg-type]
    assert found["metadata.namespace"] == "payments"
    assert found["metadata.name"] == "api"
    assert found["metadata.labels"] == {"service": "api"}
    assert (found["issuer"], found["profile"]) == ("issuing", "webserver")


@pytest.mark.parametrize(
    ("key", "type_", "size", "curve"),
    [("RSA-3072", "RSA", 3072, ""), ("P-384", "EC", 384, "P-384"), ("Ed25519", "Ed25519", 0, "")],
)
def test_a_key_is_described_as_manifests_do(key, type_, size, curve):
    found = facts(asked(NAME, key=key))
    assert (found["key.type"], found["key.size"], found["key.curve"]) == (type_, size, curve)


def test_the_documentation_has_every_variable_with_its_type():
    text = (Path(__file__).parents[2] / "docs/policies.md").read_text()
    rows = re.findall(r"^\| ((?:`[\w.]+`(?:, )?)+) \| `([^`]+)` \|", text, re.MULTILINE)
    documented = {name: type_ for names, type_ in rows for name in re.findall(r"[\w.]+", names)}
    assert documented == dict(VARIABLES)


# --- What is said --------------------------------------------------------------------------------


def test_a_finding_has_the_message_of_the_rule_the_place_of_the_certificate_and_the_policy():
    rule = {"expression": "a", "message": "dev names have their own CA"}
    world = policy("ruled", effect="Limit", rules=[rule]), ALL, API
    [finding] = denials(*world, evaluate=Said({"a": NO}))
    assert finding.code == "policy.rule_not_met"
    assert finding.code in DENIALS
    assert finding.message == "dev names have their own CA"
    assert finding.source is not None
    assert finding.source.path == "certificates/payments/api.yaml"
    assert "policies/ruled.yaml has the rule 'a'" in finding.help


def test_without_a_message_the_rule_is_shown():
    [finding] = denials(ruled("Limit", "a"), ALL, API, evaluate=Said({"a": NO}))
    assert finding.message == "payments does not meet the rule 'a'"


def test_a_failed_evaluation_says_why():
    [finding] = denials(ruled("Limit", "a"), ALL, API, evaluate=Said({"a": FAILED}))
    assert finding.message == (
        "payments does not meet the rule 'a': could not be evaluated: Iteration budget exceeded; "
        "what cannot be judged is denied"
    )


def test_text_of_others_is_harmless_and_short():
    nasty = "::error::##[group]"
    rule = {"expression": f"a{nasty}" + "x" * 3000, "message": f"{nasty}b"}
    hostile = RuleOutcome(problem=f"{nasty}\x1b[2J\u202e\n::error::")
    world = policy("ruled", effect="Limit", rules=[rule]), ALL, API
    for outcome in (NO, hostile):
        [finding] = denials(*world, evaluate=Said({rule["expression"]: outcome}))
        for text in (finding.message, finding.help):
            assert not {"\x1b", "\u202e", "\n"} & set(text)
            assert "##[" not in text
            assert not text.startswith("::")
            assert len(text) < 600


# --- Trials --------------------------------------------------------------------------------------


def tried(request: Mapping[str, Any], said: Said, *parts: Files) -> tuple[bool, Facts]:
    trial = {"name": "t", "expect": "allowed", "request": {"namespace": "payments", **request}}
    [(parsed, source)] = parse_trials(json.dumps({"tests": [trial]}).encode(), "t.yaml")
    assert isinstance(source, Source)
    manifests = load(BASE, *parts)
    found = try_request(parsed, source, manifests, Preview(manifests, {}, NOW, Linting()), said)
    return found.allowed, said.asked[-1][1]


def test_a_trial_says_who_stands_behind_it():
    said = Said({"a": YES})
    names = {"subjectAltNames": [NAME]}
    world = ruled("Limit", "a"), ALL
    _, found = tried(names, said, *world)
    assert [found[name] for name in ("author", "signers", "approvals")] == ["", [], []]
    people = {
        "author": "alice@example.com",
        "signers": ["alice@example.com"],
        "approvals": ["Bob@Example.com"],
    }
    _, found = tried({**names, **people}, said, *world)
    assert found["author"] == "alice@example.com"
    assert found["signers"] == ["Bob@Example.com", "alice@example.com"]
    assert found["approvals"] == ["bob@example.com"]


def test_a_trial_is_judged_by_rules_and_by_approvals_where_it_names_them():
    names = {"subjectAltNames": [NAME]}
    assert tried(names, Said({"a": YES}), ruled("Limit", "a"), ALL)[0]
    assert not tried(names, Said({"a": NO}), ruled("Limit", "a"), ALL)[0]
    assert not tried(names, Said({"a": UNKNOWN}), ruled("Limit", "a"), ALL)[0]
    wanting = ruled("Grant", "a", allow=DNS, approvals={"minOwners": 1})
    for approvals, allowed in ((None, True), ([], False), (["bob@example.com"], True)):
        request = names if approvals is None else {**names, "approvals": approvals}
        assert tried(request, Said({"a": YES}), wanting)[0] is allowed


def test_a_deny_without_rules_still_denies_what_it_selects():
    assert told(deny("d", {"namespaces": ["payments"]}), ALL, API) == ["policy.denied"]
    with_rules = ruled("Deny", "a", selector={"namespaces": ["payments"]})
    assert told(with_rules, ALL, API, a=YES) == []
