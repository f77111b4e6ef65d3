"""A CRL with so many entries from the builder of the library, which copies its list for each."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def main() -> None:
    count = int(sys.argv[1])
    chance = random.Random(count)  # noqa: S311 (numbers that look like serial numbers)
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    builder = x509.CertificateRevocationListBuilder().issuer_name(name)
    builder = builder.last_update(now).next_update(now + timedelta(days=7))
    for _ in range(count):
        entry = x509.RevokedCertificateBuilder().serial_number(chance.getrandbits(158) | 1)
        builder = builder.add_revoked_certificate(entry.revocation_date(now).build())
    builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


if __name__ == "__main__":
    main()
