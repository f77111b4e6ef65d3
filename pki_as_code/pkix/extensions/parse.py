"""One extension out of a certificate, whatever the state of the others."""

from __future__ import annotations

from typing import Final

from cryptography import x509

from pki_as_code.pkix import der

UNREADABLE: Final = (
    KeyError,
    TypeError,
    ValueError,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises on reading `certificate.extensions`. KeyError comes from
features of tlsFeature it has no name for, TypeError from its own constructors (an empty tlsFeature,
an address without a mask in nameConstraints)."""

_ED25519: Final = der.encode_sequence(der.encode_oid("1.3.101.112"))
_TIME: Final = der.encode_tlv(der.UTC_TIME, b"260101000000Z")
_BEFORE: Final = b"".join(
    (
        der.encode_explicit(0, der.encode_integer(2)),
        der.encode_integer(1),
        _ED25519,
        der.encode_sequence(),
        der.encode_sequence(_TIME, _TIME),
        der.encode_sequence(),
        der.encode_sequence(_ED25519, der.encode_bit_string(bytes(32))),
    )
)


def parse_extension(extension_der: bytes) -> x509.Extension[x509.ExtensionType] | None:
    """
    Return the extension an Extension in DER holds; None when cryptography cannot read it.

    cryptography reads the extensions of a certificate all or none. So this one is put into a
    certificate of its own.
    """
    tbs_certificate = der.encode_sequence(
        _BEFORE, der.encode_explicit(3, der.encode_sequence(extension_der))
    )
    certificate = der.encode_sequence(tbs_certificate, _ED25519, der.encode_bit_string(bytes(64)))
    extension: x509.Extension[x509.ExtensionType]
    try:
        (extension,) = list(x509.load_der_x509_certificate(certificate).extensions)
    except UNREADABLE:
        return None
    return extension
