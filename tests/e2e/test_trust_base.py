"""A change is judged by what was there before it: `--base`, on real repositories."""

from __future__ import annotations

import pytest

from tests.e2e.in_process import InProcess, without_certificates
from tests.e2e.test_policy import GRANT, ask, denials, line_of

NOWHERE = "postgresql://127.0.0.1:1/evil"
WIDER = GRANT.replace("dns: [", "dns: [{name: www.example.com}, ")


@pytest.fixture
def repository(template, tmp_path) -> InProcess:
    """A repository on `main`, and a branch `change` of it that is checked out."""
    found = without_certificates(template, tmp_path / "example-pki")
    found.write("policies/payments.yaml", GRANT)
    found.write(
        "certificates/payments/_namespace.yaml",
        "apiVersion: pki-as-code/v1\nkind: Namespace\nmetadata: {name: payments}\n"
        "spec: {owners: [alice@example.com]}\n",
    )
    found.commit()
    found.git("branch", "-f", "agreed")
    return found


def base_of(repository: InProcess) -> str:
    return repository.git("rev-parse", "--short=7", "agreed")


def test_what_is_granted_before_and_after_passes(repository):
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    plan = repository.run("plan", "--ref", "HEAD", "--base", "agreed", "--output", "json").json
    [change] = [c for c in plan["changes"] if c["kind"] == "Certificate"]
    assert change["allowedBy"] == ["policies/payments.yaml"]
    repository.run("validate", "--base", "agreed")


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_widening_a_policy_and_using_it_at_once_is_denied_by_the_base(repository, command):
    repository.write("policies/payments.yaml", WIDER)
    ask(repository, "payments/api", "www.example.com")
    repository.commit()
    repository.run(command)  # by its own policies it is in order
    done = repository.run(command, "--base", "agreed", expect=3)
    line = line_of(repository, "certificates/payments/api.yaml", "- www")
    assert f"under the base ({base_of(repository)})" in done.out
    assert f"certificates/payments/api.yaml:{line}:" in done.out
    repository.git("branch", "-f", "agreed", "HEAD")  # once it is merged, it holds
    repository.run(command, "--base", "agreed")


def test_removing_every_policy_gains_nothing_in_the_same_change(repository):
    (repository.root / "policies/payments.yaml").unlink()
    ask(repository, "payments/api", "www.example.com")
    repository.commit()
    assert [code for code, _ in denials(repository, "--base", "agreed")] == [
        "policy.name_not_allowed"
    ]


def test_a_certificate_has_to_pass_under_head_as_well(repository):
    repository.write("policies/payments.yaml", GRANT.replace("suffix: pay", "suffix: new"))
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    found = repository.run("plan", "--base", "agreed", expect=3).out
    assert "payments may not have api.payments.example.com" in found
    assert "under the base" not in found


def test_what_both_object_to_is_said_once(repository):
    ask(repository, "payments/api", "www.example.com")
    repository.commit()
    assert len(denials(repository, "--base", "agreed")) == 1


@pytest.mark.parametrize("what", ["profile", "authority"])
def test_a_profile_or_an_authority_of_the_same_change_signs_nothing_yet(repository, what):
    if what == "profile":
        repository.write(
            "profiles/sub-ca.yaml",
            "apiVersion: pki-as-code/v1\nkind: Profile\nmetadata: {name: sub-ca}\n"
            "spec: {extensions: {extendedKeyUsage: {value: [OCSPSigning]}}}\n",
        )
        line = "profile: sub-ca"
    else:
        text = (repository.root / "authorities/issuing.yaml").read_text()
        repository.write(
            "authorities/mine.yaml",
            text.replace("name: issuing", "name: mine").replace("issuing.pem", "mine.pem"),
        )
        line = "issuer: mine"
    ask(repository, "payments/api", "api.payments.example.com", lines=(line,))
    repository.commit()
    assert [code for code, _ in denials(repository, "--base", "agreed")] == ["policy.not_in_base"]


def test_a_profile_that_gives_more_since_the_base_is_what_the_manifest_asks_for_itself(repository):
    text = (
        "apiVersion: pki-as-code/v1\nkind: Profile\nmetadata: {name: tls}\n"
        "spec: {extensions: {extendedKeyUsage: {value: [serverAuth]}}}\n"
    )
    repository.write("profiles/tls.yaml", text)
    repository.commit()
    repository.git("branch", "-f", "agreed", "HEAD")
    repository.write("profiles/tls.yaml", text.replace("serverAuth", "codeSigning"))
    ask(repository, "payments/api", "api.payments.example.com", lines=("profile: tls",))
    repository.commit()
    found = [code for code, _ in denials(repository, "--base", "agreed")]
    assert found == ["policy.extension_not_allowed"]


def test_the_first_policy_decides_alone_and_the_plan_says_so(repository):
    (repository.root / "policies/payments.yaml").unlink()
    repository.commit()
    repository.git("branch", "-f", "agreed", "HEAD")
    repository.write("policies/payments.yaml", GRANT)
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    for command in ("plan", "validate"):
        assert "policy.none_in_base" in repository.run(command, "--base", "agreed").out


@pytest.mark.parametrize(
    ("text", "code"),
    [("effect: [", "yaml."), (GRANT.replace("suffix", "sufix"), "manifest.unknown_key"),
     (GRANT.replace("[payments]}", "[payments], issuers: [nope]}"), "reference.not_found")],
)  # fmt: skip
def test_a_base_that_cannot_be_read_is_an_error(repository, text, code):
    repository.write("policies/payments.yaml", text)
    repository.commit()
    repository.git("branch", "-f", "agreed", "HEAD")
    repository.write("policies/payments.yaml", GRANT)
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    for command in ("plan", "validate"):
        done = repository.run(command, "--base", "agreed", expect=1)
        assert code in done.err
    repository.run("plan")


def test_a_base_that_does_not_exist_is_an_error(repository):
    for command in ("plan", "validate"):
        assert "git.unknown_revision" in repository.run(command, "--base", "nope", expect=1).err


def test_certificates_that_do_not_load_in_the_base_are_no_reason(repository):
    repository.write("certificates/payments/broken.yaml", "nonsense: [")
    repository.commit()
    repository.git("branch", "-f", "agreed", "HEAD")
    (repository.root / "certificates/payments/broken.yaml").unlink()
    ask(repository, "payments/api", "api.payments.example.com")
    repository.commit()
    repository.run("plan", "--ref", "HEAD", "--base", "agreed")


def test_limits_of_a_run_come_from_the_base_as_well(repository):
    project = (repository.root / "pki.yaml").read_text()
    repository.write("pki.yaml", f"{project}  guards: {{maxIssues: 1}}\n")
    repository.commit()
    repository.git("branch", "-f", "agreed", "HEAD")
    repository.write("pki.yaml", f"{project}  guards: {{maxIssues: 100}}\n")
    for name in ("a", "b", "c"):
        ask(repository, f"payments/{name}", f"{name}.payments.example.com")
    repository.commit()
    repository.run("plan")
    repository.run("plan", "--base", "agreed", expect=4)


def test_a_change_does_not_say_which_store_is_asked(repository):
    """A plan of it would connect to wherever it likes, with the passwords of whoever runs it."""
    text = (repository.root / "pki.yaml").read_text()
    repository.write("pki.yaml", text.replace("spec:\n", f"spec:\n  store: {NOWHERE}\n"))
    repository.commit()
    assert "store.cannot_open" in repository.run("plan", "--ref", "HEAD", expect=1).err
    plan = repository.run("plan", "--ref", "HEAD", "--base", "agreed", "--output", "json").json
    assert plan["store"] == "git:pki-issued"
