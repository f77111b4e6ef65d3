"""Rules of policies by the command line: who is denied, on which line, and by which revision."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.e2e.in_process import InProcess, without_certificates
from tests.e2e.test_policy import GRANT, ask, denials, line_of, records
from tests.people import People

RULE = """\
  rules:
    - {expression: 'san.dns.all(n, !n.startsWith("dev"))', message: "dev names have their own CA"}
"""
LIMIT = """\
apiVersion: pki-as-code/v1
kind: Policy
metadata: {name: limit}
spec:
  effect: Limit
"""


@pytest.fixture
def repository(template, tmp_path) -> InProcess:
    """A repository in which payments may have its names, but for those of developers."""
    found = without_certificates(template, tmp_path / "example-pki")
    found.write("policies/payments.yaml", GRANT + RULE)
    return found


def rule(repository: InProcess, expression: str, message: str = "") -> None:
    """Write a Limit with that rule; as JSON, which is YAML."""
    written = {"expression": expression, **({"message": message} if message else {})}
    repository.write("policies/limit.yaml", f"{LIMIT}  rules: [{json.dumps(written)}]\n")


@pytest.mark.parametrize(
    "command",
    [["validate"], ["plan"], ["reconcile"], ["reconcile", "--only", "payments/dev"]],
    ids=" ".join,
)
def test_who_does_not_meet_a_rule_is_denied_with_3_and_nobody_else(repository, command):
    ask(repository, "payments/api", "api.payments.example.com")
    ask(repository, "payments/dev", "dev.payments.example.com")
    repository.commit()
    done = repository.run(*command, expect=3)
    told = done.out + done.err
    assert "error[policy.rule_not_met]: dev names have their own CA" in told
    line = line_of(repository, "certificates/payments/dev.yaml", "csrFile:")
    assert f"certificates/payments/dev.yaml:{line}:" in told
    assert "policies/payments.yaml has the rule 'san.dns.all(n, " in told
    assert told.count("error[") == 1
    if command == ["reconcile"]:
        assert [record["name"] for record in records(repository)] == ["api"]
        assert "policies/payments.yaml" in repository.run("show", "payments/api").out


def test_the_annotation_of_a_workflow_is_on_the_line(repository):
    ask(repository, "payments/dev", "dev.payments.example.com")
    repository.commit()
    line = line_of(repository, "certificates/payments/dev.yaml", "csrFile:")
    out = repository.run("plan", "--output", "github", expect=3).out
    assert f"::error file=certificates/payments/dev.yaml,line={line}," in out
    assert "dev names have their own CA" in out
    assert denials(repository) == [("policy.rule_not_met", line)]


def test_no_imperative_command_is_a_way_around(repository):
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    repository.run("reconcile")
    csr = repository.root / "certificates/payments/api.csr"
    done = repository.run("sign_cert", "--csr", csr, "--alt", "dev.payments.example.com",
                          "--namespace", "payments", expect=3)  # fmt: skip
    assert "policy.rule_not_met" in done.err


def test_many_certificates_are_judged_in_children_as_one_is_here(repository):
    csr = repository.root / "certificates/payments/c000.csr"
    ask(repository, "payments/c000", "c000.payments.example.com")
    for number in range(1, 120):
        shutil.copy(csr, csr.with_name(f"c{number:03}.csr"))
        name = "dev" if number % 40 == 0 else "c"
        ask(repository, f"payments/c{number:03}", f"{name}{number}.payments.example.com")
    repository.commit()
    out = repository.run("plan", "--output", "json", expect=3).json
    errors = [f for f in out["findings"] if f["code"] == "policy.rule_not_met"]
    assert {f["range"]["filename"] for f in errors} == {
        "certificates/payments/c040.yaml", "certificates/payments/c080.yaml",
    }  # fmt: skip
    allowed = [c for c in out["changes"] if c["kind"] == "Certificate"]
    assert len(allowed) == 118
    assert all(c["allowedBy"] == ["policies/payments.yaml"] for c in allowed)


@pytest.mark.parametrize("command", [["validate"], ["plan"], ["reconcile"], ["policy", "test"]],
                         ids=" ".join)  # fmt: skip
@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("san.dsn.size() > 0", "1:4: undeclared reference to 'san.dsn'"),
        ("san.dns.size() >", "1:17: Syntax error: mismatched input"),
        ("san.dns.size()", "it gives int, and a rule has to give bool"),
    ],
)
def test_what_is_no_rule_stops_the_run_at_its_line(repository, command, expression, told):
    ask(repository, "payments/api", "api.payments.example.com")
    repository.write("policy-tests/a.yaml", TRIALS)
    rule(repository, expression)
    repository.commit()
    done = repository.run(*command, expect=1)
    out = done.out + done.err
    assert f"error[policy.rule_invalid]: this is not a rule: {told}" in out
    assert "policies/limit.yaml:6:" in out
    assert "policy.rule_not_met" not in out
    assert not records(repository)


def test_an_evaluation_without_end_denies_and_says_so(repository):
    ask(repository, "payments/api", *(f"n{number}.payments.example.com" for number in range(100)))
    nested = "true"
    for depth in range(6):
        nested = f"san.dns.all(n{depth}, {nested})"
    rule(repository, nested, "this never ends")
    repository.commit()
    out = repository.run("plan", expect=3).out
    assert (
        "error[policy.rule_not_met]: this never ends: could not be evaluated: Iteration budget "
        "exceeded; what cannot be judged is denied" in out
    )


def test_a_failed_evaluation_is_no_yes(repository):
    ask(repository, "payments/api", "api.payments.example.com")
    rule(repository, 'subject["OU"][0] == "x"')
    repository.commit()
    assert "could not be evaluated: Key not found in map" in repository.run("plan", expect=3).out


def test_text_of_others_is_inert(repository):
    ask(repository, "payments/api", "api.payments.example.com")
    rule(repository, '"::error::##[group]" == author', "::error::##[group]denied")
    repository.commit()
    for output in ("text", "github", "markdown"):
        out = repository.run("plan", "--output", output, expect=3).out
        assert "##[group]" not in out
        assert not [line for line in out.splitlines() if line.lstrip().startswith("::error::")]


# --- Without the library -------------------------------------------------------------------------


@pytest.fixture
def without_library(tmp_path, monkeypatch):
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "cel_expr_python.py").write_text("raise ModuleNotFoundError('no such thing')\n")
    monkeypatch.syspath_prepend(str(place))


@pytest.mark.parametrize("command", ["validate", "plan", "reconcile"])
def test_without_the_library_a_policy_with_rules_stops_the_run(
    repository, without_library, command
):
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    done = repository.run(command, expect=1)
    out = done.out + done.err
    line = line_of(repository, "policies/payments.yaml", "rules:")
    assert "error[policy.rules_unsupported]: rules cannot be evaluated here" in out
    assert f"policies/payments.yaml:{line}:" in out
    assert "pip install 'pki-as-code[cel]'" in out
    assert not records(repository)


def test_without_rules_nobody_needs_it(repository, without_library):
    repository.write("policies/payments.yaml", GRANT)
    ask(repository, "payments/dev", "dev.payments.example.com")
    repository.commit()
    repository.run("plan")


def test_a_library_in_the_repository_is_not_loaded(repository, monkeypatch):
    monkeypatch.chdir(repository.root)
    repository.write("cel_expr_python.py", "raise SystemExit('loaded')\n")
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    repository.run("plan")


# --- The base ------------------------------------------------------------------------------------


def test_taking_a_rule_away_and_using_that_at_once_is_denied_by_the_base(repository):
    repository.commit()
    repository.git("branch", "-f", "agreed")
    repository.write("policies/payments.yaml", GRANT)
    ask(repository, "payments/dev", "dev.payments.example.com")
    repository.commit()
    repository.run("plan")
    for command in ("plan", "validate"):
        out = repository.run(command, "--base", "agreed", expect=3).out
        assert "dev names have their own CA, under the base (" in out
    (repository.root / "policies/payments.yaml").unlink()  # and without any policy of its own
    repository.commit()
    assert [code for code, _ in denials(repository, "--base", "agreed")] == ["policy.rule_not_met"]


def test_a_base_whose_rule_is_none_cannot_be_believed(repository):
    rule(repository, "san.dsn == []")
    repository.commit()
    repository.git("branch", "-f", "agreed")
    (repository.root / "policies/limit.yaml").unlink()
    repository.commit()
    done = repository.run("plan", "--base", "agreed", expect=1)
    assert "base.unreadable" in done.out + done.err


# --- Who stands behind it ------------------------------------------------------------------------


def test_a_rule_about_the_author_believes_signatures_alone(repository, tmp_path):
    people = People(tmp_path)
    repository.write("allowed_signers", people.allowed("alice", "bob"))
    ask(repository, "payments/first", "first.payments.example.com")
    repository.commit()
    repository.run("reconcile")  # from now on these keys are known
    rule(repository, 'author == "alice@example.com" && author in signers', "Alice asks herself")
    ask(repository, "payments/spoofed", "spoofed.payments.example.com")
    people.commit_unsigned(repository.root, author="alice")
    ask(repository, "payments/bob", "bob.payments.example.com")
    people.commit(repository.root, by="bob")
    ask(repository, "payments/lent", "lent.payments.example.com")
    people.commit(repository.root, by="bob", author="alice")
    ask(repository, "payments/alice", "alice.payments.example.com")
    people.commit(repository.root, by="alice")
    repository.run("validate")  # which looks at files alone
    found = repository.run("plan", "--ref", "HEAD", "--output", "json", expect=3).json
    errors = [f for f in found["findings"] if f["code"] == "policy.rule_not_met"]
    denied = {f["range"]["filename"] for f in errors}
    assert denied == {f"certificates/payments/{name}.yaml" for name in ("spoofed", "bob", "lent")}
    repository.run("reconcile", expect=3)
    assert {record["name"] for record in records(repository)} == {"alice", "first"}
    # In a working tree there is no author; and what is denied is looked at again each time.
    ask(repository, "payments/new", "new.payments.example.com")
    assert repository.run("plan", expect=3).out.count("error[policy.rule_not_met]") == 4
    people.commit(repository.root, by="alice")
    assert repository.run("reconcile", expect=3).out.count("error[policy.rule_not_met]") == 3
    assert {record["name"] for record in records(repository)} == {"alice", "first", "new"}


# --- Tests of policies ---------------------------------------------------------------------------

TRIALS = """\
tests:
  - name: developers have none
    request: {namespace: payments, subjectAltNames: [dev.payments.example.com]}
    expect: denied
    codes: [policy.rule_not_met]
    by: [payments]
  - name: others have one
    request: {namespace: payments, subjectAltNames: [api.payments.example.com]}
    expect: allowed
    by: [payments]
"""


def test_requests_are_tried_by_rules_and_by_their_author(repository):
    repository.write("policy-tests/a.yaml", TRIALS)
    assert "2 requests tried, 0 not as expected." in repository.run("policy", "test").out
    rule(repository, 'author.endsWith("@example.com")')
    assert "1 not as expected" in repository.run("policy", "test", expect=1).out
    signed = TRIALS.replace("[api.pay", "[api.pay").replace(
        "{namespace", "{author: alice@example.com, namespace"
    )
    repository.write("policy-tests/a.yaml", signed)
    repository.run("policy", "test")


def test_impact_tells_whom_a_rule_keeps_from_being_renewed(repository):
    repository.write("policies/payments.yaml", GRANT)
    ask(repository, "payments/dev", "dev.payments.example.com")
    repository.commit()
    repository.run("reconcile")
    repository.git("branch", "-f", "agreed")
    repository.write("policies/payments.yaml", GRANT + RULE)
    out = repository.run("policy", "impact", "--base", "agreed").out
    assert "payments/dev" in out
    assert "dev names have their own CA" in out
    assert "Grant rule 'san.dns.all" in out
