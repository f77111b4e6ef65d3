"""`openssl ca`, which keeps a text file and syncs nothing."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.fleet import Request
from benchmarks.peers import Peer
from benchmarks.timing import Clock, Measured

NO_OPENSSL = Peer(why_not="there is no `openssl` on the PATH")
NEW_KEY = {
    "P-256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "RSA-2048": ("-newkey", "rsa:2048"),
    "RSA-4096": ("-newkey", "rsa:4096"),
    "Ed25519": ("-newkey", "ed25519"),
}
CONFIGURATION = """\
[ca]
default_ca=d
[d]
database=index.txt
new_certs_dir=new
rand_serial=yes
certificate=ca.pem
private_key=ca.key
default_md=default
default_days=90
default_crl_days=7
unique_subject=no
policy=p
x509_extensions=e
[p]
commonName=supplied
[e]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=DNS:host.example.com
"""


def issue(bench: Bench, key: str, requests: Sequence[Request]) -> Peer:
    """Issue to all of them in one batch."""
    if shutil.which("openssl") is None:
        return NO_OPENSSL
    root = bench.at / f"openssl-{key}"
    _new_authority(bench.clock, root, key)
    for request in requests:
        (root / f"{request.name}.csr").write_bytes(request.pem)
    files = [f"{request.name}.csr" for request in requests]
    command = ["openssl", "ca", "-batch", "-notext", "-config", "ca.cnf", "-infiles", *files]
    taken = bench.clock.run(command, root)
    shutil.rmtree(root)
    return Peer(len(requests), taken)


def revoke(bench: Bench, count: int) -> Measured | None:
    """Make a CRL of so many entries."""
    if shutil.which("openssl") is None:
        return None
    root = bench.at / f"openssl-crl-{count}"
    _new_authority(bench.clock, root, "P-256")
    chance = random.Random(count)  # noqa: S311 (numbers that look like serial numbers)
    with (root / "index.txt").open("w", encoding="ascii") as index:
        for number in range(count):
            serial = f"{chance.getrandbits(158) | 1:040X}"
            index.write(
                f"R\t490101000000Z\t261101000000Z,superseded\t{serial}\tunknown\t/CN=h{number}\n"
            )
    command = ["openssl", "ca", "-gencrl", "-config", "ca.cnf", "-out", "ca.crl"]
    taken = bench.clock.run(command, root)
    shutil.rmtree(root)
    return taken


def _new_authority(clock: Clock, root: Path, key: str) -> None:
    (root / "new").mkdir(parents=True)
    (root / "index.txt").touch()
    (root / "ca.cnf").write_text(CONFIGURATION, encoding="ascii")
    clock.run(["openssl", "req", "-x509", *NEW_KEY[key], "-nodes", "-subj", "/CN=ca",
               "-keyout", "ca.key", "-out", "ca.pem"], root)  # fmt: skip
