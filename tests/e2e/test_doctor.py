"""`pkictl doctor`: each thing that is wrong is found, with its fix, and what is fine is not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from pki_as_code.cli.console import Console
from pki_as_code.codes import CODES
from pki_as_code.codes.doctor import FORGE
from pki_as_code.workspace import health
from tests.e2e.conftest import openssl
from tests.e2e.quick import Quick

SIGNER = "alice@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDl3dzJ0\n"


@pytest.fixture
def quick(repository) -> Quick:
    return Quick(repository.root)


def found(quick: Quick, *options: str, expect: int | None = None, **env: str) -> dict[str, str]:
    """Return the severity of each code, and check that each has a fix."""
    done = quick.run("doctor", *options, "--output", "json", expect=expect, env=env)
    diagnostics = done.json["diagnostics"]
    assert all(each["help"] for each in diagnostics), diagnostics
    assert all(each["code"] in CODES for each in diagnostics)
    assert done.code == int(any(each["severity"] == "error" for each in diagnostics))
    worst_last = sorted(diagnostics, key=lambda each: each["severity"] == "error")
    return {each["code"]: each["severity"] for each in worst_last}


def at(monkeypatch, when: datetime) -> None:
    monkeypatch.setattr(Console, "now", lambda _: when.replace(microsecond=0))


def test_a_new_repository_has_keys_that_are_not_encrypted_and_nothing_else(quick):
    assert found(quick) == {"doctor.key_not_encrypted": "warning"}
    done = quick.run("doctor")
    assert "manifests: fine" in done.err
    assert "keys: see below" in done.err
    assert "2 warnings." in done.out


def test_a_key_is_known_to_be_encrypted_in_each_form_that_is_read(quick):
    for name, form in (("root", ["pkcs8", "-topk8"]), ("issuing", ["ec", "-aes256"])):
        key = quick.root / f"keys/{name}.pem"
        encrypted = openssl(*form, "-in", str(key), "-passout", "pass:x").encode()
        key.write_bytes(encrypted[encrypted.index(b"-----BEGIN") :])
    assert "doctor.key_not_encrypted" not in found(quick)


def test_a_linter_that_cannot_be_asked_is_found_before_a_run_needs_it(quick, monkeypatch):
    project = quick.root / "pki.yaml"
    project.write_text(f"{project.read_text().rstrip()}\n  lints: {{linters: [badkeys]}}\n")
    monkeypatch.setattr(health, "has_blocklist", lambda: False)
    assert found(quick)["doctor.no_blocklist"] == "warning"
    monkeypatch.setattr(health, "missing", list)
    assert found(quick, expect=1)["lint.linter_missing"] == "error"


def test_keys_that_others_can_read_or_git_would_take(quick):
    (quick.root / "keys/issuing.pem").chmod(0o644)
    (quick.root / ".gitignore").write_text("")
    codes = found(quick, expect=1)
    assert (codes["doctor.key_readable"], codes["doctor.key_not_ignored"]) == ("error", "error")
    quick.git("add", "-A")
    assert found(quick)["key.committed"] == "error"
    quick.git("rm", "--quiet", "--cached", "-r", "keys")
    (quick.root / "keys/issuing.pem").unlink()
    assert found(quick)["doctor.key_missing"] == "warning"


def test_encrypted_keys_are_fine(tmp_path):
    (tmp_path / "pki").mkdir()
    quick = Quick(tmp_path / "pki")
    secret = {"PKI_PASSPHRASE_ROOT": "a secret", "PKI_PASSPHRASE_ISSUING": "a secret"}
    quick.run("init", env=secret)
    assert found(quick, expect=0) == {}
    assert "No problems." in quick.run("doctor").out


def test_a_clock_that_is_behind(quick, monkeypatch):
    at(monkeypatch, datetime.now(UTC) - timedelta(hours=1))
    assert found(quick, expect=1)["doctor.clock"] == "error"


def test_crls_that_end_or_have_ended(quick, monkeypatch):
    soon = datetime.now(UTC) + timedelta(days=7) - timedelta(hours=2)
    at(monkeypatch, soon)
    assert found(quick)["doctor.crl_ends_soon"] == "warning"
    at(monkeypatch, soon + timedelta(days=1))
    assert found(quick, expect=1)["doctor.crl_ended"] == "error"


def test_mail_that_cannot_be_sent(quick):
    quick.ask("web")
    assert found(quick)["doctor.no_watchers"] == "warning"
    quick.ask("web", "watchers: [ops@example.com]")
    assert found(quick, expect=1)["doctor.no_mail_server"] == "error"
    text = (quick.root / "pki.yaml").read_text()
    smtp = "  notifications: {smtp: {host: mail.example.com, from: pki@example.com}}\n"
    quick.write("pki.yaml", text.replace("spec:\n", f"spec:\n{smtp}"))
    assert "doctor.no_mail_server" not in found(quick)
    assert found(quick, PKI_SMTP_USER="pki")["doctor.no_mail_password"] == "warning"


def test_what_is_wrong_in_one_place_hides_nothing_elsewhere(quick):
    quick.write("certificates/bad.yaml", "kind: Certificate\nname: x\n")
    (quick.root / "keys/issuing.pem").chmod(0o644)
    quick.git("update-ref", "refs/heads/pki-issued", "HEAD")
    codes = found(quick, expect=1)
    assert {"doctor.key_readable"} < set(codes)
    assert any(code.startswith("manifest.") for code in codes)
    assert any(code.startswith("store.") for code in codes)


def test_git_that_does_not_know_who_commits(quick):
    none = dict.fromkeys(
        ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"), ""
    )
    assert found(quick, **none)["doctor.no_identity"] == "warning"


# --- The forge -----------------------------------------------------------------------------------


def test_without_any_file_of_a_forge_all_of_them_are_missing(quick):
    codes = found(quick, "--forge", expect=1)
    assert codes["forge.file_missing"] == "error"
    assert codes["forge.no_codeowners"] == "error"
    assert codes["forge.no_remote"] == "warning"
    assert codes["forge.no_signers"] == "warning"
    assert codes["forge.no_protected_ref"] == "warning"


@pytest.fixture
def ready(quick) -> Quick:
    """A repository in which everything is done that the scaffold leaves to do."""
    quick.run("init", "--forge", "github", "--admins", "@example/admins")
    quick.write("allowed_signers", SIGNER)
    text = (quick.root / "pki.yaml").read_text()
    trust = "  trust: {protectedRef: main, requireSignedCommits: true}\n"
    quick.write("pki.yaml", text.replace("spec:\n", f"spec:\n{trust}"))
    quick.git("remote", "add", "origin", str(quick.root.parent / "remote.git"))
    quick.git("clone", "--quiet", "--bare", ".", str(quick.root.parent / "remote.git"))
    return quick


def test_what_is_scaffolded_and_filled_in_lacks_nothing(ready):
    codes = found(ready, "--forge", expect=0)
    assert {code: s for code, s in codes.items() if code in FORGE} == {"forge.unseen": "info"}


def test_admins_have_to_be_named(quick):
    quick.run("init", "--forge", "gitlab")
    assert found(quick, "--forge")["forge.no_admins"] == "error"


def test_codeowners_that_are_out_of_date(ready):
    ready.write(
        "certificates/payments/_namespace.yaml",
        "apiVersion: pki-as-code/v1\nkind: Namespace\nmetadata: {name: payments}\n"
        "spec: {owners: [alice@example.com]}\n",
    )
    assert found(ready, "--forge")["codeowners.outdated"] == "error"


def test_workflows_that_give_strangers_what_is_not_theirs(ready):
    place = ready.root / ".github/workflows/pki-pull-request.yml"
    text = place.read_text()
    place.write_text(text + "# ${{ secrets.PKI_KEYS }}\n")
    codes = found(ready, "--forge")
    assert (codes["forge.secret_in_pull_request"], codes["forge.file_differs"]) == ("error", "info")
    place.write_text(text.replace("pull_request:", "pull_request_target:"))
    assert found(ready, "--forge")["forge.pull_request_target"] == "error"
    place.write_text(re.sub(r"checkout@\w+", "checkout@v6", text))
    assert found(ready, "--forge")["forge.unpinned"] == "warning"
    place.unlink()
    assert found(ready, "--forge")["forge.file_missing"] == "error"


def test_hostile_files_are_told_inertly(ready):
    ready.write(".github/workflows/x.yml", "uses: a\x1b[31m@::error::v1\n")
    out = ready.run("doctor", "--forge", expect=None).out
    assert "forge.unpinned" in out
    assert "\x1b" not in out
