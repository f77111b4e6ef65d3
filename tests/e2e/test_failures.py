"""One authority's key is not usable: the others go on, and it is tried again later."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.in_process import InProcess, in_process
from tests.e2e.moved_clock import later, needs_moved_clock

AUTHORITY = """\
apiVersion: pki-as-code/v1
kind: CertificateAuthority
metadata: {name: second}
spec:
  subject: CN=Second Issuing CA
  parent: root
  key: {uri: "file:keys/second.pem", type: EC}
  validity: 3650d
  pathLength: 0
"""
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def ailing_template(template, tmp_path_factory) -> Path:
    """`second`, whose key is encrypted, is to sign `ailing`; `issuing` signs `healthy`."""
    root = tmp_path_factory.mktemp("ailing") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = in_process(root)
    repository.write("authorities/second.yaml", AUTHORITY)
    repository.commit()
    repository.run("reconcile", env={"PKI_PASSPHRASE_SECOND": PASSPHRASE})
    repository.ask("ailing", "issuer: second")
    repository.ask("healthy")
    repository.commit()
    return root


@pytest.fixture
def repository(ailing_template, tmp_path) -> InProcess:
    shutil.copytree(ailing_template, tmp_path / "example-pki", symlinks=True)
    return in_process(tmp_path / "example-pki")


def failures(repository: InProcess) -> list[dict[str, Any]]:
    return [entry for entry in repository.ledger() if entry["type"] == "failed"]


def status(repository: InProcess) -> dict[str, Any]:
    return repository.run("status", "--output", "json").json


def issued(repository: InProcess) -> list[str]:
    listed = repository.run("list_certs", "--output", "json").json
    return sorted(record["name"] for record in listed)


GIVEN = {"PKI_PASSPHRASE_SECOND": PASSPHRASE}
WRONG = {"PKI_PASSPHRASE_SECOND": "hunter2 hunter2"}


def test_one_failure_does_not_stop_the_others_and_is_remembered(repository):
    done = repository.run("reconcile", expect=5, env=WRONG)
    assert "issued certificate healthy" in done.err
    assert "error[key.wrong_passphrase]" in done.err
    assert issued(repository) == ["healthy"]

    [entry] = failures(repository)
    assert (entry["object"]["name"], entry["attempts"]) == ("ailing", 1)
    assert "hunter2" not in str(repository.ledger())
    waits = datetime.fromisoformat(entry["retryAt"]) - datetime.fromisoformat(entry["at"])
    assert timedelta(minutes=4) <= waits <= timedelta(minutes=5)

    told = status(repository)
    [failure] = told["failures"]
    assert (told["inSync"], told["waiting"], failure["attempts"]) == (False, 1, 1)
    assert failure["retryAt"] == entry["retryAt"]
    text = repository.run("status").out
    assert "failed 1 time: Certificate ailing, tried again after " in text
    assert "passphrase" in text


def test_while_it_waits_nothing_is_tried_and_nothing_is_written(repository):
    repository.run("reconcile", expect=5, env=WRONG)
    head = repository.store_head()
    for _ in range(2):
        done = repository.run("reconcile", env=WRONG)
        assert "warning[certificate.waiting_to_retry]: ailing failed once" in done.out
        assert "--only ailing" in done.out
        assert "No changes" not in done.out
    assert repository.store_head() == head
    plan = repository.run("plan", "--output", "json").json
    assert plan["changes"] == []
    [finding] = plan["findings"]
    assert finding["code"] == "certificate.waiting_to_retry"
    assert finding["range"]["filename"] == "certificates/ailing.yaml"


def test_other_changes_go_on_while_it_waits(repository):
    repository.run("reconcile", expect=5, env=WRONG)
    repository.ask("another")
    repository.commit()
    repository.run("reconcile", env=WRONG)
    assert issued(repository) == ["another", "healthy"]
    assert len(failures(repository)) == 1
    assert status(repository)["lastReconciled"] != repository.git("rev-parse", "HEAD")


def test_once_it_is_fixed_it_is_tried_at_once_when_it_is_named(repository):
    repository.run("reconcile", expect=5, env=WRONG)
    repository.run("reconcile", "--only", "ailing", expect=1, env=WRONG)
    assert [entry["attempts"] for entry in failures(repository)] == [1, 2]
    done = repository.run("reconcile", "--only", "ailing", env=GIVEN)
    assert "issued certificate ailing" in done.err
    told = status(repository)
    assert (told["inSync"], told["failures"]) == (True, [])
    repository.run("store", "verify")


def test_everything_is_tried_at_once_when_asked(repository):
    repository.run("reconcile", expect=5, env=WRONG)
    repository.run("reconcile", "--retry", env=GIVEN)
    assert issued(repository) == ["ailing", "healthy"]
    assert status(repository)["lastReconciled"] == repository.git("rev-parse", "HEAD")


def test_an_edited_manifest_is_tried_at_once_as_a_first_attempt(repository):
    repository.run("reconcile", expect=5, env=WRONG)
    repository.run("reconcile", "--only", "ailing", expect=1, env=WRONG)
    repository.manifest(
        "ailing", "csrFile: ailing.csr\nissuer: second\nsubjectAltNames: [b.example.com]"
    )
    repository.commit()
    repository.run("reconcile", expect=1, env=WRONG)
    assert [entry["attempts"] for entry in failures(repository)] == [1, 2, 1]
    repository.manifest("ailing", "csrFile: ailing.csr\nsubjectAltNames: [a.example.com]")
    repository.commit()
    repository.run("reconcile", env=WRONG)
    assert issued(repository) == ["ailing", "healthy"]


def test_what_is_no_longer_asked_for_is_no_failure_any_more(repository):
    repository.run("reconcile", expect=5, env=WRONG)
    for suffix in ("yaml", "csr"):
        (repository.root / f"certificates/ailing.{suffix}").unlink()
    repository.commit()
    repository.run("reconcile")
    told = status(repository)
    assert (told["inSync"], told["failures"]) == (True, [])


def test_a_run_in_which_all_fails_leaves_with_1(repository):
    repository.run("reconcile", "--only", "healthy")
    repository.run("reconcile", expect=1, env=WRONG)


def test_a_dry_run_remembers_nothing(repository):
    head = repository.store_head()
    repository.run("reconcile", "--dry-run", env=WRONG)
    assert repository.store_head() == head


def test_the_key_of_an_authority_that_is_missing_is_no_reason_to_make_a_new_one(repository):
    key = repository.root / "keys/second.pem"
    content = key.read_bytes()
    key.unlink()
    done = repository.run("reconcile", expect=5, env=GIVEN)
    assert "error[key.missing]" in done.err
    assert not key.exists()
    key.write_bytes(content)
    os.chmod(key, 0o600)
    repository.run("reconcile", "--only", "ailing", env=GIVEN)
    assert issued(repository) == ["ailing", "healthy"]


def test_a_command_tries_at_once(repository):
    repository.run("reconcile", expect=5, env=WRONG)
    repository.run("resign_cert", "ailing", expect=1, env=WRONG)
    csr = (repository.root / "certificates/ailing.csr").read_bytes()
    repository.run("sign_cert", "--name", "ailing.example.com", "--ca", "second", stdin=csr,
                   env=GIVEN)  # fmt: skip
    assert "ailing" in " ".join(issued(repository))


def test_who_watches_a_certificate_is_told_that_its_renewal_failed(repository):
    repository.write(
        "watchers/pay.yaml",
        "apiVersion: pki-as-code/v1\nkind: Watcher\nmetadata: {name: pay}\n"
        "spec:\n  selector: {certificates: [ailing]}\n  events: [renewalFailed]\n"
        '  notify: ["mailto:oncall@example.com"]\n',
    )
    repository.commit()
    repository.run("reconcile", env=GIVEN)
    repository.ask("ailing", "issuer: second", "reissue: 1")
    repository.commit()
    repository.run("reconcile", expect=1, env=WRONG)
    done = repository.run("notify_expiring_certs", "--dry-run", expect=None)
    assert "oncall@example.com" in done.out + done.err
    assert "ailing" in done.out + done.err


@needs_moved_clock
def test_it_is_tried_again_when_its_time_has_come(repository):
    repository.run("reconcile", expect=5, env=WRONG)
    head = repository.store_head()
    later(repository, 2 / 1440).run("reconcile")
    assert repository.store_head() == head
    later(repository, 6 / 1440).run("reconcile", expect=1)
    first, second = failures(repository)
    assert second["attempts"] == 2
    waits = datetime.fromisoformat(second["retryAt"]) - datetime.fromisoformat(second["at"])
    assert timedelta(minutes=8) <= waits <= timedelta(minutes=10)
    assert datetime.fromisoformat(first["retryAt"]) < datetime.fromisoformat(second["at"])
    assert datetime.fromisoformat(second["retryAt"]) > datetime.now(UTC)
