"""The loop around one plan, with a real store in a real repository."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pki_as_code.apply.issuers import Issuers
from pki_as_code.apply.outcome import Settings
from pki_as_code.apply.reconcile import ATTEMPTS, reconcile
from pki_as_code.errors import ContentionError, ManifestError, UnsafePlanError
from pki_as_code.issuance import Issuer, Origin, prepare_certificate
from pki_as_code.model import FinishReservation, IssueCertificate, Plan
from pki_as_code.stores.entries import Crl, Failed, Issued, Reconciled, Reserved, Retired, Revoked
from tests.apply.site import Site, errors, told
from tests.plan.worlds import DAY, NOW, authority, authority_id, certificate_id, revocation


class Broken:
    """The key of an authority whose token gives garbage."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def public_key(self) -> Any:
        return self._key.public_key()

    def sign(self, *_: Any) -> bytes:
        return b"garbage"


class BrokenIssuers(Issuers):
    broken = "issuing"

    def issuer(self, name: str) -> Issuer:
        found = super().issuer(name)
        return Issuer(name, Broken(found.key), found.chain) if name == self.broken else found


class BrokenRoot(Issuers):
    """The root's key is broken from the beginning, and good the next time it is opened."""

    def for_authority(self, request: Any) -> Any:
        issuer, completed = super().for_authority(request)
        if request.object_id.name == "root":
            issuer = Issuer(issuer.name, Broken(issuer.key), issuer.chain)
        return issuer, completed


def reserve(site: Site, path: str, *, now: Any = NOW) -> int:
    """Reserve as a run would that is killed before it signs; returns the serial number."""
    workspace = site.workspace()
    [change] = workspace.plan(now, [certificate_id(path)]).changes
    assert isinstance(change, IssueCertificate)
    issuer = Issuers(workspace, site.secrets).issuer("issuing")
    replaces = change.replaces.serial_number if change.replaces else None
    origin = Origin(change.reasons[0], replaces, "", change.path, change.deletion_policy)
    prepared = prepare_certificate(change.request, issuer, origin, now)
    workspace.store.reserve([Reserved(prepared.reservation)], now=now, message="reserve")
    return prepared.reservation.serial_number


# --- Nothing more than is needed -----------------------------------------------------------------


@pytest.mark.parametrize("store", ["git:pki-issued", "sqlite:///issued.db"])
def test_a_second_run_finds_nothing_to_do_and_writes_nothing(bare_site, store):
    bare_site.store = store
    bare_site.certificate("web")
    commit = bare_site.commit()
    assert told(bare_site.run()) == ["issue root", "issue issuing", "issue web"]
    head = bare_site.head()
    assert bare_site.payloads()[-1] == Reconciled(commit)
    assert bare_site.run(now=NOW + DAY) == []
    assert bare_site.head() == head
    bare_site.verify()


def test_a_commit_that_changes_nothing_is_not_recorded(site):
    head = site.head()
    site.write("README.md", "other words")
    site.commit()
    assert site.run() == []
    assert site.head() == head


# --- One item fails ------------------------------------------------------------------------------


def test_one_failing_item_does_not_stop_the_others(site):
    site.add(authority("second", parent="root"))
    site.certificate("a", issuer="second")
    site.certificate("b")
    site.certificate("c", issuer="second")
    site.commit()
    site.run(only=[authority_id("second")])
    (site.root / "keys/second.pem").unlink()
    assert told(site.run()) == ["issue a: key.missing", "issue c: key.missing", "issue b"]
    assert [record.object_id.name for record in site.records()] == ["b"]


def test_a_run_in_which_something_failed_is_not_recorded_as_reconciled(site):
    before = site.workspace().store.last_reconciled()
    site.certificate("a")
    site.commit()
    outcomes = site.run(issuers=BrokenIssuers)
    assert told(outcomes) == ["issue a: issuance.signature_invalid"]
    assert site.workspace().store.last_reconciled() == before


