"""OCSP responses as files: checked like the rest, and left alone while they do."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki_as_code.publish.ocsp import ocsp_files
from tests.publish.conftest import files_below
from tests.stores.material import NOW, certificate, key, name_of

MALLORY = certificate("mallory", 0x6001, "mallory")
PATH = "ocsp/root/MFMwUTBP/Y%2B+a=="


@cache
def responder(issuer: str = "root", usage: str = "OCSP_SIGNING", days: int = 30):
    return (
        x509.CertificateBuilder()
        .subject_name(name_of("responder"))
        .issuer_name(name_of("root"))
        .public_key(key("responder").public_key())
        .serial_number(0x5001)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, usage)]), False)
        .sign(key(issuer), hashes.SHA256())
    )


def response(
    *, now: datetime = NOW, revoked: bool = False, signer: str = "root", delegate=None
) -> bytes:
    certificate_id = certificate("web", 0x2001), certificate("root", 0x1001)
    builder = ocsp.OCSPResponseBuilder().add_response(
        *certificate_id,
        hashes.SHA256(),
        ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
        now,
        now + timedelta(days=4),
        NOW if revoked else None,
        x509.ReasonFlags.superseded if revoked else None,
    )
    named = delegate or certificate("root", 0x1001)
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, named)
    if delegate is not None:
        builder = builder.certificates([delegate])
    return builder.sign(key(signer), hashes.SHA256()).public_bytes(Encoding.DER)


def publish(site, content: bytes, now: datetime = NOW, path: str = PATH):
    return site.publish("public", now, sections=[ocsp_files(lambda: [(path, content)])])


def test_a_response_is_found_where_a_get_looks_for_it(site, tmp_path):
    content = response()
    assert not publish(site, content).findings
    assert files_below(tmp_path / "public")[PATH] == content


def test_two_slashes_of_base64_are_one_as_for_a_file_server(site, tmp_path):
    publish(site, response(), path="ocsp/root/MFM//a///b=")
    assert "ocsp/root/MFM/a/b=" in files_below(tmp_path / "public")


def test_a_response_by_a_responder_that_the_authority_named_is_published(site):
    content = response(signer="responder", delegate=responder())
    assert PATH in publish(site, content).written


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"garbage", "publish.unreadable"),
        (b"\x30\x03\x0a\x01\x06", "publish.unreadable"),  # unauthorized
        (response(signer="mallory", delegate=MALLORY), "publish.bad_signature"),
        (response(signer="responder", delegate=responder("mallory")), "publish.bad_signature"),
        (response(signer="responder", delegate=responder(usage="SERVER_AUTH")),
         "publish.bad_signature"),
        (response(signer="responder", delegate=responder(days=0)), "publish.bad_signature"),
        (response(now=NOW - timedelta(days=4)), "publish.ocsp_not_fresh"),
        (response(now=NOW + timedelta(hours=1)), "publish.ocsp_not_fresh"),
    ],
)  # fmt: skip
def test_what_clients_would_refuse_is_not_published(site, tmp_path, content, code):
    report = publish(site, content, NOW + timedelta(seconds=1))
    assert [finding.code for finding in report.findings] == [code]
    assert PATH not in files_below(tmp_path / "public")


def test_a_response_that_says_the_same_is_replaced_when_half_of_its_time_is_over(site):
    publish(site, response())
    for hours, written in ((1, False), (47, False), (49, True), (50, False)):
        now = NOW + timedelta(hours=hours)
        assert (PATH in publish(site, response(now=now), now).written) is written


def test_a_response_that_says_something_else_is_replaced_at_once(site):
    publish(site, response())
    assert PATH in publish(site, response(revoked=True)).written


def test_responses_of_certificates_that_have_ended_are_removed(site):
    publish(site, response())
    assert site.publish("public", sections=[]).removed == (PATH,)
