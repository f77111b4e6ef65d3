"""Manifests and store side by side: what a Revocation reaches, and what a plan needs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pki_as_code.errors import RepositoryError, UnsafePlanError
from pki_as_code.workspace import open_workspace
from pki_as_code.workspace.status import read_status
from tests.apply.site import Site, errors, told
from tests.plan.worlds import DAY, NOW, authority, certificate_id, project, refused, revocation
from tests.plan.worlds import told as planned


def revoke(site: Site, path: str, **spec: Any) -> str:
    """Add a Revocation; returns its commit."""
    site.add(revocation(path, **spec))
    return site.commit()


def issue(site: Site, *paths: str, **spec: Any) -> None:
    for position, path in enumerate(paths):
        site.certificate(path, **{"key": f"P-256/{position}", **spec})
    site.commit()
    site.run()


def revoked(site: Site) -> list[str]:
    return sorted(record.object_id.path for record in site.records(revoked=True))


# --- Revocations ---------------------------------------------------------------------------------


def test_a_revocation_by_name_revokes_the_current_certificate(site):
    issue(site, "web", "other")
    first = site.record("web")
    issue(site, "web", reissue=1)
    revoke(site, "inc", certificate="web", reason="superseded")
    assert told(site.run()) == ["revoke inc"]
    assert site.record("web").revocation.reason == "superseded"
    [old] = [r for r in site.records() if r.serial_number == first.serial_number]
    assert old.revocation is None


def test_it_does_not_revoke_what_is_issued_later_under_the_name(site):
    issue(site, "web")
    revoke(site, "inc", certificate="web", reason="keyCompromise")
    site.run()
    site.certificate("web", key="P-256/9")
    site.commit()
    assert told(site.run()) == ["replace web"]
    assert site.run(now=NOW + DAY) == []
    assert site.record("web").revocation is None


def test_it_does_not_either_when_another_revocation_was_faster(site):
    issue(site, "web")
    number = site.record("web").serial_number
    site.add(revocation("a", serial=f"{number:040X}", issuer="issuing", reason="keyCompromise"))
    revoke(site, "b", certificate="web", reason="superseded")
    site.run()
    site.certificate("web", key="P-256/9")
    site.commit()
    assert told(site.run()) == ["replace web"]
    assert site.run() == []
    assert site.record("web").revocation is None


def test_it_means_the_certificate_that_was_current_when_it_came(site):
    """Also where the new one was issued before anybody carried the revocation out."""
    issue(site, "web")
    old = site.record("web").serial_number
    site.certificate("web", key="P-256/9")
    revoke(site, "inc", certificate="web", reason="keyCompromise")
    site.run(only=[certificate_id("web")])
    assert told(site.run()) == ["revoke inc"]
    assert [record.serial_number for record in site.records(revoked=True)] == [old]
    assert site.run() == []


def test_a_key_is_replaced_and_the_old_one_revoked_in_one_commit(site):
    issue(site, "web")
    old = site.record("web").serial_number
    site.certificate("web", key="P-256/9")
    revoke(site, "inc", certificate="web", reason="keyCompromise")
    assert told(site.run()) == ["revoke inc", "replace web"]
    assert [record.serial_number for record in site.records(revoked=True)] == [old]
    assert site.run() == []


def test_a_revocation_that_is_changed_is_a_new_wish(site):
    issue(site, "web")
    revoke(site, "inc", certificate="web", reason="certificateHold")
    site.run()
    revoke(site, "inc", certificate="web", reason="certificateHold", release=True)
    site.run()
    site.certificate("web", key="P-256/9")
    site.commit()
    site.run()
    assert site.run() == []
    revoke(site, "inc", certificate="web", reason="superseded")
    assert told(site.run()) == ["revoke inc"]
    assert site.record("web").revocation.reason == "superseded"


def test_a_revocation_by_serial_number_reaches_just_that_certificate(site):
    issue(site, "web", "other")
    number = site.record("web").serial_number
    revoke(site, "inc", serial=f"{number:040X}", issuer="issuing", reason="superseded")
    site.run()
    assert revoked(site) == ["web"]
    revoke(site, "next", serial=f"{number:x}"[:-2], issuer="issuing", reason="superseded")
    assert errors(site.plan()) == [("revocation.names_nothing", "revocations/next.yaml")]


def test_a_revocation_by_key_reaches_every_certificate_with_it(site):
    for path in ("web", "api"):
        site.certificate(path, key="P-256/7")
    issue(site, "other")
    digest = site.record("web").public_key_sha256
    revoke(site, "inc", spkiSha256=digest, reason="keyCompromise")
    assert told(site.run()) == ["revoke inc", "revoke inc"]
    assert revoked(site) == ["api", "web"]


def test_an_administrators_revocation_reaches_any_namespace(site):
    issue(site, "payments/api")
    revoke(site, "inc", certificate="payments/api", reason="superseded")
    site.run()
    assert revoked(site) == ["payments/api"]


def test_a_team_revokes_its_own_certificates(site):
    issue(site, "payments/api", "other/api")
    revoke(site, "payments/inc", certificate="api", reason="superseded")
    site.run()
    assert revoked(site) == ["payments/api"]


def team_specs(site: Site) -> list[dict[str, Any]]:
    target = site.record("other/api")
    return [
        {"certificate": "other/api"},
        {"serial": f"{target.serial_number:040X}", "issuer": "issuing"},
        {"spkiSha256": target.public_key_sha256},
    ]


@pytest.mark.parametrize("which", [0, 1, 2], ids=["name", "serial", "key"])
def test_a_team_cannot_revoke_what_is_another_teams(site, which):
    issue(site, "payments/api", "other/api")
    revoke(site, "payments/inc", reason="superseded", **team_specs(site)[which])
    assert errors(site.plan())[0][1] == "certificates/payments/inc.yaml"
    assert site.run() == []
    assert revoked(site) == []


def test_a_hold_is_set_lifted_and_can_become_a_revocation(site):
    issue(site, "web")
    revoke(site, "inc", certificate="web", reason="certificateHold")
    assert told(site.run()) == ["revoke inc"]
    revoke(site, "inc", certificate="web", reason="certificateHold", release=True)
    assert told(site.run()) == ["release inc"]
    assert site.run() == []
    assert site.record("web").revocation is None
    revoke(site, "inc", certificate="web", reason="certificateHold")
    site.run()
    revoke(site, "inc", certificate="web", reason="keyCompromise")
    assert told(site.run()) == ["revoke inc"]
    assert site.record("web").revocation.reason == "keyCompromise"
    site.verify()


def test_two_revocations_of_one_certificate_agree(site):
    issue(site, "web")
    number = site.record("web").serial_number
    site.add(revocation("a", certificate="web", reason="superseded"))
    site.add(revocation("b", serial=f"{number:040X}", issuer="issuing", reason="keyCompromise"))
    site.commit()
    site.run()
    assert revoked(site) == ["web"]
    assert site.run() == []
    site.verify()


def test_a_revocation_of_nothing_is_an_error_of_its_own(site):
    revoke(site, "inc", certificate="web", reason="superseded")
    assert errors(site.plan()) == [("revocation.names_nothing", "revocations/inc.yaml")]
    issue(site, "other")
    assert site.record("other") is not None


# --- Plans ---------------------------------------------------------------------------------------


def test_a_certificate_is_judged_against_the_authority_as_it_is(site):
    """The issuing authority ends in ten years, whatever its manifest says by now."""
    manifest = (site.root / "authorities/issuing.yaml").read_text()
    site.write("authorities/issuing.yaml", manifest.replace("3650d", "36500d"))
    site.certificate("web", profile="client", validity="5000d")
    site.commit()
    plan = site.plan()
    assert errors(plan) == [("certificate.outlives_issuer", "certificates/web.yaml")]
    assert planned(plan) == []


def test_a_pull_request_that_brings_an_authority_is_judged_without_any_key(site):
    (site.root / "keys/root.pem").unlink()
    site.add(
        authority(
            "lab", parent="root", pathLength=0, nameConstraints={"permitted": ["DNS:lab.example"]}
        )
    )
    site.certificate("a", issuer="lab", subjectAltNames=["a.lab.example"])
    assert planned(site.plan(ref=None)) == ["issue lab: DoesNotExist", "issue a: DoesNotExist"]
    site.certificate("a", issuer="lab", subjectAltNames=["a.example.net"])
    plan = site.plan(ref=None)
    assert set(errors(plan)) == {("rfc5280.name_not_permitted", "certificates/a.yaml")}
    assert planned(plan) == ["issue lab: DoesNotExist"]


def test_the_working_tree_and_a_revision_are_planned_apart(site):
    site.certificate("web")
    assert planned(site.plan(ref=None)) == ["issue web: DoesNotExist"]
    assert planned(site.plan()) == []
    assert site.plan(ref=None).commit == ""
    commit = site.commit()
    assert site.plan().commit == commit


def test_a_plan_tells_the_last_reconciled_commit(site):
    before = site.git("rev-parse", "HEAD")
    site.certificate("web")
    site.commit()
    assert site.plan().base == before


def test_a_certificate_expires_and_is_renewed_again_and_again(site):
    issue(site, "web")
    for round_ in range(1, 4):
        now = NOW + round_ * 61 * DAY
        assert planned(site.plan(now=now - DAY)) == []
        assert told(site.run(now=now)) == ["renew web"]
        assert planned(site.plan(now=now)) == []
    assert len(site.records()) == 4
    assert len(site.records(current_only=True)) == 1


def test_a_removed_manifest_is_refused_and_the_store_says_why(site):
    issue(site, "web")
    site.remove("certificates/web")
    site.commit()
    assert refused(site.plan()) == ["web: RemovedWhileValid"]
    with pytest.raises(UnsafePlanError):
        site.run()


def test_only_leaves_the_rest_of_the_fleet_alone(site):
    issue(site, "gone")
    site.remove("certificates/gone")
    site.certificate("web", key="P-256/5")
    site.commit()
    plan = site.plan(only=[certificate_id("web")])
    assert (planned(plan), refused(plan)) == (["issue web: DoesNotExist"], [])


# --- Status and opening --------------------------------------------------------------------------


def test_the_status_tells_what_ends_soon(site):
    issue(site, "soon", validity="10d", renewal={"mode": "None"})
    issue(site, "late")
    report = read_status(site.workspace(), NOW)
    assert [record.object_id.name for record in report.expiring] == ["soon"]
    assert report.in_sync
    assert report.last_reconciled == site.git("rev-parse", "HEAD")
    assert report.entries == len(site.payloads())
    later = read_status(site.workspace(), NOW + 10 * DAY + timedelta(seconds=1))
    assert later.expiring == ()


def test_pending_changes_are_not_in_sync(site):
    site.certificate("web")
    site.commit()
    report = read_status(site.workspace(), NOW)
    assert not report.in_sync
    assert planned(report.plan) == ["issue web: DoesNotExist"]


def test_the_store_is_the_one_of_the_option_or_of_the_project(site):
    site.add(project(store="sqlite:///of-project.db"))
    site.commit()
    site.store = None
    assert site.workspace().store.uri == "sqlite:///of-project.db"
    assert site.workspace(store="git:other").store.uri == "git:other"


def test_a_bare_repository_is_read_at_a_revision(site, directory):
    bare = directory / "bare.git"
    site.git("clone", "--quiet", "--bare", str(site.root), str(bare))
    workspace = open_workspace(bare, ref="main")
    assert planned(workspace.plan(NOW)) == []
    workspace.store.close()
    with pytest.raises(RepositoryError) as error:
        open_workspace(bare, ref=None)
    assert error.value.code == "git.bare"
