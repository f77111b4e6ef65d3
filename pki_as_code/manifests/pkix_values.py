"""What manifests say in the terms of X.509: names, keys, hashes. `pkix` is the judge of each."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, WithJsonSchema

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.manifests.scalars import text_schema
from pki_as_code.manifests.yaml_text import holds_private_key
from pki_as_code.pkix.algorithms import HASHES, parse_hash_name, parse_key_requirement
from pki_as_code.pkix.general_names import parse_constraint_name, parse_general_name
from pki_as_code.pkix.names import parse_name

_LONGEST_NAME: Final = 4096
_LONGEST_PEM: Final = 65_536

KEY_REQUIREMENT_PATTERN: Final = (
    r"^(RSA-[1-9][0-9]{3}\+?|P-256|P-384|P-521|Ed25519|Ed448|ML-DSA-44|ML-DSA-65|ML-DSA-87)$"
)
_KEY_REQUIREMENT = re.compile(KEY_REQUIREMENT_PATTERN[1:-1])

KeyType = Literal["RSA", "EC", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]
Curve = Literal["P-256", "P-384", "P-521"]

RevocationReason = Literal[
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
    "aACompromise",
]
"""CRLReason of RFC 5280 section 5.3.1, without removeFromCRL, which is not a reason to revoke."""


def _check_length(text: str, longest: int) -> None:
    if not 1 <= len(text) <= longest:
        raise InvalidValueError(
            f"the text has {len(text)} characters, 1 to {longest} are allowed",
            code="manifest.text_length",
        )


def _check_subject(text: str) -> str:
    _check_length(text, _LONGEST_NAME)
    parse_name(text)
    return text


def _check_general_name(text: str) -> str:
    _check_length(text, _LONGEST_NAME)
    parse_general_name(text)
    return text


def _check_constraint_name(text: str) -> str:
    _check_length(text, _LONGEST_NAME)
    parse_constraint_name(text)
    return text


def _check_hash_name(text: str) -> str:
    name = parse_hash_name(text)
    if name != text:
        raise InvalidValueError(
            f"{quoted(text)} is written {name}",
            code="manifest.unknown_value",
            help=f"write `{name}`",
        )
    return text


def _check_key_requirement(text: str) -> str:
    parse_key_requirement(text)
    if _KEY_REQUIREMENT.fullmatch(text) is None:
        raise InvalidValueError(
            f"{quoted(text)} is not written as the kind of keys it is",
            code="manifest.unknown_value",
            help="write it as in RSA-3072+, P-256, Ed25519, ML-DSA-65",
        )
    return text


def _check_pem(text: str, label: str) -> str:
    _check_length(text, _LONGEST_PEM)
    if holds_private_key(text.encode()):
        raise InvalidValueError(
            "there is a private key in it",
            code="manifest.private_key",
            help="remove it, and make a new key: what was in a repository is no longer private",
        )
    if f"{label}-----" not in text:
        raise InvalidValueError(
            f"there is no `-----BEGIN {label}-----` in it",
            code="manifest.not_pem",
            help="put the PEM text there, as a block: `|` and the lines indented below it",
        )
    return text


def _check_csr(text: str) -> str:
    return _check_pem(text, "CERTIFICATE REQUEST")


def _check_certificate(text: str) -> str:
    return _check_pem(text, "CERTIFICATE")


Subject = Annotated[str, AfterValidator(_check_subject), text_schema(longest=_LONGEST_NAME)]
"""A distinguished name in certificate order."""

GeneralName = Annotated[
    str, AfterValidator(_check_general_name), text_schema(longest=_LONGEST_NAME)
]
ConstraintName = Annotated[
    str, AfterValidator(_check_constraint_name), text_schema(longest=_LONGEST_NAME)
]
HashName = Annotated[
    str,
    AfterValidator(_check_hash_name),
    WithJsonSchema({"type": "string", "enum": list(HASHES)}),
]
KeyRequirementText = Annotated[
    str, AfterValidator(_check_key_requirement), text_schema(KEY_REQUIREMENT_PATTERN, 16)
]
CsrPem = Annotated[
    str,
    AfterValidator(_check_csr),
    text_schema("CERTIFICATE REQUEST-----", _LONGEST_PEM),
]
CertificatePem = Annotated[
    str, AfterValidator(_check_certificate), text_schema("CERTIFICATE-----", _LONGEST_PEM)
]
