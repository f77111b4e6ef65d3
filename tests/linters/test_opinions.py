"""pkilint and badkeys, asked for real; and what cannot be asked objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki_as_code.linters import LINTERS, asking, missing, opinions
from pki_as_code.linters.asking import Linter
from pki_as_code.model import Finding, Severity
from pki_as_code.pkix.key_checks import key_findings
from tests.linters.sparse_key import sparse_key

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WITH_ADDRESS = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@example.com")


def certificate(*attributes: x509.NameAttribute[Any], key: Any = None) -> bytes:
    """A certificate as an authority signs them, for the subject CN=web with these attributes."""
    signer = ec.generate_private_key(ec.SECP256R1())
    public_key = (key or ec.generate_private_key(ec.SECP256R1())).public_key()
    named = x509.NameAttribute(NameOID.COMMON_NAME, "web.example.com")
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([named, *attributes]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuing")]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=90))
    )
    for extension in (
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
        x509.SubjectKeyIdentifier.from_public_key(public_key),
        x509.SubjectAlternativeName([x509.DNSName("web.example.com")]),
    ):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


def errors(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings if finding.severity is Severity.ERROR]


def test_nobody_objects_to_a_certificate_that_is_in_order() -> None:
    assert errors(opinions(["pkilint", "badkeys"], certificate())) == []


def test_pkilint_objects_in_words_of_its_own() -> None:
    found = opinions(["pkilint"], certificate(WITH_ADDRESS))
    assert errors(found) == ["pkilint.pkix.subject_email_address_not_in_san"]
    [wrong] = [finding for finding in found if finding.severity is Severity.ERROR]
    assert wrong.message.startswith("pkilint: subject")


def test_what_pkilint_notes_is_a_note() -> None:
    noted = [f for f in opinions(["pkilint"], certificate()) if f.severity is Severity.INFO]
    assert "pkilint.pkix.subject_key_identifier_method_1_identified" in [f.code for f in noted]


def test_badkeys_knows_a_key_that_no_rule_of_ours_objects_to() -> None:
    key = sparse_key()
    assert key_findings(key.public_key()) == []
    found = opinions(["badkeys"], certificate(key=key))
    assert errors(found) == ["badkeys.rsapoly"]
    assert "polynomial factoring" in found[0].message


@pytest.mark.parametrize("name", LINTERS)
def test_what_a_linter_cannot_read_it_objects_to_and_answers_the_next(name: str) -> None:
    [finding] = opinions([name], b"\x30\x03no certificate")
    assert (finding.code, finding.severity) == ("lint.linter_failed", Severity.ERROR)
    assert name in finding.message
    assert errors(opinions([name], certificate())) == []


def test_a_linter_that_is_not_installed_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {**LINTERS, "pkilint": Linter("no_such_library", "pki_as_code.linters.none")}
    monkeypatch.setattr(asking, "LINTERS", absent)
    assert missing(["pkilint", "badkeys", "another"]) == ["pkilint", "another"]
    [finding] = opinions(["pkilint"], certificate())
    assert (finding.code, finding.severity) == ("lint.linter_missing", Severity.ERROR)
    assert "pki-as-code[pkilint]" in finding.help


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"code": "a"},
        ["a"],
        [{"code": "a", "message": "b"}],
        [{"code": "a", "severity": "HARMLESS", "message": "b"}],
    ],
)
def test_an_answer_that_is_no_list_of_findings_objects(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    class Told:
        def ask(self, question: object) -> Any:
            return answer

    monkeypatch.setattr(asking, "_child", lambda name: Told())
    [finding] = opinions(["pkilint"], certificate())
    assert (finding.code, finding.severity) == ("lint.linter_failed", Severity.ERROR)


def test_an_error_is_found_among_any_number_of_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = [{"code": "a", "severity": "INFO", "message": "b"}] * 150

    class Told:
        def ask(self, question: object) -> Any:
            return [*notes, {"code": "c", "severity": "FATAL", "message": "d"}]

    monkeypatch.setattr(asking, "_child", lambda name: Told())
    assert errors(opinions(["pkilint"], certificate())) == ["pkilint.c"]


def test_what_a_linter_says_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    class Told:
        def ask(self, question: object) -> Any:
            return [{"code": "a\x1b[2J", "severity": "ERROR", "message": "b\n::error::c\x1b]8;;"}]

    monkeypatch.setattr(asking, "_child", lambda name: Told())
    [finding] = opinions(["pkilint"], certificate())
    assert not [c for c in finding.code + finding.message if ord(c) < 32]
