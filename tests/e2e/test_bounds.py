"""
Input that is made to exhaust: each has one clear error within 512 MiB and 5 seconds of CPU.

The limits are the system's, on a process of its own; nothing is measured.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from math import prod

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from pki_as_code.pkix.der import encode_sequence, encode_tlv
from tests.e2e.bounded import run_bounded
from tests.pkix import csr_maker
from tests.pkix.test_key_checks import well_known_prime

CERTIFICATE = "apiVersion: pki-as-code/v1\nkind: Certificate\nmetadata: {name: x}\nspec:\n"
MIB = 1 << 20


def letters(count: int) -> Iterator[str]:
    return (f"n{number}" for number in range(count))


def alias_bomb() -> str:
    """Nine to the ninth values for whoever follows aliases."""
    lines = ["n0: &n0 [x,x,x,x,x,x,x,x,x]"]
    for before, name in zip(letters(8), list(letters(9))[1:], strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]")
    return "\n".join(lines)


def merge_bomb() -> str:
    """What keeps PyYAML busy for longer than anybody waits."""
    lines = ["n0: &n0 {a: x}"]
    for before, name in zip(letters(29), list(letters(30))[1:], strict=True):
        lines.append(f"{name}: &{name} {{<<: [*{before}, *{before}]}}")
    return "\n".join(lines)


def many_names(count: int) -> str:
    names = "\n".join(f"  - n{number}.example.com" for number in range(count))
    return f"{CERTIFICATE}  csrFile: web.csr\n  subjectAltNames:\n{names}\n"


MANIFESTS: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "aliases": (alias_bomb, "yaml.anchor"),
    "merge keys": (merge_bomb, "yaml.anchor"),
    "10,000 names": (lambda: many_names(10_000), "manifest.wrong_length"),
    "100,000 names": (lambda: many_names(100_000), "path.too_large"),
    "junk": (lambda: secrets.token_bytes(10 * MIB), "path.too_large"),
    "junk of a file that is read": (lambda: secrets.token_bytes(255 * 1024), "yaml."),
    "zeroes": (lambda: bytes(10 * MIB), "path.too_large"),
    "a long line": (lambda: f"{CERTIFICATE}  csrFile: {'x' * (10 * MIB)}\n", "path.too_large"),
    "lists in lists": (lambda: "a: " + "[" * 120_000, "yaml."),
    "mappings in mappings": (lambda: "{a: " * 60_000, "yaml."),
    "blocks in blocks": (
        lambda: "".join(f"{' ' * depth}a:\n" for depth in range(700)), "yaml."
    ),
    "a list of lists": (lambda: "- " * 120_000, "yaml."),
    "many documents": (lambda: "---\na: b\n" * 25_000, "yaml."),
    "many keys": (lambda: "".join(f"{name}: x\n" for name in letters(25_000)), "yaml."),
    "many faults": (lambda: "a: &b c\n" * 30_000, "yaml."),
    "a long number": (lambda: f"{CERTIFICATE}  reissue: {'9' * 250_000}\n", "yaml."),
    "a long duration": (lambda: f"{CERTIFICATE}  validity: {'9' * 250_000}d\n", "duration."),
    "a long name": (lambda: f"{CERTIFICATE}  subject: '{'CN=x,' * 50_000}'\n", "manifest."),
    "a long name that is read": (
        lambda: f"{CERTIFICATE}  subject: '{'CN=x,' * 800}'\n  csrFile: web.csr\n", "name."
    ),
    "a long label": (lambda: f"{CERTIFICATE}  subjectAltNames: [{'é' * 60_000}]\n", "manifest."),
    "many labels": (lambda: f"{CERTIFICATE}  subjectAltNames: [{'a.' * 120_000}]\n", "manifest."),
}  # fmt: skip


@dataclass(frozen=True)
class KnownKey:
    """An RSA key of primes that everybody knows: to generate one of such a size takes minutes."""

    primes: tuple[int, ...]

    @property
    def modulus(self) -> int:
        return prod(self.primes)

    def public_key(self) -> rsa.RSAPublicKey:
        return rsa.RSAPublicNumbers(65537, self.modulus).public_key()

    def sign(self, data: bytes, *_: object) -> bytes:
        """RFC 8017 section 8.2.1 with SHA-256, prime by prime (section 5.1.2)."""
        digest = bytes.fromhex("3031300d060960864801650304020105000420") + sha256(data).digest()
        length = (self.modulus.bit_length() + 7) // 8
        padded = b"\0\1".ljust(length - len(digest) - 1, b"\xff") + b"\0" + digest
        message, result = int.from_bytes(padded), 0
        for prime in self.primes:
            others = self.modulus // prime
            part = pow(message % prime, pow(65537, -1, prime - 1), prime)
            result += part * others * pow(others, -1, prime)
        return (result % self.modulus).to_bytes(length)


def rsa_csr(*sizes: int) -> bytes:
    """A CSR with a key of primes of these sizes in bits, rightly signed with it."""
    return csr_maker.make_csr(KnownKey(tuple(map(well_known_prime, sizes))))


def huge_csr(bits: int) -> bytes:
    """A CSR with a modulus that nobody knows the factors of, so that its signature is not one."""
    modulus = secrets.randbits(bits) | 1 << (bits - 1) | 1
    key = csr_maker.private_key("RSA-2048")
    return csr_maker.make_csr(key, spki=csr_maker.rsa_info(modulus, 65537))


def nested_csr(depth: int) -> bytes:
    value = b"\x05\x00"
    for _ in range(depth):
        value = encode_sequence(value)
    return csr_maker.make_csr(attributes=(csr_maker.attribute("1.2.3", value),))


def csr_of_names(count: int) -> bytes:
    names = (encode_tlv(0x82, b"n%d.example" % number) for number in range(count))
    return csr_maker.make_csr(attributes=(csr_maker.san(*names),))


def as_pem(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE REQUEST-----\n%b-----END CERTIFICATE REQUEST-----\n" % body


CSRS: dict[str, tuple[Callable[[], bytes], str]] = {
    "10,000 names": (lambda: csr_of_names(10_000), "csr.too_large"),
    "RSA-16384": (lambda: rsa_csr(2048, 6144, 8192), "key.rsa_too_large"),
    "RSA-131072": (lambda: huge_csr(131_072), "key.rsa_too_large"),
    "junk": (lambda: secrets.token_bytes(10 * MIB), "path.too_large"),
    "junk as PEM": (lambda: as_pem(secrets.token_bytes(10 * MIB)), "path.too_large"),
    "junk of a size that is read": (lambda: secrets.token_bytes(60_000), "(csr|der)."),
    "zeroes": (lambda: bytes(60_000), "csr."),
    "deep DER": (lambda: nested_csr(10_000), "der.not_strict"),
    "a length that lies": (lambda: b"\x30\x84\xff\xff\xff\xff" + bytes(1000), "der.not_strict"),
    "many blocks": (lambda: as_pem(b"") * 1_000, "csr."),
    "many dashes": (lambda: b"-----BEGIN " * 5_500, "csr."),
    "one endless line": (lambda: b"-----BEGIN CERTIFICATE REQUEST-----" + b"A" * 60_000, "csr."),
}


OF_A_REVISION = {"aliases", "10,000 names", "100,000 names", "junk", "zeroes", "deep DER"}
"""Cases that are read once more from a commit: what judges them is the same."""


def check(repository, name: str, code: str) -> None:
    commands = [["validate"]]
    if name in OF_A_REVISION:
        repository.commit()
        commands.append(["plan", "--ref", "HEAD"])
    for arguments in commands:
        done = run_bounded(repository.root, *arguments)
        told = done.out + done.err
        assert re.search(rf"error\[{code}", told), told[-2000:]
        assert "certificates/x" in told
        assert len(told) < 100_000, "an error is for people to read"


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_bounded(repository, csr, name):
    make, code = MANIFESTS[name]
    repository.write("certificates/web.csr", csr)
    repository.write("certificates/x.yaml", make())
    check(repository, name, code)


@pytest.mark.parametrize("name", CSRS)
def test_a_csr_is_bounded(repository, name):
    make, code = CSRS[name]
    repository.write("certificates/x.csr", make())
    repository.manifest("x", "csrFile: x.csr\nsubjectAltNames: [x.example.com]")
    check(repository, name, code)


def test_a_csr_with_as_many_names_as_fit_is_taken_and_none_of_them(repository):
    repository.write("certificates/x.csr", csr_of_names(2_500))
    repository.manifest("x", "csrFile: x.csr\nsubjectAltNames: [x.example.com]")
    repository.commit()
    plan = run_bounded(repository.root, "plan", "--ref", "HEAD", "--output", "json", expect=0).json
    [change] = [c for c in plan["changes"] if c["kind"] == "Certificate"]
    assert change["after"]["subjectAltNames"] == ["DNS:x.example.com"]


def test_the_limits_are_in_force(repository):
    """What would exceed them does end: else the tests above would hold for nothing."""
    repository.write("pki_as_code.py", "x = bytearray(1 << 30)\n")
    with pytest.raises(AssertionError, match="MemoryError"):
        run_bounded(repository.root, "plan")
    repository.write("pki_as_code.py", "while True: pass\n")
    with pytest.raises(AssertionError, match="killed by signal"):
        run_bounded(repository.root, "plan")
