"""Policies by the command line, on real repositories: who is denied, where, and with which code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import make_csr
from tests.e2e.in_process import InProcess, in_process, without_certificates

GRANT = """\
apiVersion: pki-as-code/v1
kind: Policy
metadata: {name: payments}
spec:
  effect: Grant
  selector: {namespaces: [payments]}
  allow:
    dns: [{suffix: payments.example.com}]
    subject: {O: ["*"], C: ["*"]}
"""


@pytest.fixture
def repository(template, tmp_path) -> InProcess:
    """A repository in which payments may have names below payments.example.com."""
    found = without_certificates(template, tmp_path / "example-pki")
    found.write("policies/payments.yaml", GRANT)
    return found


def ask(repository: InProcess, name: str, *names: str, lines: tuple[str, ...] = ()) -> None:
    """Write the manifest of a certificate and its CSR."""
    csr = repository.root / f"certificates/{name}.csr"
    if not csr.exists():
        make_csr(csr)
    alternative = "\n".join(["subjectAltNames:", *(f"  - {each}" for each in names)])
    body = [f"csrFile: {csr.name}", alternative, *lines]
    repository.manifest(name, "\n".join(body))


def denials(repository: InProcess, *arguments: str, expect: int = 3) -> list[tuple[str, int]]:
    """Return the codes of `plan` and the lines they are on."""
    plan = repository.run("plan", *arguments, "--output", "json", expect=expect).json
    return [
        (f["code"], f["range"]["start"]["line"])
        for f in plan["findings"]
        if f["severity"] == "error"
    ]


def records(repository: InProcess) -> list[dict]:
    return json.loads(repository.run("list_certs", "--output", "json").out)


def line_of(repository: InProcess, path: str, text: str) -> int:
    lines = (repository.root / path).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_what_is_granted_is_issued_and_the_plan_and_the_ledger_say_by_whom(repository):
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    repository.run("validate")
    [change] = [
        c for c in repository.run("plan", "--output", "json").json["changes"] if c["name"] == "api"
    ]
    assert change["allowedBy"] == ["policies/payments.yaml"]
    assert "by policies/payments.yaml" in repository.run("plan").out
    repository.run("reconcile")
    issued = [e for e in repository.ledger() if e["type"] == "issued"]
    provenance = [e["provenance"] for e in issued if e["object"]["name"] == "api"]
    assert [p["policies"] for p in provenance] == [["policies/payments.yaml"]]
    assert not any(e["provenance"]["policies"] for e in issued if e["object"]["name"] != "api")
    shown = repository.run("show", "payments/api")
    assert "policies/payments.yaml" in shown.out
    assert shown.out.count("allowed by") == 1
    value = repository.run("show", "payments/api", "--output", "json").json
    assert value["certificate"]["policies"] == ["policies/payments.yaml"]
    [listed] = records(repository)
    assert listed["policies"] == ["policies/payments.yaml"]
    assert repository.run("reconcile").out.startswith("No changes")


@pytest.mark.parametrize(
    "command",
    [["validate"], ["plan"], ["reconcile"], ["reconcile", "--dry-run"],
     ["reconcile", "--only", "payments/api"]],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_granted_is_denied_with_3_on_its_line(repository, command):
    ask(repository, "payments/api", "api.payments.example.com", "www.example.com")
    repository.commit()
    done = repository.run(*command, expect=3)
    line = line_of(repository, "certificates/payments/api.yaml", "- www")
    told = done.out + done.err
    assert "error[policy.name_not_allowed]: payments may not have www.example.com" in told
    assert f"certificates/payments/api.yaml:{line}:" in told
    assert "policies/payments.yaml grants *.payments.example.com" in told
    if command[0] == "reconcile":
        assert "api.payments" not in repository.run("list_certs").out


def test_who_is_denied_keeps_nobody_else_waiting(repository):
    ask(repository, "payments/api", "www.example.com")
    ask(repository, "payments/good", "good.payments.example.com")
    repository.commit()
    repository.run("reconcile", expect=3)
    assert [record["name"] for record in records(repository)] == ["good"]


def test_something_graver_is_told_by_the_exit_code(repository):
    ask(repository, "payments/api", "www.example.com")
    ask(repository, "payments/bad", "bad.payments.example.com", lines=("validity: 9000d",))
    repository.commit()
    assert {code for code, _ in denials(repository, expect=1)} >= {"policy.name_not_allowed"}


@pytest.mark.parametrize("extra", [(), ("--dry-run",), ("--no-commit",), ("--branch", "ask")])
def test_the_imperative_commands_are_no_way_around(repository, extra):
    repository.commit()
    repository.run("reconcile")
    csr = repository.root.parent / "new.csr"
    make_csr(csr)
    before = repository.git("rev-parse", "HEAD"), repository.store_head()
    arguments = ("sign_cert", "--csr", str(csr), "--alt", "www.example.com", "--namespace")
    done = repository.run(*arguments, "payments", *extra, expect=3)
    assert "policy.name_not_allowed" in done.err
    assert before == (repository.git("rev-parse", "HEAD"), repository.store_head())
    assert not repository.git("status", "--porcelain")
    repository.run(*arguments, "web", *extra, expect=3)
    if extra == ():
        repository.run(
            "sign_cert", "--csr", str(csr), "--alt", "new.payments.example.com", "--namespace",
            "payments",
        )  # fmt: skip


def test_what_was_granted_once_is_denied_when_it_is_signed_again(repository):
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    repository.run("reconcile")
    repository.write("policies/payments.yaml", GRANT.replace("suffix: pay", "suffix: new"))
    repository.commit()
    repository.run("reconcile", "--full")  # what is issued stays as it is
    done = repository.run("resign_cert", "payments/api", expect=3)
    assert "policy.name_not_allowed" in done.err
    ask(repository, "payments/api", "api.payments.example.com", lines=("reissue: 1",))
    repository.commit()
    repository.run("reconcile", expect=3)
    assert len(records(repository)) == 1


def test_a_policy_that_is_loosened_lets_through_what_was_denied(repository):
    ask(repository, "payments/api", "api.payments.example.com", "www.example.com")
    repository.commit()
    repository.run("reconcile", expect=3)
    repository.write(
        "policies/payments.yaml", GRANT.replace("dns: [", "dns: [{name: www.example.com}, ")
    )
    repository.commit()
    repository.run("reconcile")
    assert [record["name"] for record in records(repository)] == ["api"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GRANT.replace("effect: Grant", "effect: Permit"), "manifest.unknown_value"),
        (GRANT.replace("[payments]}", "[payments], profiles: [nope]}"), "reference.not_found"),
        (GRANT.replace("suffix", "sufix"), "manifest.unknown_key"),
        ("effect: [", "yaml."),
    ],
)
def test_a_policy_that_does_not_load_stops_the_run(repository, text, code):
    ask(repository, "payments/api", "api.payments.example.com")
    repository.write("policies/payments.yaml", text)
    repository.commit()
    for command in ("validate", "plan", "reconcile"):
        done = repository.run(command, expect=1)
        assert code in done.out + done.err
    assert not records(repository)


def test_without_a_policy_validate_says_so_once(repository):
    (repository.root / "policies/payments.yaml").unlink()
    ask(repository, "payments/api", "www.example.com")
    done = repository.run("validate", "--output", "json").json
    assert [d["severity"] for d in done["diagnostics"] if d["code"] == "policy.none"] == ["info"]
    assert "policy.none" not in repository.run("plan").out


def test_an_open_reservation_is_judged_before_it_is_finished(repository):
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    repository.run("reconcile")
    ledger = repository.ledger()
    # What a run leaves behind that dies between reserving and recording.
    position = next(
        n for n, e in enumerate(ledger) if e["type"] == "issued" and e["object"]["name"] == "api"
    )
    truncate_ledger(repository, position)
    assert [c["action"] for c in plan_changes(repository)] == ["finish"]
    repository.write("policies/payments.yaml", GRANT.replace("suffix: pay", "suffix: new"))
    repository.commit()
    done = repository.run("reconcile", "--allow-unsafe", "replay=1", expect=3)
    assert "policy.name_not_allowed" in done.out
    assert not records(repository)
    repository.write("policies/payments.yaml", GRANT)
    repository.commit()
    repository.run("reconcile", "--allow-unsafe", "replay=1")
    assert [record["policies"] for record in records(repository)] == [["policies/payments.yaml"]]


def plan_changes(repository: InProcess) -> list[dict]:
    changes = repository.run("plan", "--output", "json").json["changes"]
    return [change for change in changes if change["kind"] == "Certificate"]


def truncate_ledger(repository: InProcess, position: int) -> None:
    """Put the store's branch back to the commit whose ledger ends before that entry."""
    for commit in repository.git("rev-list", "pki-issued").splitlines():
        names = repository.git("ls-tree", "--name-only", commit, "ledger/").splitlines()
        count = sum(len(repository.git("show", f"{commit}:{name}").splitlines()) for name in names)
        if count <= position:
            repository.git("update-ref", "refs/heads/pki-issued", commit)
            repository.run("store", "rebuild")
            return
    raise AssertionError("no such commit")


