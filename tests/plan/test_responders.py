"""OCSP responders: who has one, when it is renewed, and what it does not get in the way of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pki_as_code.errors import UnsafePlanError
from pki_as_code.model import RESPONDER, Plan, Revocation, Severity
from pki_as_code.plan.guards import guard_plan
from pki_as_code.plan.linting import Linting
from pki_as_code.plan.observation import Observation
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.responders import resolve_responder, responder_id, responder_key_uri
from tests.pkix.csr_maker import private_key, public_key_info
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
    profile,
    project,
    record,
    reserved,
    told,
)

ID = responder_id("issuing")
BELOW = {"parent": "root", "pathLength": 0}


def issuing(**spec):
    return authority("issuing", **{**BELOW, "usages": ["sign", "crl", "ocsp"], **spec})


def resolved(manifests, key: str = "P-256"):
    found = manifests.authority("issuing")
    end = Preview(manifests, {}, NOW, Linting()).chain(found)[0].not_valid_after_utc
    return resolve_responder(found, manifests, end, NOW, public_key_info(private_key(key)))


def answering(manifests, **options) -> Observation:
    """Return an observation in which the responder of `issuing` has a certificate."""
    return observe(manifests, record(resolved(manifests), 0x3001, **options))


def responders(planned: Plan) -> list[str]:
    return told(planned, responders=True)


def test_an_authority_that_answers_gets_a_responder():
    manifests = load(BASE, issuing())
    planned = plan(manifests)
    assert responders(planned) == ["issue issuing: DoesNotExist"]
    (change,) = planned.changes
    assert change.request.subject == "CN=issuing OCSP responder"
    assert change.request.validity_seconds == 14 * 86400
    assert change.request.profile == "ocsp"
    names = [extension.name for extension in change.request.extensions]
    assert names == ["extendedKeyUsage", "keyUsage", "ocspNoCheck"]
    assert responders(plan(manifests, answering(manifests))) == []


def test_it_comes_with_a_new_authority_in_one_plan():
    manifests = load(BASE, issuing())
    nothing = Observation()
    planned = plan(manifests, nothing)
    assert [change.object_id for change in planned.changes] == [
        authority_id("root"), authority_id("issuing"), ID,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "spec", [{"usages": ["sign", "crl"]}, {"mode": "offline"}], ids=["without ocsp", "offline"]
)
def test_others_get_none(spec):
    manifests = load(BASE, issuing(**spec))
    assert responders(plan(manifests)) == []


def test_a_retired_authority_goes_on_with_its_responder():
    manifests = load(BASE, issuing(usages=["crl", "ocsp"]))
    assert responders(plan(manifests)) == ["issue issuing: DoesNotExist"]


def test_it_is_renewed_when_a_third_of_its_life_is_left_and_not_before():
    manifests = load(BASE, issuing())
    observation = answering(manifests)
    current = observation.objects[ID].current
    due = current.not_after - (current.not_after - current.not_before) / 3
    assert responders(plan(manifests, observation, now=due - timedelta(seconds=1))) == []
    assert responders(plan(manifests, observation, now=due)) == ["renew issuing: NearingExpiry"]
    late = current.not_after + DAY
    assert responders(plan(manifests, observation, now=late)) == ["renew issuing: Expired"]


def test_one_that_ends_with_its_authority_is_not_renewed():
    manifests = load(BASE, issuing(validity="10d"))
    found = resolved(manifests)
    assert found.validity_seconds is None
    observation = answering(manifests)
    assert observation.objects[ID].current.not_after == found.not_after
    assert responders(plan(manifests, observation, now=NOW + 9 * DAY)) == []
    assert responders(plan(manifests, observe(manifests), now=NOW + 11 * DAY)) == []


def test_a_lost_key_is_replaced_and_any_other_is_kept():
    manifests = load(BASE, issuing())
    observation = answering(manifests)
    lost = replace(observation, lost_keys=[ID])
    assert responders(plan(manifests, lost)) == ["replace issuing: KeyChanged"]
    other = load(BASE, issuing(ocsp={"responder": {"key": {"type": "RSA"}}}))
    assert responders(plan(other, observation)) == []


def test_what_the_authority_says_of_it_is_taken_up_and_what_the_profile_says_at_renewal():
    before = load(BASE, issuing())
    observation = answering(before)
    shorter = load(BASE, issuing(ocsp={"responder": {"validity": "3d"}}))
    assert responders(plan(shorter, observation)) == ["replace issuing: RequestChanged"]
    other = load(BASE, issuing(), profile("ocsp", validity={"max": "2d"}))
    assert responders(plan(other, observation)) == []
    assert resolved(other).validity_seconds == 2 * 86400


def test_a_profile_cannot_make_it_anything_but_a_responder():
    extensions = {"extendedKeyUsage": {"value": ["serverAuth"]}}
    manifests = load(BASE, issuing(), profile("ocsp", extensions=extensions))
    found = {e.name: e.value for e in resolved(manifests).extensions}
    assert found["extendedKeyUsage"] == ["OCSPSigning"]
    assert found["ocspNoCheck"] is True


@pytest.mark.parametrize("length", [1, 40, 64])
def test_its_common_name_is_never_too_long(length):
    manifests = load(BASE, issuing(subject=f"C=AT,CN={'x' * length}"))
    common_name = resolved(manifests).subject.partition("CN=")[2]
    assert common_name.endswith(" OCSP responder")
    assert len(common_name) <= 64


def test_its_key_is_beside_that_of_its_authority_or_where_the_manifest_says():
    def uri(**spec):
        return responder_key_uri(load(BASE, issuing(**spec)).authority("issuing"))

    assert uri() == "file:keys/issuing.ocsp.pem"
    assert uri(key={"uri": "file:keys/own"}) == "file:keys/own.ocsp.pem"
    named = {"responder": {"key": {"uri": "file:/etc/pki/ocsp.pem"}}}
    assert uri(ocsp=named) == "file:/etc/pki/ocsp.pem"


def test_without_a_place_for_its_key_there_is_a_hint_and_no_responder():
    manifests = load(BASE, issuing(key={"uri": "pkcs11:token=x"}))
    planned = plan(manifests)
    assert responders(planned) == []
    (finding,) = [f for f in planned.findings if f.code == "responder.no_key_uri"]
    assert finding.severity is Severity.INFO


def test_one_that_is_revoked_is_not_issued_again_with_its_key():
    manifests = load(BASE, issuing())
    observation = answering(manifests, revocation=Revocation("keyCompromise", NOW))
    late = NOW + 13 * DAY
    planned = plan(manifests, observation, now=late)
    assert responders(planned) == []
    assert [f.code for f in planned.findings] == ["responder.revoked"]
    # It is told from the first plan on: nobody answers until then.
    assert [f.code for f in plan(manifests, observation).findings] == ["responder.revoked"]
    lost = replace(observation, lost_keys=[ID])
    assert responders(plan(manifests, lost, now=late)) == ["replace issuing: KeyChanged"]


def test_nobody_answers_for_an_authority_that_is_revoked():
    manifests = load(BASE, issuing())
    observation = observe(manifests)
    objects = dict(observation.objects)
    known = objects[authority_id("root")]
    revoked = replace(known.current, revocation=Revocation("cACompromise", NOW))
    objects[authority_id("root")] = replace(known, current=revoked)
    assert responders(plan(manifests, replace(observation, objects=objects))) == []


def test_it_is_retired_with_the_usage_and_refuses_nothing():
    observation = answering(load(BASE, issuing()))
    planned = plan(load(BASE, issuing(usages=["sign", "crl"])), observation)
    assert responders(planned) == ["retire issuing: Removed"]
    assert planned.refused == ()
    offline = plan(load(BASE, issuing(mode="offline")), observation)
    assert responders(offline) == []


def test_an_open_reservation_of_one_is_finished_or_given_up():
    manifests = load(BASE, issuing())
    observation = observe(manifests)
    left = reserved(observation, manifests, resolved(manifests))
    later = NOW + timedelta(hours=1)
    assert responders(plan(manifests, left, now=later)) == ["finish issuing: ReservationOpen"]
    gone = load(BASE, issuing(usages=["sign", "crl"]))
    assert responders(plan(gone, left, now=later)) == ["abandon issuing: NoLongerAsked"]
    retired = load(BASE, issuing(usages=["crl", "ocsp"]))
    assert responders(plan(retired, left, now=later)) == ["finish issuing: ReservationOpen"]


def test_it_is_planned_only_when_it_is_asked_for():
    manifests = load(BASE, issuing())
    nothing = Observation()
    only = [authority_id("root"), authority_id("issuing")]
    assert responders(plan(manifests, nothing, only=only)) == []
    assert responders(plan(manifests, nothing, only=[*only, ID])) == ["issue issuing: DoesNotExist"]


def test_guards_do_not_count_it():
    files = {**BASE, **project(guards={"maxIssues": 1}), **issuing()}
    for number in range(3):
        files |= authority(f"a{number}", usages=["crl", "ocsp"])
    manifests = load(files)
    planned = plan(manifests)
    assert len(responders(planned)) == 4
    guard_plan(planned, manifests, {})
    with_certificates = load(
        files, certificate("one", subjectAltNames=["a.example"], issuer="issuing"),
        certificate("two", subjectAltNames=["b.example"], issuer="issuing"),
    )  # fmt: skip
    with pytest.raises(UnsafePlanError, match="issue 2 certificates"):
        guard_plan(plan(with_certificates), with_certificates, {})
    emptied = plan(load(BASE), answering(load(BASE, issuing())))
    assert [c.object_id.kind for c in emptied.changes] == [RESPONDER]
    guard_plan(emptied, load(BASE), {})


def test_what_cannot_be_issued_is_a_warning_and_stops_nothing_else():
    constraints = {"permitted": ["dirName:CN=somebody else"]}
    manifests = load(BASE, issuing(nameConstraints=constraints), certificate("web", issuer="root",
                     subjectAltNames=["www.example.com"]))  # fmt: skip
    planned = plan(manifests)
    assert told(planned) == ["issue web: DoesNotExist"]
    assert responders(planned) == []
    (finding,) = planned.findings
    assert finding.severity is Severity.WARNING
    assert "the OCSP responder of issuing gets no certificate" in finding.message
