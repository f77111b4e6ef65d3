"""A change in git, made by a program: all of it, or no trace."""

from __future__ import annotations

from typing import Any

import pytest

from pki_as_code.apply.outcome import Outcome
from pki_as_code.apply.submit import (
    Submission,
    preview,
    submit,
    submit_to_branch,
    write_files,
)
from pki_as_code.errors import (
    IssuanceError,
    KeyBackendError,
    ManifestError,
    RepositoryError,
    UnsafePlanError,
)
from pki_as_code.gitplumbing import GitRepository
from tests.apply.site import Site, told
from tests.plan.worlds import (
    NOW,
    Files,
    authority,
    authority_id,
    certificate,
    certificate_id,
    revocation,
)


def asking(files: Files, *paths: str) -> Submission:
    return Submission(files, frozenset(certificate_id(path) for path in paths), "Ask for it")


def web(**spec: Any) -> Submission:
    return asking(certificate("web", **{"subjectAltNames": ["www.example.com"], **spec}), "web")


def carry_out(site: Site, submission: Submission) -> list[Outcome]:
    return list(submit(site.workspace(), submission, site.secrets, NOW, lambda _: None))


def traces(site: Site) -> tuple[str, str, Any]:
    return site.git("rev-parse", "HEAD"), site.git("status", "--porcelain"), site.head()


def test_a_submission_is_committed_and_only_its_objects_reconciled(site):
    site.certificate("pending")
    site.commit()
    assert told(carry_out(site, web())) == ["issue web"]
    assert site.git("log", "-1", "--format=%s %an") == "Ask for it Alice"
    assert site.git("show", "--name-only", "--format=", "HEAD").splitlines() == [
        "certificates/web.csr", "certificates/web.yaml",
    ]  # fmt: skip
    assert site.record("web").commit == site.git("rev-parse", "HEAD")
    assert [record.object_id.name for record in site.records()] == ["web"]
    assert site.git("status", "--porcelain") == ""


def test_the_same_submission_again_changes_nothing(site):
    carry_out(site, web())
    before = traces(site)
    assert carry_out(site, Submission({}, web().objects, "again")) == []
    assert carry_out(site, web()) == []
    assert traces(site) == before


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"issuer": "nobody"}, ManifestError),
        ({"subjectAltNames": ["not a name"]}, ManifestError),
        ({"validity": "5000d", "profile": "client"}, IssuanceError),
        ({"profile": "internal-server", "key": "RSA-2048"}, ManifestError),
    ],
)
def test_what_cannot_be_carried_out_leaves_no_trace(site, spec, error):
    before = traces(site)
    with pytest.raises(error):
        carry_out(site, web(**spec))
    assert traces(site) == before


def test_an_authority_whose_key_is_missing_leaves_no_trace(site):
    (site.root / "keys/issuing.pem").unlink()
    before = traces(site)
    with pytest.raises(KeyBackendError) as refused:
        carry_out(site, web())
    assert refused.value.code == "key.missing"
    assert traces(site) == before


def test_a_new_authority_for_which_there_is_a_wrong_key_leaves_no_trace(site):
    (site.root / "keys/second.pem").write_bytes((site.root / "keys/root.pem").read_bytes())
    (site.root / "keys/second.pem").chmod(0o600)
    before = traces(site)
    key = {"uri": "file:keys/second.pem", "type": "Ed25519"}
    submission = Submission(
        authority("second", key=key), frozenset([authority_id("second")]), "Second"
    )
    with pytest.raises(KeyBackendError) as refused:
        carry_out(site, submission)
    assert refused.value.code == "key.wrong_type"
    assert traces(site) == before


def test_a_key_that_git_would_commit_is_refused(site):
    before = traces(site)
    key = {"uri": "file:elsewhere/second.pem"}
    submission = Submission(
        authority("second", key=key), frozenset([authority_id("second")]), "Second"
    )
    with pytest.raises(KeyBackendError) as refused:
        carry_out(site, submission)
    assert refused.value.code == "key.not_ignored"
    assert "/elsewhere/" in refused.value.help
    assert traces(site) == before
    assert not (site.root / "elsewhere").exists()


def test_a_certificate_that_was_revoked_is_not_said_to_be_signed(site):
    carry_out(site, web())
    site.add(revocation("inc", certificate="web", reason="superseded"))
    site.commit()
    site.run()
    before = traces(site)
    with pytest.raises(IssuanceError) as refused:
        carry_out(site, web())
    assert refused.value.code == "certificate.revoked"
    assert traces(site) == before


def test_removing_what_is_in_force_is_refused(site):
    carry_out(site, web())
    (site.root / "certificates/web.yaml").unlink()
    site.commit()
    before = traces(site)
    with pytest.raises(UnsafePlanError):
        carry_out(site, Submission({}, web().objects, "nothing"))
    assert traces(site) == before


def test_a_file_with_changes_of_somebody_is_not_overwritten(site):
    site.write("certificates/web.yaml", "# somebody is at work here\n")
    before = traces(site)
    with pytest.raises(RepositoryError) as refused:
        carry_out(site, web())
    assert refused.value.code == "git.uncommitted"
    assert traces(site) == before
    assert (site.root / "certificates/web.yaml").read_text() == "# somebody is at work here\n"


def test_writing_what_is_there_already_loses_nothing(site):
    files = web().files
    site.add(files)
    write_files(GitRepository.discover(site.root), files)
    assert told(carry_out(site, web())) == ["issue web"]


def test_a_preview_changes_nothing(site):
    before = traces(site)
    imagined, plan = preview(site.workspace(), web(), NOW)
    assert [str(change.object_id) for change in plan.changes] == ["Certificate web"]
    assert "certificates/web.yaml" in {file.path for file in imagined.tree.files()}
    assert traces(site) == before


def test_a_submission_to_a_branch_leaves_everything_else_as_it_is(site):
    before = traces(site)
    commit = submit_to_branch(site.workspace(), web(), "ask/web")
    assert traces(site) == before
    assert site.git("rev-parse", "ask/web") == commit
    assert site.git("diff", "--name-only", "HEAD", "ask/web").splitlines() == [
        "certificates/web.csr", "certificates/web.yaml",
    ]  # fmt: skip


def test_the_branch_of_the_store_takes_no_manifests(site):
    before = traces(site)
    with pytest.raises(RepositoryError) as refused:
        submit_to_branch(site.workspace(), web(), "pki-issued")
    assert refused.value.code == "git.store_branch"
    assert traces(site) == before
