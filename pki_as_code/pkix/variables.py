"""
The variables a URI in a certificate may hold, and where this project publishes what they name.

Paths are relative to the project's `baseUrl`, and the same as in the published tree.
"""

from __future__ import annotations

from collections.abc import Mapping

from pki_as_code.model import FULL_SCOPE
from pki_as_code.pkix.serial_numbers import format_serial_number


def crl_path(authority: str, scope: str = FULL_SCOPE) -> str:
    """Return where the CRL of that scope is published, as DER (RFC 5280 section 4.2.1.13)."""
    return f"crl/{authority}.crl" if scope == FULL_SCOPE else f"crl/{authority}/{scope}.crl"


def ocsp_path(authority: str) -> str:
    return f"ocsp/{authority}"


def issuer_path(authority: str) -> str:
    """Return where the authority's certificate is published, as DER (RFC 5280 section 4.2.2.1)."""
    return f"ca/{authority}.cer"


def uri_variables(
    issuer: str, issuer_serial_number: int, serial_number: int, crl_scope: str = FULL_SCOPE
) -> Mapping[str, str]:
    """
    Return the variables for one certificate of `issuer`.

    `crl_scope` is the shard it is issued into.

    `SERIAL*` is the new certificate, `SIGNER_SERIAL*` and `CA_SERIAL` the authority that signs.
    """
    return {
        "CRL_PATH": crl_path(issuer, crl_scope),
        "OCSP_PATH": ocsp_path(issuer),
        "CA_ISSUER_PATH": issuer_path(issuer),
        "SERIAL": str(serial_number),
        "SERIAL_HEX": f"{serial_number:X}",
        "SERIAL_HEX_COLONS": format_serial_number(serial_number),
        "SIGNER_SERIAL": str(issuer_serial_number),
        "SIGNER_SERIAL_HEX": f"{issuer_serial_number:X}",
        "SIGNER_SERIAL_HEX_COLONS": format_serial_number(issuer_serial_number),
        "CA_SERIAL": str(issuer_serial_number),
    }
