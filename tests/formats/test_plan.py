from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml

from pki_as_code.formats import PLAN_FORMATS
from pki_as_code.formats.plan import MARKS, format_plan
from pki_as_code.formats.plan_json import format_plan_json, plan_json
from pki_as_code.model import (
    CERTIFICATE,
    AbandonReservation,
    Action,
    AdoptAuthority,
    BlockKey,
    Finding,
    FinishReservation,
    IssueCertificate,
    ObjectId,
    Plan,
    PublishCrl,
    Reason,
    Refusal,
    ReleaseHold,
    RenameObject,
    RequestedExtension,
    Reservation,
    RetireObject,
    Revocation,
    RevokeCertificate,
    Severity,
    Source,
    UpdateObject,
)
from tests.formats.conftest import NOW, ROOT, make_plan, make_record, make_request

ISSUE = IssueCertificate(
    make_request(),
    Action.ISSUE,
    (Reason("DoesNotExist", "no certificate was issued for it yet"),),
    Source("certificates/payments/api.yaml", 4, 1),
)
REPLACE = IssueCertificate(
    make_request(object_id=ObjectId(CERTIFICATE, "default", "web")),
    Action.REPLACE,
    (Reason("RequestChanged", "subjectAltNames +www2.example.com"),),
    Source("certificates/web.yaml"),
    replaces=make_record(),
)
REVOKE = RevokeCertificate(
    ObjectId("Revocation", "", "inc-4711"),
    make_record(object_id=ObjectId(CERTIFICATE, "default", "old-vpn"), serial_number=0x7ABB32),
    "keyCompromise",
    None,
    (Reason("RevocationRequested", "inc-4711 asks for it"),),
    Source("revocations/inc-4711.yaml"),
)
REFUSED = Refusal(
    ObjectId(CERTIFICATE, "default", "legacy"),
    Reason("StillValid", "removed while valid until 2027-02-21 (deletionPolicy Refuse)"),
)


def every_kind_of_change() -> tuple[object, ...]:
    reasons = (Reason("Because", "of it"),)
    record = make_record(revocation=Revocation("certificateHold", NOW))
    reservation = Reservation(
        ObjectId(CERTIFICATE, "default", "dead"),
        "issuing",
        0xABCD,
        b"",
        make_request().to_json(),
        "sha256:1",
        {},
        "DoesNotExist",
        None,
        "",
        "",
        "Refuse",
    )
    return (
        ISSUE,
        REPLACE,
        replace(REPLACE, action=Action.RENEW),
        FinishReservation(reservation, make_request(), reasons),
        AbandonReservation(reservation, reasons),
        AdoptAuthority(ROOT, b"der", "root", reasons, None),
        REVOKE,
        ReleaseHold(ObjectId("Revocation", "", "hold"), record, reasons, None),
        RenameObject(
            ObjectId(CERTIFICATE, "default", "new"),
            ObjectId(CERTIFICATE, "default", "old"),
            record,
            reasons,
            None,
        ),
        RetireObject(ObjectId(CERTIFICATE, "default", "gone"), record, reasons),
        UpdateObject(
            ObjectId(CERTIFICATE, "default", "kept"), make_record(), "Retain", reasons, None
        ),
        BlockKey(ObjectId("Revocation", "", "lost"), "ab" * 32, reasons, None),
        PublishCrl("issuing", "full", reasons, None),
    )


def everything() -> Plan:
    return make_plan(changes=every_kind_of_change(), refused=(REFUSED,), unchanged=412)


def test_a_plan_is_printed_as_documented():
    plan = make_plan(changes=(ISSUE, REPLACE, REVOKE), refused=(REFUSED,), unchanged=412)
    assert format_plan(plan) == (
        "Plan for 4c1f9e2 (base 1a2b3c4), store git:pki-issued\n"
        "\n"
        "  + issue    certificate payments/api  issuing  90d  "
        "api.payments.example.com, 10.0.0.7  O=Example,CN=api.payments.example.com  "
        "for any purpose   certificates/payments/api.yaml:4\n"
        "  ~ replace  certificate web           issuing  "
        "RequestChanged: subjectAltNames +www2.example.com  for any purpose\n"
        "  - revoke   certificate old-vpn       issuing  7A:BB:32  keyCompromise\n"
        "  ! refuse   certificate legacy        "
        "removed while valid until 2027-02-21 (deletionPolicy Refuse)\n"
        "\n"
        "1 to issue, 1 to replace, 0 to renew, 1 to revoke, 1 refused, 412 unchanged.   "
        f"digest {plan.digest}\n"
    )


def test_nothing_to_do_is_a_calm_sentence():
    text = "No changes. The issued store matches the manifests at 4c1f9e2.\n"
    assert format_plan(make_plan()) == text
    assert format_plan(make_plan(unchanged=412)) == text


def test_the_working_tree_has_no_commit():
    assert (
        format_plan(make_plan(commit=""))
        == "No changes. The issued store matches the manifests in the working tree.\n"
    )
    plan = make_plan(commit="", base="", changes=(ISSUE,))
    assert format_plan(plan).startswith(
        "Plan for the working tree (nothing reconciled before), store git:pki-issued\n"
    )


