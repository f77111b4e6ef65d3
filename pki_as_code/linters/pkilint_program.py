"""pkilint's RFC 5280 linter, as a program that is asked about one certificate at a time."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from typing import Any

from pki_as_code.children import serve


def answer(question: Any) -> list[dict[str, str]]:
    """Return what it objects to in `{"certificate": <DER in base64>}`."""
    return _linter()(base64.b64decode(question["certificate"], validate=True))


@functools.cache
def _linter() -> Callable[[bytes], list[dict[str, str]]]:
    from pkilint import loader
    from pkilint.pkix import certificate, extension, name

    validator = certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )
    documents = loader.RFC5280CertificateDocumentLoader()

    def lint(der: bytes) -> list[dict[str, str]]:
        document = documents.load_der_document(der, "draft", "draft")
        return [
            {
                "code": described.finding.code,
                "severity": described.finding.severity.name,
                "message": _message(result.node.path, described),
            }
            for result in validator.validate(document.root)
            for described in result.finding_descriptions
        ]

    return lint


def _message(path: str, described: Any) -> str:
    where = path.removeprefix("certificate.").removeprefix("tbsCertificate.")
    return f"{where}: {described.message or described.finding.code}"


if __name__ == "__main__":
    serve(answer)
