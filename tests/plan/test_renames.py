"""A certificate that goes on under another name, and what is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pki_as_code.model import CertificateRecord, RenameObject, Revocation
from tests.plan.worlds import (
    BASE,
    DAY,
    NOW,
    Files,
    certificate,
    certificate_id,
    load,
    observe,
    plan,
    profile,
    record,
    refused,
    request,
    reserved,
    told,
)

NAMES = {"subjectAltNames": ["www.example.com"]}


def issued(path: str, number: int = 9, *parts: Any, **spec: Any) -> CertificateRecord:
    policy = spec.pop("stored_policy", "Refuse")
    wanted = request(BASE, *parts, certificate(path, **{**NAMES, **spec}), path=path)
    return record(wanted, number, deletion_policy=policy)


def planned(parts: Files, *records: CertificateRecord, **more: Any) -> Any:
    manifests = load(BASE, parts)
    return plan(manifests, observe(manifests, *records), **more)


def test_the_same_under_another_name_is_renamed():
    result = planned(certificate("new", **NAMES), issued("old"))
    assert (told(result), refused(result)) == (["rename new: Renamed"], [])
    [change] = result.changes
    assert isinstance(change, RenameObject)
    assert change.previous == certificate_id("old")
    assert change.source.path == "certificates/new.yaml"


@pytest.mark.parametrize("policy", ["Refuse", "Retain", "Revoke"])
def test_a_rename_is_no_removal_whatever_the_policy(policy):
    result = planned(certificate("new", **NAMES), issued("old", stored_policy=policy))
    assert told(result) == ["rename new: Renamed"]


@pytest.mark.parametrize(
    "spec",
    [{"validity": "30d"}, {"key": "P-256/2"}, {"subjectAltNames": ["other.example.com"]}],
    ids=["validity", "key", "names"],
)
def test_a_rename_and_an_edit_at_once_is_none(spec):
    result = planned(certificate("new", **{**NAMES, **spec}), issued("old"))
    assert told(result) == ["issue new: DoesNotExist"]
    assert refused(result) == ["old: RemovedWhileValid"]


def test_labels_watchers_and_policies_may_change_with_the_name():
    parts = certificate("new", watchers=["a@example.com"], deletionPolicy="Retain", **NAMES)
    assert told(planned(parts, issued("old"))) == ["rename new: Renamed"]


def test_a_shared_edit_that_waits_for_renewal_does_not_keep_from_renaming():
    before = issued("old", 9, profile("own"), profile="own")
    after = {**profile("own", algorithm="SHA-512"), **certificate("new", profile="own", **NAMES)}
    assert told(planned(after, before)) == ["rename new: Renamed"]


@pytest.mark.parametrize("now", [NOW + 200 * DAY, NOW])
def test_only_a_valid_certificate_is_renamed(now):
    gone = issued("old")
    if now == NOW:
        gone = replace(gone, revocation=Revocation("superseded", NOW))
    result = planned(certificate("new", **NAMES), gone, now=now)
    assert told(result) == ["issue new: DoesNotExist", "retire old: Removed"]


def test_a_name_that_is_in_use_is_not_taken_over():
    result = planned(certificate("new", **NAMES), issued("old"), issued("new", 10, key="P-256/2"))
    assert told(result) == ["replace new: KeyChanged"]
    assert refused(result) == ["old: RemovedWhileValid"]


def test_two_that_came_for_one_that_left_are_not_guessed():
    parts = {**certificate("b", **NAMES), **certificate("c", **NAMES)}
    result = planned(parts, issued("a"))
    assert (told(result), refused(result)) == ([], ["a: RenameAmbiguous"])
    assert "a left and b, c came" in result.refused[0].reason.message


def test_two_that_left_for_one_that_came_are_not_guessed():
    result = planned(certificate("c", **NAMES), issued("a", 9), issued("b", 10))
    assert (told(result), refused(result)) == (
        [], ["a: RenameAmbiguous", "b: RenameAmbiguous"],
    )  # fmt: skip


def test_several_renames_at_once_are_each_their_own():
    parts = {**certificate("c", **NAMES), **certificate("d", key="P-256/2", **NAMES)}
    result = planned(parts, issued("a", 9), issued("b", 10, key="P-256/2"))
    previous = {change.object_id.name: change.previous.name for change in result.changes}
    assert previous == {"c": "a", "d": "b"}


@pytest.mark.parametrize("policy", ["Refuse", "Retain", "Revoke"])
def test_a_certificate_does_not_move_to_another_namespace(policy):
    result = planned(certificate("team/web", **NAMES), issued("web", stored_policy=policy))
    assert (told(result), refused(result)) == ([], ["web: MovedAcrossNamespaces"])
    assert "team" in result.refused[0].reason.message


def test_with_a_key_of_its_own_another_team_may_have_the_names():
    result = planned(
        certificate("team/web", key="P-256/2", **NAMES), issued("web", stored_policy="Retain")
    )
    assert told(result) == ["issue team/web: DoesNotExist", "retire web: Retained"]


def test_a_reservation_is_cleared_before_its_object_is_renamed():
    manifests = load(BASE, certificate("new", **NAMES))
    old = request(BASE, certificate("old", **NAMES), path="old")
    observation = observe(manifests, record(old))
    later = replace(observation, reservations=())
    open_one = reserved(observe(load(BASE, certificate("old", **NAMES))), load(
        BASE, certificate("old", **NAMES)), old).reservations  # fmt: skip
    result = plan(manifests, replace(observation, reservations=open_one))
    assert told(result) == ["abandon old: NoLongerAsked"]
    assert told(plan(manifests, later)) == ["rename new: Renamed"]


def test_a_plan_of_something_else_renames_nothing():
    manifests = load(BASE, certificate("new", **NAMES), certificate("x", key="P-256/2", **NAMES))
    result = plan(manifests, observe(manifests, issued("old")), only=[certificate_id("x")])
    assert told(result) == ["issue x: DoesNotExist"]
