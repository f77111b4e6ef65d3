"""What findings mean for a plan: whom they reach, and what is never signed."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pki_as_code.errors import KeyBackendError, ManifestError
from pki_as_code.pkix.names import format_name
from tests.apply.site import Site, errors, told
from tests.pkix.csr_maker import make_csr
from tests.plan.worlds import (
    DAY,
    NOW,
    authority,
    authority_id,
    certificate,
    certificate_id,
    profile,
    revocation,
)
from tests.plan.worlds import told as planned


def lines(site: Site, path: str, old: str, new: str) -> None:
    text = (site.root / path).read_text()
    assert old in text
    site.write(path, text.replace(old, new, 1))


# --- Reach ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "faulty",
    [
        revocation("inc", certificate="nobody", reason="superseded"),
        revocation("payments/inc", certificate="other/api", reason="superseded"),
        certificate("payments/bad", key="P-256/2", profile="nothing"),
    ],
    ids=["revocation", "of-a-team", "certificate"],
)
def test_an_error_in_one_object_leaves_the_others_alone(site, faulty):
    before = site.workspace().store.last_reconciled()
    site.add(faulty)
    site.certificate("web")
    site.commit()
    [yaml] = [path for path in faulty if path.endswith(".yaml")]
    assert {path for _, path in errors(site.plan())} == {yaml}
    assert told(site.run()) == ["issue web"]
    assert site.workspace().store.last_reconciled() == before


def test_an_error_in_what_administrators_share_stops_a_full_plan_and_that_of_one_object(site):
    site.certificate("web")
    site.add(authority("second", parent="nobody"))
    site.commit()
    for only in ((), [certificate_id("web")]):
        with pytest.raises(ManifestError) as refused:
            site.plan(only=only)
        paths = {f.source.path for f in refused.value.findings if f.severity == "error"}
        assert paths == {"authorities/second.yaml"}


def test_a_plan_of_one_object_looks_at_its_own_errors_only(site):
    site.certificate("good")
    site.certificate("bad", key="P-256/2", issuer="nobody")
    site.write("certificates/payments/unreadable.yaml", "apiVersion: [")
    site.commit()
    plan = site.plan(only=[certificate_id("good")])
    assert (planned(plan), errors(plan)) == (["issue good: DoesNotExist"], [])
    with pytest.raises(ManifestError):
        site.plan()
    with pytest.raises(ManifestError) as refused:
        site.plan(only=[certificate_id("bad")])
    [finding] = refused.value.findings
    assert (finding.code, finding.source.path) == ("reference.not_found", "certificates/bad.yaml")


def test_what_cannot_be_read_is_never_taken_for_removed(site):
    site.certificate("web", deletionPolicy="Revoke")
    site.certificate("other", key="P-256/2")
    site.commit()
    site.run()
    site.write("certificates/web.yaml", "apiVersion: [")
    site.commit()
    for only in ((), [certificate_id("web")]):
        with pytest.raises(ManifestError):
            site.run(only=only)
    assert site.records(revoked=True) == []


def test_a_certificate_with_an_error_is_neither_revoked_nor_retired(site):
    site.certificate("web", deletionPolicy="Revoke")
    site.commit()
    site.run()
    site.certificate("web", deletionPolicy="Revoke", issuer="nobody")
    site.commit()
    assert site.run() == []
    assert site.record("web").revocation is None


def test_a_run_is_recorded_as_reconciled_once_the_error_is_gone(site):
    site.certificate("a")
    site.certificate("b", key="P-256/2", issuer="nobody")
    site.commit()
    assert told(site.run()) == ["issue a"]
    site.certificate("b", key="P-256/2")
    commit = site.commit()
    assert told(site.run()) == ["issue b"]
    assert site.workspace().store.last_reconciled() == commit


# --- Authorities that sign no more ---------------------------------------------------------------


def test_an_authority_that_retires_stops_only_what_it_would_sign(site):
    site.certificate("web")
    site.commit()
    site.run()
    lines(site, "authorities/issuing.yaml", "spec:", "spec:\n  usages: [crl, ocsp]")
    site.certificate("new", key="P-256/2")
    site.add(authority("second", parent="root", pathLength=0))
    site.certificate("fresh", key="P-256/3", issuer="second")
    site.commit()
    plan = site.plan()
    assert errors(plan) == [("authority.does_not_sign", "certificates/new.yaml")]
    assert told(site.run()) == ["issue second", "issue fresh"]
    renewal = site.plan(now=NOW + 80 * DAY)
    assert ("authority.does_not_sign", "certificates/web.yaml") in errors(renewal)


def by_serial(site: Site, name: str) -> dict[str, Any]:
    certificate = site.workspace().authority_certificates()[name]
    return {"serial": f"{certificate.serial_number:040X}", "issuer": "root"}


def by_key(site: Site, name: str) -> dict[str, Any]:
    [record] = [
        r for r in site.records(kinds=("CertificateAuthority",)) if r.object_id.name == name
    ]
    return {"spkiSha256": record.public_key_sha256}


@pytest.mark.parametrize("which", [by_serial, by_key])
@pytest.mark.parametrize("name", ["issuing", "root"])
def test_administrators_revoke_an_authority_and_nothing_is_signed_below_it(site, which, name):
    site.certificate("web")
    site.commit()
    site.run()
    site.add(revocation("inc", reason="cACompromise", **which(site, name)))
    site.certificate("new", key="P-256/2")
    site.add(authority("below", parent=name))
    site.commit()
    assert told(site.run()) == ["revoke inc"]
    revoked = site.records(kinds=("CertificateAuthority",), revoked=True)
    assert [record.object_id for record in revoked] == [authority_id(name)]
    assert [f.code for f in site.plan().findings] == ["authority.revoked"] * 2
    assert site.run() == []
    assert site.record("web").revocation is None


@pytest.mark.parametrize("which", [by_serial, by_key])
def test_a_team_cannot_revoke_an_authority(site, which):
    site.add(revocation("payments/inc", reason="cACompromise", **which(site, "issuing")))
    site.commit()
    assert [path for _, path in errors(site.plan())] == ["certificates/payments/inc.yaml"]
    assert site.run() == []
    assert site.records(kinds=("CertificateAuthority",), revoked=True) == []


# --- Passing for an authority --------------------------------------------------------------------


def test_the_key_of_an_authority_is_never_certified_for_an_end_entity(site):
    pem = (site.root / "keys/issuing.pem").read_bytes()
    site.certificate("web")
    site.write("certificates/web.csr", make_csr(load_pem_private_key(pem, None)))
    site.commit()
    assert errors(site.plan()) == [("csr.key_of_authority", "certificates/web.yaml")]
    assert site.run() == []
    assert site.records() == []


def test_the_key_of_another_namespace_is_not_certified(site):
    """Else its new holder could revoke it, and nobody would have it certified any more."""
    site.certificate("payments/api")
    site.commit()
    site.run()
    site.certificate("web/copy")
    site.certificate("payments/second")  # of the same team
    site.commit()
    assert errors(site.plan()) == [("csr.key_of_another_namespace", "certificates/web/copy.yaml")]
    assert told(site.run()) == ["issue payments/second"]
    site.certificate("payments/api", validity="60d")
    site.commit()
    assert told(site.run()) == ["replace payments/api"]


def test_a_key_that_two_namespaces_ask_for_at_once_is_certified_for_neither(site):
    site.certificate("payments/api")
    site.certificate("web/copy")
    site.commit()
    found = {path for code, path in errors(site.plan()) if code == "csr.key_of_another_namespace"}
    assert found == {"certificates/payments/api.yaml", "certificates/web/copy.yaml"}
    assert site.run() == []


@pytest.mark.parametrize("spelling", [str, str.swapcase, lambda name: name.replace(" ", "  ")])
@pytest.mark.parametrize("name", ["root", "issuing"])
def test_the_name_of_an_authority_is_never_that_of_an_end_entity(site, name, spelling):
    subject = format_name(site.workspace().authority_certificates()[name].subject)
    kind, _, text = subject.rpartition("=")
    subject = f"{kind}={spelling(text)}"
    site.certificate("web", subject=subject)
    site.commit()
    assert ("certificate.subject_of_authority", "certificates/web.yaml") in errors(site.plan())
    assert site.run() == []


def test_two_authorities_do_not_share_a_key(site):
    key = site.root / "keys/second.pem"
    key.write_bytes((site.root / "keys/issuing.pem").read_bytes())
    key.chmod(0o600)
    site.add(authority("second", parent="root", pathLength=0))
    site.commit()
    [outcome] = site.run()
    assert isinstance(outcome.error, KeyBackendError)
    assert told([outcome]) == ["issue second: key.shared"]
    assert sorted(site.workspace().authority_certificates()) == ["issuing", "root"]


def test_an_end_entity_does_not_sign_crls(site):
    usage = {"keyUsage": {"value": ["digitalSignature", "cRLSign"]}}
    site.add(profile("crl", extensions=usage))
    site.certificate("web", profile="crl")
    site.commit()
    plan = site.plan()
    assert ("cabf.crl_sign_without_ca", "certificates/web.yaml") in errors(plan)
    assert planned(plan) == []
    assert site.run() == []
