"""Revocation manifests: what they revoke, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from pki_as_code.model import (
    CertificateRecord,
    ObjectId,
    Plan,
    ReleaseHold,
    Revocation,
    RevokeCertificate,
)
from tests.plan.worlds import BASE, NOW, load, observe, plan, record, revocation, told, web

INC = ObjectId("Revocation", "", "inc")


def planned(*targets: CertificateRecord, only: Any = (), **spec: Any) -> Plan:
    named = {} if "spkiSha256" in spec else {"certificate": "web"}
    manifests = load(BASE, revocation("inc", **named, **spec))
    return plan(manifests, observe(manifests, revocation_targets={INC: targets}), only=only)


def on_hold() -> CertificateRecord:
    return record(web(), revocation=Revocation("certificateHold", NOW, None, INC))


def test_a_revocation_revokes_what_it_names():
    result = planned(record(web()), reason="keyCompromise", compromisedAt="2026-11-01T00:00:00Z")
    [change] = result.changes
    assert isinstance(change, RevokeCertificate)
    assert change.object_id == INC
    assert change.revocation_reason == "keyCompromise"
    assert change.invalidity_date.isoformat() == "2026-11-01T00:00:00+00:00"
    assert [reason.code for reason in change.reasons] == ["RevocationRequested"]
    assert change.path == change.source.path == "revocations/inc.yaml"


def test_every_certificate_with_a_key_is_revoked():
    result = planned(record(web(), 1), record(web(), 2), spkiSha256="ab" * 32)
    assert told(result) == ["revoke inc: RevocationRequested"] * 2
    assert {change.certificate.serial_number for change in result.changes} == {1, 2}


@pytest.mark.parametrize("reason", ["superseded", "certificateHold"])
def test_what_is_revoked_already_is_left_as_it_is(reason):
    done = record(web(), revocation=Revocation("keyCompromise", NOW))
    assert planned(done, reason=reason).changes == ()


def test_a_hold_becomes_a_revocation_and_not_the_other_way_round():
    assert told(planned(on_hold(), reason="keyCompromise")) == ["revoke inc: RevocationRequested"]
    assert planned(on_hold(), reason="certificateHold").changes == ()


def test_a_hold_is_released():
    [change] = planned(on_hold(), reason="certificateHold", release=True).changes
    assert isinstance(change, ReleaseHold)
    assert [reason.code for reason in change.reasons] == ["HoldReleased"]


def test_what_is_not_on_hold_is_not_released():
    for revoked in (None, Revocation("keyCompromise", NOW)):
        target = record(web(), revocation=revoked)
        result = planned(target, reason="certificateHold", release=True)
        assert result.changes == ()
        # Nobody is left to believe that it was lifted.
        assert [f.code for f in result.findings] == ["revocation.not_on_hold"] * bool(revoked)


def test_of_several_revocations_of_one_certificate_the_lost_key_is_what_is_said():
    reasons = {"a": "superseded", "b": "certificateHold", "c": "keyCompromise"}
    manifests = load(
        BASE, *(revocation(n, certificate="web", reason=r) for n, r in reasons.items())
    )
    targets = {ObjectId("Revocation", "", name): (record(web()),) for name in reasons}
    [change] = plan(manifests, observe(manifests, revocation_targets=targets)).changes
    assert isinstance(change, RevokeCertificate)
    assert change.revocation_reason == "keyCompromise"


def test_a_revocation_that_names_nothing_is_an_error():
    [finding] = planned().findings
    assert (finding.code, finding.severity) == ("revocation.names_nothing", "error")
    assert finding.source.path == "revocations/inc.yaml"


def test_only_the_revocation_that_is_named_is_carried_out():
    assert planned(record(web()), only=[ObjectId("Revocation", "", "other")]).changes == ()
    assert len(planned(record(web()), only=[INC]).changes) == 1


def test_a_revocation_that_is_removed_lifts_nothing():
    manifests = load(BASE)
    revoked = record(web(), revocation=Revocation("keyCompromise", NOW, None, INC))
    result = plan(manifests, observe(manifests, revoked, retired=[revoked.object_id]))
    assert result.changes == ()