def test_a_key_that_gives_garbage_leaves_a_reservation_and_no_certificate(site):
    site.certificate("a")
    commit = site.commit()
    site.run(issuers=BrokenIssuers)
    assert site.records() == []
    reserved_entry, failed = site.payloads()[-2:]
    assert isinstance(reserved_entry, Reserved)
    assert isinstance(failed, Failed)
    [reserved] = site.workspace().store.open_reservations()

    assert told(site.run(now=failed.retry_at)) == ["finish a"]
    [record] = site.records()
    assert record.serial_number == reserved.serial_number
    assert site.workspace().store.last_reconciled() == commit
    site.verify()


def test_a_root_that_could_not_be_signed_signs_nothing_for_others(bare_site):
    """What it signed without a certificate would claim to be its own issuer."""
    outcomes = bare_site.run(issuers=BrokenRoot)
    assert told(outcomes) == [
        "issue root: issuance.signature_invalid", "issue issuing: issuance.issuer_not_issued",
    ]  # fmt: skip
    assert bare_site.records(kinds=("CertificateAuthority",)) == []
    [failure] = bare_site.workspace().store.failures()
    assert failure.object_id == authority_id("root"), "issuing only waits for it"
    assert bare_site.run() == []
    assert told(bare_site.run(now=failure.retry_at)) == ["finish root", "issue issuing"]
    bare_site.verify()


def test_what_cannot_be_prepared_fails_before_anything_is_reserved(site):
    """The authority's key was lost: no reservation waits for it for ever."""
    site.certificate("a")
    site.commit()
    (site.root / "keys/issuing.pem").unlink()
    before = site.head().sequence
    assert told(site.run()) == ["issue a: key.missing"]
    assert [type(payload) for payload in site.payloads()[before + 1 :]] == [Failed]
    assert list(site.workspace().store.open_reservations()) == []


# --- Guards --------------------------------------------------------------------------------------


def test_a_refused_change_stops_the_whole_run(site):
    site.certificate("a")
    site.commit()
    site.run()
    site.remove("certificates/a")
    site.certificate("b")
    site.commit()
    head = site.head()
    with pytest.raises(UnsafePlanError):
        site.run()
    assert site.head() == head


def test_an_error_in_one_certificate_keeps_that_one_out(site):
    before = site.workspace().store.last_reconciled()
    site.certificate("a")
    site.certificate("b", issuer="nobody")
    commit = site.commit()
    assert errors(site.plan()) == [("reference.not_found", "certificates/b.yaml")]
    assert told(site.run()) == ["issue a"]
    assert site.workspace().store.last_reconciled() == before
    assert before != commit


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("certificates/b.yaml", "apiVersion: ["),
        ("authorities/issuing.yaml", "kind: Nothing"),
        (
            "pki.yaml",
            "apiVersion: pki-as-code/v1\nkind: Project\nmetadata: {name: x}\nspec: {a: 1}",
        ),
    ],
)
def test_what_cannot_be_read_stops_the_whole_run(site, path, content):
    """It may be anything: nothing is concluded from a partial view."""
    site.certificate("a")
    site.write(path, content)
    site.commit()
    head = site.head()
    with pytest.raises(ManifestError):
        site.run()
    assert site.head() == head


# --- What a dead run left ------------------------------------------------------------------------


def test_an_open_reservation_is_finished_by_the_next_run(site):
    site.certificate("a")
    site.certificate("b")
    site.commit()
    serial_number = reserve(site, "a")
    assert told(site.run(now=NOW + DAY)) == ["finish a", "issue b"]
    record = site.record("a")
    assert record.serial_number == serial_number
    assert record.not_after < NOW + 90 * DAY, "it was signed as it was reserved a day before"
    assert [p.serial_number for p in site.payloads() if isinstance(p, Issued)].count(
        serial_number
    ) == 1  # fmt: skip
    site.verify()


