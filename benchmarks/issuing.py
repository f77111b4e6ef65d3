"""Start-up, and the main job: many requests, from manifests to a recorded certificate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from benchmarks.timing import Row, bare_python, pkictl, run

TBS = b"x" * 700
RUNS = 7

KEYS = {"P-256": ("EC",), "RSA-2048": ("RSA", "--key-size", "2048")}


def start_up(at: Path) -> Iterator[Row]:
    """What every command costs before it does anything."""
    python = bare_python(at, RUNS)
    pkictl(at, "--help")
    shown = pkictl(at, "--help", runs=RUNS)
    yield Row("`--help`", shown.time, _times(shown.seconds, python.seconds), shown.memory)
    root = at / "small"
    pkictl(at, "init", str(root))
    for command in (["list_certs"], ["plan"], ["reconcile"], ["dump_crl", "issuing"]):
        taken = pkictl(root, *command, runs=RUNS)
        name = f"`{' '.join(command)}`, nothing issued"
        yield Row(name, taken.time, _times(taken.seconds, python.seconds), taken.memory)


def bulk(at: Path, count: int) -> Iterator[Row]:
    """Many requests in one run, by kind of the authority's key and of the store."""
    python = bare_python(at, RUNS)
    requests = make_requests(count)
    for key, options in KEYS.items():
        limit = raw_signatures_per_second(key)
        for store in ("git:pki-issued", "sqlite:///issued.db"):
            root = at / f"{key}-{store.partition(':')[0]}"
            pkictl(at, "--store", store, "init", str(root), "--key-type", *options)
            write_requests(root, requests)
            arguments = ["--store", store, "reconcile", "--allow-unsafe", f"issue={count}"]
            issued = pkictl(root, *arguments)
            rate = count / issued.seconds
            work = f"issue {count:,}, {key} authority, {store.partition(':')[0]} store"
            ratio = f"{rate:.0f}/s, {rate / limit:.1%} of raw signing on one core"
            yield Row(work, issued.time, ratio, issued.memory)
            if key == "P-256":
                yield from _afterwards(root, store, count, python.seconds)
    yield from _openssl(at, requests)


def _afterwards(root: Path, store: str, count: int, python: float) -> Iterator[Row]:
    kind = store.partition(":")[0]
    for command in (["plan"], ["reconcile"], ["validate"], ["store", "verify"]):
        taken = pkictl(root, "--store", store, *command)
        work = f"`{' '.join(command)}`, {count:,} manifests and certificates, {kind} store"
        yield Row(work, taken.time, _times(taken.seconds, python), taken.memory)


def _openssl(at: Path, requests: list[bytes]) -> Iterator[Row]:
    """The same with `openssl ca`, which keeps a text file and syncs nothing."""
    if which("openssl") is None:
        return
    root = at / "openssl"
    (root / "new").mkdir(parents=True)
    for number, pem in enumerate(requests):
        (root / f"{number}.csr").write_bytes(pem)
    (root / "index.txt").touch()
    (root / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=new\nrand_serial=yes\n"
        "certificate=ca.pem\nprivate_key=ca.key\ndefault_md=sha256\ndefault_days=90\npolicy=p\n"
        "unique_subject=no\n[p]\ncommonName=supplied\n"
    )
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem"], root)  # fmt: skip
    files = [f"{number}.csr" for number in range(len(requests))]
    taken = run(["openssl", "ca", "-batch", "-notext", "-config", "ca.cnf", "-infiles", *files],
                root)  # fmt: skip
    rate = len(requests) / taken.seconds
    yield Row(f"`openssl ca -infiles`, {len(requests):,}, P-256", taken.time,
              f"{rate:.0f}/s", taken.memory)  # fmt: skip


def make_requests(count: int) -> list[bytes]:
    """Return CSRs (PEM), each with a key of its own."""
    requests = []
    for number in range(count):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"host-{number}.example.com")])
        key = ec.generate_private_key(ec.SECP256R1())
        csr = x509.CertificateSigningRequestBuilder().subject_name(name)
        requests.append(csr.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return requests


def write_requests(root: Path, requests: list[bytes]) -> None:
    for number, pem in enumerate(requests):
        (root / f"certificates/host-{number}.csr").write_bytes(pem)
        (root / f"certificates/host-{number}.yaml").write_text(
            "apiVersion: pki-as-code/v1\nkind: Certificate\n"
            f"metadata: {{name: host-{number}}}\nspec:\n  csrFile: host-{number}.csr\n"
            f"  subjectAltNames: [host-{number}.example.com]\n"
        )
    git = ["git", "-c", "core.fsync=none"]
    run([*git, "add", "-A"], root)
    run([*git, "commit", "--quiet", "-m", "requests"], root)


def raw_signatures_per_second(key: str) -> float:
    """What the library signs when nothing else is done."""
    started, count = time.perf_counter(), 0
    if key == "P-256":
        ec_key = ec.generate_private_key(ec.SECP256R1())
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        started = time.perf_counter()
        while time.perf_counter() - started < 1:
            ec_key.sign(TBS, algorithm)
            count += 1
        return count
    rsa_key = rsa.generate_private_key(65537, int(key.partition("-")[2]))
    started = time.perf_counter()
    while time.perf_counter() - started < 1:
        rsa_key.sign(TBS, PKCS1v15(), hashes.SHA256())
        count += 1
    return count


def _times(seconds: float, python: float) -> str:
    return f"{seconds / python:.1f} x `python -c pass`"
