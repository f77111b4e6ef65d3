"""What a run refuses to do without being asked twice, on real repositories, by the command line."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.conftest import make_csr
from tests.e2e.in_process import InProcess, in_process

FLEET = 60


def copy(root: Path, place: Path) -> InProcess:
    shutil.copytree(root, place / "example-pki", symlinks=True)
    return in_process(place / "example-pki")


def add(repository: InProcess, name: str, *lines: str) -> None:
    csr = repository.root / f"certificates/{name}.csr"
    if not csr.exists():
        make_csr(csr)
    given = [
        f"csrFile: {name.rpartition('/')[2]}.csr",
        f"subjectAltNames: [{csr.stem}.example.com]",
    ]
    repository.manifest(name, "\n".join([*given, *lines]))


def guards(repository: InProcess, text: str) -> None:
    project = (repository.root / "pki.yaml").read_text().partition("  guards:")[0]
    repository.write("pki.yaml", f"{project}  guards: {{{text}}}\n")


def revoke(repository: InProcess, *names: str) -> None:
    for name in names:
        repository.write(
            f"revocations/{name}.yaml",
            f"apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {{name: {name}}}\n"
            f"spec: {{certificate: {name}, reason: superseded}}\n",
        )


def entries(repository: InProcess, since: int = 0) -> Counter[str]:
    """Count what was written, but for the CRLs that follow from it."""
    types = (entry["type"] for entry in repository.ledger()[since:])
    return Counter(name for name in types if not name.startswith("crl"))


def refused(repository: InProcess, *arguments: str) -> str:
    """Run what must be refused; nothing may change. Returns what it said."""
    head = repository.store_head()
    done = repository.run(*arguments, expect=4)
    assert repository.store_head() == head
    return done.err


def codes(repository: InProcess) -> list[str]:
    """Return the codes of what `plan` says in errors, for which it must leave with 4."""
    plan = repository.run("plan", "--output", "json", expect=4).json
    return sorted({f["code"] for f in plan["findings"] if f["severity"] == "error"})


@pytest.fixture(scope="module")
def fleet_template(template, tmp_path_factory) -> Path:
    """A repository with 60 certificates."""
    repository = copy(template, tmp_path_factory.mktemp("fleet"))
    for number in range(FLEET):
        add(repository, f"c{number:02}")
    repository.commit()
    repository.run("reconcile")
    return repository.root


@pytest.fixture
def fleet(fleet_template, tmp_path) -> InProcess:
    return copy(fleet_template, tmp_path)


@pytest.fixture(scope="module")
def mixed_template(template, tmp_path_factory) -> Path:
    """A repository with 6 certificates that go with their manifests, and 6 that stay."""
    repository = copy(template, tmp_path_factory.mktemp("mixed"))
    for number in range(12):
        add(repository, f"c{number:02}", f"deletionPolicy: {'Retain' if number % 2 else 'Revoke'}")
    repository.commit()
    repository.run("reconcile")
    return repository.root


@pytest.fixture
def mixed(mixed_template, tmp_path) -> InProcess:
    return copy(mixed_template, tmp_path)


@pytest.fixture
def repository(template, tmp_path) -> InProcess:
    return copy(template, tmp_path)


# --- Revocations ---------------------------------------------------------------------------------


def test_60_revocations_with_a_limit_of_20_are_refused_and_the_message_names_the_way_out(fleet):
    guards(fleet, "maxRevocations: 20, maxRevocationsPercent: 100")
    revoke(fleet, *(f"c{number:02}" for number in range(FLEET)))
    fleet.commit()
    assert codes(fleet) == ["plan.too_many_revocations"]
    said = refused(fleet, "reconcile")
    assert "would revoke 60 certificates, the limit is 20" in said
    assert "--allow-unsafe revoke=60" in said
    assert "maxRevocations" in said
    refused(fleet, "reconcile", "--dry-run")
    refused(fleet, "reconcile", "--allow-unsafe", "revoke=59,issue=1000,empty=60")

    before = len(fleet.ledger())
    fleet.run("reconcile", "--allow-unsafe", "revoke=60")
    assert entries(fleet, before) == {"revoked": 60, "reconciled": 1}
    head = fleet.store_head()
    fleet.run("reconcile")
    assert fleet.store_head() == head


def test_the_limits_that_nobody_set_hold_too(fleet):
    revoke(fleet, *(f"c{number:02}" for number in range(13)))
    fleet.commit()
    assert "would revoke 13 certificates, the limit is 20% of 60" in refused(fleet, "reconcile")
    (fleet.root / "revocations/c00.yaml").unlink()
    fleet.commit()
    fleet.run("reconcile")


def test_a_large_change_does_not_pass_object_by_object_in_one_run(fleet):
    guards(fleet, "maxRevocations: 2")
    revoke(fleet, "c00", "c01", "c02")
    fleet.commit()
    only = [part for name in ("c00", "c01", "c02") for part in ("--only", f"Revocation/{name}")]
    assert "--allow-unsafe revoke=3" in refused(fleet, "reconcile", *only)


def test_no_command_is_a_way_around(fleet):
    guards(fleet, "maxRevocations: 0")
    fleet.commit()
    commit = fleet.git("rev-parse", "HEAD")
    said = refused(fleet, "revoke_cert", "c00", "--yes")
    assert "--allow-unsafe revoke=1" in said
    assert (fleet.git("rev-parse", "HEAD"), fleet.git("status", "--porcelain")) == (commit, "")

    fleet.run("revoke_cert", "c00", "--yes", "--no-commit")
    fleet.commit("which is proposed, and done by who may")
    refused(fleet, "reconcile")
    fleet.run("reconcile", "--allow-unsafe", "revoke=1")


def test_a_command_on_a_branch_that_is_not_protected_leaves_no_trace(repository):
    project = (repository.root / "pki.yaml").read_text()
    repository.write("pki.yaml", f"{project}  trust: {{protectedRef: main}}\n")
    repository.commit()
    repository.run("reconcile")
    repository.git("checkout", "--quiet", "-b", "proposal")
    repository.commit("beside main")
    csr = make_csr(repository.root.parent / "web.csr")
    commit = repository.git("rev-parse", "HEAD")
    head = repository.store_head()
    done = repository.run("sign_cert", "--alt", "a.example.com", stdin=csr, expect=4)
    assert "plan.unprotected" in done.err
    assert repository.store_head() == head
    assert repository.git("rev-parse", "HEAD") == commit
    assert repository.git("status", "--porcelain") == ""


# --- Other classes -------------------------------------------------------------------------------


def test_issues_replacements_and_revocations_are_told_together_each_with_its_own_code(fleet):
    guards(fleet, "maxIssues: 1, maxReplacements: 1, maxRevocations: 1")
    for name in ("new-a", "new-b"):
        add(fleet, name)
    for name in ("c00", "c01"):
        add(fleet, name, "reissue: 1")
    revoke(fleet, "c02", "c03")
    fleet.commit()
    expected = ["plan.too_many_issues", "plan.too_many_replacements", "plan.too_many_revocations"]
    assert codes(fleet) == expected
    said = refused(fleet, "reconcile")
    for code in expected:
        assert f"error[{code}]" in said
    for lifted in ("issue=2", "replace=2", "revoke=2"):
        assert f"--allow-unsafe {lifted}" in said
    refused(fleet, "reconcile", "--allow-unsafe", "issue=2", "--allow-unsafe", "replace=2")
    before = len(fleet.ledger())
    fleet.run("reconcile", "--allow-unsafe", "issue=2,replace=2", "--allow-unsafe", "revoke=2")
    assert entries(fleet, before) == {"reserved": 4, "issued": 4, "revoked": 2, "reconciled": 1}


def test_half_of_a_fleet_is_not_replaced_by_the_way(fleet):
    for number in range(31):
        add(fleet, f"c{number:02}", "reissue: 1")
    fleet.commit()
    assert "would replace 31 certificates, the limit is 50% of 60" in refused(fleet, "reconcile")


def test_a_first_repository_is_not_in_the_way_of_its_guards(repository):
    guards(repository, "maxIssuesPercent: 10")
    for name in "abcdefghijkl":
        add(repository, name)
    repository.commit()
    repository.run("reconcile")
    for name in ("m", "n"):
        add(repository, name)
    repository.commit()
    assert "would issue 2 certificates, the limit is 10% of 12" in refused(repository, "reconcile")


# --- Everything gone -----------------------------------------------------------------------------


def test_removing_every_manifest_revokes_nothing_and_writes_nothing(fleet):
    fleet.git("rm", "-r", "--quiet", "certificates")
    fleet.commit()
    assert codes(fleet) == ["plan.emptied"]
    plan = fleet.run("plan", "--output", "json", expect=4).json
    assert (len(plan["refused"]), plan["summary"]["revoke"]) == (FLEET, 0)
    said = refused(fleet, "reconcile")
    assert "plan.refused" in said
    # The deletion policy is Refuse: no option lifts that.
    refused(fleet, "reconcile", "--allow-unsafe", "empty=60,revoke=60")
    assert entries(fleet)["revoked"] == 0


def test_with_the_guards_lifted_removing_every_manifest_does_what_the_plan_said(mixed):
    mixed.git("rm", "-r", "--quiet", "certificates")
    mixed.commit()
    assert codes(mixed) == ["plan.emptied", "plan.too_many_revocations"]
    for lifted in ("empty=12", "revoke=6", "empty=11,revoke=6"):
        refused(mixed, "reconcile", "--allow-unsafe", lifted)

    plan = mixed.run("plan", "--output", "json", expect=4).json
    said = Counter(
        (change["action"], change["name"])
        for change in plan["changes"]
        if change["action"] != "publish"
    )
    before = len(mixed.ledger())
    mixed.run("reconcile", "--allow-unsafe", "empty=12,revoke=6")
    words = {"revoked": "revoke", "retired": "retire"}
    done = Counter(
        (words[entry["type"]], entry["object"]["name"])
        for entry in mixed.ledger()[before:]
        if entry["type"] in words
    )
    assert done == said
    assert Counter(action for action, _ in done) == {"revoke": 6, "retire": 12}
    listed = mixed.run("list_certs", "--revoked", "--output", "json").json
    assert Counter(c["status"] for c in listed) == {"revoked": 6, "valid": 6}
    head = mixed.store_head()
    mixed.run("reconcile")
    assert mixed.store_head() == head


def test_an_authority_whose_manifest_is_gone_is_refused_whatever_is_allowed(repository):
    (repository.root / "authorities/issuing.yaml").unlink()
    project = (repository.root / "pki.yaml").read_text()
    repository.write("pki.yaml", project.replace("issuer: issuing", "issuer: root"))
    repository.commit()
    said = refused(repository, "reconcile", "--allow-unsafe", "empty=9,revoke=9,replay=1")
    assert "plan.refused" in said
    assert "usages: [crl, ocsp]" in said


# --- What cannot be read, and what was there before ----------------------------------------------


def test_a_manifest_that_cannot_be_read_stops_the_run(fleet):
    """It may be the one that says that nothing is to go."""
    fleet.git("rm", "-r", "--quiet", "certificates")
    fleet.write("certificates/c00.yaml", "apiVersion: [")
    fleet.commit()
    head = fleet.store_head()
    for command in (["plan"], ["reconcile"], ["reconcile", "--allow-unsafe", "empty=60"]):
        assert "yaml.syntax" in fleet.run(*command, expect=1).err
    assert fleet.store_head() == head


def test_a_store_that_cannot_be_read_never_looks_empty(repository):
    add(repository, "web")
    repository.commit()
    repository.run("reconcile")
    repository.run("store", "verify")
    name = repository.git("ls-tree", "--name-only", "pki-issued", "ledger/").splitlines()[0]
    ledger = repository.git("show", f"pki-issued:{name}").replace('"web"', '"wob"')
    blob = repository.write("../ledger", f"{ledger}\n")
    _replace_in_branch(repository, name, blob)
    head = repository.store_head()
    for command in (["plan"], ["reconcile"], ["reconcile", "--allow-unsafe", "new-store=1"]):
        done = repository.run(*command, expect=1)
        assert "error[store." in done.err
        assert "to issue" not in done.out
    assert repository.store_head() == head


def _replace_in_branch(repository: InProcess, path: str, content: Path) -> None:
    """Commit another content of one file on top of the store branch, as an attacker would."""
    tree = repository.root.parent / "store"
    repository.git("worktree", "add", "--quiet", str(tree), "pki-issued")
    (tree / path).write_bytes(content.read_bytes())
    repository.git("-C", str(tree), "commit", "--quiet", "-am", "damaged")
    repository.git("worktree", "remove", "--force", str(tree))


def test_a_database_that_cannot_be_read_never_looks_empty(repository):
    store = ("--store", "sqlite:///issued.db")
    add(repository, "web")
    repository.commit()
    repository.run(*store, "reconcile", "--allow-unsafe", "new-store=1")
    database = repository.root / "issued.db"
    database.write_bytes(b"no database" + database.read_bytes()[11:])
    for command in (["plan"], ["reconcile"], ["reconcile", "--allow-unsafe", "new-store=1"]):
        done = repository.run(*store, *command, expect=1)
        assert "error[store." in done.err
        assert done.out == ""


def test_an_older_commit_is_refused_and_names_the_way_out(repository):
    add(repository, "a")
    first = repository.commit()
    repository.run("reconcile")
    add(repository, "b")
    repository.commit()
    repository.run("reconcile")
    repository.git("reset", "--quiet", "--hard", first)
    said = refused(repository, "reconcile")
    assert "plan.replay" in said
    assert "--allow-unsafe replay=1" in said
    refused(repository, "reconcile", "--only", "a")
    refused(repository, "reconcile", "--ref", first)


@pytest.mark.parametrize("text", ["revoke", "revoke=", "revoke=-1", "other=1", "revoke=1,other=2",
                                  "revoke=9999999999", ""])  # fmt: skip
def test_what_is_no_class_and_number_lifts_nothing(repository, text):
    assert "CLASS=N" in repository.run("reconcile", "--allow-unsafe", text, expect=64).err
