"""Many certificates at once are what each of them would be alone."""

from __future__ import annotations

import gc
import os
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

import pki_as_code.issuance.certificates
import pki_as_code.pkix.constraints
import pki_as_code.pkix.der.strict
import pki_as_code.pkix.drafts
import pki_as_code.pkix.extensions.encode
import pki_as_code.pkix.raw_certificate
from pki_as_code.errors import IssuanceError
from pki_as_code.issuance import Issuer, Order, Preparation, PreparedCertificate, sign_certificates
from pki_as_code.model import CERTIFICATE, ObjectId, RequestedExtension
from pki_as_code.pkix.certificate import load_draft
from pki_as_code.pkix.drafts import certificate_findings, make_draft
from pki_as_code.pkix.judged import digest_of_judged
from pki_as_code.workers import FEWEST_ITEMS
from tests.test_issuance import DAY, NOW, ORIGIN, BrokenKey, request, root

MANY = 2 * FEWEST_ITEMS + 1
UNFIT = 7

pytestmark = pytest.mark.usefixtures("two_cores")


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def orders(issuer: Issuer) -> list[Order]:
    """Return orders for many hosts, one of which outlives its authority."""
    return [
        Order(
            request(
                issuer.key,
                object_id=ObjectId(CERTIFICATE, "default", f"host-{number}"),
                subject=f"CN=host-{number}.example.com",
                subject_alternative_names=(f"DNS:host-{number}.example.com",),
                validity_seconds=(90 if number != UNFIT else 9000) * DAY,
            ),
            issuer,
            ORIGIN,
        )
        for number in range(MANY)
    ]


def prepared(issuer: Issuer) -> list[PreparedCertificate]:
    results = Preparation(orders(issuer), NOW).results()
    return [item for item in results if isinstance(item, PreparedCertificate)]


@pytest.mark.parametrize("key_name", ["P-256", "RSA-2048"])
def test_each_order_gets_its_own_certificate(key_name: str) -> None:
    issuer = root(key_name)
    items = prepared(issuer)
    issued = list(sign_certificates([(item, issuer) for item in items]))
    assert len({item.reservation.serial_number for item in items}) == len(items) == MANY - 1
    for item, result in zip(items, issued, strict=True):
        assert not isinstance(result, Exception)
        certificate = x509.load_der_x509_certificate(result.certificate_der)
        certificate.verify_directly_issued_by(issuer.certificate)
        assert certificate.tbs_certificate_bytes == item.reservation.tbs_certificate
        assert result.object_id == item.reservation.object_id


def test_one_that_cannot_be_issued_is_told_with_its_reason() -> None:
    results = list(Preparation(orders(root()), NOW).results())
    (error,) = (item for item in results if isinstance(item, Exception))
    assert results.index(error) == UNFIT
    assert error.code == "certificate.outlives_issuer"
    assert error.findings


def test_each_is_signed_once() -> None:
    pairs = [(item, root("RSA-2048")) for item in prepared(root("RSA-2048"))]
    assert len(list(sign_certificates(pairs))) == len(pairs)
    with pytest.raises(IssuanceError):
        next(sign_certificates(pairs))


def test_a_key_that_is_elsewhere_is_used_by_this_process_only() -> None:
    used_in = set()

    class Token(BrokenKey):
        def sign(self, *arguments: Any) -> Any:
            used_in.add(os.getpid())
            return root().key.sign(*arguments)

    issuer = Issuer("root", Token(b""), root().chain)  # type: ignore[arg-type]
    issued = list(sign_certificates([(item, issuer) for item in prepared(issuer)]))
    assert not any(isinstance(result, Exception) for result in issued)
    assert used_in == {os.getpid()}


def test_a_signature_of_another_key_is_thrown_away() -> None:
    other = rsa.generate_private_key(65537, 2048)
    items = prepared(root("RSA-2048"))
    issuer = Issuer("root", other, root("RSA-2048").chain)
    results = list(sign_certificates([(item, issuer) for item in items]))
    assert {result.code for result in results if isinstance(result, IssuanceError)} == {
        "issuance.signature_invalid"
    }
    assert len(results) == len(items)


# --- What is remembered --------------------------------------------------------------------------


@cache
def memories() -> list[Any]:
    """Return every function of the package that remembers results."""
    wrapper = type(make_draft_memory())
    return [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, wrapper) and thing.__module__.startswith("pki_as_code.pkix")
    ]


def make_draft_memory() -> Any:
    return pki_as_code.pkix.drafts._read_issuer


VARIATIONS: tuple[dict[str, Any], ...] = (
    {},
    {"subject": ""},
    {"subject": "C=AT,O=Example,CN=x"},
    {"subject_alternative_names": ("IP:10.0.0.7", "email:a@example.com")},
    {"backdate_seconds": 0},
    {"validity_seconds": 10 * DAY},
    {"crl_shards": 16},
    {"extensions": (RequestedExtension("keyUsage", True, ["digitalSignature"]),)},
    {"extensions": (RequestedExtension("keyUsage", False, ["keyAgreement"]),)},
    {"extensions": (RequestedExtension("extendedKeyUsage", False, ["clientAuth"]),)},
    {
        "extensions": (
            RequestedExtension(
                "crlDistributionPoints",
                False,
                [{"fullName": ["URI:http://x.example/{CRL_PATH}?{SERIAL}"]}],
            ),
        )
    },
)


@pytest.mark.parametrize("key_name", ["P-256", "RSA-2048", "Ed25519"])
def test_what_is_remembered_changes_no_byte_and_no_finding(key_name: str) -> None:
    cases = [
        (request(root(name).key, **changes), root(name).chain, serial_number)
        for changes in VARIATIONS
        for name in (key_name, "P-256")
        for serial_number in (1 << 158, (1 << 150) + 7)
    ]

    def drafted(case: Any) -> tuple[bytes, list[Any]]:
        wanted, chain, serial_number = case
        tbs = make_draft(wanted, chain, serial_number=serial_number, now=NOW)
        return tbs, certificate_findings(load_draft(tbs), chain)

    remembered = [drafted(case) for case in [*cases, *cases]][len(cases) :]
    afresh = []
    for case in cases:
        for memory in memories():
            memory.cache_clear()
        afresh.append(drafted(case))
    assert len(memories()) > 5
    assert remembered == afresh


# --- What was judged already ---------------------------------------------------------------------


def test_what_was_judged_is_reserved_as_if_it_were_linted_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issuer = root()
    wanted = orders(issuer)
    judged = []
    for order in wanted[:UNFIT]:
        tbs = make_draft(order.request, issuer.chain, serial_number=(1 << 158) + 1, now=NOW)
        judged.append(digest_of_judged(tbs, issuer.chain))
    linted: list[str] = []
    lint = pki_as_code.issuance.certificates._check_lint

    def recorded(path: str, *others: Any) -> None:
        linted.append(path)
        lint(path, *others)

    monkeypatch.setattr(pki_as_code.issuance.certificates, "_check_lint", recorded)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    marks = frozenset(mark for mark in judged if mark is not None)
    results = list(Preparation(wanted, NOW, marks).results())
    made = [item for item in results if isinstance(item, PreparedCertificate)]
    assert len(marks) == UNFIT
    assert len(made) == MANY - 1
    assert linted == [f"host-{number}" for number in range(UNFIT + 1, MANY)]
    for item in made:
        draft = load_draft(item.reservation.tbs_certificate)
        assert certificate_findings(draft, issuer.chain) == []
