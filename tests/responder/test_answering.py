"""What is said of certificates: from a real store, signed for real, read by cryptography."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from pki_as_code.errors import StoreError
from pki_as_code.issuance import Responder
from pki_as_code.model import RESPONDER, ObjectId, Reservation
from pki_as_code.pkix import der
from pki_as_code.pkix.ocsp import ResponseStatus, encode_request, issuer_hashes
from pki_as_code.plan.responders import responder_id
from pki_as_code.responder import Answer, Responders, open_responders, presigned_responses
from pki_as_code.stores.entries import Abandoned, Reserved, Revoked
from tests.apply.site import Site, told
from tests.pkix.test_ocsp import NONCE, extension, nonce, request_of
from tests.plan import worlds
from tests.plan.worlds import NOW, revocation

DAY = timedelta(days=1)


class Answering:
    """A site, asked about its certificates."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.refresh()

    def refresh(self) -> None:
        self.workspace = self.site.workspace()
        self.store = self.workspace.store
        self.authorities = dict(self.workspace.authority_certificates())
        self.responders, self.failed = open_responders(
            self.workspace.loaded.manifests, self.store, self.site.root, self.site.secrets
        )
        self.answering = Responders(self.store, self.authorities, self.responders)

    def cert_id(self, serial_number: int, *, issuer: str = "issuing", hash_name: str = "SHA-1"):
        hashes = issuer_hashes(self.authorities[issuer], hash_name)
        return encode_request(hash_name, hashes, serial_number)[0]

    def ask(self, *cert_ids: bytes, now=NOW, authority=None, **options) -> Answer:
        return self.answering.answer(request_of(*cert_ids, **options), now, authority)

    def status(self, serial_number: int, **options) -> ocsp.OCSPResponse:
        return read(self.ask(self.cert_id(serial_number, **options)))


def read(answer: Answer) -> ocsp.OCSPResponse:
    found = ocsp.load_der_ocsp_response(answer.response_der)
    assert found.response_status.value == answer.status
    return found


@pytest.fixture
def asked(site: Site) -> Iterator[Answering]:
    site.certificate("web")
    site.commit()
    assert told(site.run()) == ["issue web"]
    yield Answering(site)


def revoke(site: Site, **spec) -> None:
    site.add(revocation("inc-1", **spec))
    site.commit()
    site.run(now=NOW + DAY)


# --- Statuses ------------------------------------------------------------------------------------


def test_what_was_issued_is_good_and_the_responder_signed_it(asked):
    web = asked.site.record("web")
    found = asked.status(web.serial_number)
    assert found.certificate_status is ocsp.OCSPCertStatus.GOOD
    (certificate,) = found.certificates
    assert certificate == asked.responders["issuing"].certificate
    key_hash = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    assert (found.responder_name, found.responder_key_hash) == (None, key_hash)
    assert found.this_update_utc <= found.produced_at_utc < found.next_update_utc
    assert found.next_update_utc == NOW + timedelta(days=2)


@pytest.mark.parametrize("hash_name", ["SHA-1", "SHA-256", "SHA-384", "SHA-512"])
def test_the_cert_id_is_repeated_with_the_hash_that_was_asked_with(asked, hash_name):
    web = asked.site.record("web")
    cert_id = asked.cert_id(web.serial_number, hash_name=hash_name)
    answer = asked.ask(cert_id)
    assert cert_id in answer.response_der
    assert read(answer).certificate_status is ocsp.OCSPCertStatus.GOOD


def test_revoked_has_the_reason_and_the_time_of_the_crl(asked):
    revoke(asked.site, certificate="web", reason="superseded")
    asked.refresh()
    web = asked.site.record("web")
    ((serial_number, in_crl, _),) = asked.store.revoked("issuing")
    found = asked.status(serial_number)
    assert serial_number == web.serial_number
    assert found.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert found.revocation_reason is x509.ReasonFlags.superseded
    assert found.revocation_time_utc == in_crl.revocation_date == NOW + DAY


def test_a_hold_is_revoked_for_that_reason(asked):
    revoke(asked.site, certificate="web", reason="certificateHold")
    asked.refresh()
    found = asked.status(asked.site.record("web").serial_number)
    assert found.revocation_reason is x509.ReasonFlags.certificate_hold


@pytest.mark.parametrize("serial_number", [1, 2**159 - 1, 2**500, 0, -1])
def test_what_was_never_issued_is_unknown(asked, serial_number):
    assert asked.status(serial_number).certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_an_expired_certificate_is_answered_as_what_it_was(asked):
    web = asked.site.record("web")
    later = web.not_after + DAY
    assert told(asked.site.run(now=later)) == ["renew web"]
    asked.refresh()
    answer = asked.ask(asked.cert_id(web.serial_number), now=later)
    assert read(answer).certificate_status is ocsp.OCSPCertStatus.GOOD


