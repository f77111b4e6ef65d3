"""A store with a root, an intermediate, certificates and CRLs that are really signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.model import AUTHORITY, ObjectId
from pki_as_code.publish import open_destination
from pki_as_code.publish.publishing import PublishReport, publish
from pki_as_code.stores import open_store
from pki_as_code.stores.entries import Crl, CrlReserved, Released, Revoked
from tests.stores.material import NOW, ROOT, certificate_id, issue, key, name_of, reservation

ISSUING = ObjectId(AUTHORITY, "", "issuing")
WEEK = timedelta(days=7)
Entries = dict[int, str]
"""Reason by serial number."""


def make_crl(
    number: int,
    entries: Entries,
    *,
    this_update: datetime = NOW,
    issuer: str = "root",
    signer: str = "",
    lifetime: timedelta = WEEK,
) -> bytes:
    """Sign a CRL, as an authority would."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name_of(issuer))
        .last_update(this_update)
        .next_update(this_update + lifetime)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for serial_number, reason in entries.items():
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(serial_number)
            .revocation_date(NOW - timedelta(hours=1))
            .add_extension(x509.CRLReason(x509.ReasonFlags(reason)), critical=False)
            .build()
        )
    return builder.sign(key(signer or issuer), hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass
class Site:
    """A store and the directory around it."""

    root: Path
    store: Any

    def issue(self, name: str, serial_number: int, **options: Any) -> None:
        namespace, _, rest = name.rpartition("/")
        object_id = certificate_id(rest, namespace or "default")
        issue(self.store, reservation(object_id, serial_number, **options))

    def revoke(self, name: str, serial_number: int, reason: str = "superseded") -> None:
        self.record(
            Revoked(certificate_id(name), "root", serial_number, reason, NOW, None, "c", "p", None)
        )

    def release(self, name: str, serial_number: int) -> None:
        self.record(Released(certificate_id(name), "root", serial_number, "c", "p"))

    def record(self, *payloads: Any, **options: Any) -> None:
        self.store.record(payloads, now=NOW, message="Record", **options)

    def crl(self, number: int, entries: Entries | None = None, **options: Any) -> bytes:
        """Sign a CRL and record it in the store."""
        scope = options.pop("scope", "full")
        issuer = options.get("issuer", "root")
        content = make_crl(number, entries or {}, **options)
        start = options.get("this_update", NOW)
        times = (start, start + options.get("lifetime", WEEK))
        as_of = self.store.head().sequence
        self.record(CrlReserved(issuer, scope, number, *times, as_of, "0" * 64))
        path = self.root / "new.crl"
        path.write_bytes(content)
        crl = Crl(issuer, scope, number, *times, sha256(content).hexdigest(), len(entries or {}))
        self.record(crl, crls={(issuer, scope): path})
        return content

    def publish(self, place: str | Path, now: datetime = NOW, **options: Any) -> PublishReport:
        destination = open_destination(str(place), root=self.root)
        return publish(self.store, destination, now, **options)


def open_site(root: Path, name: str = "store.db") -> Site:
    return Site(root, open_store(f"sqlite:///{name}", None, root=root))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Root, intermediate, one certificate of the root, and the root's first CRL."""
    made = open_site(tmp_path)
    issue(made.store, reservation(ROOT, 0x1001, not_after=NOW + timedelta(days=3650)))
    issue(made.store, reservation(ISSUING, 0x1002, not_after=NOW + timedelta(days=3650)))
    made.issue("web", 0x2001)
    made.crl(1)
    yield made
    made.store.close()


def files_below(place: Path) -> dict[str, bytes]:
    """Every file of a published tree, but for the mark."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and path.name != ".pkictl-published"
    }
