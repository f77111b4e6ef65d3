"""The library that evaluates rules: what holds, what does not, and what is no rule at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pki_as_code.children import ChildError
from pki_as_code.model import RuleOutcome
from pki_as_code.rules.evaluator import NOT_INSTALLED, Rules
from pki_as_code.rules.variables import VARIABLES
from tests.rules.odd_program import ANSWERS

FACTS: dict[str, Any] = {
    "san.dns": ["api.example.com", "dev.example.com"],
    "san.ip": ["10.0.0.7"],
    "san.email": [],
    "san.uri": [],
    "san.other": [],
    "subject": {"O": ["Example"], "OU": ["a", "b"]},
    "key.type": "EC",
    "key.size": 256,
    "key.curve": "P-256",
    "validity": 90 * 86_400,
    "extensions": ["keyUsage", "extendedKeyUsage"],
    "extendedKeyUsage": ["serverAuth"],
    "metadata.namespace": "payments",
    "metadata.name": "api",
    "metadata.labels": {"service": "payments-api"},
    "issuer": "issuing",
    "profile": "webserver",
    "author": "alice@example.com",
    "signers": ["alice@example.com"],
    "approvals": [],
}
MANY = {**FACTS, "san.dns": [f"{number}.example.com" for number in range(100)]}


@pytest.fixture(scope="module")
def rules() -> Iterator[Rules]:
    with Rules() as found:
        yield found


def outcome(rules: Rules, expression: str, facts: dict[str, Any] | None = None) -> RuleOutcome:
    return rules.evaluate([expression], FACTS if facts is None else facts)[expression]


HOLDS = [
    "true",
    'san.dns.all(n, n.endsWith(".example.com"))',
    'san.ip == ["10.0.0.7"]',
    "san.email == [] && san.uri == [] && san.other == []",
    'subject.O == ["Example"] && "b" in subject["OU"] && !("CN" in subject) && !has(subject.CN)',
    'key.type == "EC" && key.size >= 256 && key.curve == "P-256"',
    'validity <= duration("2160h")',
    'validity == duration("7776000s")',
    '!("nameConstraints" in extensions) && extendedKeyUsage == ["serverAuth"]',
    'metadata.namespace == "payments" && metadata.name == "api"',
    'metadata.labels["service"] == "payments-api"',
    'issuer == "issuing" && profile == "webserver"',
    'author in signers && author.endsWith("@example.com") && approvals == []',
    'san.dns.exists(n, n.matches("^[a-z]+[.]example[.]com$"))',
    'true || subject["CN"] == ["x"]',
    "san.dns.all(n,\n  n != author)  // of several lines",
]


@pytest.mark.parametrize("expression", HOLDS)
def test_what_is_true_of_a_certificate_holds(rules, expression):
    assert rules.problem_of(expression) == ""
    assert outcome(rules, expression) == RuleOutcome(holds=True)


@pytest.mark.parametrize(
    "expression",
    ["false", 'san.dns.all(n, !n.startsWith("dev"))', 'validity < duration("2160h")',
     'key.size > 256', 'subject.O == ["Other"]', 'metadata.namespace == "web"'],
)  # fmt: skip
def test_what_is_false_does_not_and_is_no_failure(rules, expression):
    assert rules.problem_of(expression) == ""
    assert outcome(rules, expression) == RuleOutcome()


def test_the_rule_of_the_contract_holds_without_names_of_developers(rules):
    facts = {**FACTS, "san.dns": ["api.example.com"]}
    assert outcome(rules, 'san.dns.all(n, !n.startsWith("dev"))', facts).holds


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ('subject["CN"] == ["x"]', "Key not found"),
        ('subject.CN == ["x"]', "Key not found"),
        ('san.dns[7] == "x"', "Index error"),
        ("key.size / 0 == 1", "divide by zero"),
        ("key.size + 9223372036854775807 > 0", "overflow"),
        ('author.matches("(")', "invalid regular expression"),
        ("duration(author) < validity", "Duration conversion failed"),
    ],
)  # fmt: skip
def test_an_evaluation_that_fails_is_true_to_python_and_does_not_hold(rules, expression, problem):
    assert rules.problem_of(expression) == ""
    found = outcome(rules, expression)
    assert not found.holds
    assert not found.is_unknown
    assert problem in found.problem
    assert "\n" not in found.problem


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("san.dsn.size() > 0", "undeclared reference to 'san.dsn'"),
        ("san.size() > 0", "undeclared reference to 'san'"),
        ("key.bits > 1", "undeclared reference"),
        ('namespace == "payments"', "reserved identifier"),
        ("san.dns.all(n, n.foo)", "cannot be the operand of a select operation"),
        ('key.size == "256"', "no matching overload"),
        ('validity == "90d"', "no matching overload"),
        ("(", "Syntax error"),
        ("", "Syntax error"),
        ("(" * 2000 + "true" + ")" * 2000, "recursion limit"),
        ("1", "it gives int, and a rule has to give bool"),
        ("san.dns", "it gives list<string>, and a rule has to give bool"),
        ("null", "it gives null"),
        ("dyn(true)", "it gives dyn"),
        ("author.lowerAscii() == author", "undeclared reference"),
    ],
)
def test_what_is_no_rule_is_told_before_it_is_evaluated_and_holds_for_nobody(
    rules, expression, problem
):
    assert problem in rules.problem_of(expression)
    assert len(rules.problem_of(expression)) < 300
    found = outcome(rules, expression)
    assert not found.holds
    assert problem in found.problem


@pytest.mark.parametrize(
    "expression",
    [
        "true",
        "san.dns.map(x, x + x) != []",
        "san.dns.filter(x, true).size() == 100",
    ],
    ids=["all", "map", "filter"],
)
def test_what_iterates_without_end_ends_and_does_not_hold(rules, expression):
    for depth in range(6):
        expression = f"san.dns.all(n{depth}, {expression})"
    assert rules.problem_of(expression) == ""
    started = time.monotonic()
    found = outcome(rules, expression, MANY)
    assert not found.holds
    assert found.problem
    assert time.monotonic() - started < 60
    assert outcome(rules, "true").holds, "and the next question is answered"


def test_a_budget_is_named(rules):
    found = outcome(rules, "san.dns.all(a, san.dns.all(b, san.dns.all(c, true)))", MANY)
    assert found == RuleOutcome(problem="Iteration budget exceeded")


def test_a_text_that_grows_and_grows_ends(rules):
    facts = {**FACTS, "san.dns": ["x" * 250] * 100}
    grown = "san.dns" + ".map(x, x + x)" * 30 + ".size() == 100"
    assert len(grown) < 4096
    found = outcome(rules, grown, facts)
    assert not found.holds
    assert found.problem
    assert outcome(rules, "true").holds


@pytest.mark.parametrize(
    "facts",
    [{**FACTS, "author": "\udc80"}, {**FACTS, "author": None}, {**FACTS, "san.dns": "api"},
     {**FACTS, "validity": "long"}, {}],
    ids=["no Unicode", "null", "another type", "no duration", "none"],
)  # fmt: skip
def test_facts_that_make_no_sense_make_nothing_hold(rules, facts):
    expressions = ['author != "x"', "san.dns.size() >= 0", 'validity > duration("1s")']
    found = rules.evaluate(expressions, facts)
    assert not all(each.holds for each in found.values())
    assert rules.evaluate(["true"], FACTS)["true"].holds


# --- Who stands behind it ------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["author", "signers", "approvals"])
@pytest.mark.parametrize("form", ["{0} == {0}", "size({0}) > 0", "'x' in [{0}].map(y, string(1))",
                                  "san.dns.all(n, {0} != {0})"])  # fmt: skip
def test_what_depends_on_who_stands_behind_it_is_unknown_where_nobody_looked(rules, variable, form):
    facts = {name: value for name, value in FACTS.items() if name != variable}
    expression = form.format(variable)
    found = outcome(rules, expression, facts)
    assert not found.holds
    assert found.is_unknown, found
    assert not outcome(rules, expression).is_unknown


def test_what_does_not_depend_on_it_after_all_is_known(rules):
    facts = {name: value for name, value in FACTS.items() if name != "author"}
    assert outcome(rules, 'author == "x" || key.size == 256', facts).holds
    assert outcome(rules, 'author == "x" && key.size == 1', facts) == RuleOutcome()


def test_another_variable_without_a_value_is_a_failure(rules):
    facts = {name: value for name, value in FACTS.items() if name != "issuer"}
    found = outcome(rules, 'issuer == "issuing"', facts)
    assert (found.holds, found.is_unknown) == (False, False)
    assert "issuer" in found.problem


# --- The program ---------------------------------------------------------------------------------


def test_all_rules_of_a_certificate_are_one_question(rules):
    expressions = ["true", "false", 'subject["CN"] == []', "san.dsn"]
    found = rules.evaluate(expressions, FACTS)
    assert [found[each].holds for each in expressions] == [True, False, False, False]


def test_every_variable_can_be_named_with_its_type(rules):
    assert set(FACTS) == set(VARIABLES)
    equal = {
        "string": "{} == ''", "int": "{} == 0", "duration": "{} == duration('0s')",
        "list(string)": "{} == ['']", "map(string, string)": "{} == {{'': ''}}",
        "map(string, list(string))": "{} == {{'': ['']}}",
    }  # fmt: skip
    for name, type_ in VARIABLES.items():
        assert rules.problem_of(equal[type_].format(name)) == "", name


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_another_shape_makes_nothing_hold(name):
    with Rules(program="tests.rules.odd_program") as odd:
        assert odd.evaluate(["well"], {})["well"].holds
        found = odd.evaluate([name], {})[name]
        assert not found.holds
        assert not found.is_unknown
        assert found.problem
        assert odd.problem_of(name)


def test_one_that_takes_too_long_denies_itself_alone():
    with Rules(program="tests.rules.odd_program", seconds=0.5, start=0.5) as odd:
        found = odd.evaluate(["well", "slow"], {})
    assert found["well"].holds
    assert found["slow"] == RuleOutcome(problem="the evaluator gave no answer in 0.5 s")


def test_a_program_that_dies_makes_nothing_hold():
    with Rules(program="tests.no_such_program") as nobody:
        found = nobody.evaluate(["true", "1 == 1"], {})
        assert {each.problem for each in found.values()} == {
            "the evaluator ended without an answer"
        }
        with pytest.raises(ChildError, match="ended without an answer"):
            nobody.problem_of("true")


def test_without_the_library_nothing_holds_and_that_is_told(tmp_path: Path, monkeypatch):
    (tmp_path / "cel_expr_python.py").write_text("raise ModuleNotFoundError('no such thing')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Rules() as without:
        assert not without.is_installed()
        assert without.problem_of("true") == NOT_INSTALLED
        assert without.evaluate(["true"], FACTS)["true"] == RuleOutcome(problem=NOT_INSTALLED)


def test_the_library_is_installed_here_and_never_in_this_process(rules):
    import sys

    assert rules.is_installed()
    assert not [name for name in sys.modules if name.startswith("cel_expr")]


def test_nobody_is_asked_where_there_is_no_question():
    with Rules() as idle:
        assert idle._child._process is None


def test_it_ends_with_the_block():
    with Rules() as found:
        assert outcome(found, "true").holds
        assert found._child._process is not None
        process = found._child._process.pid
    assert not os.path.exists(f"/proc/{process}")
