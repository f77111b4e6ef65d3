"""When a CRL is due, and what is to be in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from pki_as_code.model import (
    CrlRecord,
    ObjectId,
    Plan,
    PublishCrl,
    Revocation,
    RevokeCertificate,
)
from tests.plan import worlds
from tests.plan.worlds import (
    BASE,
    DAY,
    NOW,
    authority,
    authority_id,
    certificate,
    fresh_crls,
    load,
    observe,
    project,
    record,
    request,
    reserved,
    revocation,
    web,
)

AUTHORITIES = {
    **project(defaults={"issuer": "issuing"}),
    **authority("root", pathLength=1),
}


def plan(*given: Any, **options: Any) -> Plan:
    return worlds.plan(*given, crls=True, **options)


def told(planned: Plan) -> list[str]:
    return worlds.told(planned, crls=True)


def published(planned: Plan) -> list[str]:
    return [line for line in told(planned) if line.startswith("publish")]


def crl(**changes: object) -> CrlRecord:
    """The CRL of `issuing` as it was made at NOW, for seven days."""
    made = CrlRecord("issuing", "full", 7, NOW, NOW + 7 * DAY, "0" * 64, 0, 100)
    return replace(made, **changes)  # type: ignore[arg-type]


def with_crl(last: CrlRecord | None, **more: object):
    manifests = load(BASE)
    crls = {**fresh_crls(["root"]), **({("issuing", "full"): last} if last else {})}
    return manifests, observe(manifests, crls=crls, **more)


def test_an_authority_without_a_crl_gets_one():
    assert published(plan(*with_crl(None))) == ["publish issuing: DoesNotExist"]


def test_a_fresh_crl_is_left_alone():
    assert published(plan(*with_crl(crl()))) == []


def test_a_crl_is_replaced_in_time_and_not_before():
    """`refreshBefore` is five sevenths of the validity: after two days of seven."""
    almost = NOW + 2 * DAY - timedelta(seconds=1)
    assert published(plan(*with_crl(crl()), now=almost)) == []
    assert published(plan(*with_crl(crl()), now=NOW + 2 * DAY)) == [
        "publish issuing: NearingNextUpdate"
    ]


def test_what_a_dead_run_revoked_is_published_by_the_next():
    """It was recorded, and no CRL was made: the ledger says that the CRL is out of date."""
    changed = {("issuing", "full"): 101}
    assert published(plan(*with_crl(crl(), crl_changes=changed))) == [
        "publish issuing: RevocationsChanged"
    ]
    assert published(plan(*with_crl(crl(as_of=101), crl_changes=changed))) == []


def test_a_revocation_brings_its_crl_in_the_same_plan_and_no_other():
    parts = (BASE, certificate("web"), revocation("inc-1", certificate="web"))
    manifests, issued = load(*parts), record(web())
    inc = ObjectId("Revocation", "", "inc-1")
    observation = observe(manifests, issued, revocation_targets={inc: (issued,)})
    assert [line for line in told(plan(manifests, observation)) if "web" not in line] == [
        "revoke inc-1: RevocationRequested",
        "publish issuing: RevocationsChanged",
    ]
    alone = plan(manifests, observation, only=[inc])
    assert published(alone) == ["publish issuing: RevocationsChanged"]


def test_a_reservation_that_is_given_up_counts_as_revoked():
    manifests = load(BASE, certificate("web", subjectAltNames=["www.example.com"]))
    observation = reserved(observe(manifests), manifests, web(validity="30d"))
    lines = told(plan(manifests, observation))
    assert lines == ["abandon web: NoLongerAsked", "publish issuing: RevocationsChanged"]


def test_another_object_alone_brings_no_crl():
    manifests = load(BASE, certificate("web"))
    planned = plan(manifests, observe(manifests, crls={}), only=[web().object_id])
    assert published(planned) == []
    planned = plan(manifests, observe(manifests, crls={}), only=[authority_id("issuing")])
    assert published(planned) == ["publish issuing: DoesNotExist"]


@pytest.mark.parametrize(
    "spec", [{"mode": "offline", "certificate": None}, {"usages": ["sign", "ocsp"]}]
)
def test_offline_and_excused_authorities_get_none(spec):
    spec = {name: value for name, value in spec.items() if value is not None}
    manifests = load(AUTHORITIES, authority("issuing", parent="root", **spec))
    planned = plan(manifests, observe(manifests, crls={}))
    assert published(planned) == ["publish root: DoesNotExist"]


def test_a_retired_authority_goes_on_publishing():
    manifests = load(AUTHORITIES, authority("issuing", parent="root", usages=["crl", "ocsp"]))
    planned = plan(manifests, observe(manifests, crls={}))
    assert published(planned) == [
        "publish root: DoesNotExist",
        "publish issuing: DoesNotExist",
    ]


def test_a_new_authority_gets_its_crl_with_its_certificate():
    manifests = load(BASE)
    planned = plan(manifests, observe(manifests, objects={}, live=(), authorities={}, crls={}))
    assert told(planned) == [
        "issue root: DoesNotExist",
        "issue issuing: DoesNotExist",
        "publish root: DoesNotExist",
        "publish issuing: DoesNotExist",
    ]


def test_an_expired_authority_publishes_no_more():
    manifests, observation = with_crl(None)
    assert published(plan(manifests, observation, now=NOW + 3651 * DAY)) == []


def test_an_authority_that_may_not_sign_crls_is_told_of():
    spec = {"extensions": {"keyUsage": {"critical": True, "value": ["keyCertSign"]}}}
    manifests = load(AUTHORITIES, authority("issuing", parent="root", **spec))
    observation = observe(manifests, crls=fresh_crls(["root"]))
    certificate_ = x509.load_der_x509_certificate(observation.authorities["issuing"])
    usage = certificate_.extensions.get_extension_for_class(x509.KeyUsage).value
    assert not usage.crl_sign
    planned = plan(manifests, observation)
    assert published(planned) == []
    assert [finding.code for finding in planned.findings] == ["authority.no_crl_sign"]


def test_scopes_and_shards_have_crls_of_their_own():
    crl_spec = {"scopes": ["user", "ca"], "shards": 2, "urls": ["http://x.test/{CRL_PATH}"]}
    manifests = load(AUTHORITIES, authority("issuing", parent="root", crl=crl_spec))
    planned = plan(manifests, observe(manifests))
    changes = [c for c in planned.changes if isinstance(c, PublishCrl)]
    assert [(c.scope, c.full_names) for c in changes] == [
        ("user", ()),
        ("ca", ()),
        ("shard-0", ("http://x.test/crl/issuing/shard-0.crl",)),
        ("shard-1", ("http://x.test/crl/issuing/shard-1.crl",)),
    ]
    assert str(changes[2].object_id) == "CertificateRevocationList issuing/shard-0"


def test_shards_go_on_when_there_are_fewer_now():
    """Certificates that were issued into them name their URLs."""
    manifests = load(BASE)
    crls = {**fresh_crls(["root", "issuing"]), **fresh_crls(["issuing"], "shard-3")}
    observation = observe(manifests, crls=crls, crl_changes={("issuing", "shard-3"): 999})
    assert published(plan(manifests, observation)) == [
        "publish issuing/shard-3: RevocationsChanged"
    ]


def test_a_revocation_concerns_the_shard_of_its_certificate():
    crl_spec = {"shards": 4, "urls": ["http://x.test/{CRL_PATH}"]}
    parts = (
        AUTHORITIES,
        authority("issuing", parent="root", crl=crl_spec),
        certificate("web", subjectAltNames=["www.example.com"]),
        revocation("inc-1", certificate="web"),
    )
    manifests, issued = load(*parts), record(request(*parts), 0x1003)
    inc = ObjectId("Revocation", "", "inc-1")
    crls = fresh_crls(["root", "issuing"])
    for shard in range(4):
        crls |= fresh_crls(["issuing"], f"shard-{shard}")
    observation = observe(manifests, issued, revocation_targets={inc: (issued,)}, crls=crls)
    planned = plan(manifests, observation)
    assert any(isinstance(change, RevokeCertificate) for change in planned.changes)
    assert published(planned) == [
        "publish issuing: RevocationsChanged",
        "publish issuing/shard-3: RevocationsChanged",
    ]


def test_a_lifted_hold_brings_a_crl():
    hold = Revocation("certificateHold", NOW, None)
    parts = (
        BASE,
        certificate("web", subjectAltNames=["www.example.com"]),
        revocation("inc-1", certificate="web", reason="certificateHold", release=True),
    )
    manifests, issued = load(*parts), record(web(), revocation=hold)
    inc = ObjectId("Revocation", "", "inc-1")
    observation = observe(manifests, issued, revocation_targets={inc: (issued,)})
    assert told(plan(manifests, observation)) == [
        "release inc-1: HoldReleased",
        "publish issuing: RevocationsChanged",
    ]


def test_shards_need_urls_that_name_them():
    from pki_as_code.plan.references import shards_are_found

    for urls in ([], ["http://x.test/all.crl"]):
        crl_spec = {"shards": 2, "urls": urls}
        manifests = load(AUTHORITIES, authority("issuing", parent="root", crl=crl_spec))
        (finding,) = shards_are_found(manifests)
        assert finding.code == "authority.shards_without_path"