def test_a_reservation_that_is_no_longer_asked_for_is_given_up_and_the_new_one_issued(site):
    """Its serial number is never used again: the dead run may have signed it."""
    site.certificate("a")
    site.commit()
    serial_number = reserve(site, "a")
    site.certificate("a", subjectAltNames=["other.example.com"])
    commit = site.commit()
    assert told(site.run()) == ["abandon a", "issue a"]
    [record] = site.records()
    assert record.serial_number != serial_number
    assert record.subject_alternative_names == ("DNS:other.example.com",)
    assert [p for p in site.payloads() if p == Reconciled(commit)] == [Reconciled(commit)]
    assert site.payloads()[-1] == Reconciled(commit)
    assert site.run() == []
    site.verify()


def test_a_reservation_whose_manifest_is_gone_is_given_up(site):
    site.certificate("a")
    site.commit()
    reserve(site, "a")
    site.remove("certificates/a")
    site.commit()
    assert told(site.run()) == ["abandon a"]
    assert site.records() == []
    assert list(site.workspace().store.open_reservations()) == []
    assert site.run() == []


def test_what_somebody_wrote_into_the_store_is_not_signed(site):
    """Whoever can push to the store branch must not be able to have anything signed."""
    site.certificate("a")
    site.commit()
    workspace = site.workspace()
    [change] = workspace.plan(NOW).changes
    issuer = Issuers(workspace, site.secrets).issuer("issuing")
    names = {"subject": "CN=evil.example", "subject_alternative_names": ("DNS:evil.example",)}
    origin = Origin(change.reasons[0], None, "", change.path, "Refuse")
    evil = prepare_certificate(replace(change.request, **names), issuer, origin, NOW)
    honest = change.request
    forged = replace(evil.reservation, request=honest.to_json(), request_digest=honest.digest)
    workspace.store.reserve([Reserved(forged)], now=NOW, message="forged")
    assert told(site.run()) == ["abandon a", "issue a"]
    assert [r.subject_alternative_names for r in site.records()] == [("DNS:a.example.com",)]
    site.verify()


def test_a_run_that_only_finishes_what_was_open_is_recorded_as_reconciled(site):
    site.certificate("a")
    commit = site.commit()
    reserve(site, "a")
    assert told(site.run()) == ["finish a"]
    assert site.workspace().store.last_reconciled() == commit


def test_a_run_of_one_object_is_not_recorded_as_reconciled(site):
    before = site.workspace().store.last_reconciled()
    site.certificate("a")
    site.certificate("b")
    site.commit()
    assert told(site.run(only=[certificate_id("a")])) == ["issue a"]
    assert site.workspace().store.last_reconciled() == before


def test_what_cannot_be_finished_is_tried_once_in_a_run_and_again_in_the_next(site):
    site.certificate("a")
    site.certificate("b")
    site.commit()
    reserve(site, "a")
    before = site.workspace().store.last_reconciled()
    outcomes = site.run(issuers=BrokenIssuers)
    assert told(outcomes) == [
        "finish a: issuance.signature_invalid", "issue b: issuance.signature_invalid",
    ]  # fmt: skip
    assert site.workspace().store.last_reconciled() == before
    assert site.run() == []
    assert told(site.run(now=NOW + timedelta(minutes=5))) == ["finish a", "finish b"]


def test_a_reserved_root_whose_key_is_gone_gets_no_new_one(bare_site):
    """A new key would sign a certificate that holds the public key of the old one."""
    bare_site.run(issuers=BrokenRoot, only=[authority_id("root")])
    key = bare_site.root / "keys/root.pem"
    key.unlink()
    assert told(bare_site.run(only=[authority_id("root")])) == ["finish root: key.missing"]
    assert not key.exists()
    assert bare_site.records(kinds=("CertificateAuthority",)) == []


# --- Other runners -------------------------------------------------------------------------------


def test_a_plan_that_another_runner_overtook_is_made_anew(site):
    site.certificate("a")
    site.certificate("b")
    commit = site.commit()
    plans: list[Plan] = []

    def overtake(plan: Plan) -> None:
        plans.append(plan)
        if len(plans) == 1:
            assert told(site.run(only=[certificate_id("a")])) == ["issue a"]

    assert told(site.run(on_plan=overtake)) == ["issue b"]
    assert [len(plan.changes) for plan in plans] == [2, 1]
    assert len(site.records()) == 2
    assert site.workspace().store.last_reconciled() == commit
    site.verify()