def test_certificates_of_authorities_are_answered_by_their_issuer(asked):
    for name in ("root", "issuing"):
        found = asked.status(asked.authorities[name].serial_number, issuer="root")
        assert found.certificate_status is ocsp.OCSPCertStatus.GOOD
        assert found.certificates == [asked.responders["root"].certificate]


def reserve(site: Site, name: str) -> Reservation:
    """Reserve what a manifest asks for, as a run that dies then does."""
    site.certificate(name)
    site.commit()
    workspace = site.workspace()
    (change,) = workspace.plan(NOW).changes
    reservation = worlds.reserved(
        workspace.observe(worlds.resolve_all(workspace.loaded.manifests), NOW),
        workspace.loaded.manifests,
        change.request,
    ).reservations[0]
    workspace.store.reserve([Reserved(reservation)], now=NOW, message="Reserve")
    return reservation


def test_what_is_reserved_is_not_good_and_what_was_given_up_is_revoked(asked):
    reservation = reserve(asked.site, "api")
    asked.refresh()
    found = asked.status(reservation.serial_number)
    assert found.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    given_up = Abandoned(
        reservation.object_id, "issuing", reservation.serial_number, "NoLongerAsked", "c" * 40
    )
    asked.store.record([given_up], now=NOW, message="Abandon")
    asked.refresh()
    found = asked.status(reservation.serial_number)
    assert found.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert (found.revocation_time_utc, found.revocation_reason) == (NOW, None)


# --- Requests ------------------------------------------------------------------------------------


def test_several_certificates_get_one_answer_unless_they_are_of_several_authorities(asked):
    web = asked.site.record("web").serial_number
    answer = asked.ask(asked.cert_id(web), asked.cert_id(5, hash_name="SHA-256"))
    assert [single.certificate_status for single in read(answer).responses] == [
        ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.UNKNOWN,
    ]  # fmt: skip
    mixed = asked.ask(asked.cert_id(web), asked.cert_id(web, issuer="root"))
    assert mixed.status is ResponseStatus.UNAUTHORIZED


def test_a_nonce_is_echoed_and_the_answer_not_kept(asked):
    cert_id = asked.cert_id(asked.site.record("web").serial_number)
    answer = asked.ask(cert_id, extensions=(nonce(32),))
    assert der.encode_octet_string(b"n" * 32) in answer.response_der
    assert answer.fresh_until() is None
    assert NONCE in [found.oid.dotted_string for found in read(answer).extensions]
    again = asked.ask(cert_id)
    assert list(read(again).extensions) == []
    assert again.fresh_until() == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    "options",
    [{"extensions": (nonce(0),)}, {"extensions": (nonce(129),)},
     {"extensions": (extension("1.2.3", b"", critical=True),)}],
)  # fmt: skip
def test_a_malformed_request_is_answered_with_an_error_that_is_not_signed(asked, options):
    answer = asked.ask(asked.cert_id(1), **options)
    assert answer.response_der == bytes.fromhex("30030a0101")


def test_somebody_elses_certificates_are_unauthorized(asked):
    foreign = encode_request("SHA-1", (b"n" * 20, b"k" * 20), 1)[0]
    assert asked.ask(foreign).response_der == bytes.fromhex("30030a0106")
    web = asked.cert_id(asked.site.record("web").serial_number)
    assert asked.ask(web, authority="issuing").status is ResponseStatus.SUCCESSFUL
    assert asked.ask(web, authority="root").status is ResponseStatus.UNAUTHORIZED


def test_an_answer_is_signed_once_and_again_when_it_grew_old(asked):
    cert_id = asked.cert_id(asked.site.record("web").serial_number)
    first = asked.ask(cert_id)
    assert asked.ask(cert_id, now=NOW + timedelta(minutes=59)) == first
    later = asked.ask(cert_id, now=NOW + timedelta(minutes=60))
    assert read(later).this_update_utc == NOW + timedelta(minutes=60)


def test_no_answer_outlives_the_responders_certificate(asked):
    end = asked.responders["issuing"].certificate.not_valid_after_utc
    cert_id = asked.cert_id(asked.site.record("web").serial_number)
    assert read(asked.ask(cert_id, now=end - DAY)).next_update_utc == end
    assert asked.ask(cert_id, now=end).response_der == bytes.fromhex("30030a0103")
    assert asked.ask(cert_id, now=NOW - DAY).status is ResponseStatus.TRY_LATER


class _BrokenStore:
    def serial_status(self, issuer: str, serial_number: int):
        raise StoreError("it cannot be read")


def test_a_store_that_cannot_be_read_is_never_good(asked):
    answering = Responders(_BrokenStore(), asked.authorities, asked.responders)
    answer = answering.answer(request_of(asked.cert_id(1)), NOW)
    assert answer.response_der == bytes.fromhex("30030a0103")


class _BrokenKey:
    def __init__(self, key) -> None:
        self._key = key

    def sign(self, data: bytes, *arguments) -> bytes:
        return self._key.sign(data + b"!", *arguments)


