"""`trust.requireSignedCommits`: nothing is done for a commit whose author is not known."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from pki_as_code.errors import UnsafePlanError
from pki_as_code.stores.entries import Reconciled
from pki_as_code.workspace.trust import trust_findings
from tests.apply.site import Site, copy_of, git, told
from tests.people import People
from tests.plan.worlds import NOW


@pytest.fixture(scope="session")
def people(tmp_path_factory) -> People:
    return People(tmp_path_factory.mktemp("people"))


def require(site: Site, *, on: bool = True) -> None:
    text = (site.root / "pki.yaml").read_text()
    before, after = "spec:\n", "spec:\n  trust: {requireSignedCommits: true}\n"
    if not on:
        before, after = after, before
    assert before in text
    site.write("pki.yaml", text.replace(before, after, 1))


@pytest.fixture(scope="session")
def signed_template(template, people, memory_directory):
    """A site that requires signatures, of Alice and Bob, and was reconciled since."""
    site = copy_of(template, memory_directory / "signed-template")
    require(site)
    site.write("allowed_signers", people.allowed("alice", "bob"))
    people.commit(site.root, "require signatures")
    site.run()
    site.close()
    yield site.root
    shutil.rmtree(site.root)


@pytest.fixture
def signed(signed_template, directory):
    site = copy_of(signed_template, directory / "signed-pki")
    yield site
    site.close()


def findings(site: Site, **options) -> list[tuple[str, str]]:
    """Return code and message of what is said of the commits."""
    workspace = site.workspace(**options)
    return [(f.code, f.message) for f in trust_findings(workspace, site.now)]


def refused(site: Site, code: str, commit: str, *words: str) -> None:
    """See that a run changes nothing, and says why, of which commit."""
    before = site.head()
    with pytest.raises(UnsafePlanError) as caught:
        site.run()
    assert caught.value.exit_code == 4
    assert caught.value.code == code
    [finding] = caught.value.findings
    assert finding.code == code
    assert finding.help
    for word in (commit[:12], *words):
        assert word in finding.message
    assert site.head() == before
    # A plan says the same, and needs no key.
    assert findings(site, read_only=True) == [(code, finding.message)]


# --- What is done and what is not ----------------------------------------------------------------


def test_what_people_who_are_listed_sign_is_done(signed, people):
    signed.certificate("a")
    people.commit(signed.root, by="alice")
    signed.certificate("b")
    people.commit(signed.root, by="bob")
    assert told(signed.run()) == ["issue a", "issue b"]
    assert findings(signed) == []


def test_an_unsigned_commit_in_the_middle_is_refused(signed, people):
    signed.certificate("a")
    people.commit(signed.root)
    signed.certificate("b")
    commit = people.commit_unsigned(signed.root)
    signed.certificate("c")
    people.commit(signed.root)
    refused(signed, "trust.commit_not_signed", commit, "alice@example.com", "certificates/b.yaml")


def test_what_is_no_manifest_needs_no_signature(signed, people):
    signed.write("README.md", "other words")
    people.commit_unsigned(signed.root)
    signed.certificate("a")
    people.commit(signed.root)
    assert told(signed.run()) == ["issue a"]


def test_a_spoofed_author_is_refused(signed, people):
    signed.certificate("a")
    commit = people.commit(signed.root, by="bob", author="alice")
    refused(signed, "trust.author_differs", commit, "bob@example.com", "alice@example.com")


def test_a_key_that_comes_with_the_change_is_refused(signed, people):
    signed.write("allowed_signers", people.allowed("alice", "bob", "mallory"))
    signed.certificate("a")
    commit = people.commit(signed.root, by="mallory")
    refused(signed, "trust.signature_unknown", commit, "mallory@example.com", "allowed_signers")


def test_a_key_is_taken_up_by_the_run_before(signed, people):
    signed.write("allowed_signers", people.allowed("alice", "bob", "carol"))
    added = people.commit(signed.root, by="alice")
    signed.certificate("a")
    commit = people.commit(signed.root, by="carol")
    # Both at once: by what was reconciled, Carol is not in it yet.
    refused(signed, "trust.signature_unknown", commit, "carol@example.com")
    signed.git("reset", "--quiet", "--hard", added)
    assert signed.run() == []
    assert isinstance(signed.payloads()[-1], Reconciled)
    before = signed.head()
    assert signed.run() == []
    assert signed.head() == before
    signed.certificate("a")
    people.commit(signed.root, by="carol")
    assert told(signed.run()) == ["issue a"]


def test_a_key_that_was_taken_out_signs_no_more(signed, people):
    signed.write("allowed_signers", people.allowed("alice"))
    people.commit(signed.root, by="alice")
    signed.run()
    signed.certificate("a")
    commit = people.commit(signed.root, by="bob")
    refused(signed, "trust.signature_unknown", commit)


def test_a_key_that_ends_signs_until_then(signed, people, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_DATE", NOW.isoformat())
    end = (NOW + timedelta(days=5)).strftime("%Y%m%dZ")
    allowed = people.allowed("alice") + people.line("bob", f'valid-before="{end}"')
    signed.write("allowed_signers", allowed)
    people.commit(signed.root)
    signed.run()
    signed.certificate("a")
    people.commit(signed.root, by="bob")
    before = signed.head()
    with pytest.raises(UnsafePlanError, match="not known"):
        signed.run(now=NOW + timedelta(days=6))
    assert signed.head() == before
    assert told(signed.run()) == ["issue a"]


def test_a_signature_over_other_bytes_is_refused(signed, people):
    signed.certificate("a")
    people.commit(signed.root, "one")
    text = signed.git("cat-file", "commit", "HEAD").replace("\n\none", "\n\ntwo")
    signed.write(".git/forged", f"{text}\n")
    forged = signed.git("hash-object", "-t", "commit", "-w", ".git/forged")
    signed.git("reset", "--quiet", "--hard", forged)
    refused(signed, "trust.signature_bad", forged)


# --- Merges --------------------------------------------------------------------------------------


def merge(site: Site, people: People, *options: str) -> str:
    """Merge `side` as a forge does: nobody signs it."""
    site.git(*people.settings("forge"), "merge", "-q", "--no-ff", "-m", "merge", *options, "side")
    return site.git("rev-parse", "HEAD")


def test_a_merge_that_nobody_signed_is_as_good_as_what_it_joins(signed, people):
    signed.git("checkout", "-q", "-b", "side")
    signed.certificate("a")
    people.commit(signed.root, by="bob")
    signed.git("checkout", "-q", "main")
    signed.certificate("b")
    people.commit(signed.root, by="alice")
    merge(signed, people)
    assert told(signed.run()) == ["issue a", "issue b"]


def test_a_merge_hides_no_unsigned_commit(signed, people):
    signed.git("checkout", "-q", "-b", "side")
    signed.certificate("a")
    hidden = people.commit_unsigned(signed.root, author="bob")
    signed.certificate("b")
    people.commit(signed.root, by="bob")
    signed.git("checkout", "-q", "main")
    merge(signed, people)
    refused(signed, "trust.commit_not_signed", hidden, "bob@example.com")


def test_a_signed_merge_does_not_vouch_for_what_it_joins(signed, people):
    signed.git("checkout", "-q", "-b", "side")
    signed.certificate("a")
    hidden = people.commit_unsigned(signed.root, author="bob")
    signed.git("checkout", "-q", "main")
    key = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={people.key('alice')}"]
    signed.git(*key, "merge", "-q", "-S", "--no-ff", "-m", "merge", "side")
    refused(signed, "trust.commit_not_signed", hidden)


def test_a_merge_cannot_take_back_a_revocation_without_a_signature(signed, people):
    signed.certificate("a")
    people.commit(signed.root)
    signed.run()
    signed.git("checkout", "-q", "-b", "side")
    signed.certificate("b")
    people.commit(signed.root, by="bob")
    signed.git("checkout", "-q", "main")
    text = (signed.root / "certificates/a.yaml").read_text().replace("a.example", "new.example")
    signed.write("certificates/a.yaml", text)
    people.commit(signed.root)
    commit = merge(signed, people, "-s", "ours")
    refused(signed, "trust.commit_not_signed", commit, "certificates/b.")


def test_a_merge_brings_nothing_from_another_repository(signed, people, directory):
    """Whoever signed there, with the same key, did not sign for this one."""
    other = directory / "staging"
    git(directory, "init", "-q", "-b", "main", str(other))
    signed.certificate("staging")
    for path in (signed.root / "certificates").glob("staging.*"):
        (other / "certificates").mkdir(exist_ok=True)
        path.rename(other / "certificates" / path.name)
    people.commit(other, by="alice")
    signed.git("fetch", "-q", str(other), "main:side")
    commit = merge(signed, people, "--allow-unrelated-histories")
    refused(signed, "trust.commit_not_signed", commit, "forge@example.com")


# --- Where it begins and ends --------------------------------------------------------------------


def test_before_it_is_asked_for_nobody_has_to_sign(site, people):
    site.certificate("a")
    people.commit_unsigned(site.root)
    assert findings(site) == []
    assert told(site.run()) == ["issue a"]


def test_it_begins_with_a_commit_that_is_signed_by_what_it_says_itself(site, people):
    require(site)
    site.write("allowed_signers", people.allowed("alice"))
    commit = people.commit_unsigned(site.root)
    with pytest.raises(UnsafePlanError, match="not known"):
        site.run()
    codes = [code for code, _ in findings(site)]
    assert codes == ["trust.begins", "trust.commit_not_signed"]
    site.git("reset", "--quiet", "--soft", "HEAD~1")
    commit = people.commit(site.root)
    [(code, message)] = findings(site)
    assert code == "trust.begins"
    assert commit[:12] in message
    plans = []
    site.run(on_plan=plans.append)
    assert [f.code for f in plans[0].findings if f.code.startswith("trust.")] == ["trust.begins"]
    assert findings(site) == []
    site.certificate("a")
    refused(site, "trust.commit_not_signed", people.commit_unsigned(site.root))


def test_until_it_was_reconciled_everything_since_it_was_written_is_judged(site, people):
    require(site)
    site.write("allowed_signers", people.allowed("alice"))
    people.commit(site.root)
    site.certificate("a")
    hidden = people.commit_unsigned(site.root, author="bob")
    site.write("allowed_signers", people.allowed("alice", "mallory"))
    own = people.commit(site.root, by="mallory")
    site.certificate("b")
    people.commit(site.root)
    said = findings(site)
    assert {code for code, _ in said} == {
        "trust.begins", "trust.commit_not_signed", "trust.signature_unknown",
    }  # fmt: skip
    assert [any(id[:12] in text for _, text in said) for id in (hidden, own)] == [True, True]


def test_it_can_begin_with_a_merge_that_a_forge_made(site, people):
    site.git("checkout", "-q", "-b", "side")
    require(site)
    site.write("allowed_signers", people.allowed("alice"))
    people.commit(site.root)
    site.git("checkout", "-q", "main")
    merge(site, people)
    assert [code for code, _ in findings(site)] == ["trust.begins"]
    site.run()
    assert findings(site) == []


def test_it_does_not_end_by_the_change_that_nobody_signed(signed, people):
    require(signed, on=False)
    signed.certificate("a")
    commit = people.commit_unsigned(signed.root)
    refused(signed, "trust.commit_not_signed", commit, "pki.yaml")


def test_it_ends_by_a_change_that_is_signed(signed, people):
    require(signed, on=False)
    people.commit(signed.root)
    signed.run()
    signed.certificate("a")
    people.commit_unsigned(signed.root)
    assert told(signed.run()) == ["issue a"]


def test_so_many_commits_are_let_through_when_somebody_says_so(signed, people):
    for name in ("a", "b"):
        signed.certificate(name)
        people.commit_unsigned(signed.root)
    with pytest.raises(UnsafePlanError, match="2 commits") as caught:
        signed.run(allowed={"unsigned": 1})
    assert "unsigned=2" in caught.value.help
    plans = []
    assert told(signed.run(allowed={"unsigned": 2}, on_plan=plans.append)) == ["issue a", "issue b"]
    assert findings(signed) == []


def test_a_link_in_place_of_allowed_signers_names_nobody(signed, people):
    (signed.root / "allowed_signers").unlink()
    (signed.root / "allowed_signers").symlink_to(people.directory / "outside")
    (people.directory / "outside").write_text(people.allowed("mallory"))
    people.commit(signed.root)
    signed.run()
    signed.certificate("a")
    refused(signed, "trust.signature_unknown", people.commit(signed.root, by="mallory"))


# --- History that is not there -------------------------------------------------------------------


def test_a_shallow_clone_that_does_not_reach_back_is_refused(signed, people, directory):
    for name in ("a", "b"):
        signed.certificate(name)
        people.commit_unsigned(signed.root)
    git(directory, "clone", "-q", "--depth=1", f"file://{signed.root}", "shallow")
    shallow = Site(directory / "shallow", store=f"sqlite:///{directory}/store.db", now=NOW)
    git(shallow.root, "fetch", "-q", "origin", "pki-issued:pki-issued")
    shallow.store = signed.store
    [(code, message)] = findings(shallow, read_only=True, push=False)
    assert code == "trust.history_missing"
    assert "does not have every commit" in message
    shallow.close()


def test_a_shallow_clone_that_reaches_back_on_one_line_only_is_refused(signed, people, directory):
    base = signed.git("rev-parse", "HEAD")
    signed.git("checkout", "-q", "-b", "side")
    signed.certificate("a")
    people.commit_unsigned(signed.root)
    signed.certificate("b")
    people.commit(signed.root)
    signed.git("checkout", "-q", "main")
    merge(signed, people)
    git(directory, "clone", "-q", "--depth=2", f"file://{signed.root}", "shallow")
    shallow = Site(directory / "shallow", now=NOW)
    git(shallow.root, "fetch", "-q", "origin", "pki-issued:pki-issued")
    assert shallow.git("merge-base", "--is-ancestor", base, "HEAD") == ""
    assert [code for code, _ in findings(shallow, read_only=True, push=False)] == [
        "trust.history_missing"
    ]
    shallow.close()
