"""What a plan looks at after another one, and when it looks at everything all the same."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pki_as_code.apply.issuers import Issuers
from pki_as_code.apply.noting import quiet_until
from pki_as_code.apply.outcome import Settings
from pki_as_code.apply.reconcile import reconcile
from pki_as_code.errors import ManifestError
from pki_as_code.increments import memo as memo_module
from pki_as_code.increments.memo import Memo
from pki_as_code.increments.rows import object_key
from pki_as_code.increments.scope import Scope
from tests.apply.site import Site, copy_of, told
from tests.plan.worlds import NOW, certificate_id, namespace, profile, revocation

DAY = timedelta(days=1)
PATHS = {f"certificates/{name}.yaml" for name in ("a", "b", "team/c", "team/d")}


@pytest.fixture
def settled(site: Site) -> Site:
    """Four certificates, issued, and a plan of that remembered."""
    for number, path in enumerate(sorted(PATHS)):
        name = path.removeprefix("certificates/").removesuffix(".yaml")
        site.certificate(name, key=f"P-256/{number}", deletionPolicy="Retain")
    site.add(profile("own", validity={"default": "80d"}))
    site.commit()
    site.run()
    assert not remembered(site, full=True).changes
    return site


def remembered(site: Site, *, full: bool = False, now: Any = NOW) -> Any:
    workspace = site.workspace(increments="renew" if full else "use")
    return workspace.plan(now, remember=True)


def scope_of(site: Site, now: Any = NOW) -> Scope | None:
    increments = site.workspace(increments="use").increments
    assert increments is not None
    return increments.basis(now).scope


def looked_at(site: Site, now: Any = NOW) -> set[str]:
    """Return which of the files with certificates are looked at."""
    scope = scope_of(site, now)
    assert scope is not None
    return set(scope.paths) & PATHS


def memo_path(site: Site) -> Path:
    return site.root / ".git/pki-as-code/plan.memo.db"


# --- What is looked at ----------------------------------------------------------------------------


def test_nothing_is_looked_at_when_nothing_happened(settled):
    assert looked_at(settled) == set()
    plan = remembered(settled)
    assert (plan.changes, plan.unchanged, plan.live, plan.asked) == ((), 6, 4, 4)


def test_a_changed_manifest_is_looked_at(settled):
    settled.certificate("b", key="P-256/1", subjectAltNames=["new.example.com"])
    settled.commit()
    assert looked_at(settled) == {"certificates/b.yaml"}
    plan = remembered(settled)
    assert [str(c.object_id.path) for c in plan.changes] == ["b"]
    assert (plan.unchanged, plan.asked) == (5, 4)


def test_a_changed_csr_brings_its_manifest(settled):
    csr = (settled.root / "certificates/b.csr").read_bytes()
    settled.write("certificates/a.csr", csr)
    settled.commit()
    # And the other certificate with that key: a key should be of one only.
    assert looked_at(settled) == {"certificates/a.yaml", "certificates/b.yaml"}
    assert [f.code for f in remembered(settled).findings] == ["csr.key_shared"]


def test_a_changed_namespace_brings_all_of_it(settled):
    settled.add(namespace("team", profile="own"))
    settled.commit()
    assert looked_at(settled) == {"certificates/team/c.yaml", "certificates/team/d.yaml"}


def test_a_changed_namespace_called_default_brings_what_lies_directly_below(settled):
    settled.add(namespace("default", profile="own"))
    settled.commit()
    assert looked_at(settled) == {"certificates/a.yaml", "certificates/b.yaml"}


def test_a_changed_profile_brings_those_who_use_it(settled):
    settled.certificate("a", profile="own", deletionPolicy="Retain")
    settled.commit()
    settled.run()
    remembered(settled)
    remembered(settled)
    assert looked_at(settled) == set()
    settled.add(profile("own", validity={"default": "40d"}))
    settled.commit()
    assert looked_at(settled) == {"certificates/a.yaml"}
    plan = remembered(settled)
    assert [f.code for f in plan.findings] == ["plan.taken_up_at_renewal"]
    assert "1 certificate takes this up" in plan.findings[0].message
    # The next one has nothing to say of it, unless it looks at everything.
    assert remembered(settled).findings == ()
    assert [f.code for f in remembered(settled, full=True).findings] == ["plan.taken_up_at_renewal"]


def test_a_changed_authority_brings_what_it_signs(settled):
    path = settled.root / "authorities/issuing.yaml"
    settled.write("authorities/issuing.yaml", path.read_text() + "# a word\n")
    settled.commit()
    assert looked_at(settled) == PATHS


def test_a_revocation_brings_its_certificate(settled):
    settled.add(revocation("inc-1", certificate="team/c", reason="superseded"))
    settled.commit()
    assert looked_at(settled) == {"certificates/team/c.yaml"}


def test_a_revocation_by_serial_number_brings_its_certificate(settled):
    number = f"{settled.record('b').serial_number:040x}"
    settled.add(revocation("inc-1", serial=number, issuer="issuing", reason="superseded"))
    settled.commit()
    assert looked_at(settled) == {"certificates/b.yaml"}


def test_what_is_removed_is_told_once_it_is_done(settled):
    settled.remove("certificates/b")
    settled.commit()
    assert [c.action for c in remembered(settled).changes] == ["retire"]
    # Not done yet: still there to do.
    assert [c.action for c in remembered(settled).changes] == ["retire"]
    assert told(settled.run()) == ["retire b"]
    assert remembered(settled).changes == ()


def test_a_planned_rename_is_still_one_when_it_is_carried_out(settled):
    spec = {"key": "P-256/1", "deletionPolicy": "Retain", "subjectAltNames": ["b.example.com"]}
    settled.remove("certificates/b")
    settled.certificate("other", **spec)
    settled.commit()
    for _ in range(2):
        assert [c.action for c in remembered(settled).changes] == ["rename"]
    assert told(run_with_increments(settled)) == ["rename other"]
    assert remembered(settled).changes == ()


def run_with_increments(site: Site) -> list[Any]:
    workspace = site.workspace(increments="use")
    settings = Settings(Issuers(workspace, site.secrets), NOW)
    return list(reconcile(workspace, settings, lambda _: None))


def test_what_others_wrote_into_the_ledger_is_looked_at(settled):
    settled.certificate("a", key="P-256/7", deletionPolicy="Retain")
    settled.commit()
    settled.run()  # without increments
    assert looked_at(settled) == {"certificates/a.yaml"}


def test_what_comes_due_is_looked_at(settled):
    remembered(settled)
    assert looked_at(settled, NOW + DAY / 2) == set()
    record = settled.record("a")
    late = record.not_after - DAY
    remembered(settled, full=True, now=late - DAY)
    found = {c.object_id.path for c in remembered(settled, now=late).changes if c.action == "renew"}
    assert {"a", "b", "team/c", "team/d"} <= found


def test_a_warning_is_repeated(settled):
    settled.certificate("a", key="P-256/1")
    settled.commit()
    settled.run()
    for _ in range(3):
        assert [f.code for f in remembered(settled).findings] == ["csr.key_shared"]


def test_an_error_is_repeated_and_forgets_nothing(settled):
    settled.write("certificates/a.yaml", "kind: [")
    settled.commit()
    for _ in range(2):
        with pytest.raises(ManifestError):
            remembered(settled)
    settled.git("revert", "--no-edit", "HEAD")
    assert remembered(settled).changes == ()


# --- When everything is looked at -----------------------------------------------------------------


def test_everything_when_the_project_changed(settled):
    path = settled.root / "pki.yaml"
    settled.write("pki.yaml", path.read_text() + "# a word\n")
    settled.commit()
    assert scope_of(settled) is None


def test_everything_when_another_authority_could_be_meant(settled):
    text = (settled.root / "authorities/issuing.yaml").read_text()
    settled.write("authorities/other.yaml", text.replace("issuing", "other"))
    settled.commit()
    assert scope_of(settled) is None


def test_everything_once_a_day_and_when_the_clock_went_back(settled):
    assert scope_of(settled, NOW + DAY - timedelta(seconds=1)) is not None
    assert scope_of(settled, NOW + DAY) is None
    assert scope_of(settled, NOW - timedelta(seconds=1)) is None


def test_the_project_says_how_often_everything_is_looked_at(settled):
    text = (settled.root / "pki.yaml").read_text()
    settled.write("pki.yaml", text.replace("spec:\n", "spec:\n  fullEvery: 2h\n", 1))
    settled.commit()
    remembered(settled)
    assert scope_of(settled, NOW + timedelta(minutes=119)) is not None
    assert scope_of(settled, NOW + timedelta(minutes=120)) is None


def test_a_note_that_nothing_is_to_be_done_holds_until_everything_is_looked_at(settled):
    remembered(settled, now=NOW + DAY / 4)
    workspace = settled.workspace(increments="use")
    until = quiet_until(workspace, NOW + DAY / 4)
    assert until is not None
    assert NOW + DAY / 2 < until < NOW + DAY


def test_increments_do_not_put_off_looking_at_everything(settled):
    remembered(settled, now=NOW + DAY / 2)
    assert scope_of(settled, NOW + DAY) is None


def test_everything_with_another_store(settled):
    other = settled.workspace(store="sqlite:///other.db", increments="use")
    assert other.increments is not None
    assert other.increments.basis(NOW).scope is None


def test_everything_with_another_ledger(settled):
    """Of the same name, and as long."""
    settled.git("update-ref", "-d", "refs/heads/pki-issued")
    for name in (settled.root / ".git/pki-as-code").iterdir():
        if not name.name.startswith("plan.memo"):
            name.unlink()
    settled.run(allowed={"new-store": 1})
    assert scope_of(settled) is None


def _set_state(path: Path, **changes: Any) -> None:
    with sqlite3.connect(path) as connection:
        content = json.loads(connection.execute("SELECT content FROM state").fetchone()[0])
        connection.execute("UPDATE state SET content = ?", (json.dumps({**content, **changes}),))


SPOILT: dict[str, Callable[[Path], Any]] = {
    "garbage": lambda path: path.write_bytes(b"nothing of the sort"),
    "torn": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "readable": lambda path: path.chmod(0o644),
    "gone": lambda path: path.unlink(),
    "link": lambda path: path.rename(path.parent / "x") and path.symlink_to(path.parent / "x"),
    "directory": lambda path: (path.unlink(), path.mkdir()),
    "program": lambda path: _set_state(path, program="0.0.0"),
    "format": lambda path: _set_state(path, format=99),
    "commit": lambda path: _set_state(path, commit="1" * 40),
    "ledger": lambda path: _set_state(path, digest="1" * 64),
    "field": lambda path: _set_state(path, surprise=1),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_everything_when_the_memo_is_not_to_be_trusted(settled, spoil):
    spoil(memo_path(settled))
    assert scope_of(settled) is None
    assert remembered(settled).changes == ()


def test_a_damaged_memo_is_made_anew(settled):
    memo_path(settled).write_bytes(b"nothing of the sort")
    remembered(settled)
    remembered(settled)
    assert looked_at(settled) == set()


def test_nothing_is_remembered_where_nothing_can_be_written(settled, monkeypatch):
    memo_path(settled).unlink()
    monkeypatch.setattr(memo_module, "_make_private", _refuse)
    assert remembered(settled).changes == ()
    assert not memo_path(settled).exists()


def _refuse(_: Path) -> None:
    raise PermissionError


def test_the_count_of_certificates_is_kept(settled):
    settled.certificate("new", key="P-256/9")
    settled.remove("certificates/a")
    settled.commit()
    remembered(settled)
    with Memo.open(settled.workspace().repository) as memo:
        assert memo is not None
        assert memo.state.certificates == 4
        wanted = [object_key(certificate_id("new")), object_key(certificate_id("a"))]
        assert memo.paths_of(wanted, declared=True) == {"certificates/new.yaml"}


def test_a_removed_authority_is_missed_by_what_it_signs(settled):
    settled.git("rm", "--quiet", "authorities/issuing.yaml")
    settled.commit()
    with pytest.raises(ManifestError):
        remembered(settled)  # certificates name it


def test_copies_of_a_repository_have_memos_of_their_own(settled, directory):
    copied = copy_of(settled.root, directory / "copy")
    copied.certificate("b", key="P-256/1", subjectAltNames=["new.example.com"])
    copied.commit()
    assert looked_at(copied) == {"certificates/b.yaml"}
    assert looked_at(settled) == set()