def test_a_new_policy_grants_what_it_is_told_with_the_subjects_that_there_are(repository):
    (repository.root / "policies/payments.yaml").unlink()
    ask(repository, "payments/api", "api.payments.example.com")
    ask(repository, "web/www", "www.example.com")
    arguments = ("new", "policy", "pay", "--namespace", "payments", "--dns")
    repository.run(*arguments, "payments.example.com")
    assert "no policy grants web anything" in repository.run("validate", expect=3).out
    repository.run("validate", "certificates/payments")
    assert "manifest.exists" in repository.run(*arguments, "example.com", expect=1).err
    assert "wrong_terms" in repository.run("new", "policy", "empty", expect=1).err
    assert (
        "bad_network" in repository.run("new", "policy", "ip", "--ip", "10.0.0.1/8", expect=1).err
    )


TESTS = """\
tests:
  - name: its own
    request:
      namespace: payments
      author: alice@example.com
      subjectAltNames: [a.payments.example.com]
    expect: allowed
    by: [payments]
  - name: another's
    request: {namespace: payments, subjectAltNames: [www.example.com], key: RSA-3072}
    expect: denied
    codes: [policy.name_not_allowed]
  - name: an extension
    request:
      namespace: payments
      subjectAltNames: [a.payments.example.com]
      extensions: {tlsFeature: {value: [status_request]}}
    expect: denied
    codes: [policy.extension_not_allowed]
"""


