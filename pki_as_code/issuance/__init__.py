"""
The only room that signs.

What is signed is prepared here first (built, linted), made durable by the caller, and then signed
byte for byte. To sign another kind of thing: a module of its own, with `prepare_` and `sign_`.
"""

from pki_as_code.issuance.certificates import (
    Origin,
    PreparedCertificate,
    prepare_certificate,
    prepare_reserved,
    sign_certificate,
)
from pki_as_code.issuance.crls import PreparedCrl, prepare_crl, sign_crl
from pki_as_code.issuance.issuer import Issuer, encode_public_key, open_issuer, public_key_der

__all__ = [
    "Issuer",
    "Origin",
    "PreparedCertificate",
    "PreparedCrl",
    "encode_public_key",
    "open_issuer",
    "prepare_certificate",
    "prepare_crl",
    "prepare_reserved",
    "public_key_der",
    "sign_certificate",
    "sign_crl",
]
