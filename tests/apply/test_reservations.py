"""What is open in the ledger is no order to sign: whoever can push to the store writes there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pki_as_code.apply.issuers import Issuers
from pki_as_code.issuance import Origin, encode_public_key, prepare_certificate
from pki_as_code.model import (
    CertificateRequest,
    IssueCertificate,
    ObjectId,
    Reason,
    RequestedExtension,
    Reservation,
)
from pki_as_code.pkix.drafts import make_draft
from pki_as_code.pkix.serial_numbers import random_serial_number
from pki_as_code.stores.entries import Abandoned, Issued, Reserved
from tests.apply.site import Site, errors, told
from tests.pkix.csr_maker import private_key
from tests.plan.worlds import DAY, NOW, authority, authority_id, certificate_id, revocation

CA_USAGE = RequestedExtension("keyUsage", True, ["keyCertSign", "cRLSign"])


def asked(site: Site, path: str = "web") -> IssueCertificate:
    """Return what the manifest asks for, as a plan has it."""
    [change] = site.plan(only=[certificate_id(path)]).changes
    assert isinstance(change, IssueCertificate)
    return change


def reserve(site: Site, path: str = "web") -> int:
    """Reserve as a run would that is killed before it signs; returns the serial number."""
    change, workspace = asked(site, path), site.workspace()
    issuer = Issuers(workspace, site.secrets).issuer(change.request.issuer)
    replaces = change.replaces.serial_number if change.replaces else None
    origin = Origin(change.reasons[0], replaces, "", change.path, change.deletion_policy)
    prepared = prepare_certificate(change.request, issuer, origin, NOW)
    workspace.store.reserve([Reserved(prepared.reservation)], now=NOW, message="reserve")
    return prepared.reservation.serial_number


def forge(
    site: Site,
    honest: CertificateRequest,
    *,
    object_id: ObjectId | None = None,
    replaces: int | None = None,
    **evil: Any,
) -> int:
    """Append what somebody who can push would: bytes of their own under an honest request."""
    workspace = site.workspace()
    serial_number = random_serial_number()
    chain = Issuers(workspace, site.secrets).issuer(honest.issuer).chain
    forged = Reservation(
        object_id=object_id or honest.object_id,
        issuer=honest.issuer,
        serial_number=serial_number,
        tbs_certificate=make_draft(
            replace(honest, **evil), chain, serial_number=serial_number, now=NOW
        ),
        request=honest.to_json(),
        request_digest=honest.digest,
        intent=dict(honest.intent),
        reason="DoesNotExist",
        replaces=replaces,
        commit="",
        path=f"certificates/{honest.object_id.path}.yaml",
        deletion_policy="Refuse",
    )
    workspace.store.reserve([Reserved(forged)], now=NOW, message="forged")
    site.verify()  # the chain of the ledger has nothing against it
    return serial_number


def signed(site: Site) -> list[int]:
    return [p.serial_number for p in site.payloads() if isinstance(p, Issued)]


def revoked(site: Site, issuer: str = "issuing") -> list[int]:
    return [number for number, *_ in site.workspace().store.revoked(issuer)]


def assert_given_up(site: Site, serial_number: int, reason: str) -> None:
    assert serial_number not in signed(site)
    assert serial_number in revoked(site)
    assert list(site.workspace().store.open_reservations()) == []
    given_up = [p for p in site.payloads() if isinstance(p, Abandoned)]
    assert [(p.serial_number, p.reason) for p in given_up] == [(serial_number, reason)]
    site.verify()


# --- Forged --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "evil",
    [
        {"is_ca": True, "path_length": None, "extensions": (CA_USAGE,)},
        {"subject_alternative_names": ("DNS:evil.example",)},
        {"validity_seconds": 800 * 86400},
    ],
    ids=["authority", "names", "longer"],
)
def test_forged_bytes_under_an_honest_request_are_never_signed(site, evil):
    site.certificate("web")
    site.commit()
    serial_number = forge(site, asked(site).request, **evil)
    assert told(site.run()) == ["abandon web", "issue web"]
    assert_given_up(site, serial_number, "NotWhatWasAsked")
    [record] = site.records()
    assert record.subject_alternative_names == ("DNS:web.example.com",)
    assert record.not_after < NOW + 91 * DAY
    assert sorted(site.workspace().authority_certificates()) == ["issuing", "root"]
    assert site.run() == []


def test_a_request_that_no_manifest_makes_is_never_signed(site):
    site.certificate("web")
    site.commit()
    honest = asked(site).request
    serial_number = forge(site, honest, object_id=certificate_id("payments/nobody"))
    assert told(site.run()) == ["abandon payments/nobody", "issue web"]
    assert_given_up(site, serial_number, "NoLongerAsked")
    assert [record.object_id.path for record in site.records()] == ["web"]


def test_a_reservation_is_no_way_around_the_judgement_of_a_key(site):
    """The manifest is kept out of the plan; what somebody reserved for it stays unsigned, too."""
    site.certificate("web")
    site.commit()
    site.run()
    site.add(revocation("inc", certificate="web", reason="keyCompromise"))
    site.commit()
    site.run()
    site.certificate("other", key="P-256/2")
    site.commit()
    honest = asked(site, "other").request
    lost = replace(honest, public_key_der=encode_public_key(private_key("P-256").public_key()))
    site.certificate("other", key="P-256")
    site.commit()
    serial_number = forge(site, lost)
    assert errors(site.plan()) == [("csr.key_compromised", "certificates/other.yaml")]
    assert site.run() == []
    assert serial_number not in signed(site)


def test_a_revoked_certificate_does_not_come_back_as_a_reservation(site):
    site.certificate("web")
    site.commit()
    honest = asked(site).request
    site.run()
    current = site.record("web").serial_number
    site.add(revocation("inc", certificate="web", reason="privilegeWithdrawn"))
    site.commit()
    site.run()
    serial_number = forge(site, honest, replaces=current)
    assert told(site.run()) == ["abandon web"]
    assert serial_number not in signed(site)
    assert sorted(revoked(site)) == sorted([current, serial_number])


# --- Outlived ------------------------------------------------------------------------------------


def withdrawn(site: Site) -> None:
    site.remove("certificates/web")


def changed(site: Site) -> None:
    site.certificate("web", subjectAltNames=["other.example.com"])


def another_key(site: Site) -> None:
    site.certificate("web", key="P-256/2")


@pytest.mark.parametrize(
    ("change", "then"),
    [(withdrawn, []), (changed, ["issue web"]), (another_key, ["issue web"])],
)
def test_a_request_that_was_withdrawn_or_changed_is_given_up(
    site, change: Callable[[Site], None], then: list[str]
):
    site.certificate("web")
    site.commit()
    serial_number = reserve(site)
    change(site)
    commit = site.commit()
    assert told(site.run()) == ["abandon web", *then]
    assert_given_up(site, serial_number, "NoLongerAsked")
    assert site.workspace().store.last_reconciled() == commit
    assert site.run() == []


def test_a_reservation_that_would_have_expired_is_given_up_and_issued_anew(site):
    site.certificate("web")
    site.commit()
    serial_number = reserve(site)
    later = NOW + 91 * DAY
    assert told(site.run(now=later)) == ["abandon web", "issue web"]
    assert_given_up(site, serial_number, "Expired")
    assert site.record("web").not_before <= later < site.record("web").not_after


def retire_issuing(site: Site) -> None:
    manifest = (site.root / "authorities/issuing.yaml").read_text()
    site.write("authorities/issuing.yaml", manifest.replace("spec:", "spec:\n  usages: [crl]", 1))


def revoke_root(site: Site) -> None:
    root = site.workspace().authority_certificates()["root"]
    number = f"{root.serial_number:040X}"
    site.add(revocation("inc", serial=number, issuer="root", reason="cACompromise"))


@pytest.mark.parametrize("change", [retire_issuing, revoke_root])
def test_what_its_authority_no_longer_signs_is_given_up(site, change):
    """A root that is revoked in this very run, too: revocations come first."""
    site.certificate("web")
    site.commit()
    serial_number = reserve(site)
    change(site)
    site.commit()
    done = told(site.run())
    assert "abandon web" in done
    assert "finish web" not in done
    assert "issue web" not in done
    assert_given_up(site, serial_number, "IssuerDoesNotSign")


def test_a_renewal_that_was_reserved_is_not_signed_once_its_key_is_revoked(site):
    site.certificate("web")
    site.commit()
    site.run()
    site.certificate("web", reissue=1)
    site.commit()
    serial_number = reserve(site)
    site.add(revocation("inc", certificate="web", reason="keyCompromise"))
    site.commit()
    assert sorted(told(site.run())) == ["abandon web", "revoke inc"]
    assert_given_up_with_current(site, serial_number)
    assert site.run() == []


def assert_given_up_with_current(site: Site, serial_number: int) -> None:
    assert serial_number not in signed(site)
    assert sorted(revoked(site)) == sorted([serial_number, site.record("web").serial_number])
    site.verify()


def test_a_key_that_is_revoked_in_a_run_is_not_certified_in_the_same_run(site):
    """A Revocation by name has its effect once: the renewal would stay valid for ever."""
    site.certificate("web")
    site.commit()
    site.run()
    site.certificate("web", reissue=1)
    site.add(revocation("inc", certificate="web", reason="privilegeWithdrawn"))
    site.commit()
    assert told(site.run()) == ["revoke inc"]
    assert len(site.records()) == 1
    assert [f.code for f in site.plan().findings] == ["certificate.revoked"]
    assert site.run() == []


# --- Undecided -----------------------------------------------------------------------------------


def test_a_reservation_whose_manifest_has_errors_stays_open(site):
    site.certificate("web")
    site.commit()
    serial_number = reserve(site)
    site.certificate("web", issuer="nobody")
    site.commit()
    assert errors(site.plan()) == [("reference.not_found", "certificates/web.yaml")]
    assert site.run() == []
    [still] = site.workspace().store.open_reservations()
    assert still.serial_number == serial_number
    assert revoked(site) == []
    site.certificate("web")
    site.commit()
    assert told(site.run()) == ["finish web"]
    assert site.record("web").serial_number == serial_number


def test_a_reservation_of_an_authority_for_another_key_is_not_signed(site):
    """Its manifest does not say which key it is; the key file does."""
    site.add(authority("second", parent="root", pathLength=0))
    site.commit()
    change, _ = site.plan(only=[authority_id("second")]).changes
    another = site.workspace().authority_certificates()["root"].public_key()
    request = replace(change.request, public_key_der=encode_public_key(another))
    forge(site, request)
    done = told(site.run(only=[authority_id("second")]))
    assert done == ["finish second: key.missing"]
    assert "second" not in site.workspace().authority_certificates()


def test_why_something_was_given_up_is_told_in_the_plan(site):
    site.certificate("web")
    site.commit()
    reserve(site)
    withdrawn(site)
    site.commit()
    change, _ = site.plan().changes
    assert change.reasons == (Reason("NoLongerAsked", "its manifest is gone"),)