def test_policies_are_tried_on_requests_in_files(repository):
    repository.write("policy-tests/payments.yaml", TESTS)
    done = repository.run("policy", "test")
    assert "3 requests tried, 0 not as expected." in done.out
    repository.write("policies/payments.yaml", GRANT.replace("suffix: pay", "suffix: new"))
    done = repository.run("policy", "test", "--output", "json", expect=1).json
    assert done["failed"] == 1
    assert [t["verdict"] for t in done["tests"]] == ["denied"] * 3
    assert "payments may not have a.payments.example.com" in done["tests"][0]["problem"]
    wrong = repository.run("policy", "test", "policy-tests/payments.yaml", expect=1)
    assert "--> policy-tests/payments.yaml:2:5" in wrong.out


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("tests: []", "manifest.wrong_length"),
        ("tests:\n  - name: x\n    request: {}\n    expect: maybe\n", "manifest.unknown_value"),
        (TESTS.replace("namespace", "namspace"), "manifest.unknown_key"),
        ("tests: [", "yaml."),
    ],
)
def test_a_file_of_requests_that_cannot_be_read_is_an_error(repository, text, code):
    repository.write("policy-tests/x.yaml", text)
    assert code in repository.run("policy", "test", expect=1).err


def test_no_file_of_requests_is_an_error_and_no_success(repository):
    assert "path.not_found" in repository.run("policy", "test", expect=1).err


