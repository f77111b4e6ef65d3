"""
The only room that signs.

What is signed is prepared here first (built, linted), made durable by the caller, and then signed
byte for byte. To sign another kind of thing: a module of its own, with `prepare_` and `sign_`.
"""

from pki_as_code.issuance.bulk import Failure, ItemError, Order, Preparation, sign_certificates
from pki_as_code.issuance.certificates import (
    Origin,
    PreparedCertificate,
    prepare_certificate,
    prepare_reserved,
    sign_certificate,
)
from pki_as_code.issuance.crls import PreparedCrl, prepare_crl, sign_crl
from pki_as_code.issuance.issuer import Issuer, encode_public_key, open_issuer, public_key_der
from pki_as_code.issuance.ocsp import (
    Responder,
    SignedResponse,
    open_responder,
    response_period,
    sign_response,
)
from pki_as_code.issuance.requests import make_csr

__all__ = [
    "Failure",
    "Issuer",
    "ItemError",
    "Order",
    "Origin",
    "Preparation",
    "PreparedCertificate",
    "PreparedCrl",
    "Responder",
    "SignedResponse",
    "encode_public_key",
    "make_csr",
    "open_issuer",
    "open_responder",
    "prepare_certificate",
    "prepare_crl",
    "prepare_reserved",
    "public_key_der",
    "response_period",
    "sign_certificate",
    "sign_certificates",
    "sign_crl",
    "sign_response",
]
