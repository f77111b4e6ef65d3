"""A log of every signature that is made, written before it is: what a dead run signed is in it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from pki_as_code.apply import crls
from pki_as_code.issuance import bulk


def log_signatures(place: Path) -> None:
    """From now on, and in this process, each signature over a certificate or CRL gets a line."""
    # Before each line: a child that signs has closed every file that was open here.
    signature, sign_crl = bulk._signature, crls.sign_crl

    def note(*words: object) -> None:
        descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
        os.close(descriptor)

    def signature_noted(pair: Any) -> Any:
        known, issuer = pair[0].reservation, pair[1]
        digest = hashlib.sha256(known.tbs_certificate).hexdigest()
        note("certificate", issuer.name, f"{known.serial_number:x}", digest)
        return signature(pair)

    def sign_crl_noted(item: Any, issuer: Any, destination: Path) -> Any:
        note("crl", issuer.name, item.number, item.tbs_digest)
        return sign_crl(item, issuer, destination)

    bulk._signature, crls.sign_crl = signature_noted, sign_crl_noted


def read_signatures(place: Path) -> list[tuple[str, str, str, str]]:
    """Return kind, issuer, number (hex of a certificate, decimal of a CRL) and digest."""
    if not place.exists():
        return []
    return [tuple(line.split()) for line in place.read_text().splitlines()]  # type: ignore[misc]
