"""Keys that are blocked, what was superseded, policies that change, Revocations that are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pki_as_code.manifests.revocation import Revocation as RevocationManifest
from pki_as_code.model import BlockedKey, BlockKey, ObjectId, Revocation
from pki_as_code.plan.blocked_keys import lost_keys
from tests.plan.worlds import (
    BASE,
    DAY,
    NOW,
    authority,
    authority_id,
    certificate,
    load,
    observe,
    plan,
    record,
    refused,
    revocation,
    told,
    web,
)

DIGEST = "ab" * 32
NAMES = {"subjectAltNames": ["www.example.com"]}
INC = ObjectId("Revocation", "", "inc")


def codes(planned: Any) -> list[str]:
    return [finding.code for finding in planned.findings]


def test_a_key_that_nobody_has_is_blocked_and_named_something():
    planned = plan(load(BASE, revocation("inc", spkiSha256=DIGEST, reason="keyCompromise")))
    assert told(planned)[-1] == "block inc: KeyCompromised"
    assert planned.changes[-1].spki_sha256 == DIGEST
    assert codes(planned) == []


def test_a_blocked_key_is_not_blocked_again():
    manifests = load(BASE, revocation("inc", spkiSha256=DIGEST, reason="keyCompromise"))
    blocked = {DIGEST: BlockedKey(DIGEST, None, INC)}
    planned = plan(manifests, observe(manifests, blocked_keys=blocked))
    assert (told(planned), codes(planned)) == ([], [])


@pytest.mark.parametrize(
    ("path", "reason"), [("inc", "superseded"), ("payments/inc", "keyCompromise")]
)
def test_only_administrators_and_only_for_compromise_block_a_key_of_nobody(path, reason):
    manifests = load(BASE, revocation(path, spkiSha256=DIGEST, reason=reason))
    planned = plan(manifests, observe(manifests))
    assert not any(isinstance(change, BlockKey) for change in planned.changes)
    assert codes(planned) == ["revocation.names_nothing"]


def test_a_revoked_certificate_speaks_for_its_key():
    manifests = load(
        BASE,
        certificate("web", **NAMES),
        revocation("inc", certificate="web", reason="keyCompromise"),
    )
    current = record(web())
    planned = plan(manifests, observe(manifests, current, revocation_targets={INC: (current,)}))
    assert told(planned) == ["revoke inc: RevocationRequested"]


def test_a_key_whose_certificate_was_revoked_for_another_reason_is_blocked_by_itself():
    manifests = load(
        BASE,
        certificate("web", **NAMES),
        revocation("inc", certificate="web", reason="keyCompromise"),
    )
    current = record(web(), revocation=Revocation("superseded", NOW))
    planned = plan(manifests, observe(manifests, current, revocation_targets={INC: (current,)}))
    assert told(planned) == ["block inc: KeyCompromised"]
    assert lost_keys(manifests, {INC: (current,)}) == {current.public_key_sha256: INC}


# --- Superseded ----------------------------------------------------------------------------------


def superseded(after_days: float, **spec: Any) -> list[str]:
    """Plan so long after `web` was followed by another certificate."""
    manifests = load(BASE, certificate("web", **NAMES, **spec))
    previous = replace(record(web(), 0x1001), superseded_at=NOW)
    observation = observe(manifests, record(web(), 0x1002), superseded=(previous,))
    planned = plan(manifests, observation, now=NOW + after_days * DAY)
    assert all(change.certificate.serial_number == 0x1001 for change in planned.changes)
    return told(planned)


@pytest.mark.parametrize(
    ("days", "spec", "expected"),
    [
        (6.9, {}, []),
        (7, {}, ["revoke web: Superseded"]),
        (1.9, {"supersedeDelay": "2d"}, []),
        (2, {"supersedeDelay": "2d"}, ["revoke web: Superseded"]),
    ],
)
def test_what_was_superseded_is_revoked_when_its_delay_has_passed(days, spec, expected):
    assert superseded(days, onSupersede="Revoke", **spec) == expected


def test_a_superseded_certificate_that_is_revoked_anyway_is_revoked_once():
    manifests = load(
        BASE, certificate("web", onSupersede="Revoke", **NAMES),
        revocation("inc", serial="10:01", issuer="issuing", reason="keyCompromise"),
    )  # fmt: skip
    previous = replace(record(web(), 0x1001), superseded_at=NOW)
    targets = {INC: (previous,)}
    observation = observe(
        manifests, record(web(key="P-256/2"), 0x1002), superseded=(previous,),
        revocation_targets=targets,
    )  # fmt: skip
    planned = plan(manifests, observation, now=NOW + 8 * DAY)
    assert [line for line in told(planned) if "revoke" in line] == [
        "revoke inc: RevocationRequested"
    ]


# --- Policies, removals --------------------------------------------------------------------------


def test_an_edited_policy_reaches_the_store_and_only_of_what_is_valid():
    manifests = load(BASE, certificate("web", deletionPolicy="Retain", **NAMES))
    assert told(plan(manifests, observe(manifests, record(web())))) == [
        "update web: DeletionPolicyChanged"
    ]
    lost = record(web(), revocation=Revocation("superseded", NOW))
    assert told(plan(manifests, observe(manifests, lost))) == []


def test_what_is_signed_anew_brings_its_policy_along():
    manifests = load(BASE, certificate("web", deletionPolicy="Retain", reissue=1, **NAMES))
    planned = plan(manifests, observe(manifests, record(web())))
    assert told(planned) == ["replace web: ReissueRequested"]
    assert planned.changes[0].deletion_policy == "Retain"


def test_a_certificate_revoked_and_removed_at_once_is_retired_with_its_revocation():
    manifests = load(BASE, revocation("inc", certificate="web", reason="keyCompromise"))
    current = record(web())
    planned = plan(manifests, observe(manifests, current, revocation_targets={INC: (current,)}))
    assert told(planned) == ["revoke inc: RevocationRequested", "retire web: Removed"]
    # An error in the Revocation keeps both out of the plan: nothing is retired unrevoked.
    assert {change.source.path for change in planned.changes} == {"revocations/inc.yaml"}


def test_an_expired_authority_stays_while_something_it_signed_is_valid():
    manifests = load(BASE)
    other = load(BASE, authority("x", validity="7300d"))
    observation = observe(other)
    much_later = NOW + 8000 * DAY
    planned = plan(manifests, observation, now=much_later)
    assert "retire x: Removed" in told(planned)
    planned = plan(
        manifests, replace(observation, signed_valid=(authority_id("x"),)), now=much_later
    )
    assert "x: RemovedWhileValid" in refused(planned)


@pytest.mark.parametrize(
    ("reason", "way_out"), [("superseded", "new certificate"), ("certificateHold", "release: true")]
)
def test_a_removed_revocation_is_told_to_be_permanent(reason, way_out):
    before = load(BASE, revocation("inc", certificate="web", reason=reason))
    manifests = load(BASE)
    removed = tuple(before.of(RevocationManifest).values())
    planned = plan(manifests, observe(manifests, removed_revocations=removed))
    [finding] = planned.findings
    assert (finding.code, str(finding.severity)) == ("revocation.permanent", "info")
    assert "revocations/inc.yaml" in finding.message
    assert way_out in finding.help
