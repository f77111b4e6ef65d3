"""The only module that signs: what it takes, and everything it refuses."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pki_as_code.errors import IssuanceError, KeyBackendError
from pki_as_code.issuance import (
    Issuer,
    Origin,
    PreparedCertificate,
    open_issuer,
    prepare_certificate,
    prepare_reserved,
    public_key_der,
    sign_certificate,
)
from pki_as_code.model import (
    AUTHORITY,
    CERTIFICATE,
    CertificateRequest,
    ObjectId,
    Reason,
    RequestedExtension,
)
from pki_as_code.pkix.algorithms import default_hash_name
from tests.pkix.csr_maker import private_key, public_key_info

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = 86400
ORIGIN = Origin(Reason("DoesNotExist", "new"), None, "c" * 40, "certificates/web.yaml", "Refuse")

KEYS = (
    "RSA-2048", "P-256", "P-384", "P-521", "Ed25519", "Ed448",
    "ML-DSA-44", "ML-DSA-65", "ML-DSA-87",
)  # fmt: skip
CA_USAGE = RequestedExtension("keyUsage", True, ["keyCertSign", "cRLSign"])


def request(issuer_key: Any, **changes: Any) -> CertificateRequest:
    """Return the request of an end entity, to be signed by that key."""
    fields: dict[str, Any] = {
        "object_id": ObjectId(CERTIFICATE, "default", "web"),
        "issuer": "root",
        "profile": "webserver",
        "subject": "CN=www.example.com",
        "subject_alternative_names": ("DNS:www.example.com",),
        "public_key_der": public_key_info(private_key("P-256")),
        "validity_seconds": 90 * DAY,
        "not_after": None,
        "backdate_seconds": 300,
        "hash_algorithm": default_hash_name(issuer_key.public_key()),
        "extensions": (
            RequestedExtension("extendedKeyUsage", False, ["serverAuth"]),
            RequestedExtension("keyUsage", True, ["digitalSignature"]),
        ),
        "intent": {"subjectAltNames": ["DNS:www.example.com"]},
    }
    return CertificateRequest(**{**fields, **changes})


def ca_request(name: str, key: Any, issuer_key: Any, **changes: Any) -> CertificateRequest:
    return request(
        issuer_key,
        **{
            "object_id": ObjectId(AUTHORITY, "", name),
            "issuer": "root",
            "profile": "",
            "subject": f"CN={name}",
            "subject_alternative_names": (),
            "public_key_der": public_key_der(key),
            "validity_seconds": 1000 * DAY,
            "backdate_seconds": 0,
            "is_ca": True,
            "path_length": 1 if name == "root" else 0,
            "extensions": (CA_USAGE,),
            **changes,
        },
    )


def loaded(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


@cache
def root(key_name: str = "P-256") -> Issuer:
    """Return a root that signed itself."""
    key = private_key(key_name)
    alone = open_issuer("root", key, [])
    prepared = prepare_certificate(ca_request("root", key, key), alone, ORIGIN, NOW)
    return open_issuer("root", key, [loaded(sign_certificate(prepared, alone).certificate_der)])


def prepared_web(signer: Issuer, **changes: Any) -> PreparedCertificate:
    wanted = request(signer.key, **{"issuer": signer.name, **changes})
    return prepare_certificate(wanted, signer, ORIGIN, NOW)


def web_request() -> CertificateRequest:
    """Return what `prepared_web(root())` was made of."""
    return request(root().key)


# --- What is signed ------------------------------------------------------------------------------


@pytest.mark.parametrize("key_name", KEYS)
def test_every_type_of_authority_key_signs_itself_and_a_certificate(key_name):
    issuer = root(key_name)
    issuer.certificate.verify_directly_issued_by(issuer.certificate)
    prepared = prepared_web(issuer)
    issued = sign_certificate(prepared, issuer)
    certificate = loaded(issued.certificate_der)
    certificate.verify_directly_issued_by(issuer.certificate)
    assert certificate.tbs_certificate_bytes == prepared.reservation.tbs_certificate
    assert certificate.signature == issued.signature
    assert certificate.serial_number == issued.serial_number == prepared.reservation.serial_number
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (
        issued.not_before, issued.not_after,
    )  # fmt: skip


@pytest.mark.parametrize("key_name", KEYS)
def test_every_type_of_key_can_be_certified(key_name):
    spki = public_key_info(private_key(key_name))
    issued = sign_certificate(prepared_web(root(), public_key_der=spki), root())
    assert spki in issued.certificate_der


def test_a_reservation_has_all_there_is_to_know():
    wanted = request(root().key)
    origin = replace(ORIGIN, replaces=4711, deletion_policy="Retain")
    reservation = prepare_certificate(wanted, root(), origin, NOW).reservation
    assert reservation.object_id == wanted.object_id
    assert reservation.issuer == "root"
    assert reservation.request == wanted.to_json()
    assert reservation.request_digest == wanted.digest
    assert reservation.intent == wanted.intent
    assert (reservation.reason, reservation.replaces) == ("DoesNotExist", 4711)
    assert (reservation.commit, reservation.path) == ("c" * 40, "certificates/web.yaml")
    assert reservation.deletion_policy == "Retain"


def test_serial_numbers_are_never_the_same():
    numbers = {prepared_web(root()).reservation.serial_number for _ in range(20)}
    assert len(numbers) == 20
    assert all(number.bit_length() > 64 for number in numbers)


# --- One path to a signature ---------------------------------------------------------------------


def test_a_prepared_certificate_cannot_be_made_elsewhere():
    prepared = prepared_web(root())
    for made_here in (None, object(), True):
        with pytest.raises(TypeError, match="prepare_certificate"):
            PreparedCertificate(prepared.reservation, prepared.algorithm, made_here)


def test_a_prepared_certificate_signs_once():
    prepared = prepared_web(root())
    sign_certificate(prepared, root())
    with pytest.raises(IssuanceError) as refused:
        sign_certificate(prepared, root())
    assert refused.value.code == "issuance.spent"


def test_it_is_spent_although_the_signature_failed():
    prepared = prepared_web(root())
    with pytest.raises(IssuanceError):
        sign_certificate(prepared, Issuer("root", BrokenKey(b"garbage"), root().chain))
    with pytest.raises(IssuanceError) as refused:
        sign_certificate(prepared, root())
    assert refused.value.code == "issuance.spent"


# --- What is refused before anything is reserved -------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"extensions": (CA_USAGE,)}, "rfc5280."),
        ({"is_ca": True, "subject": ""}, "rfc5280."),
        ({"subject": "", "subject_alternative_names": ()}, "rfc5280."),
        ({"hash_algorithm": "SHA-1"}, "algorithm."),
        ({"hash_algorithm": None}, "algorithm."),
        ({"validity_seconds": 0}, "certificate.bad_validity"),
        ({"validity_seconds": 10**12}, "certificate.bad_validity"),
        ({"validity_seconds": None, "not_after": NOW}, "certificate.bad_validity"),
    ],
)
def test_lint_stops_issuance_before_anything_is_reserved(changes, code):
    """`prepare_certificate` returns what can be reserved, or raises."""
    with pytest.raises(IssuanceError) as refused:
        prepared_web(root(), **changes)
    assert refused.value.code.startswith(code), refused.value.code
    assert refused.value.findings


def test_all_that_lint_finds_is_told_at_once():
    usages = (RequestedExtension("keyUsage", True, ["keyEncipherment", "keyCertSign"]),)
    with pytest.raises(IssuanceError) as refused:
        prepared_web(root(), extensions=usages)
    assert len(refused.value.findings) > 1


def test_a_weak_key_is_refused_here_too():
    """Whatever looked at the CSR before: the issuer looks again."""
    with pytest.raises(IssuanceError) as refused:
        prepared_web(root(), public_key_der=public_key_info(private_key("RSA-1024")))
    assert "1024" in refused.value.message


def test_a_leaf_never_outlives_its_authority_and_both_dates_are_told():
    with pytest.raises(IssuanceError) as refused:
        prepared_web(root(), validity_seconds=2000 * DAY)
    assert refused.value.code == "certificate.outlives_issuer"
    assert "2032-05-15T09:59:59Z" in refused.value.message
    assert "2029-08-19T09:59:59Z" in refused.value.message
    end = root().certificate.not_valid_after_utc
    prepared_web(root(), validity_seconds=None, not_after=end)
    with pytest.raises(IssuanceError):
        prepared_web(root(), validity_seconds=None, not_after=end + timedelta(seconds=1))


def test_an_intermediate_is_cut_to_the_end_of_its_parent():
    key = private_key("P-384")
    wanted = ca_request("issuing", key, root().key, validity_seconds=5000 * DAY)
    issued = sign_certificate(prepare_certificate(wanted, root(), ORIGIN, NOW), root())
    assert issued.not_after == root().certificate.not_valid_after_utc


def test_path_lengths_and_name_constraints_of_the_chain_hold():
    key = private_key("P-384")
    constraints = RequestedExtension(
        "nameConstraints", True, {"permitted": ["DNS:lab.example"], "excluded": []}
    )
    wanted = ca_request("lab", key, root().key, extensions=(CA_USAGE, constraints))
    der = sign_certificate(prepare_certificate(wanted, root(), ORIGIN, NOW), root()).certificate_der
    lab = open_issuer("lab", key, [loaded(der), *root().chain])

    with pytest.raises(IssuanceError) as refused:
        prepared_web(lab)
    assert refused.value.code == "rfc5280.name_not_permitted"
    names = {"subject": "CN=a.lab.example", "subject_alternative_names": ("DNS:a.lab.example",)}
    prepared_web(lab, **names)

    below = ca_request("below", private_key("Ed25519"), key, issuer="lab")
    with pytest.raises(IssuanceError) as refused:
        prepare_certificate(below, lab, ORIGIN, NOW)
    assert "path_length" in refused.value.code


def test_a_root_without_a_certificate_signs_nothing_but_itself():
    """What it signed for others would claim to be its own issuer."""
    alone = open_issuer("root", private_key("P-256"), [])
    with pytest.raises(IssuanceError) as refused:
        prepared_web(alone)
    assert refused.value.code == "issuance.issuer_not_issued"
    with pytest.raises(IssuanceError):
        wanted = ca_request("issuing", private_key("P-384"), alone.key)
        prepare_certificate(wanted, alone, ORIGIN, NOW)


def test_an_authority_signs_only_what_names_it_as_issuer():
    with pytest.raises(IssuanceError):
        prepared_web(root(), issuer="another")


def test_a_root_that_has_a_certificate_does_not_sign_itself_again():
    key = private_key("P-256")
    with pytest.raises(IssuanceError):
        prepare_certificate(ca_request("root", key, key), root(), ORIGIN, NOW)


# --- Keys ----------------------------------------------------------------------------------------


class BrokenKey:
    """A key as a broken token would be: right public key, wrong signatures."""

    def __init__(self, signature: Any) -> None:
        self._signature = signature

    def public_key(self) -> Any:
        return private_key("P-256").public_key()

    def sign(self, *_: Any) -> Any:
        return self._signature


@pytest.mark.parametrize("signature", [b"", b"garbage", bytes(71), None, "text"], ids=repr)
def test_a_signature_that_does_not_verify_is_thrown_away(signature):
    broken = Issuer("root", BrokenKey(signature), root().chain)
    with pytest.raises(IssuanceError) as refused:
        sign_certificate(prepared_web(root()), broken)
    assert refused.value.code == "issuance.signature_invalid"


def test_the_signature_over_other_bytes_is_thrown_away():
    other = sign_certificate(prepared_web(root()), root()).signature
    with pytest.raises(IssuanceError):
        sign_certificate(prepared_web(root()), Issuer("root", BrokenKey(other), root().chain))


def test_the_signature_is_verified_with_the_key_in_the_certificate():
    """A key that changed its mind since the authority was opened is found out."""
    other = Issuer("root", ec.generate_private_key(ec.SECP256R1()), root().chain)
    with pytest.raises(IssuanceError) as refused:
        sign_certificate(prepared_web(root()), other)
    assert refused.value.code == "issuance.signature_invalid"


def test_a_key_that_is_not_the_one_in_the_certificate_is_refused():
    with pytest.raises(KeyBackendError) as refused:
        open_issuer("root", private_key("P-384"), root().chain)
    assert refused.value.code == "key.mismatch"


# --- What an earlier run reserved ----------------------------------------------------------------


def test_a_reservation_is_signed_byte_for_byte_whatever_the_time_is_now():
    reservation, wanted = prepared_web(root()).reservation, request(root().key)
    issued = sign_certificate(prepare_reserved(reservation, wanted, root()), root())
    assert loaded(issued.certificate_der).tbs_certificate_bytes == reservation.tbs_certificate
    assert issued.serial_number == reservation.serial_number
    again = sign_certificate(prepare_reserved(reservation, wanted, root()), root())
    assert again.certificate_der == issued.certificate_der


@pytest.mark.parametrize("key_name", KEYS)
def test_a_reserved_root_is_finished_with_its_own_key(key_name):
    key = private_key(key_name)
    alone, wanted = open_issuer("root", key, []), ca_request("root", key, key)
    prepared = prepare_certificate(wanted, alone, ORIGIN, NOW)
    issued = sign_certificate(prepare_reserved(prepared.reservation, wanted, alone), alone)
    certificate = loaded(issued.certificate_der)
    certificate.verify_directly_issued_by(certificate)


def unfit(reservation: Any, wanted: CertificateRequest, issuer: Issuer) -> str:
    with pytest.raises(IssuanceError) as refused:
        prepare_reserved(reservation, wanted, issuer)
    return refused.value.code


def test_a_reserved_root_whose_key_is_gone_is_not_signed_with_another():
    """It would hold the public key of the one and the signature of the other."""
    key, other = private_key("P-256"), ec.generate_private_key(ec.SECP256R1())
    wanted = ca_request("root", key, key)
    prepared = prepare_certificate(wanted, open_issuer("root", key, []), ORIGIN, NOW)
    for asked in (wanted, ca_request("root", other, other)):
        alone = open_issuer("root", other, [])
        assert unfit(prepared.reservation, asked, alone) == "issuance.reservation_unfit"


def reservation_with(**changes: Any) -> Any:
    return replace(prepared_web(root()).reservation, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"serial_number": 5},
        {"issuer": "another"},
        {"request_digest": "sha256:" + "0" * 64},
        {"tbs_certificate": b""},
        {"tbs_certificate": b"\x30\x00"},
        {"tbs_certificate": b"\x30\x82\xff\xff"},
        {"tbs_certificate": bytes(40)},
    ],
    ids=repr,
)
def test_a_reservation_that_is_not_what_it_says_is_not_signed(changes):
    reservation = reservation_with(**changes)
    assert unfit(reservation, request(root().key), root()) == "issuance.reservation_unfit"


def test_a_reservation_for_an_issuer_of_another_name_is_not_signed():
    key = private_key("Ed25519")
    other_name = ca_request("other", key, key, issuer="other")
    alone = open_issuer("other", key, [])
    signed = sign_certificate(prepare_certificate(other_name, alone, ORIGIN, NOW), alone)
    other = open_issuer("root", key, [loaded(signed.certificate_der)])
    assert unfit(prepared_web(root()).reservation, request(key), other) == (
        "issuance.reservation_unfit"
    )


EVIL = {
    "an authority": {"is_ca": True, "extensions": (CA_USAGE,)},
    "another name": {"subject_alternative_names": ("DNS:www.evil.example",)},
    "another key": {"public_key_der": public_key_info(private_key("Ed25519"))},
    "a longer life": {"validity_seconds": 900 * DAY},
    "another usage": {
        "extensions": (
            RequestedExtension("extendedKeyUsage", False, ["OCSPSigning"]),
            RequestedExtension("keyUsage", True, ["digitalSignature"]),
        )
    },
}


@pytest.mark.parametrize("what", EVIL)
def test_the_store_is_no_authority_over_what_is_signed(what):
    """Whoever can push to the store can write a reservation; its digest is easily copied."""
    asked = request(root().key)
    evil = prepare_certificate(replace(asked, **EVIL[what]), root(), ORIGIN, NOW).reservation
    forged = replace(evil, request=asked.to_json(), request_digest=asked.digest)
    with pytest.raises(IssuanceError) as refused:
        prepare_reserved(forged, asked, root())
    assert refused.value.code == "issuance.reservation_unfit"


def test_what_is_not_asked_for_any_more_is_not_signed():
    reservation = prepared_web(root()).reservation
    with pytest.raises(IssuanceError):
        prepare_reserved(reservation, replace(request(root().key), reissue=1), root())


def test_nothing_of_a_key_is_shown():
    shown = repr(root()) + repr(copy.copy(prepared_web(root()).reservation))
    assert "PrivateKey" not in shown
    assert "tbs_certificate" not in shown
