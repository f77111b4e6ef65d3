"""The types of keys this project knows, and what each can be used for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import (
    dsa,
    ec,
    ed448,
    ed25519,
    mldsa,
    rsa,
)

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

SMALLEST_RSA_BITS: Final = 2048
LARGEST_RSA_BITS: Final = 8192

CURVES: Final[Mapping[str, str]] = {
    "secp256r1": "P-256",
    "secp384r1": "P-384",
    "secp521r1": "P-521",
}
"""The curves that are signed, by the name cryptography has for them."""

KEY_TYPES_WITHOUT_HASH: Final = ("Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
"""Types that sign the message itself: no hash is chosen for them (RFC 8410, RFC 9881)."""

KEY_TYPES: Final = ("RSA", "EC", *KEY_TYPES_WITHOUT_HASH)

_TYPE_NAMES: Sequence[tuple[type, str]] = (
    (ed25519.Ed25519PublicKey, "Ed25519"),
    (ed448.Ed448PublicKey, "Ed448"),
    (mldsa.MLDSA44PublicKey, "ML-DSA-44"),
    (mldsa.MLDSA65PublicKey, "ML-DSA-65"),
    (mldsa.MLDSA87PublicKey, "ML-DSA-87"),
)

_KEY_REQUIREMENT = re.compile(r"RSA-(?P<bits>[1-9][0-9]{2,4})(?P<or_more>\+?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeySpec:
    """
    What key an authority has: a type, with `size` in bits for RSA and `curve` for EC.

    Raises `InvalidValueError` (`key.bad_spec`) for a combination that is not made.
    """

    type: str
    """`RSA`, `EC`, `Ed25519`, `Ed448`, `ML-DSA-44`, `ML-DSA-65` or `ML-DSA-87`."""

    size: int | None = None
    curve: str | None = None
    """`P-256`, `P-384` or `P-521`."""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise InvalidValueError(
                problem,
                help="use RSA with a size of 2048 to 8192, EC with a curve of P-256, P-384 or "
                "P-521, Ed25519, Ed448 or ML-DSA-44/65/87",
                code="key.bad_spec",
            )

    def _problem(self) -> str | None:
        if self.type not in KEY_TYPES:
            return f"{quoted(self.type)} is not a type of keys"
        if self.type != "RSA" and self.size is not None:
            return f"a key of type {self.type} has no size"
        if self.type != "EC" and self.curve is not None:
            return f"a key of type {self.type} has no curve"
        if self.type == "RSA" and not _is_rsa_size(self.size):
            return f"{self.size} bits are not a size for an RSA key"
        if self.type == "EC" and self.curve not in CURVES.values():
            return f"{quoted(str(self.curve))} is not a curve for an EC key"
        return None

    def __str__(self) -> str:
        return f"RSA-{self.size}" if self.type == "RSA" else self.curve or self.type


def _is_rsa_size(size: int | None) -> bool:
    return size is not None and size % 8 == 0 and SMALLEST_RSA_BITS <= size <= LARGEST_RSA_BITS


@dataclass(frozen=True, slots=True)
class KeyRequirement:
    """`RSA-3072+`, `RSA-2048`, `P-256`, `Ed25519`: what a key must be."""

    name: str
    """As `describe_key` writes it; for RSA the size is in `bits`."""

    bits: int | None = None
    or_more: bool = False

    def is_met_by(self, public_key: PublicKeyTypes) -> bool:
        if self.bits is None:
            return describe_key(public_key) == self.name
        if not isinstance(public_key, rsa.RSAPublicKey):
            return False
        return public_key.key_size == self.bits or (
            self.or_more and public_key.key_size > self.bits
        )


def describe_key(public_key: PublicKeyTypes) -> str:
    """Return `RSA-2048`, `P-256`, `Ed25519`, `ML-DSA-65`; also for keys that are not signed."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"RSA-{public_key.key_size}"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return CURVES.get(public_key.curve.name, public_key.curve.name)
    for key_class, name in _TYPE_NAMES:
        if isinstance(public_key, key_class):
            return name
    if isinstance(public_key, dsa.DSAPublicKey):
        return f"DSA-{public_key.key_size}"
    return type(public_key).__name__.removesuffix("PublicKey")


