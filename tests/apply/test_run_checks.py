"""Whether this commit and this store are the ones to go on from."""

from __future__ import annotations

import shutil

import pytest

from pki_as_code.errors import StoreError, UnsafePlanError
from tests.apply.site import Site, told
from tests.plan.worlds import certificate_id, project


def refusal(site: Site, **allowed: int) -> str:
    """Return the code for which a run is refused that changes nothing."""
    head = site.head()
    with pytest.raises(UnsafePlanError) as refused:
        site.run(allowed={name.replace("_", "-"): n for name, n in allowed.items()})
    assert refused.value.exit_code == 4
    assert refused.value.help
    assert site.head() == head
    return refused.value.code


def reconciled(site: Site, path: str) -> str:
    site.certificate(path, key=f"P-256/{path}")
    commit = site.commit()
    assert told(site.run()) == [f"issue {path}"]
    return commit


# --- Replay --------------------------------------------------------------------------------------


def test_a_commit_before_the_one_reconciled_last_is_refused(site):
    """It would revoke, or bring back, what was decided otherwise since."""
    first = reconciled(site, "a")
    last = reconciled(site, "b")
    site.git("reset", "--quiet", "--hard", first)
    assert refusal(site) == "plan.replay"
    assert refusal(site, issue=100, new_store=1) == "plan.replay"
    site.git("reset", "--quiet", "--hard", last)
    assert site.run() == []


def test_a_commit_beside_the_one_reconciled_last_is_refused(site):
    first = reconciled(site, "a")
    reconciled(site, "b")
    site.git("reset", "--quiet", "--hard", first)
    site.certificate("c")
    site.commit()
    assert refusal(site) == "plan.replay"


def test_a_history_without_the_commit_reconciled_last_is_refused(site):
    reconciled(site, "a")
    site.git("checkout", "--quiet", "--orphan", "other")
    site.certificate("b", key="P-256/2")
    site.commit()
    assert refusal(site) == "plan.replay"


def test_going_back_is_done_when_it_is_meant(site):
    first = reconciled(site, "a")
    reconciled(site, "b")
    site.git("reset", "--quiet", "--hard", first)
    site.certificate("b", key="P-256/b")
    site.certificate("c", key="P-256/c")
    commit = site.commit()
    assert told(site.run(allowed={"replay": 1})) == ["issue c"]
    assert site.workspace().store.last_reconciled() == commit
    assert site.run() == []


def test_a_run_of_one_object_is_no_way_around(site):
    first = reconciled(site, "a")
    reconciled(site, "b")
    site.git("reset", "--quiet", "--hard", first)
    site.certificate("c")
    site.commit()
    with pytest.raises(UnsafePlanError) as refused:
        site.run(only=[certificate_id("c")])
    assert refused.value.code == "plan.replay"


# --- The protected branch ------------------------------------------------------------------------


@pytest.fixture
def protected(site: Site) -> Site:
    manifest = (site.root / "pki.yaml").read_text()
    assert "trust:" not in manifest
    site.write("pki.yaml", manifest.replace("spec:", "spec:\n  trust: {protectedRef: main}", 1))
    site.commit()
    return site


def test_a_commit_on_the_protected_branch_is_reconciled(protected):
    reconciled(protected, "a")
    protected.certificate("b", key="P-256/2")
    earlier = protected.commit()
    protected.certificate("c", key="P-256/3")
    protected.commit()
    protected.git("checkout", "--quiet", earlier)
    assert told(protected.run()) == ["issue b"]


def test_a_commit_that_was_not_merged_is_refused_unless_it_is_meant(protected):
    protected.git("checkout", "--quiet", "-b", "proposal")
    protected.certificate("a")
    protected.commit()
    assert refusal(protected) == "plan.unprotected"
    assert told(protected.run(allowed={"replay": 1})) == ["issue a"]


def test_without_the_protected_branch_nothing_is_reconciled(protected):
    protected.git("branch", "--quiet", "-m", "main", "other")
    protected.certificate("a")
    protected.commit()
    assert refusal(protected) == "plan.unprotected"


def test_the_protected_branch_of_a_clone_is_that_of_its_origin(protected, directory):
    protected.git("clone", "--quiet", str(protected.root), str(directory / "clone"))
    clone = Site(directory / "clone", store="sqlite:///issued.db")
    clone.git("checkout", "--quiet", "--detach")
    clone.git("branch", "--quiet", "-D", "main")
    done = told(clone.run())
    clone.close()
    assert done == ["issue root", "issue issuing"]


def test_a_branch_cannot_unprotect_itself_in_secret(protected):
    """Whoever changes `trust` in a proposal is held to the reconciled history all the same."""
    reconciled(protected, "a")
    protected.git("checkout", "--quiet", "--orphan", "proposal")
    protected.add(project(name="example-pki"))
    protected.commit()
    assert refusal(protected) == "plan.replay"


# --- The store -----------------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["git:pki-isued", "sqlite:///new.db"])
def test_an_empty_store_beside_keys_that_exist_is_refused(site, store):
    site.certificate("a")
    site.commit()
    site.store = store
    assert refusal(site) == "plan.new_store"
    assert refusal(site, replay=1) == "plan.new_store"


def test_a_store_that_was_lost_is_refused(site, directory):
    reconciled(site, "a")
    site.git("clone", "--quiet", str(site.root), str(directory / "clone"))
    clone = Site(directory / "clone")
    clone.git("remote", "remove", "origin")
    shutil.copytree(site.root / "keys", clone.root / "keys", dirs_exist_ok=True)
    assert refusal(clone) == "plan.new_store"
    clone.close()


def test_a_store_that_was_lost_where_it_was_known_is_a_fault_of_the_store(site):
    reconciled(site, "a")
    site.close()
    site.git("update-ref", "-d", "refs/heads/pki-issued")
    with pytest.raises(StoreError):
        site.run(allowed={"new-store": 1})


def test_a_new_store_is_begun_when_it_is_meant(site):
    site.certificate("a")
    site.commit()
    site.store = "git:second"
    done = told(site.run(allowed={"new-store": 1}))
    assert done == ["issue root", "issue issuing", "issue a"]
    assert site.run() == []


def test_a_new_store_without_keys_needs_no_word(bare_site):
    assert told(bare_site.run()) == ["issue root", "issue issuing"]


# --- Everything gone -----------------------------------------------------------------------------


def test_a_run_in_which_every_certificate_is_gone_is_refused_unless_it_is_meant(site):
    site.certificate("a", deletionPolicy="Revoke")
    site.certificate("b", key="P-256/2", deletionPolicy="Retain")
    site.commit()
    site.run()
    site.remove("certificates/a")
    site.remove("certificates/b")
    site.commit()
    head = site.head()
    for allowed in ({}, {"empty": 1}, {"revoke": 100}):
        with pytest.raises(UnsafePlanError) as refused:
            site.run(allowed=allowed)
        assert [f.code for f in refused.value.findings] == ["plan.emptied"]
        assert "--allow-unsafe empty=2" in refused.value.help
        assert site.head() == head
    assert told(site.run(allowed={"empty": 2})) == ["revoke a", "retire a", "retire b"]
