"""One certificate in the forms that several commands print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.formats.structured import format_json
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.pkix.text import certificate_json, format_certificate_text

if TYPE_CHECKING:
    from cryptography import x509

    from pki_as_code.cli.console import Console
    from pki_as_code.model import JsonValue


def write_certificate(
    console: Console,
    certificate: x509.Certificate,
    output: str,
    *,
    chain: Sequence[x509.Certificate] = (),
    status: str = "valid",
    record: JsonValue = None,
) -> None:
    """Print a certificate as `serial`, `pem` (then its chain), `der`, `json`, `text` or `none`."""
    match output:
        case "serial":
            console.write(format_serial_number(certificate.serial_number) + "\n")
        case "pem":
            console.write("".join(pem(item) for item in [certificate, *chain]))
        case "der":
            console.write_bytes(certificate.public_bytes(Encoding.DER))
        case "json":
            value = certificate_json(certificate)
            console.write(format_json({**value, **(record or {}), "pem": pem(certificate)}))
        case "text":
            console.write(
                format_certificate_text(certificate, status=status, pem=True, extensions=True)
            )
        case _:
            pass


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
