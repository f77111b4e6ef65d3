"""
CRLs from a store with many revoked certificates, against `openssl ca -gencrl` and the builder of
the library.

The rows are written into the index directly: it is what a CRL is read from, and to issue and revoke
a million certificates first would take an hour.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.timing import Measured, Row, pkictl, run
from pki_as_code.stores import tables
from pki_as_code.stores.engine import open_sqlite, writing

BUILDER_AT_MOST = 20_000
"""The builder of the library copies its list for every entry."""

STORE = "sqlite:///issued.db"
NOW = datetime.now(UTC).replace(microsecond=0)


def crls(at: Path, counts: tuple[int, ...]) -> Iterator[Row]:
    for count in counts:
        root = at / f"crl-{count}"
        pkictl(at, "--store", STORE, "init", str(root))
        _revoke(root / "issued.db", count)
        ours = _ours(root)
        ratios = []
        if which("openssl"):
            theirs = _openssl(at / f"openssl-crl-{count}", count)
            ratios.append(f"{theirs.seconds / ours.seconds:.1f} x as fast as `openssl ca -gencrl` "
                          f"({theirs.time}, {theirs.memory})")  # fmt: skip
        if count <= BUILDER_AT_MOST:
            built = _builder(count)
            ratios.append(f"{built / ours.seconds:.1f} x the library's builder ({built:.1f} s)")
        yield Row(f"CRL of {count:,} entries, whole `reconcile`", ours.time, "; ".join(ratios),
                  ours.memory)  # fmt: skip


def _ours(root: Path) -> Measured:
    return run([sys.executable, "-m", "benchmarks.make_crl", str(root)], Path(__file__).parents[1])


def _revoke(database: Path, count: int) -> None:
    """Fill the index with certificates that are revoked."""
    source = random.Random(count)  # noqa: S311 (numbers that look like serial numbers)
    engine = open_sqlite(database)
    table = tables.certificates
    with writing(engine, str(database)) as connection:
        for start in range(0, count, 20_000):
            size = min(20_000, count - start)
            rows = [_row(start + n, source) for n in range(size)]
            connection.execute(table.insert(), rows)
    engine.dispose()


def _row(number: int, source: random.Random) -> dict[str, object]:
    texts = ("request_digest", "intent_digest", "commit_id", "path", "deletion_policy")
    return {
        "issuer": "issuing", "serial_number": source.getrandbits(158) | 1, "kind": "Certificate",
        "namespace": "default", "name": f"host-{number}", "sequence": number, "subject": "CN=x",
        "common_name": "x", "subject_alternative_names": [], "profile": "webserver",
        "not_before": NOW, "not_after": NOW + timedelta(days=90), "public_key_sha256": "",
        "fingerprint_sha256": "", "issued_at": NOW, **dict.fromkeys(texts, ""), "crl_scope": None,
        "revocation_reason": "superseded", "invalidity_date": None, "requested_by": None,
        "revocation_date": NOW - timedelta(seconds=source.randrange(86_400 * 30)),
    }  # fmt: skip


def _openssl(root: Path, count: int) -> Measured:
    (root / "new").mkdir(parents=True)
    source = random.Random(count)  # noqa: S311
    with (root / "index.txt").open("w") as index:
        for number in range(count):
            serial = f"{source.getrandbits(158) | 1:040X}"
            index.write(
                f"R\t280101000000Z\t261101000000Z,superseded\t{serial}\tunknown\t/CN=h{number}\n"
            )
    (root / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=new\ncertificate=ca.pem\n"
        "private_key=ca.key\ndefault_md=sha256\ndefault_crl_days=7\nunique_subject=no\n"
    )
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem"], root)  # fmt: skip
    return run(["openssl", "ca", "-gencrl", "-config", "ca.cnf", "-out", "ca.crl"], root)


def _builder(count: int) -> float:
    source = random.Random(count)  # noqa: S311
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    started = time.perf_counter()
    builder = x509.CertificateRevocationListBuilder().issuer_name(name)
    builder = builder.last_update(NOW).next_update(NOW + timedelta(days=7))
    for _ in range(count):
        entry = x509.RevokedCertificateBuilder().serial_number(source.getrandbits(158) | 1)
        builder = builder.add_revoked_certificate(entry.revocation_date(NOW).build())
    builder.sign(key, hashes.SHA256())
    return time.perf_counter() - started
