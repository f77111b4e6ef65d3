"""Who signed for what is about to be issued: last commits, and signatures beside manifests."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import Any

import pytest

from pki_as_code.model import Endorsement
from pki_as_code.plan.signers import Signers
from pki_as_code.workspace.endorsing import Endorsing
from pki_as_code.workspace.trust import believed_signers
from tests.apply.site import Site, copy_of, errors, git, told
from tests.people import People
from tests.plan.worlds import Files, certificate_id, manifest, namespace

API = "certificates/payments/api"
SIGNED = {"approvals": {"requireSignature": True}}


@pytest.fixture(scope="session")
def people(tmp_path_factory) -> People:
    return People(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="session")
def owned_template(template, people, memory_directory):
    """A site that was reconciled with a namespace that is Alice's and Bob's."""
    site = copy_of(template, memory_directory / "owned-template")
    site.add(namespace("payments"))
    path = "certificates/payments/_namespace.yaml"
    text = (site.root / path).read_text()
    # What a manifest is written as here is JSON, which is YAML.
    site.write(path, text.replace('"spec": {', '"spec": {"owners": ["Alice@Example.com", '
                                  '"bob@example.com"], ', 1))  # fmt: skip
    site.write("allowed_signers", people.allowed("alice", "bob", "carol"))
    site.certificate("first", key="P-256/3")
    people.commit(site.root)
    site.run()
    site.close()
    yield site.root
    shutil.rmtree(site.root)


@pytest.fixture
def owned(owned_template, directory):
    site = copy_of(owned_template, directory / "owned-pki")
    yield site
    site.close()


def grant(**asked: Any) -> Files:
    """A policy that allows names below example.com, and asks for more."""
    spec = {"effect": "Grant", "allow": {"dns": [{"suffix": "example.com"}]}, **asked}
    return {"policies/owners.yaml": manifest("Policy", "owners", spec)}


def endorsement(
    site: Site, path: str = "payments/api", ref: str | None = "HEAD", **options
) -> Endorsement:
    workspace = site.workspace(ref, **options)
    anchor = workspace.store.last_reconciled()
    assert anchor
    endorsing = Endorsing(workspace.repository, workspace.commit, workspace.tree, anchor, site.now)
    found, _ = endorsing.endorsements(workspace.plan(site.now), workspace.loaded.manifests)
    return found[certificate_id(path)]


def sign(site: Site, people: People, by: str, capsys) -> None:
    """Sign with the command, as people do."""
    from pki_as_code.cli.main import main

    arguments = ["sign_manifest", f"{API}.yaml", "--key", str(people.key(by))]
    assert main(["-C", str(site.root), *arguments]) == 0, capsys.readouterr().err


# --- Commits -------------------------------------------------------------------------------------


def test_the_author_who_signed_the_last_commit_stands_behind_it(owned, people):
    owned.certificate("payments/api")
    commit = people.commit(owned.root, by="bob")
    owned.write("README.md", "something else")
    people.commit_unsigned(owned.root, author="mallory")
    bob = frozenset({"bob@example.com"})
    assert endorsement(owned) == Endorsement(commit, "Bob", "bob@example.com", bob, bob)


@pytest.mark.parametrize(
    ("by", "author", "signers", "approvals"),
    [
        ("alice", "alice", {"alice@example.com"}, {"alice@example.com"}),
        ("carol", "carol", {"carol@example.com"}, set()),
        ("carol", "alice", set(), set()),
        ("mallory", "alice", set(), set()),
        ("", "alice", set(), set()),
    ],
    ids=["owner", "nobody's owner", "spoofed", "unknown key", "unsigned"],
)
def test_only_a_signature_of_an_owner_is_an_approval(owned, people, by, author, signers, approvals):
    owned.certificate("payments/api")
    if by:
        people.commit(owned.root, by=by, author=author)
    else:
        people.commit_unsigned(owned.root, author=author)
    found = endorsement(owned)
    assert found.author_address == f"{author}@example.com"
    assert (found.signers, found.approvals) == (signers, approvals)


def test_a_csr_that_is_swapped_later_takes_the_approval_with_it(owned, people):
    owned.certificate("payments/api")
    people.commit(owned.root, by="alice")
    owned.certificate("payments/api", key="P-256/2")
    commit = people.commit_unsigned(owned.root, author="alice")
    found = endorsement(owned)
    assert (found.commit, found.approvals) == (commit, frozenset())


def test_an_owner_who_signs_later_stands_behind_both_files(owned, people):
    owned.certificate("payments/api")
    people.commit_unsigned(owned.root, author="mallory")
    path = f"{API}.yaml"
    owned.write(path, (owned.root / path).read_text() + "\n")
    people.commit(owned.root, by="alice")
    assert endorsement(owned).approvals == {"alice@example.com"}


def test_a_merge_is_looked_through(owned, people):
    owned.git("checkout", "-q", "-b", "side")
    owned.certificate("payments/api")
    asked = people.commit(owned.root, by="bob")
    owned.git("checkout", "-q", "main")
    owned.git(*people.settings("forge"), "merge", "-q", "--no-ff", "-m", "merge", "side")
    found = endorsement(owned)
    assert (found.commit, found.approvals) == (asked, {"bob@example.com"})


def test_a_merge_that_changes_what_was_signed_stands_for_itself(owned, people):
    owned.git("checkout", "-q", "-b", "side")
    owned.certificate("payments/api")
    people.commit(owned.root, by="bob")
    owned.git("checkout", "-q", "main")
    settings = people.settings("forge")
    owned.git(*settings, "merge", "-q", "--no-ff", "--no-commit", "side")
    owned.certificate("payments/api", key="P-256/2")
    commit = people.commit_unsigned(owned.root, author="forge")
    found = endorsement(owned)
    assert (found.commit, found.signers) == (commit, frozenset())


def test_owners_are_those_of_the_commit_reconciled_last(owned, people):
    path = "certificates/payments/_namespace.yaml"
    text = (owned.root / path).read_text()
    owned.write(path, text.replace("bob@example.com", "carol@example.com"))
    owned.certificate("payments/api")
    people.commit(owned.root, by="carol")
    found = endorsement(owned)
    assert (found.signers, found.approvals) == ({"carol@example.com"}, frozenset())


# --- Files ---------------------------------------------------------------------------------------


def test_signatures_beside_a_manifest_outlive_a_squash(owned, people, capsys):
    owned.certificate("payments/api")
    sign(owned, people, "alice", capsys)
    sign(owned, people, "bob", capsys)
    assert endorsement(owned, ref=None).approvals == {"alice@example.com", "bob@example.com"}
    commit = people.commit_unsigned(owned.root, "squashed", author="forge")
    found = endorsement(owned)
    assert found.commit == commit
    assert found.approvals == found.signers == {"alice@example.com", "bob@example.com"}
    assert told(owned.run()) == ["issue payments/api"]


def change_csr(site: Site) -> None:
    manifest = (site.root / f"{API}.yaml").read_bytes()
    site.certificate("payments/api", key="P-256/2")
    assert (site.root / f"{API}.yaml").read_bytes() == manifest


def change_manifest(site: Site) -> None:
    text = (site.root / f"{API}.yaml").read_text()
    site.write(f"{API}.yaml", text.replace("api.example.com", "ceo.example.com"))


def take_another_file(site: Site) -> None:
    site.write(f"{API}.yaml.sig", "not a signature")


@pytest.mark.parametrize("change", [change_csr, change_manifest, take_another_file])
def test_what_is_swapped_under_a_signature_is_noticed(owned, people, capsys, change):
    owned.certificate("payments/api")
    sign(owned, people, "alice", capsys)
    change(owned)
    people.commit(owned.root)
    plan = owned.plan()
    assert ("trust.file_signature_bad", f"{API}.yaml") in errors(plan)
    assert told(owned.run()) == []
    assert owned.plan(ref=None).changes == plan.changes == ()


def test_a_signature_is_of_one_place(owned, people, capsys):
    owned.certificate("payments/api")
    sign(owned, people, "alice", capsys)
    for suffix in (".yaml", ".csr", ".yaml.sig"):
        target = owned.root / f"certificates/other/api{suffix}"
        target.parent.mkdir(exist_ok=True)
        (owned.root / f"{API}{suffix}").rename(target)
    people.commit(owned.root)
    assert errors(owned.plan()) == [("trust.file_signature_bad", "certificates/other/api.yaml")]


def test_a_signature_for_something_else_or_by_somebody_else_counts_for_nobody(owned, people):
    owned.certificate("payments/api")
    people.commit_unsigned(owned.root)
    from pki_as_code.cli.main import main

    for by, namespace_, code in (
        ("mallory", "pki-as-code", "trust.file_signature_unknown"),
        ("alice", "git", "trust.file_signature_bad"),
    ):
        text = owned.root / "text"
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(owned.root)
            text.write_bytes(printed(main, f"{API}.yaml"))
        people.sign_file(text, by=by, namespace=namespace_)
        text.with_suffix(".sig").rename(owned.root / f"{API}.yaml.sig")
        text.unlink()
        people.commit_unsigned(owned.root)
        findings = owned.plan().findings
        assert [f.code for f in findings if f.code.startswith("trust.")] == [code]
        if code == "trust.file_signature_unknown":
            assert endorsement(owned).signers == frozenset()


def printed(main, path: str) -> bytes:
    import io
    import sys

    caught = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", caught)
        assert main(["sign_manifest", path]) == 0
    caught.flush()
    return caught.buffer.getvalue()


def test_signing_anew_drops_what_was_over_something_else(owned, people, capsys):
    owned.certificate("payments/api")
    sign(owned, people, "alice", capsys)
    change_csr(owned)
    sign(owned, people, "bob", capsys)
    assert (owned.root / f"{API}.yaml.sig").read_bytes().count(b"BEGIN SSH SIGNATURE") == 1
    people.commit_unsigned(owned.root)
    assert endorsement(owned).approvals == {"bob@example.com"}


def test_where_nothing_depends_on_it_nobody_is_asked(site, people, monkeypatch):
    from pki_as_code.workspace import endorsing

    def never(*_: object) -> None:
        pytest.fail("asked")

    monkeypatch.setattr(endorsing, "identify_commits", never)
    site.certificate("a")
    people.commit_unsigned(site.root)
    assert [str(change.action) for change in site.plan().changes] != []


def test_a_policy_that_wants_owners_to_have_signed_is_met_by_them_alone(owned, people):
    owned.add(grant(**SIGNED))
    people.commit(owned.root)
    owned.run()
    owned.certificate("payments/api", subject="CN=api.example.com")
    people.commit(owned.root, by="carol")  # known, and no owner
    assert errors(owned.plan()) == [("policy.not_signed", f"{API}.yaml")]
    assert told(owned.run()) == []
    owned.certificate("payments/api", subject="CN=api.example.com", validity="60d")
    people.commit(owned.root, by="bob")
    assert errors(owned.plan()) == []
    assert told(owned.run()) == ["issue payments/api"]
    assert owned.record("payments/api").policies == ("policies/owners.yaml",)


def test_what_a_namespace_fills_in_was_signed_by_nobody(owned, people):
    owned.add(grant(**SIGNED))
    path = "certificates/payments/_namespace.yaml"
    text = (owned.root / path).read_text()
    owned.write(path, text.replace('"defaults": {', '"defaults": {"profile": "client"', 1))
    people.commit(owned.root)
    owned.run()
    owned.certificate("payments/api", subject="CN=api.example.com")
    people.commit(owned.root, by="bob")
    assert errors(owned.plan()) == [("policy.approval_incomplete", f"{API}.yaml")]
    owned.certificate("payments/api", subject="CN=api.example.com", profile="client")
    people.commit(owned.root, by="bob")
    assert errors(owned.plan()) == []


# --- What is not to count ------------------------------------------------------------------------


def forge_merge(site: Site, people: People, branch: str, *options: str) -> None:
    """Merge as a forge does, which signs nothing."""
    command = [*people.settings("forge"), "merge", "-q", "--no-ff", "-m", "merge", *options]
    site.git(*command, branch)


def test_an_old_version_that_a_merge_brings_back_is_nobodys(owned, people):
    owned.certificate("payments/api")
    signed = people.commit(owned.root, by="alice")
    owned.certificate("payments/api", validity="60d")
    people.commit(owned.root, by="alice")
    assert endorsement(owned).approvals == {"alice@example.com"}
    owned.git("checkout", "-q", "-b", "side", signed)
    forge_merge(owned, people, "main", "-s", "ours")
    assert endorsement(owned).approvals == frozenset()


def test_a_manifest_that_was_removed_and_comes_back_by_a_merge_is_nobodys(owned, people):
    owned.certificate("payments/api")
    signed = people.commit(owned.root, by="alice")
    for suffix in (".yaml", ".csr"):
        (owned.root / f"{API}{suffix}").unlink()
    people.commit(owned.root, by="alice")
    owned.git("checkout", "-q", "-b", "side", signed)
    forge_merge(owned, people, "main", "-s", "ours")
    assert endorsement(owned).approvals == frozenset()


def test_a_merge_that_takes_the_other_of_two_versions_is_nobodys(owned, people):
    owned.git("checkout", "-q", "-b", "side")
    owned.certificate("payments/api")
    people.commit(owned.root, by="alice")
    owned.git("checkout", "-q", "main")
    owned.certificate("payments/api", validity="60d")
    people.commit(owned.root, by="alice")
    forge_merge(owned, people, "side", "-X", "theirs")
    assert endorsement(owned).approvals == frozenset()


def test_an_owner_who_takes_an_old_version_again_stands_behind_it(owned, people):
    owned.certificate("payments/api")
    people.commit(owned.root, by="alice")
    before = (owned.root / f"{API}.yaml").read_bytes()
    owned.certificate("payments/api", validity="60d")
    people.commit(owned.root, by="carol")
    owned.write(f"{API}.yaml", before)
    again = people.commit(owned.root, by="bob")
    found = endorsement(owned)
    assert (found.commit, found.approvals) == (again, {"bob@example.com"})


@pytest.mark.parametrize("signs", ["a commit", "a file", "both"])
def test_one_key_is_one_owner_whatever_names_it_has(owned, people, capsys, signs):
    names = "alice@example.com,bob@example.com"
    owned.write("allowed_signers", people.line("alice", principals=names))
    people.commit(owned.root)
    owned.certificate("first", key="P-256/4")
    people.commit(owned.root)
    owned.run()
    owned.certificate("payments/api")
    if signs != "a commit":
        sign(owned, people, "alice", capsys)
    if signs == "a file":
        people.commit_unsigned(owned.root)
    else:
        people.commit(owned.root, by="alice")
    found = endorsement(owned)
    assert found.signers == {"alice@example.com", "bob@example.com"}
    assert len(found.approvals) == 1


def cut_off(site: Site, directory, depth: int) -> Site:
    """Return a shallow clone that is not deepened."""
    root = directory / "shallow"
    git(directory, "clone", "-q", f"--depth={depth}", f"file://{site.root}", str(root))
    git(root, "fetch", "-q", "origin", "pki-issued:pki-issued")
    return Site(root, now=site.now)


def test_where_history_is_cut_off_nobody_is_known_to_have_signed(owned, people, directory):
    owned.certificate("payments/api")
    people.commit_unsigned(owned.root, author="mallory")
    owned.run()
    owned.certificate("payments/api", validity="60d")
    people.commit_unsigned(owned.root, author="mallory")
    owned.certificate("payments/www", key="P-256/4")
    people.commit(owned.root, by="alice")
    with closing(cut_off(owned, directory, depth=1)) as shallow:
        options = {"read_only": True, "push": False}
        found = endorsement(shallow, **options)
        assert (found.signers, found.approvals) == (frozenset(), frozenset())
        plan = shallow.workspace(**options).plan(shallow.now)
    [cut] = [f for f in plan.findings if f.code == "trust.history_missing"]
    assert cut.severity == "warning"
    assert "certificates/payments/api" in cut.message


def test_where_the_commit_reconciled_last_is_gone_nobody_is_believed(owned, people, directory):
    path = "certificates/payments/_namespace.yaml"
    text = (owned.root / path).read_text()
    owned.write("README.md", "further")
    people.commit_unsigned(owned.root)
    owned.write(path, text.replace("bob@example.com", "mallory@example.com"))
    owned.write("allowed_signers", people.allowed("mallory"))
    owned.certificate("payments/api")
    people.commit(owned.root, by="mallory")
    with closing(cut_off(owned, directory, depth=2)) as shallow:
        options = {"read_only": True, "push": False}
        found = endorsement(shallow, **options)
        assert (found.signers, found.approvals) == (frozenset(), frozenset())
        assert believed_signers(shallow.workspace(**options), shallow.now) == Signers()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (SIGNED, "policy.not_signed"),
        ({"rules": [{"expression": "signers.size() > 0"}]}, "policy.rule_not_met"),
        ({"rules": [{"expression": "approvals.size() > 0"}]}, "policy.rule_not_met"),
    ],
    ids=["approvals", "a rule about signers", "a rule about approvals"],
)
def test_no_owner_is_believed_by_a_store_that_comes_with_the_change(owned, people, asked, code):
    owned.add(grant(**asked))
    people.commit(owned.root)
    owned.run()
    owned.certificate("payments/api", subject="CN=api.example.com")
    people.commit(owned.root, by="alice")
    owned.git("branch", "own", "pki-issued")
    assert errors(owned.workspace(store=None).plan(owned.now)) == []
    text = (owned.root / "pki.yaml").read_text()
    owned.write("pki.yaml", text.replace("spec:\n", "spec:\n  store: git:own\n", 1))
    people.commit_unsigned(owned.root, author="mallory")
    plan = owned.workspace(store=None).plan(owned.now)
    assert errors(plan) == [(code, f"{API}.yaml")]
    assert "trust.store_moved" in {finding.code for finding in plan.findings}
    assert errors(owned.workspace(store="git:own").plan(owned.now)) == []
