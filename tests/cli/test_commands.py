"""Commands in one process: what they say with their exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.apply.site import Site


@pytest.fixture
def one(site: Site) -> Site:
    """A certificate that is asked for, and not issued yet."""
    site.certificate("web")
    site.commit()
    return site


# --- plan and reconcile --------------------------------------------------------------------------


def test_plan_tells_by_its_exit_code_when_asked_to(run, one):
    assert "1 to issue" in run("plan", at=one).out
    run("plan", "--detailed-exitcode", expect=2, at=one)
    run("reconcile", at=one)
    assert "No changes" in run("plan", "--detailed-exitcode", at=one).out


def test_a_refused_change_is_4_in_plan_and_in_reconcile(run, one):
    one.certificate("other", key="P-256/2")
    one.commit()
    run("reconcile", at=one)
    one.remove("certificates/web")
    one.commit()
    for command in (["plan"], ["reconcile", "--dry-run"], ["reconcile"]):
        done = run(*command, expect=4, at=one)
        assert "deletionPolicy" in done.out + done.err


def test_some_applied_and_others_failed_is_5(run, one):
    one.certificate("bad", issuer="nobody", key="P-256/2")
    one.commit()
    done = run("reconcile", expect=5, at=one)
    assert "issued certificate web" in done.err
    assert "reference.not_found" in done.out + done.err
    assert "next: pkictl status" in done.err


def test_all_failed_is_1(run, one):
    (one.root / "keys/issuing.pem").unlink()
    done = run("reconcile", expect=1, at=one)
    assert "key.missing" in done.err


def test_a_dry_run_changes_nothing(run, one):
    head = one.head()
    assert "1 to issue" in run("reconcile", "--dry-run", at=one).out
    assert one.head() == head


def test_a_limit_is_lifted_by_hand(run, one):
    one.write(
        "pki.yaml",
        (one.root / "pki.yaml").read_text() + "  guards: {maxIssues: 0}\n",
    )
    one.commit()
    done = run("reconcile", expect=4, at=one)
    assert "--allow-unsafe issue=1" in done.err
    run("reconcile", "--allow-unsafe", "issue=1", at=one)


def test_only_names_an_object_that_there_is(run, one):
    one.certificate("payments/api", key="P-256/2")
    one.commit()
    done = run("reconcile", "--only", "payments/apy", expect=1, at=one)
    assert "name.not_found" in done.err
    run("reconcile", "--only", "payments/api", at=one)
    assert [record.object_id.path for record in one.records()] == ["payments/api"]
    run("reconcile", "--only", "CertificateAuthority/root", "--only", "Certificate/web", at=one)
    assert len(one.records()) == 2


def test_what_is_not_committed_is_no_part_of_a_run_and_is_told(run, site):
    site.certificate("web")
    done = run("reconcile", at=site)
    assert "not committed" in done.err
    assert "certificates/web.yaml" in done.err
    assert site.records() == []


def test_a_repository_without_a_commit_says_so(run, directory):
    from pki_as_code.gitplumbing import make_repository

    make_repository(directory)
    done = run("-C", str(directory), "reconcile", expect=1)
    assert "git.no_commit" in done.err


# --- Looking -------------------------------------------------------------------------------------


def test_validate_needs_neither_store_nor_key(run, one):
    one.git("branch", "-D", "pki-issued")
    (one.root / "keys/issuing.pem").unlink()
    run("validate", at=one)
    one.certificate("web", issuer="nobody")
    assert "certificates/web.yaml" in run("validate", expect=1, at=one).out


def test_a_misspelt_path_is_no_clean_result(run, one):
    assert "path.not_found" in run("validate", "certificats", expect=1, at=one).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain"], "manifest.unknown_key"),
        (["explain", "plan.too_many_issues"], "plan.too_many_issues"),
        (["explain", "Certificate.spec.validity"], "validity"),
        (["schema", "Certificate"], "subjectAltNames"),
        (["schema"], "CertificateAuthority"),
        (["status"], ""),
        (["list_cas"], "Root CA"),
        (["store", "verify"], "agree"),
    ],
)
def test_commands_that_look_answer_on_stdout(run, one, arguments, said):
    done = run(*arguments, at=one)
    assert said in done.out
    assert done.out


@pytest.mark.parametrize(
    "arguments", [["explain", "no.such_code"], ["explain", "NoKind.spec"], ["schema", "NoKind"]]
)
def test_what_there_is_not_cannot_be_explained(run, one, arguments):
    done = run(*arguments, expect=None, at=one)
    assert done.code in {1, 64}
    assert done.err.startswith("error[")


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--output", "json"],
        ["status", "--output", "json"],
        ["validate", "--output", "json"],
        ["list_certs", "--output", "json"],
        ["list_cas", "--output", "json"],
        ["view_cert", "web", "--output", "json"],
        ["store", "verify", "--output", "json"],
    ],
    ids=" ".join,
)
def test_output_json_is_json_and_nothing_else(run, one, arguments):
    run("reconcile", at=one)
    value: Any = json.loads(run(*arguments, at=one).out)
    assert isinstance(value, dict | list)


def test_a_broken_index_is_rebuilt(run, one):
    run("reconcile", at=one)
    done = run("store", "rebuild", at=one)
    assert "entries" in done.err
    run("store", "verify", at=one)


# --- Writing -------------------------------------------------------------------------------------


def test_new_writes_a_manifest_for_you_to_commit(run, site, tmp_path):
    site.certificate("web")
    csr = tmp_path / "a.csr"
    csr.write_bytes((site.root / "certificates/web.csr").read_bytes())
    done = run("new", "certificate", "payments/api", "--csr", str(csr), at=site)
    assert "wrote certificates/payments/api.yaml" in done.err
    assert "next: git add" in done.err
    again = run("new", "certificate", "payments/api", "--csr", str(csr), expect=1, at=site)
    assert "manifest.exists" in again.err


@pytest.mark.parametrize("name", ["../evil", "a/b/c", "Web", "payments/"])
def test_new_takes_no_name_that_is_a_path(run, site, tmp_path, name):
    site.certificate("web")
    csr = tmp_path / "a.csr"
    csr.write_bytes((site.root / "certificates/web.csr").read_bytes())
    before = site.git("status", "--porcelain")
    run("new", "certificate", name, "--csr", str(csr), expect=1, at=site)
    assert site.git("status", "--porcelain") == before
    assert list(site.root.parent.iterdir()) == [site.root]


def test_a_hold_can_become_a_revocation_and_a_revocation_nothing_else(run, one):
    run("reconcile", at=one)
    run("revoke_cert", "web", "--reason", "certificate_hold", at=one)
    again = run("revoke_cert", "web", "--reason", "certificateHold", expect=1, at=one)
    assert "revocation.already_revoked" in again.err
    run("revoke_cert", "web", "--reason", "key-compromise", at=one)
    assert one.record("web").revocation.reason == "keyCompromise"
    for reason in ("superseded", "certificateHold"):
        done = run("revoke_cert", "web", "--reason", reason, expect=1, at=one)
        assert "revocation.already_revoked" in done.err


def test_a_revoked_certificate_is_not_signed_again_with_its_key(run, one, tmp_path):
    csr = tmp_path / "a.csr"
    csr.write_bytes((one.root / "certificates/web.csr").read_bytes())
    sign = ("sign_cert", "--alt", "new.example.com", "--csr", str(csr))
    assert "BEGIN CERTIFICATE" in run(*sign, at=one).out
    run("revoke_cert", "new.example.com", "--reason", "superseded", at=one)
    done = run(*sign, expect=1, at=one)
    assert "certificate.revoked" in done.err
    assert "BEGIN CERTIFICATE" not in done.out


def test_a_request_can_go_to_a_branch_but_not_to_the_stores(run, one, tmp_path):
    csr = tmp_path / "a.csr"
    csr.write_bytes((one.root / "certificates/web.csr").read_bytes())
    sign = ("sign_cert", "--alt", "new.example.com", "--csr", str(csr), "--branch")
    assert "git.store_branch" in run(*sign, "pki-issued", expect=1, at=one).err
    assert "git.bad_branch" in run(*sign, "a b", expect=1, at=one).err
    run(*sign, "ask", at=one)
    assert "certificates/new.example.com.yaml" in one.git("ls-tree", "-r", "--name-only", "ask")