def test_a_refusal_shows_the_way_out():
    refusal = replace(REFUSED, help="set deletionPolicy, revoke it, or bring the manifest back")
    assert (
        "\n             = help: set deletionPolicy, revoke it, or bring the manifest back\n"
        in format_plan(make_plan(refused=(refusal,)))
    )


def test_findings_are_part_of_the_plan():
    finding = Finding("a.b", "look at this", severity=Severity.WARNING)
    assert "warning[a.b]: look at this" in format_plan(make_plan(findings=(finding,)))
    assert "warning[a.b]" in format_plan(make_plan(changes=(ISSUE,), findings=(finding,)))


def test_every_name_of_a_certificate_is_shown():
    names = tuple(f"DNS:host{number}.example.com" for number in range(300))
    plan = make_plan(
        changes=(replace(ISSUE, request=make_request(subject_alternative_names=names)),)
    )
    assert all(name.removeprefix("DNS:") in format_plan(plan) for name in names)


def test_a_certificate_without_alternative_names_shows_its_subject():
    request = make_request(object_id=ROOT, subject_alternative_names=(), is_ca=True)
    plan = make_plan(changes=(replace(ISSUE, request=request),))
    assert "authority root" in format_plan(plan)
    assert "O=Example,CN=api.payments.example.com" in format_plan(plan)


@pytest.mark.parametrize(
    ("changes", "lifetime"),
    [
        ({"validity_seconds": 36 * 3600}, "36h"),
        ({"validity_seconds": 90 * 60}, "90m"),
        ({"validity_seconds": 61}, "61s"),
        ({"validity_seconds": None, "not_after": datetime(2027, 1, 31, tzinfo=UTC)},
         "until 2027-01-31"),
    ],
)  # fmt: skip
def test_the_lifetime_is_shown(changes, lifetime):
    plan = make_plan(changes=(replace(ISSUE, request=make_request(**changes)),))
    assert f"issuing  {lifetime}  " in format_plan(plan)


def test_one_long_name_does_not_push_the_columns_of_the_others_away():
    long = replace(REFUSED, object_id=ObjectId(CERTIFICATE, "default", "x" * 200))
    lines = format_plan(make_plan(changes=(ISSUE,), refused=(long,))).split("\n")
    assert lines[2].startswith("  + issue    certificate payments/api  issuing")


def test_no_line_ends_in_blanks():
    assert all(line == line.rstrip() for line in format_plan(everything()).split("\n"))


def test_what_is_said_of_many_is_said_of_a_few_and_counted():
    said = tuple(
        Finding("certificate.revoked", f"host-{n} is revoked", severity=Severity.WARNING)
        for n in range(60)
    )
    errors = tuple(Finding("csr.key_shared", f"key {n}") for n in range(12))
    text = format_plan(make_plan(findings=(*said, *errors)))
    assert text.count("warning[certificate.revoked]") == 10
    assert "... and 50 more certificate.revoked; `pkictl plan --output json` has them all." in text
    assert text.count("error[csr.key_shared]") == 12


def test_every_action_has_a_mark_and_is_printed():
    assert set(MARKS) == set(Action)
    text = format_plan(everything())
    for action in Action:
        assert f"\n  {MARKS[action]} {action.value:8} " in text
    assert (
        "1 to issue, 1 to replace, 1 to renew, 1 to revoke, 1 to release, 1 to adopt, 1 to rename, "
        "1 to retire, 1 to update, 1 to block, 1 to publish, 1 to finish, 1 to abandon, 1 refused, "
        "412 unchanged." in text
    )
    assert "certificate new           issuing  was old  Because: of it" in text


def test_whoever_approves_sees_names_subject_and_purposes():
    given = (RequestedExtension("extendedKeyUsage", False, ["serverAuth", "codeSigning"]),)
    for names, subject, told in (
        (("DNS:a.example",), "CN=a.example", "90d  a.example  for serverAuth, codeSigning"),
        (("DNS:a.example",), "", "90d  a.example  for serverAuth, codeSigning"),
        (("DNS:a.example",), "O=Bank,CN=a", "90d  a.example  O=Bank,CN=a  for serverAuth, code"),
        ((), "O=Bank,CN=a", "90d  O=Bank,CN=a  for serverAuth, codeSigning"),
        (("DNS:xn--pypal-4ve.com",), "", "xn--pypal-4ve.com (p\u0430ypal.com)  for serverAuth"),
    ):
        request = make_request(subject_alternative_names=names, subject=subject, extensions=given)
        change = IssueCertificate(request, Action.ISSUE, (), None)
        assert told in format_plan(make_plan(changes=(change,)))
    change = replace(REPLACE, request=make_request(extensions=given))
    assert "www2.example.com  for serverAuth, codeSigning" in format_plan(
        make_plan(changes=(change,))
    )


def test_every_reason_is_shown():
    change = replace(REPLACE, reasons=(Reason("KeyChanged", "a"), Reason("RequestChanged", "b")))
    assert "KeyChanged: a; RequestChanged: b" in format_plan(make_plan(changes=(change,)))


