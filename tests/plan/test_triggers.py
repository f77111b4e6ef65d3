"""Why a certificate is issued, and why it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pki_as_code.model import (
    Action,
    CertificateRecord,
    CertificateRequest,
    Observed,
    Plan,
    Revocation,
)
from pki_as_code.plan.triggers import Candidate, changed_fields, find_reasons
from tests.plan.worlds import (
    BASE,
    DAY,
    NOW,
    authority,
    certificate,
    load,
    observe,
    plan,
    profile,
    project,
    record,
    told,
    web,
)

SECOND = timedelta(seconds=1)


def found(
    wanted: CertificateRequest,
    current: CertificateRecord | None,
    renewal_time: Any = None,
    now: Any = NOW,
    **observed: Any,
) -> tuple[Action | None, list[str]]:
    seen = Observed(wanted.object_id, current, **observed)
    action, reasons = find_reasons(Candidate(wanted, seen, renewal_time, now))
    return action, [reason.code for reason in reasons]


def message(wanted: CertificateRequest, current: CertificateRecord) -> str:
    candidate = Candidate(wanted, Observed(wanted.object_id, current), None, NOW)
    [reason] = find_reasons(candidate)[1]
    return reason.message


def plan_again(*parts: Any, issued: tuple[Any, ...] = (), now: Any = NOW, **spec: Any) -> Plan:
    """Plan `web` as it is now, after it was issued as `issued` (fields) has it."""
    before = dict(issued)
    current = record(web(**before))
    manifests = load(
        BASE, *parts, certificate("web", **{"subjectAltNames": ["www.example.com"], **spec})
    )
    return plan(manifests, observe(manifests, current), now=now)


# --- Each trigger --------------------------------------------------------------------------------


def test_what_was_never_issued_does_not_exist():
    assert found(web(), None) == (Action.ISSUE, ["DoesNotExist"])


def test_what_was_issued_is_left_alone():
    assert found(web(), record(web())) == (None, [])


def test_a_retired_object_starts_anew():
    assert found(web(), record(web()), retired=True) == (Action.ISSUE, ["DoesNotExist"])


def test_another_key_replaces():
    assert found(web(key="P-256/2"), record(web())) == (Action.REPLACE, ["KeyChanged"])


def test_another_key_and_other_names_are_two_reasons():
    wanted = web(key="P-256/2", subjectAltNames=["a.example.com"])
    assert found(wanted, record(web())) == (Action.REPLACE, ["KeyChanged", "RequestChanged"])


def test_a_raised_reissue_replaces_and_a_lowered_one_does_not():
    assert found(web(reissue=2), record(web(reissue=1))) == (Action.REPLACE, ["ReissueRequested"])
    assert found(web(reissue=0), record(web(reissue=1))) == (None, [])


def test_changed_names_are_told_one_by_one():
    before = record(web(subject="CN=a", subjectAltNames=["one.example.com", "10.0.0.1"]))
    after = web(subject="CN=a", subjectAltNames=["two.example.com", "one.example.com"])
    assert message(after, before) == "subjectAltNames +two.example.com -10.0.0.1"


def test_names_in_another_order_are_a_change_that_is_told():
    before = record(web(subject="CN=a", subjectAltNames=["one.example.com", "two.example.com"]))
    after = web(subject="CN=a", subjectAltNames=["two.example.com", "one.example.com"])
    assert message(after, before) == "subjectAltNames in another order"


def test_a_changed_validity_is_told_with_old_and_new():
    assert message(web(validity="30d"), record(web())) == "validitySeconds 7776000 -> 2592000"
    told_now = message(web(notAfter="2027-01-31T00:00:00Z"), record(web()))
    assert told_now == "notAfter none -> 2027-01-31T00:00:00Z; validitySeconds 7776000 -> none"


def test_changed_extensions_are_told_by_name():
    wanted = web(extensions={"tlsFeature": {"value": ["status_request"]}})
    assert message(wanted, record(web())) == "extensions tlsFeature"


def test_another_profile_or_issuer_in_the_manifest_replaces():
    assert message(web(profile="client"), record(web())) == (
        "extensions extendedKeyUsage, keyUsage; profile webserver -> client"
    )
    second = authority("second")
    assert message(web(second, issuer="second"), record(web())) == "issuer issuing -> second"


def test_renewal_is_due_from_its_time_on():
    current = record(web())
    due = current.not_after - 30 * DAY
    assert found(web(), current, due, due - SECOND) == (None, [])
    assert found(web(), current, due, due) == (Action.RENEW, ["NearingExpiry"])
    assert found(web(), current, due, current.not_after) == (Action.RENEW, ["NearingExpiry"])
    assert found(web(), current, due, current.not_after + SECOND) == (Action.RENEW, ["Expired"])


def test_what_nobody_renews_expires():
    current = record(web())
    assert found(web(), current, None, current.not_after + DAY) == (None, [])


def test_a_change_that_is_due_for_renewal_too_is_a_replacement():
    current = record(web())
    action, codes = found(web(validity="30d"), current, NOW, NOW)
    assert (action, codes) == (Action.REPLACE, ["RequestChanged", "NearingExpiry"])


# --- The words of a manifest, and their effect ---------------------------------------------------


def test_a_default_that_is_written_out_changes_nothing():
    assert told(plan_again(profile="webserver")) == []
    assert told(plan_again(issuer="issuing", validity="90d", subject="CN=www.example.com")) == []
    assert told(plan_again(subject="CN=www.example.com", subjectAltNames=[])) == []


def test_a_default_that_is_written_out_does_not_bring_in_what_else_was_changed():
    """Else a word too many in a manifest would re-sign it at the next edit of a profile."""
    edited = profile("webserver", validity={"default": "30d"})
    assert told(plan_again(edited, profile="webserver")) == []
    published = project(baseUrl="http://pki.example.com", defaults={"issuer": "issuing"})
    assert told(plan_again(published, issuer="issuing", validity="90d")) == []
    usage = {"keyUsage": {"critical": True, "value": ["digitalSignature", "keyAgreement"]}}
    assert told(plan_again(published, extensions=usage)) == []


def test_a_change_that_has_an_effect_takes_up_what_else_was_changed():
    edited = profile("webserver", validity={"default": "30d"})
    planned = plan_again(edited, subjectAltNames=["www.example.com", "www.example.net"])
    assert told(planned) == ["replace web: RequestChanged"]
    assert planned.changes[0].request.validity_seconds == 30 * 86400


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"profile": "client"}, {}),
        ({}, {"profile": "client"}),
        ({"validity": "30d"}, {}),
        ({"validity": "30d"}, {"validity": "31d"}),
        ({"notAfter": "2027-01-31T00:00:00Z"}, {}),
        ({"algorithm": "SHA-512"}, {}),
        ({}, {"subject": "C=AT,CN=www.example.com"}),
        ({"subject": "C=AT"}, {}),
        (
            {"subject": "CN=a.example.com"},
            {"subject": "CN=a.example.com", "commonNameInSan": False},
        ),
        ({"extensions": {"tlsFeature": {"value": ["status_request"]}}}, {}),
        ({}, {"extensions": {"keyUsage": {"value": ["digitalSignature"]}}}),
        ({}, {"subjectAltNames": ["email:a@example.com"]}),
    ],
)
def test_every_field_with_an_effect_is_noticed(before, after):
    assert told(plan_again(issued=tuple(before.items()), **after)) == [
        "replace web: RequestChanged"
    ]


def test_an_edited_profile_changes_nothing_until_renewal():
    edited = profile("webserver", validity={"default": "30d"})
    planned = plan_again(edited)
    assert told(planned) == []
    assert planned.unchanged == 3
    later = plan_again(edited, now=NOW + 85 * DAY)
    assert told(later) == ["renew web: NearingExpiry"]
    assert later.changes[0].request.validity_seconds == 30 * 86400


@pytest.mark.parametrize(
    "shared",
    [
        project(baseUrl="http://pki.example.com", defaults={"issuer": "issuing"}),
        project(defaults={"issuer": "issuing", "subject": "O=New"}),
        authority("issuing", parent="root", pathLength=0, algorithm="SHA-512"),
        {**authority("second"), **project(defaults={"issuer": "second"})},
    ],
    ids=["base URL", "subject", "hash", "default issuer"],
)
def test_an_edit_of_something_shared_changes_nothing_until_renewal(shared):
    planned = plan_again(shared)
    assert [line for line in told(planned) if "web" in line] == []


def test_labels_watchers_and_renewal_windows_sign_nothing():
    planned = plan_again(
        metadata={"labels": {"team": "a"}},
        watchers=["a@example.com"],
        renewal={"mode": "Automatic", "before": "20d"},
        onSupersede="Revoke",
        supersedeDelay="1d",
    )
    assert (told(planned), planned.findings, planned.unchanged) == ([], (), 3)


# --- Renewal times -------------------------------------------------------------------------------


def test_a_renewal_window_is_counted_from_the_end():
    for days, expected in ((59, []), (61, ["renew web: NearingExpiry"])):
        planned = plan_again(renewal={"before": "30d"}, now=NOW + days * DAY)
        assert told(planned) == expected


def test_a_window_longer_than_the_lifetime_does_not_renew_in_every_run():
    assert told(plan_again(renewal={"before": "200d"}, now=NOW + DAY)) == []
    assert told(plan_again(renewal={"before": "200d"}, now=NOW + 10 * DAY)) == [
        "renew web: NearingExpiry"
    ]


# --- Revoked certificates ------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["keyCompromise", "superseded", "certificateHold"])
def test_a_revoked_certificate_is_not_issued_again_with_its_key(reason):
    revoked = record(web(), revocation=Revocation(reason, NOW))
    for wanted in ({}, {"reissue": 1}, {"subjectAltNames": ["other.example.com"]}):
        manifests = load(
            BASE, certificate("web", **{"subjectAltNames": ["www.example.com"], **wanted})
        )
        planned = plan(manifests, observe(manifests, revoked), now=NOW + 200 * DAY)
        assert told(planned) == []
        [finding] = planned.findings
        assert (finding.code, finding.severity) == ("certificate.revoked", "warning")
        assert finding.source.path == "certificates/web.yaml"


def test_a_revoked_certificate_is_replaced_when_there_is_a_new_key():
    revoked = record(web(), revocation=Revocation("keyCompromise", NOW))
    manifests = load(BASE, certificate("web", key="P-256/2", subjectAltNames=["www.example.com"]))
    planned = plan(manifests, observe(manifests, revoked))
    assert told(planned) == ["replace web: KeyChanged"]
    assert planned.changes[0].replaces == revoked


def test_changed_fields_has_what_differs():
    assert changed_fields({"a": 1, "b": 2}, {"b": 3, "c": None}) == {"a": (1, None), "b": (2, 3)}