def test_a_runner_that_made_the_root_meanwhile_is_taken_up(bare_site):
    """The certificate that the other runner gave the root is the one that signs from then on."""
    overtaken = []

    def overtake(plan: Plan) -> None:
        if not overtaken:
            overtaken.append(plan)
            assert told(bare_site.run(only=[authority_id("root")])) == ["issue root"]

    assert told(bare_site.run(on_plan=overtake)) == ["issue issuing"]
    certificates = bare_site.workspace().authority_certificates()
    certificates["issuing"].verify_directly_issued_by(certificates["root"])
    bare_site.verify()


def test_contention_that_never_ends_is_given_up(site, monkeypatch):
    monkeypatch.setattr("pki_as_code.apply.reconcile._FIRST_PAUSE_SECONDS", 0)
    site.certificate("a")
    site.commit()
    workspace = site.workspace()
    attempts = []

    def overtaken(*_: Any, **__: Any) -> None:
        attempts.append(1)
        raise ContentionError("another run was faster")

    monkeypatch.setattr(workspace.store, "reserve", overtaken)
    settings = Settings(Issuers(workspace, site.secrets), NOW)
    with pytest.raises(ContentionError) as given_up:
        list(reconcile(workspace, settings, lambda _: None))
    assert given_up.value.exit_code == 6
    assert len(attempts) == ATTEMPTS


def test_the_open_reservation_of_a_runner_that_lives_is_finished_once(site):
    """Both sign the same bytes; the ledger has the certificate once."""
    site.certificate("a")
    site.commit()
    serial_number = reserve(site, "a")
    plans: list[Plan] = []

    def overtake(plan: Plan) -> None:
        plans.append(plan)
        if len(plans) == 1:
            assert isinstance(plan.changes[0], FinishReservation)
            assert told(site.run()) == ["finish a"]

    site.run(on_plan=overtake)
    assert [record.serial_number for record in site.records()] == [serial_number]
    site.verify()


# --- Removed and revoked -------------------------------------------------------------------------


def test_a_manifest_removed_under_revoke_is_revoked_and_retired(site):
    site.certificate("a", deletionPolicy="Revoke")
    site.certificate("b", key="P-256/2")
    site.commit()
    site.run()
    site.remove("certificates/a")
    commit = site.commit()
    assert told(site.run()) == ["revoke a", "retire a"]
    [retired] = [p for p in site.payloads() if isinstance(p, Retired)]
    [revoked] = [p for p in site.payloads() if isinstance(p, Revoked)]
    assert retired.object_id == revoked.object_id
    assert isinstance(site.payloads()[-2], Crl)
    assert revoked.commit == commit
    assert site.run() == []


def test_a_compromised_key_is_never_certified_again(site):
    site.certificate("a")
    site.commit()
    site.run()
    site.add(revocation("inc", certificate="a", reason="keyCompromise"))
    site.commit()
    assert told(site.run()) == ["revoke inc"]

    site.certificate("a", key="P-256/2")
    site.commit()
    assert told(site.run()) == ["replace a"]
    site.certificate("a")
    site.commit()
    assert errors(site.plan()) == [("csr.key_compromised", "certificates/a.yaml")]
    assert site.run() == []

    site.certificate("a", key="P-256/2")
    site.certificate("payments/b")
    site.commit()
    assert errors(site.plan()) == [("csr.key_compromised", "certificates/payments/b.yaml")]
    assert site.run() == []


def test_a_key_that_was_revoked_for_another_reason_can_start_anew(site):
    site.certificate("b", key="P-256/2")
    site.certificate("a", deletionPolicy="Revoke")
    site.commit()
    site.run()
    site.remove("certificates/a")
    site.commit()
    site.run()
    site.certificate("a")
    site.commit()
    assert told(site.run()) == ["issue a"]
