"""From the AlgorithmIdentifier in an encoding to the signature algorithm it names."""

from __future__ import annotations

from typing import Final

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.algorithms import SIGNATURE_ALGORITHMS, SignatureAlgorithm
from pki_as_code.pkix.der import OBJECT_IDENTIFIER, Tlv, children, decode_oid, expect, read_single

RSASSA_PSS = "1.2.840.113549.1.1.10"

_BY_IDENTIFIER = {
    algorithm.algorithm_identifier_der: algorithm for algorithm in SIGNATURE_ALGORITHMS.values()
}
KNOWN_IDENTIFIERS: Final = frozenset(_BY_IDENTIFIER)
"""The encodings of all AlgorithmIdentifiers that are known, parameters included."""

_KNOWN_OIDS = frozenset(decode_oid(children(read_single(der))[0].content) for der in _BY_IDENTIFIER)
_BROKEN_OIDS = frozenset(
    {
        "1.2.840.113549.1.1.2",  # md2WithRSAEncryption
        "1.2.840.113549.1.1.3",  # md4WithRSAEncryption
        "1.2.840.113549.1.1.4",  # md5WithRSAEncryption
        "1.2.840.113549.1.1.5",  # sha1WithRSAEncryption
        "1.3.14.3.2.3",  # md5WithRSA (OIW)
        "1.3.14.3.2.29",  # sha1WithRSA (OIW)
        "1.2.840.10045.4.1",  # ecdsa-with-SHA1
        "1.2.840.10040.4.3",  # dsa-with-sha1
    }
)
# RFC 4055 section 2.1: SHA-256, SHA-384, SHA-512 and SHA-224.
_PSS_HASHES = frozenset(f"2.16.840.1.101.3.4.2.{number}" for number in (1, 2, 3, 4))


def known_signature_algorithm(identifier: Tlv) -> SignatureAlgorithm | None:
    """
    Return the algorithm an AlgorithmIdentifier names; None for RSASSA-PSS with a hash of SHA-2.

    The parameters must be as the RFC of the algorithm has them (NULL for RSA, else none). Raises
    `InvalidValueError`: `algorithm.broken_hash`, `algorithm.bad_parameters`, `algorithm.unknown`.
    """
    algorithm = _BY_IDENTIFIER.get(identifier.encoding)
    if algorithm is not None:
        return algorithm
    try:
        first, *parameters = children(identifier)
        oid = decode_oid(expect(first, OBJECT_IDENTIFIER).content)
    except ValueError:
        raise _bad("bad_parameters", "the signature algorithm is malformed") from None
    if oid in _BROKEN_OIDS:
        raise _bad("broken_hash", "the signature is made with MD5 or SHA-1, which are broken")
    if oid in _KNOWN_OIDS:
        raise _bad("bad_parameters", f"the signature algorithm {oid} has the wrong parameters")
    if oid != RSASSA_PSS:
        raise _bad("unknown", f"the signature algorithm {oid} is not known")
    if _pss_hash(parameters) not in _PSS_HASHES:
        raise _bad("broken_hash", "the RSASSA-PSS signature is not made with a hash of SHA-2")
    return None


def _pss_hash(parameters: list[Tlv]) -> str | None:
    """RFC 4055 section 3.1: `[0] hashAlgorithm`, which is SHA-1 when it is left out."""
    try:
        (sequence,) = parameters
        tagged = expect(children(sequence)[0], 0xA0)
        (hash_algorithm,) = children(tagged)
        return decode_oid(expect(children(hash_algorithm)[0], OBJECT_IDENTIFIER).content)
    except (ValueError, IndexError):
        return None


def _bad(code: str, message: str) -> InvalidValueError:
    return InvalidValueError(message, help="sign with SHA-256 or better", code=f"algorithm.{code}")