def test_colour_repeats_what_the_marks_say():
    coloured = format_plan(everything(), color=True)
    assert "\x1b[32m+\x1b[0m \x1b[32missue\x1b[0m    certificate" in coloured
    assert "\x1b" not in format_plan(everything())


def test_text_of_others_is_inert(hostile, inert):
    if hostile == "\ud800":
        pytest.skip("what is no Unicode text cannot be digested, and is in no manifest")
    reasons = (Reason(hostile, hostile),)
    source = Source(hostile)
    bad = ObjectId(CERTIFICATE, hostile, hostile)
    record = make_record(object_id=bad, issuer=hostile)
    request = make_request(
        object_id=bad, issuer=hostile, subject_alternative_names=(hostile,), subject=hostile
    )
    plan = make_plan(
        changes=(
            IssueCertificate(request, Action.ISSUE, reasons, source),
            replace(REPLACE, request=request, reasons=reasons),
            RevokeCertificate(bad, record, hostile, None, reasons, source),
            RenameObject(bad, bad, record, reasons, source),
        ),
        refused=(Refusal(bad, Reason(hostile, hostile), source, hostile),),
        findings=(Finding("a.b", hostile, source),),
        commit=hostile,
        base=hostile,
        store=hostile,
    )
    assert inert(format_plan(plan))
    # Of the lines of `github`, some are commands: test_github.py reads those.
    forms = {name: form for name, form in PLAN_FORMATS.items() if name != "github"}
    assert all(inert(format_output(plan)) for format_output in forms.values())


def test_json_is_as_documented():
    plan = make_plan(changes=(ISSUE,), unchanged=412)
    assert plan_json(plan) == {
        "schemaVersion": 1,
        "commit": plan.commit,
        "base": plan.base,
        "plannedAt": "2026-11-23T10:00:00Z",
        "store": "git:pki-issued",
        "digest": plan.digest,
        "changes": [
            {
                "action": "issue",
                "kind": "Certificate",
                "namespace": "payments",
                "name": "api",
                "issuer": "issuing",
                "reasons": [
                    {"code": "DoesNotExist", "message": "no certificate was issued for it yet"}
                ],
                "source": {"path": "certificates/payments/api.yaml", "line": 4, "column": 1},
                "before": None,
                "after": {
                    "subject": "O=Example,CN=api.payments.example.com",
                    "subjectAltNames": ["DNS:api.payments.example.com", "IP:10.0.0.7"],
                    "notAfter": "2027-02-21T10:00:00Z",
                    "profile": "webserver",
                    "issuer": "issuing",
                    "publicKeySha256": make_request().public_key_sha256,
                    "extensions": {"keyUsage": {"critical": True, "value": ["digitalSignature"]}},
                    "validitySeconds": 90 * 86400,
                    "backdateSeconds": make_request().backdate_seconds,
                    "hashAlgorithm": make_request().hash_algorithm,
                    "deletionPolicy": "Refuse",
                },
                "allowedBy": [],
            }
        ],
        "refused": [],
        "findings": [],
        "summary": {
            "issue": 1,
            "replace": 0,
            "renew": 0,
            "revoke": 0,
            "refused": 0,
            "unchanged": 412,
        },
    }


def test_json_shows_what_is_replaced_and_revoked():
    changes = json.loads(format_plan_json(everything()))["changes"]
    by_action = {change["action"]: change for change in changes}
    assert by_action["replace"]["before"]["serialNumber"] == "49:BC:F2:87"
    assert by_action["revoke"]["before"]["serialNumber"] == "7A:BB:32"
    assert by_action["revoke"]["after"] is None
    assert by_action["revoke"]["revocation"] == {"reason": "keyCompromise", "invalidityDate": None}
    assert by_action["release"]["before"]["revocation"]["reason"] == "certificateHold"
    assert by_action["release"]["after"]["revocation"] is None
    assert by_action["rename"]["previous"] == {
        "kind": "Certificate",
        "namespace": "default",
        "name": "old",
    }
    before, after = by_action["update"]["before"], by_action["update"]["after"]
    assert (before["deletionPolicy"], after["deletionPolicy"]) == ("Refuse", "Retain")
    assert {name for name in after if after[name] != before[name]} == {"deletionPolicy"}
    assert by_action["block"]["before"] is None
    assert by_action["block"]["after"]["publicKeySha256"] == "ab" * 32
    assert by_action["finish"]["after"]["subject"] == "O=Example,CN=api.payments.example.com"


def test_json_has_no_key_digest_while_the_key_does_not_exist():
    plan = make_plan(changes=(replace(ISSUE, request=make_request(public_key_der=b"")),))
    assert plan_json(plan)["changes"][0]["after"]["publicKeySha256"] is None


def test_yaml_says_the_same_as_json():
    plan = everything()
    assert yaml.safe_load(PLAN_FORMATS["yaml"](plan)) == json.loads(format_plan_json(plan))


@pytest.mark.parametrize("name", PLAN_FORMATS)
def test_every_format_ends_its_last_line(name):
    assert PLAN_FORMATS[name](everything()).endswith("\n")
