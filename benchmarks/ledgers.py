"""
Ledgers as long as one likes, of certificates that nobody waited for.

One certificate that was really issued is the pattern. Its entries are written again for other
names, keys and serial numbers of the same length, signed with the authority's key, and chained as
`docs/store.md` says. `pkictl store import` then checks all of it.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key
from cryptography.x509 import SubjectKeyIdentifier

from benchmarks.fleet import Request, name_of

ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Export:
    """What `pkictl store export` wrote, to which entries are added."""

    head: dict[str, Any]
    lines: list[bytes]
    """CRLs, then the ledger."""

    sequence: int
    previous: str
    pattern: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The entries of the certificate of number 0, by type."""

    @classmethod
    def read(cls, path: Path) -> Export:
        first, *lines = path.read_bytes().splitlines()
        head = json.loads(first)
        found = cls(head, lines, head["entries"], head["head"])
        for entry in map(json.loads, lines):
            if entry.get("object", {}).get("name") == name_of(0):
                found.pattern[entry["type"]] = entry
        return found

    def write(self, path: Path, added: Iterable[dict[str, Any]]) -> None:
        """Write it with entries added; their places in the chain are filled in."""
        with path.open("wb") as file:
            body = path.with_suffix(".body")
            with body.open("w+b") as rest:
                for entry in added:
                    line = canonical({**entry, "seq": self.sequence, "prev": self.previous})
                    self.sequence, self.previous = self.sequence + 1, sha256(line).hexdigest()
                    rest.write(line + b"\n")
                head = {**self.head, "entries": self.sequence, "head": self.previous}
                file.writelines(line + b"\n" for line in (canonical(head), *self.lines))
                rest.seek(0)
                while part := rest.read(1 << 20):
                    file.write(part)
            body.unlink()


class Mint:
    """Writes entries for more certificates, signed with the authority's key."""

    def __init__(self, export: Export, key: Path, pattern: Request) -> None:
        found = load_pem_private_key(key.read_bytes(), None)
        assert isinstance(found, ec.EllipticCurvePrivateKey)
        self._key = found
        self._pattern = pattern
        self._reserved, self._issued = export.pattern["reserved"], export.pattern["issued"]
        self._tbs = base64.b64decode(self._reserved["tbsCertificate"])
        self._serial = bytes.fromhex(self._reserved["serialNumber"].replace(":", ""))
        self._chance = random.Random(len(self._tbs))  # noqa: S311 (numbers like serial numbers)
        for part in (self._serial, pattern.name.encode(), *_traces_of(pattern.public_key)):
            assert part in self._tbs, "the certificate has something else in it than was thought"

    def issued(self, requests: Iterable[Request]) -> Iterator[dict[str, Any]]:
        """Yield entries of certificates that this program issued to these."""
        for request in requests:
            serial, tbs = self._tbs_for(request.name, request.public_key)
            changed = {
                self._pattern.name: request.name,
                sha256(self._pattern.public_key).hexdigest(): sha256(
                    request.public_key
                ).hexdigest(),
            }
            reserved = _replaced(self._reserved, changed)
            digest = sha256(canonical(reserved["request"])).hexdigest()
            yield {**reserved, "serialNumber": serial, "requestDigest": f"sha256:{digest}",
                   "tbsCertificate": base64.b64encode(tbs).decode()}  # fmt: skip
            yield {**self._issued, "serialNumber": serial, "object": reserved["object"],
                   "signature": base64.b64encode(self._signature(tbs)).decode()}  # fmt: skip

    def adopted(self, numbers: range, *, revoked: bool) -> Iterator[dict[str, Any]]:
        """Yield entries of certificates that were issued elsewhere, and revoked since."""
        common = {name: self._reserved[name] for name in ("at", "commit", "issuer")}
        for number in numbers:
            serial, tbs = self._tbs_for(name_of(number), self._pattern.public_key)
            content = tbs + ECDSA_WITH_SHA256 + _tlv(0x03, b"\0" + self._signature(tbs))
            path = f"certificates/{name_of(number)}.yaml"
            named = {"object": {**self._reserved["object"], "name": name_of(number)}}
            whose = {**common, **named, "serialNumber": serial, "path": path}
            certificate = base64.b64encode(_tlv(0x30, content)).decode()
            yield {**whose, "type": "adopted", "certificateDer": certificate,
                   "deletionPolicy": "Retain"}  # fmt: skip
            if revoked:
                yield {**whose, "type": "revoked", "reason": "superseded", "invalidityDate": None,
                       "revocationDate": common["at"], "requestedBy": None}  # fmt: skip
                yield {**named, "type": "retired", "at": common["at"], "commit": common["commit"]}

    def _tbs_for(self, name: str, public_key: bytes) -> tuple[str, bytes]:
        # As positive and as long as the pattern's.
        serial = bytes([0x40 | self._chance.randrange(0x40)]) + self._chance.randbytes(19)
        tbs = self._tbs.replace(self._serial, serial, 1)
        tbs = tbs.replace(self._pattern.name.encode(), name.encode())
        if public_key != self._pattern.public_key:
            pairs = zip(_traces_of(self._pattern.public_key), _traces_of(public_key), strict=True)
            for old, new in pairs:
                tbs = tbs.replace(old, new)
        return serial.hex(":").upper(), tbs

    def _signature(self, tbs: bytes) -> bytes:
        return self._key.sign(tbs, ec.ECDSA(hashes.SHA256()))


def _traces_of(public_key: bytes) -> tuple[bytes, bytes]:
    """Return what of a public key is in its certificate: itself, and its identifier."""
    loaded = load_der_public_key(public_key)
    return public_key, SubjectKeyIdentifier.from_public_key(loaded).digest  # type: ignore[arg-type]


def _replaced(entry: dict[str, Any], changed: dict[str, str]) -> dict[str, Any]:
    text = json.dumps(entry)
    for old, new in changed.items():
        text = text.replace(old, new)
    found: dict[str, Any] = json.loads(text)
    return found


def _tlv(tag: int, content: bytes) -> bytes:
    """Return DER with a length of up to two bytes."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes(1 if size < 0x100 else 2)
    return bytes([tag, 0x80 | len(length)]) + length + content
