"""Authorities that were made elsewhere."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki_as_code.model import AdoptAuthority
from pki_as_code.plan.authorities import default_hash, find_authority, signing_hash
from pki_as_code.plan.observation import Observation
from tests.plan.worlds import (
    DAY,
    NOW,
    Files,
    authority,
    certificate,
    load,
    plan,
    project,
    refused,
    told,
)


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def made(name: str, signer: str = "", *, ca: bool | None = True, serial: int = 7) -> Any:
    signer = signer or name
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer)]))
        .public_key(key(name).public_key())
        .serial_number(serial)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 1000 * DAY)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    return builder.sign(key(signer), hashes.SHA256())


def given(name: str, certificate: x509.Certificate, **spec: Any) -> Files:
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return authority(name, certificate=pem, **spec)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def test_an_authority_made_elsewhere_is_taken_up_as_it_is():
    planned = plan(load(project(), given("root", made("root"))), Observation())
    [change] = planned.changes
    assert isinstance(change, AdoptAuthority)
    assert (change.certificate_der, change.issuer) == (der(made("root")), "root")


def test_one_that_was_taken_up_is_left_alone():
    known = Observation(authorities={"root": der(made("root"))})
    planned = plan(load(project(), given("root", made("root"))), known)
    assert (planned.changes, planned.refused, planned.findings) == ((), (), ())


def test_another_certificate_under_the_same_name_is_refused():
    known = Observation(authorities={"root": der(made("root"))})
    other = given("root", made("root", serial=8))
    planned = plan(load(project(), other), known)
    assert (told(planned), refused(planned)) == ([], ["root: AuthorityChanged"])


def test_an_authority_and_its_parent_are_taken_up_in_one_go():
    """Names are so that the child would come first, were it not for its parent."""
    parts = {
        **given("z-root", made("z-root")),
        **given("a-child", made("a-child", "z-root"), parent="z-root"),
    }
    planned = plan(load(project(), parts), Observation())
    assert told(planned) == ["adopt z-root: DoesNotExist", "adopt a-child: DoesNotExist"]
    assert planned.findings == ()


def test_an_authority_below_one_of_ours_is_taken_up():
    known = Observation(authorities={"root": der(made("root"))})
    parts = {
        **given("root", made("root")),
        **given("child", made("child", "root"), parent="root"),
    }
    assert told(plan(load(project(), parts), known)) == ["adopt child: DoesNotExist"]


@pytest.mark.parametrize(
    ("certificate", "parent", "reason"),
    [
        (made("child", ca=False), None, "not one of an authority"),
        (made("child", ca=None), None, "no readable basicConstraints"),
        (made("child", "stranger"), None, "not issued by itself"),
        (made("child", "stranger"), "root", "not issued by root"),
    ],
)
def test_a_certificate_that_cannot_be_the_authoritys_is_refused(certificate, parent, reason):
    known = Observation(authorities={"root": der(made("root"))})
    parts = {**given("root", made("root")), **given("child", certificate, parent=parent)}
    planned = plan(load(project(), parts), known)
    [finding] = planned.findings
    assert (finding.code, finding.severity) == ("authority.certificate_unfit", "error")
    assert reason in finding.message
    assert finding.source.path == "authorities/child.yaml"
    assert planned.changes == ()


def test_a_signature_of_somebody_with_the_same_name_does_not_do():
    builder = (
        x509.CertificateBuilder()
        .subject_name(made("child", "root").subject)
        .issuer_name(made("root").subject)
        .public_key(key("child").public_key())
        .serial_number(9)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
    )
    forged = builder.sign(key("other"), hashes.SHA256())
    known = Observation(authorities={"root": der(made("root"))})
    parts = {**given("root", made("root")), **given("child", forged, parent="root")}
    [finding] = plan(load(project(), parts), known).findings
    assert "its signature is not root" in finding.message


def test_a_parent_without_a_certificate_has_signed_nothing():
    parts = {
        **authority("root"),
        **given("child", made("child", "root"), parent="root"),
    }
    planned = plan(load(project(), parts), Observation())
    [finding] = planned.findings
    assert "its parent root has no certificate yet" in finding.message
    assert told(planned) == ["issue root: DoesNotExist"]


# --- What an authority may do --------------------------------------------------------------------


@cache
def limited(
    name: str, signer: str = "", *, path_length: int | None = None, cert_sign: bool = True
) -> Any:
    signer = signer or name
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
            "key_agreement", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer)]))
        .public_key(key(name).public_key())
        .serial_number(11)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 1000 * DAY)
        .add_extension(x509.BasicConstraints(True, path_length), critical=True)
        .add_extension(
            x509.KeyUsage(**usage, key_cert_sign=cert_sign, crl_sign=True), critical=True
        )
        .sign(key(signer), hashes.SHA384())
    )


def test_below_an_authority_that_allows_none_comes_none():
    parts = {
        **given("root", limited("root", path_length=0)),
        **given("child", limited("child", "root"), parent="root"),
    }
    planned = plan(load(project(), parts), Observation())
    [finding] = planned.findings
    assert "allows no further authority" in finding.message
    assert told(planned) == ["adopt root: DoesNotExist"]


@pytest.mark.parametrize(("usages", "adopted"), [(["sign", "crl"], False), (["crl"], True)])
def test_one_that_may_not_sign_is_taken_up_for_its_crls_only(usages, adopted):
    certificate = limited("root", cert_sign=False)
    planned = plan(load(project(), given("root", certificate, usages=usages)), Observation())
    assert bool(planned.changes) is adopted
    assert bool(planned.findings) is not adopted


def test_what_it_signs_has_the_hash_of_its_own_certificate():
    manifests = load(project(), given("root", limited("root")), certificate("web"))
    authority_found = find_authority(manifests, "root")
    assert authority_found is not None
    assert default_hash(authority_found, manifests) == "SHA-384"


@pytest.mark.parametrize(
    ("parent", "child", "algorithm", "own", "signs"),
    [
        ("Ed25519", "EC", None, None, "SHA-256"),
        ("Ed25519", "EC", "SHA-512", None, "SHA-512"),
        ("EC", "Ed25519", "SHA-512", "SHA-512", None),
        ("EC", "EC", "SHA-512", "SHA-512", "SHA-512"),
        ("RSA", "ML-DSA-44", None, "SHA-256", None),
    ],
)
def test_hashes_where_the_keys_of_parent_and_child_differ(parent, child, algorithm, own, signs):
    manifests = load(
        project(),
        authority("up", key={"uri": "file:keys/up.pem", "type": parent}),
        authority(
            "down",
            parent="up",
            key={"uri": "file:keys/down.pem", "type": child},
            algorithm=algorithm,
        ),
    )
    down = find_authority(manifests, "down")
    assert down is not None
    assert signing_hash(down, manifests) == own
    assert default_hash(down, manifests) == signs