def test_a_signature_that_does_not_verify_is_thrown_away(asked):
    good = asked.responders["issuing"]
    broken: dict[str, Responder] = {"issuing": replace(good, key=_BrokenKey(good.key))}
    answering = Responders(asked.store, asked.authorities, broken)
    answer = answering.answer(request_of(asked.cert_id(1)), NOW)
    assert answer.response_der == bytes.fromhex("30030a0102")


# --- Opening -------------------------------------------------------------------------------------


def test_no_authoritys_key_is_needed_to_answer(asked):
    for name in ("root", "issuing"):
        (asked.site.root / f"keys/{name}.pem").unlink()
    asked.refresh()
    assert sorted(asked.responders) == ["issuing", "root"]
    assert not asked.failed


def test_a_responder_without_its_key_does_not_stop_the_others(asked):
    (asked.site.root / "keys/issuing.ocsp.pem").unlink()
    asked.refresh()
    assert list(asked.responders) == ["root"]
    assert asked.failed["issuing"].code == "key.missing"
    assert asked.ask(asked.cert_id(1)).status is ResponseStatus.TRY_LATER


def test_a_responder_that_is_revoked_signs_nothing_any_more(asked):
    current = asked.store.observe([responder_id("issuing")])[responder_id("issuing")].current
    revoked = Revoked(
        current.object_id,
        "issuing",
        current.serial_number,
        "keyCompromise",
        NOW,
        None,
        "c" * 40,
        "",
        responder_id("issuing"),
    )
    asked.store.record([revoked], now=NOW, message="Revoke")
    asked.refresh()
    assert list(asked.responders) == ["root"]
    assert asked.failed["issuing"].code == "responder.revoked"


def test_an_authoritys_own_key_and_a_strangers_are_refused(asked):
    keys = asked.site.root / "keys"
    (keys / "issuing.ocsp.pem").unlink()
    (keys / "issuing.pem").rename(keys / "issuing.ocsp.pem")
    asked.refresh()
    assert asked.failed["issuing"].code == "key.mismatch"


def test_a_certificate_that_is_not_a_responders_opens_none(asked):
    from pki_as_code.errors import IssuanceError
    from pki_as_code.issuance import open_responder

    good = asked.responders["root"]
    for certificate, issuer in (
        (asked.authorities["root"], asked.authorities["root"]),
        (good.certificate, asked.authorities["issuing"]),
    ):
        key = good.key if certificate is good.certificate else None
        if key is None:
            from cryptography.hazmat.primitives.serialization import load_pem_private_key

            key = load_pem_private_key((asked.site.root / "keys/root.pem").read_bytes(), None)
        with pytest.raises(IssuanceError) as error:
            open_responder("root", key, certificate, issuer, DAY)
        assert error.value.code == "responder.unfit"


# --- Signed in advance ---------------------------------------------------------------------------


def test_every_certificate_that_is_not_expired_is_answered_in_advance_in_both_forms(asked):
    revoke(asked.site, certificate="web", reason="superseded")
    asked.refresh()
    now = NOW + DAY
    files = dict(presigned_responses(asked.store, asked.responders["issuing"], now))
    issued = list(asked.store.serial_statuses("issuing"))
    assert len(issued) == 2  # the responder's own certificate, too
    assert len(files) == 4
    assert all(path.startswith("ocsp/issuing/M") for path in files)
    web = asked.site.record("web").serial_number
    for hash_name in ("SHA-1", "SHA-256"):
        request = request_of(asked.cert_id(web, hash_name=hash_name))
        found = ocsp.load_der_ocsp_response(files[path_of(request)])
        assert found.certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert found.serial_number == web
    far = asked.site.record("web").not_after + DAY
    responder = replace(asked.responders["issuing"])
    assert list(asked.store.serial_statuses("issuing", not_after_from=far)) == []
    assert list(presigned_responses(asked.store, responder, far)) == []


def path_of(request: bytes) -> str:
    import base64

    path = f"ocsp/issuing/{base64.b64encode(request).decode()}"
    return f"{path}index.html" if path.endswith("/") else path


def test_a_path_that_ends_in_a_slash_is_the_file_of_a_directory(asked):
    responder = asked.responders["issuing"]
    hashes = issuer_hashes(responder.issuer, "SHA-1")
    serial_number = (1 << 158) | 0x3F
    _, request = encode_request("SHA-1", hashes, serial_number)
    from pki_as_code.model import SerialStatus

    class One:
        def serial_statuses(self, issuer, *, not_after_from):
            yield SerialStatus(serial_number, NOW + DAY)

    paths = [path for path, _ in presigned_responses(One(), responder, NOW)]
    assert path_of(request) == paths[0]
    assert paths[0].endswith("/index.html")


def test_responders_are_no_certificates_of_people(asked):
    kinds = {record.object_id.kind for record in asked.site.records()}
    assert RESPONDER not in kinds
    found = asked.store.observe([responder_id("issuing")])
    assert isinstance(found[ObjectId(RESPONDER, "", "issuing")].current.serial_number, int)
    assert asked.responders["issuing"].certificate.public_bytes(Encoding.DER)
