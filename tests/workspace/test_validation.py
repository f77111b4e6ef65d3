"""Checks without a store."""

from __future__ import annotations

import os

import pytest

from pki_as_code.errors import ManifestError, NotFoundError, RepositoryError
from pki_as_code.workspace.validation import check_overlay, validate_repository
from tests.apply.site import Site
from tests.plan.worlds import NOW, certificate


def found(site: Site, *paths: str, ref: str | None = None, start: str = ".") -> tuple[list, int]:
    findings, count = validate_repository(site.root / start, ref, paths, NOW)
    return [finding.code for finding in findings if finding.code != "policy.none"], count


@pytest.fixture
def faulty(site: Site) -> Site:
    site.certificate("a", issuer="nobody")
    site.certificate("payments/b", profile="nothing", key="P-256/2")
    site.commit()
    return site


def test_everything_is_checked_without_paths(faulty):
    codes, count = found(faulty)
    assert codes == ["reference.not_found"] * 2
    assert count == 6


def test_that_nothing_limits_who_may_ask_is_told_once_and_only_of_everything(faulty):
    findings, _ = validate_repository(faulty.root, None, (), NOW)
    assert not [f for f in findings if f.code == "policy.none"], "there is worse to be told"
    for path in ("certificates/a.yaml", "certificates/payments/b.yaml"):
        (faulty.root / path).unlink()
    findings, _ = validate_repository(faulty.root, None, (), NOW)
    assert [f.severity for f in findings if f.code == "policy.none"] == ["info"]
    findings, _ = validate_repository(faulty.root, None, ("certificates",), NOW)
    assert not [f for f in findings if f.code == "policy.none"]


def test_with_paths_only_their_findings_are_told(faulty):
    assert found(faulty, "certificates/a.yaml") == (["reference.not_found"], 1)
    assert found(faulty, "certificates/payments") == (["reference.not_found"], 1)
    assert found(faulty, "certificates/payments/") == (["reference.not_found"], 1)
    assert found(faulty, "authorities") == ([], 2)
    assert found(faulty, ".")[1] == 6


def test_paths_are_relative_to_where_the_command_was_started(faulty):
    assert found(faulty, "b.yaml", start="certificates/payments") == (["reference.not_found"], 1)
    assert found(faulty, "../a.yaml", start="certificates/payments") == (
        ["reference.not_found"], 1,
    )  # fmt: skip
    absolute = os.fspath(faulty.root / "certificates/a.yaml")
    assert found(faulty, absolute, start="authorities") == (["reference.not_found"], 1)


@pytest.mark.parametrize("path", ["certificats", "certificates/a.yml", "nowhere/x.yaml"])
def test_a_misspelt_path_is_an_error_and_not_a_clean_result(faulty, path):
    with pytest.raises(NotFoundError) as error:
        found(faulty, path)
    assert error.value.code == "path.not_found"


def test_a_path_outside_is_an_error(faulty):
    with pytest.raises(RepositoryError) as error:
        found(faulty, "../elsewhere")
    assert error.value.code == "path.outside"


def test_a_revision_is_checked_as_it_was(faulty):
    faulty.git("rm", "--quiet", "-r", "certificates")
    faulty.commit()
    assert found(faulty)[0] == []
    assert found(faulty, ref="HEAD~1")[0] == ["reference.not_found"] * 2


def test_new_files_are_checked_for_what_they_bring_and_not_for_what_was_there(faulty):
    tree = faulty.workspace().tree
    good = certificate("c", key="P-256/3", subjectAltNames=["c.example.com"])
    check_overlay(tree, good, NOW)
    bad = certificate("c", key="P-256/3", subjectAltNames=["not a name"])
    with pytest.raises(ManifestError) as error:
        check_overlay(tree, bad, NOW)
    assert {finding.source.path for finding in error.value.findings} == {"certificates/c.yaml"}


def test_a_committed_key_is_found(site):
    site.git("add", "--force", "keys/root.pem")
    assert found(site)[0] == ["key.committed"]