def test_the_impact_of_a_change_names_who_could_not_renew(repository):
    ask(repository, "payments/api", "api.payments.example.com")
    ask(repository, "payments/pay", "pay.payments.example.com")
    repository.commit()
    repository.run("reconcile")
    repository.write(
        "policies/payments.yaml",
        GRANT.replace("{suffix: payments.example.com}", "{name: pay.payments.example.com}"),
    )
    value = repository.run("policy", "impact", "--base", "HEAD", "--output", "json").json
    assert [affected["name"] for affected in value["denied"]] == ["api"]
    assert value["lookedAt"] == 2
    [namespace] = value["namespaces"]
    assert namespace["namespace"] == "payments"
    assert namespace["gains"] == ["Grant pay.payments.example.com"]
    assert namespace["loses"] == ["Grant *.payments.example.com and payments.example.com"]
    told = repository.run("policy", "impact", "--base", "HEAD").out
    assert "payments/api could not be renewed any more" in told
    assert "1 would be denied at renewal" in told


def test_what_was_made_elsewhere_is_adopted_with_a_warning(repository, tmp_path):
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    repository.run("reconcile")
    place: Path = repository.root / "certificates/web"
    place.mkdir()
    pem = repository.run("dump_cert", "payments/api").out
    (place / "old.pem").write_text(pem)
    repository.write("policies/payments.yaml", GRANT.replace("[payments]", "[other]"))
    repository.manifest("web/old", "issuer: issuing\nadopt: {certificateFile: old.pem}")
    (repository.root / "certificates/payments/api.yaml").unlink()
    plan = repository.run("plan", "--output", "json", expect=None).json
    warned = [f for f in plan["findings"] if f["code"] == "policy.adopted_not_allowed"]
    assert [f["severity"] for f in warned] == ["warning"]


DENY = """\
apiVersion: pki-as-code/v1
kind: Policy
metadata: {name: reserved}
spec:
  effect: Deny
  match: {dns: [{suffix: api.payments.example.com}]}
"""
REVOCATION = """\
apiVersion: pki-as-code/v1
kind: Revocation
metadata: {name: gone}
spec:
  certificate: old
  reason: superseded
"""


def adopt(repository: InProcess, directory: Path, namespace: str) -> str:
    """Adopt what payments had before a migration, of which the store has no trace; its serial."""
    elsewhere = in_process(directory / "elsewhere")
    shutil.copytree(repository.root, elsewhere.root, symlinks=True)
    ask(elsewhere, "payments/api", "api.payments.example.com")
    elsewhere.commit()
    elsewhere.run("reconcile")
    pem = elsewhere.run("dump_cert", "payments/api").out
    repository.write(f"certificates/{namespace}/old.pem", pem)
    repository.manifest(f"{namespace}/old", "issuer: issuing\nadopt: {certificateFile: old.pem}")
    repository.commit()
    repository.run("reconcile")
    return records(elsewhere)[0]["serialNumber"]


def test_a_team_does_not_revoke_what_it_merely_adopted(repository, tmp_path):
    serial = adopt(repository, tmp_path, "web")
    repository.write("certificates/web/gone.yaml", REVOCATION)
    repository.commit()
    assert [code for code, _ in denials(repository)] == ["policy.revocation_not_allowed"]
    repository.run("reconcile", expect=3)
    assert [record["status"] for record in records(repository)] == ["valid"]
    (repository.root / "certificates/web/gone.yaml").unlink()
    by_serial = REVOCATION.replace("certificate: old", f'serial: "{serial}"\n  issuer: issuing')
    repository.write("revocations/gone.yaml", by_serial)
    repository.commit()
    repository.run("reconcile")
    listed = json.loads(repository.run("list_certs", "--revoked", "--output", "json").out)
    assert [record["status"] for record in listed] == ["revoked"]


def test_what_a_deny_keeps_from_a_team_it_does_not_revoke_either(repository, tmp_path):
    adopt(repository, tmp_path, "payments")
    repository.write("policies/reserved.yaml", DENY)
    repository.write("certificates/payments/gone.yaml", REVOCATION)
    repository.commit()
    assert [code for code, _ in denials(repository)] == ["policy.revocation_not_allowed"]


def test_whoever_may_have_the_names_revokes_what_was_adopted(repository, tmp_path):
    adopt(repository, tmp_path, "payments")
    repository.write("certificates/payments/gone.yaml", REVOCATION)
    repository.commit()
    repository.run("reconcile")
    listed = json.loads(repository.run("list_certs", "--revoked", "--output", "json").out)
    assert [record["status"] for record in listed] == ["revoked"]