def key_spec(public_key: PublicKeyTypes) -> KeySpec:
    """Return the type of a key. Raises `InvalidValueError` for one that is not supported."""
    name = describe_key(public_key)
    if isinstance(public_key, rsa.RSAPublicKey):
        return KeySpec("RSA", size=public_key.key_size)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return KeySpec("EC", curve=name)
    return KeySpec(name)


def matches_key_spec(public_key: PublicKeyTypes, spec: KeySpec) -> bool:
    """Tell whether a key is of exactly that type, size and curve."""
    return describe_key(public_key) == str(spec)


def parse_key_requirement(text: str) -> KeyRequirement:
    """
    Return what `RSA-3072+` (that size or more), `RSA-2048` (that size), `P-256`, `Ed25519`,
    `Ed448` or `ML-DSA-65` asks for. Raises `InvalidValueError` (`key.bad_requirement`).
    """
    match = _KEY_REQUIREMENT.fullmatch(text)
    if match is not None:
        bits = int(match["bits"])
        if SMALLEST_RSA_BITS <= bits <= LARGEST_RSA_BITS:
            return KeyRequirement("RSA", bits, bool(match["or_more"]))
    for name in (*CURVES.values(), *KEY_TYPES_WITHOUT_HASH):
        if name.lower() == text.lower():
            return KeyRequirement(name)
    raise InvalidValueError(
        f"{quoted(text)} is not a kind of keys",
        help="use one like RSA-3072+, RSA-2048, P-256, P-384, P-521, Ed25519, Ed448, ML-DSA-65",
        code="key.bad_requirement",
    )


def key_allowed(public_key: PublicKeyTypes, allowed: Sequence[str]) -> bool:
    """Tell whether a key meets one of `allowed`. Raises `InvalidValueError` for a bad one."""
    requirements = [parse_key_requirement(text) for text in allowed]
    return any(requirement.is_met_by(public_key) for requirement in requirements)


_BASIC_USAGES = frozenset(
    {"digitalSignature", "nonRepudiation", "contentCommitment", "keyCertSign", "cRLSign"}
)

ALLOWED_KEY_USAGES: Final[Mapping[str, frozenset[str]]] = {
    # RFC 3279 section 2.3.1
    "RSA": _BASIC_USAGES | {"keyEncipherment", "dataEncipherment"},
    # RFC 5480 section 3, RFC 8813 section 3
    "EC": _BASIC_USAGES | {"keyAgreement", "encipherOnly", "decipherOnly"},
    # RFC 9295 section 3
    "EdDSA": _BASIC_USAGES,
    # RFC 9881 section 5
    "ML-DSA": _BASIC_USAGES,
}
"""What a key of each family can be used for. keyCertSign and cRLSign are for authorities."""


def key_family(public_key: PublicKeyTypes) -> str | None:
    """Return the row of `ALLOWED_KEY_USAGES` a key belongs to; None when it has none."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return "RSA"
    name = describe_key(public_key)
    if name in CURVES.values():
        return "EC"
    if name in {"Ed25519", "Ed448"}:
        return "EdDSA"
    return "ML-DSA" if name.startswith("ML-DSA-") else None


def usable_key_usages(public_key: PublicKeyTypes, usages: Sequence[str]) -> list[str]:
    """
    Return those of `usages` that a key of this type can have, in order.

    encipherOnly and decipherOnly go with keyAgreement (RFC 5280 section 4.2.1.3).
    """
    family = key_family(public_key)
    allowed = ALLOWED_KEY_USAGES[family] if family else frozenset()
    usable = [usage for usage in usages if usage in allowed]
    if "keyAgreement" in usable:
        return usable
    return [usage for usage in usable if usage not in {"encipherOnly", "decipherOnly"}]
