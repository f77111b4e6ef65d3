"""A log of every signature that is made, written before it is: what a dead run signed is in it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from pki_as_code.apply import crls, run


def log_signatures(place: Path) -> None:
    """From now on, and in this process, each signature over a certificate or CRL gets a line."""
    descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
    sign_certificate, sign_crl = run.sign_certificate, crls.sign_crl

    def note(*words: object) -> None:
        os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())

    def sign_certificate_noted(item: Any, issuer: Any) -> Any:
        known = item.reservation
        digest = hashlib.sha256(known.tbs_certificate).hexdigest()
        note("certificate", issuer.name, f"{known.serial_number:x}", digest)
        return sign_certificate(item, issuer)

    def sign_crl_noted(item: Any, issuer: Any, destination: Path) -> Any:
        note("crl", issuer.name, item.number, item.tbs_digest)
        return sign_crl(item, issuer, destination)

    run.sign_certificate, crls.sign_crl = sign_certificate_noted, sign_crl_noted


def read_signatures(place: Path) -> list[tuple[str, str, str, str]]:
    """Return kind, issuer, number (hex of a certificate, decimal of a CRL) and digest."""
    if not place.exists():
        return []
    return [tuple(line.split()) for line in place.read_text().splitlines()]  # type: ignore[misc]
