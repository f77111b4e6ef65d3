"""`revoke_cert`: which certificate, why, and what it leaves in git and in the store."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.conftest import Repository, environment, make_csr
from tests.e2e.quick import Quick


@pytest.fixture(scope="module")
def signed(template, tmp_path_factory):
    """A repository with five certificates, to be copied."""
    root = tmp_path_factory.mktemp("revocations") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = Quick(root)
    for name in "abcde":
        make_csr(root / f"certificates/{name}.csr")
        repository.manifest(name, f"csrFile: {name}.csr\nsubjectAltNames: [{name}.example.com]")
    repository.commit()
    repository.run("reconcile")
    return root


@pytest.fixture
def repository(signed, tmp_path) -> Repository:
    shutil.copytree(signed, tmp_path / "example-pki", symlinks=True)
    return Quick(tmp_path / "example-pki")


def state(repository: Repository) -> tuple[str, str, str]:
    return (
        repository.git("rev-parse", "HEAD"),
        repository.store_head(),
        repository.git("status", "--porcelain"),
    )


def records(repository: Repository) -> dict[str, dict]:
    listed = repository.run("list_certs", "--revoked", "--expired", "--output", "json").json
    return {record["name"]: record for record in listed}


def manifests(repository: Repository) -> list[str]:
    return repository.git("ls-files", "revocations").splitlines()


def nothing_to_do(repository: Repository) -> None:
    plan = repository.run("plan", "--output", "json").json
    assert plan["changes"] == plan["refused"] == []


def test_it_is_named_as_people_name_it_and_the_reason_spelt_as_they_spell_it(repository):
    before = records(repository)
    for text, reason in (
        (before["a"]["serialNumber"], "key_compromise"),
        (before["b"]["serialNumber"].lower()[:14], "keyCompromise"),
        ("c.example.com", "privilege-withdrawn"),
        ("default/d", "AFFILIATIONCHANGED"),
    ):
        done = repository.run("revoke_cert", text, "--reason", reason)
        assert done.out == ""
        assert "revoked " in done.err
    repository.run("revoke_cert", "e", "--yes", "-m", "For a reason of ours")
    assert repository.git("log", "-1", "--format=%s") == "For a reason of ours"
    reasons = {name: r["revocation"]["reason"] for name, r in records(repository).items()}
    assert reasons == {
        "a": "keyCompromise", "b": "keyCompromise", "c": "privilegeWithdrawn",
        "d": "affiliationChanged", "e": "unspecified",
    }  # fmt: skip
    assert len(manifests(repository)) == 5
    nothing_to_do(repository)
    repository.run("store", "verify")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("a", "--reason", "remove_from_crl"), 64, "delta CRL"),
        (("a", "--reason", "removeFromCRL"), 64, "--release"),
        (("a", "--reason", "boredom"), 64, "cessationOfOperation"),
        (("a", "--compromised", "yesterday"), 64, "RFC 3339"),
        (("a", "--compromised", "2026-01-01T00:00:00"), 64, "no time zone"),
        (("a", "--compromised", "2026-01-01"), 64, "no time zone"),
        (("a", "--invalidity-date", "2999-01-01T00:00:00Z"), 64, "not in the past"),
        (("a", "--compromised", "0001-01-01T00:00:00+14:00"), 64, "before 1950"),
        (("a", "--release", "--reason", "superseded"), 64, "takes no --reason"),
        (("a", "--release"), 1, "revocation.not_on_hold"),
        (("nobody",), 1, "name.not_found"),
        (("",), 1, "name.not_found"),
        (("a", "--dry-run", "--no-commit"), 64, "exclude each other"),
        ((), 64, "CERT"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(repository, arguments, code, told):
    before = state(repository)
    done = repository.run("revoke_cert", *arguments, expect=code)
    assert told in done.err
    assert "error[" in done.err
    assert state(repository) == before


def test_a_second_revocation_says_so_and_changes_nothing(repository):
    repository.run("revoke_cert", "a", "--reason", "superseded")
    before, record = state(repository), records(repository)["a"]
    for reason in ("superseded", "keyCompromise", "certificateHold"):
        done = repository.run("revoke_cert", "a", "--reason", reason, expect=1)
        assert "error[revocation.already_revoked]" in done.err
        assert f"since {record['revocation']['revocationDate']} (superseded)" in done.err
    refused = repository.run("revoke_cert", "a", "--release", expect=1).err
    assert "error[revocation.not_a_hold]" in refused
    assert state(repository) == before


def test_since_when_the_key_is_lost_may_be_before_it_was_certified(repository):
    repository.run("revoke_cert", "a", "--reason", "keyCompromise",
                   "--compromised", "2019-04-18T02:00:00.5+02:00")  # fmt: skip
    assert records(repository)["a"]["revocation"]["invalidityDate"] == "2019-04-18T00:00:00Z"
    [path] = manifests(repository)
    assert 'compromisedAt: "2019-04-18T00:00:00Z"' in (repository.root / path).read_text()
    just_now = datetime.now(UTC) - timedelta(seconds=2)
    repository.run("revoke_cert", "b", "--invalidity-date", just_now.isoformat())


def test_a_hold_is_lifted_and_begins_anew_and_becomes_final(repository):
    def status() -> str:
        nothing_to_do(repository)
        return records(repository)["a"]["status"]

    assert (
        "put on hold a " in repository.run("revoke_cert", "a", "--reason", "certificate_hold").err
    )
    assert status() == "on-hold"
    [path] = manifests(repository)
    commented = (repository.root / path).read_text() + "  # until Alice is back\n"
    repository.write(path, commented)
    repository.commit()
    again = repository.run("revoke_cert", "a", "--reason", "certificateHold", expect=1)
    assert "revocation.already_revoked" in again.err
    assert "lifted the hold of a " in repository.run("revoke_cert", "a", "--release").err
    assert status() == "valid"
    text = (repository.root / path).read_text()
    assert "release: true" in text
    assert "# until Alice is back" in text
    assert "revocation.not_on_hold" in repository.run("revoke_cert", "a", "--release", expect=1).err
    repository.run("revoke_cert", "a", "--reason", "certificateHold")
    assert status() == "on-hold"
    repository.run("revoke_cert", "a", "--reason", "keyCompromise")
    assert status() == "revoked"
    assert records(repository)["a"]["revocation"]["reason"] == "keyCompromise"
    assert manifests(repository) == [path]
    repository.run("store", "verify")


def test_a_hold_by_name_is_lifted_where_it_stands(repository):
    repository.write(
        "certificates/holds.yaml",
        "apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {name: audit}\n"
        "spec: {certificate: a, reason: certificateHold}\n---\n"
        "apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {name: other}\n"
        "spec:\n  certificate: b\n  reason: certificateHold\n",
    )
    repository.commit()
    repository.run("reconcile")
    repository.run("revoke_cert", "b", "--release")
    assert records(repository)["b"]["status"] == "valid"
    assert records(repository)["a"]["status"] == "on-hold"
    assert "release: true" in (repository.root / "certificates/holds.yaml").read_text()
    assert manifests(repository) == []
    nothing_to_do(repository)


def test_a_hold_stays_as_long_as_another_manifest_asks_for_it(repository):
    repository.run("revoke_cert", "a", "--reason", "certificateHold")
    repository.write(
        "revocations/audit.yaml",
        "apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {name: audit}\n"
        "spec: {certificate: a, reason: certificateHold}\n",
    )
    repository.commit()
    repository.run("reconcile")
    before = state(repository)
    done = repository.run("revoke_cert", "a", "--release", expect=1)
    assert "error[revocation.still_held]" in done.err
    assert "revocations/audit.yaml" in done.err
    assert state(repository) == before
    # Written by hand, it is a warning, and no two runs undo each other.
    [path] = [path for path in manifests(repository) if "serial" in path]
    repository.write(path, (repository.root / path).read_text() + "  release: true\n")
    repository.commit()
    assert "warning[revocation.still_held]" in repository.run("plan").out
    head = repository.store_head()
    repository.run("reconcile")
    assert repository.store_head() == head
    repository.git("rm", "--quiet", "revocations/audit.yaml")
    repository.commit()
    repository.run("reconcile")
    assert records(repository)["a"]["status"] == "valid"


def test_a_hold_of_a_key_is_not_lifted_from_one_certificate(repository):
    key = repository.run("view_cert", "a", "--output", "json").json["key"]["sha256"]
    repository.write(
        "revocations/key.yaml",
        "apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {name: key}\n"
        f'spec: {{spkiSha256: "{key}", reason: certificateHold}}\n',
    )
    repository.commit()
    repository.run("reconcile")
    done = repository.run("revoke_cert", "a", "--release", expect=1)
    assert "error[revocation.holds_several]" in done.err
    assert "revocations/key.yaml" in done.err
    # For good it can be revoked all the same, by a manifest of its own.
    repository.run("revoke_cert", "a", "--reason", "keyCompromise")
    assert records(repository)["a"]["status"] == "revoked"
    nothing_to_do(repository)


def test_a_hold_whose_manifest_is_gone_can_be_lifted(repository):
    repository.run("revoke_cert", "a", "--reason", "certificateHold")
    repository.git("rm", "--quiet", *manifests(repository))
    repository.commit()
    nothing_to_do(repository)
    repository.run("revoke_cert", "a", "--release")
    assert records(repository)["a"]["status"] == "valid"
    nothing_to_do(repository)


def test_no_manifest_of_another_is_overwritten(repository):
    serial = records(repository)["a"]["serialNumber"].replace(":", "").lower()
    name = f"serial-{serial[:16]}"
    other = records(repository)["b"]["serialNumber"]
    text = (
        f"apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {{name: {name}}}\n"
        f'spec: {{serial: "{other}", issuer: issuing, reason: superseded}}\n'
    )
    repository.write(f"revocations/{name}.yaml", text)
    repository.write(f"revocations/{name}-2.yaml", text.replace(name, "named-otherwise"))
    repository.commit()
    repository.run("revoke_cert", "a")
    assert (repository.root / f"revocations/{name}.yaml").read_text() == text
    assert f"revocations/{name}-3.yaml" in manifests(repository)
    found = records(repository)
    assert (found["a"]["status"], found["b"]["status"]) == ("revoked", "valid")


def test_dry_run_no_commit_and_branch_stop_where_they_say(repository):
    before = state(repository)
    shown = repository.run("revoke_cert", "a", "--dry-run", "--reason", "superseded").out
    assert "kind: Revocation" in shown
    assert "1 to revoke" in shown
    repository.run("revoke_cert", "a", "--branch", "revoke-a")
    assert state(repository) == before
    repository.run("revoke_cert", "a", "--no-commit", "--reason", "superseded")
    head, store, status = state(repository)
    assert (head, store) == before[:2]
    assert status.startswith("?? revocations/")
    # The manifest that waits there is taken up, not written once more.
    repository.run("revoke_cert", "a", "--reason", "superseded")
    assert len(manifests(repository)) == 1
    assert records(repository)["a"]["status"] == "revoked"


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_on_a_terminal_it_asks(repository, answer, code):
    before = state(repository)
    terminal, end = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "pki_as_code", "revoke_cert", "a"],
        cwd=repository.root, env=environment(), stdin=end, stdout=subprocess.PIPE, stderr=end,
    )  # fmt: skip
    os.close(end)
    shown = b""
    while b"cannot be undone. [y/N]" not in shown:
        shown += os.read(terminal, 1000)
    assert b"Revoke a (" in shown
    os.write(terminal, f"{answer}\n".encode())
    assert child.wait(60) == code
    assert child.stdout is not None
    assert child.stdout.read() == b""
    child.stdout.close()
    os.close(terminal)
    assert (state(repository) == before) == (answer == "n")


def test_a_revocation_that_waits_in_git_is_carried_out(repository):
    repository.run("revoke_cert", "a", "--no-commit", "--reason", "superseded")
    head = repository.commit("merged, and not reconciled yet")
    done = repository.run("revoke_cert", "a", "--reason", "superseded")
    assert "revoked a " in done.err
    assert repository.git("rev-parse", "HEAD") == head
    assert records(repository)["a"]["status"] == "revoked"
