"""Which certificate an offline authority signs with: of the journal, of a file, of the bundle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.errors import InvalidValueError, IssuanceError
from pki_as_code.escape import quoted
from pki_as_code.model import format_time
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.plan.adoptable import is_signed_by
from pki_as_code.stores.interface import Store


def signer_chain(
    name: str, journal: Store, given: Sequence[x509.Certificate], carried: Sequence[bytes]
) -> list[x509.Certificate]:
    """
    Return the signer's certificate, its parent's, and so on up to its root.

    What the people at the table give comes first, then what the journal knows, then what the bundle
    carries: that comes from the online side, and must not say otherwise than the two.

    Raises `InvalidValueError`: `ceremony.no_certificate`, `ceremony.other_certificate`.
    """
    stored = journal.authority_certificate(name)
    in_bundle = [load_certificate(der) for der in carried]
    known = given[0] if given else (load_certificate(stored) if stored is not None else None)
    if known is None and not in_bundle:
        raise InvalidValueError(
            f"nothing here knows the certificate of {name}, which is to sign",
            help="give it with --certificate, or sign its own bundle with the same journal first",
            code="ceremony.no_certificate",
        )
    if known is not None and in_bundle and in_bundle[0] != known:
        raise InvalidValueError(
            f"the bundle was prepared under another certificate of {name} than the one known here",
            help="compare their fingerprints; the repository or the journal has the wrong one",
            code="ceremony.other_certificate",
        )
    own = known or in_bundle[0]
    above = list(given[1:]) or in_bundle[1:]
    if not above and not is_signed_by(own, own):
        above = _from_journal(own, journal)
    return [own, *above]


def check_chain(name: str, chain: Sequence[x509.Certificate], now: datetime) -> None:
    """
    Check that each certificate was signed by the next, the last by itself, and the first has time.

    Raises `IssuanceError` (`ceremony.bad_chain`, `ceremony.signer_expired`).
    """
    for certificate, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
        if not is_signed_by(certificate, issuer):
            raise IssuanceError(
                f"the chain of {name} does not lead up to a root: "
                f"{quoted(certificate.subject.rfc4514_string())} was not signed by the one above",
                help="give the whole chain with --certificate, the signer's own certificate first",
                code="ceremony.bad_chain",
            )
    end = chain[0].not_valid_after_utc
    if end <= now:
        raise IssuanceError(
            f"the certificate of {name} ended at {format_time(end)}",
            help="an authority that has expired signs nothing; check the clock of this machine",
            code="ceremony.signer_expired",
        )


def read_chain(data: bytes) -> list[x509.Certificate]:
    """
    Return the certificates in a PEM file, in its order, or the one in a DER file.

    Raises `InvalidValueError` (`ceremony.bad_certificate`).
    """
    if data[:1] == b"0" and b"-----BEGIN" not in data:
        return [load_certificate(data)]
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise _bad_certificate() from None
    return [load_certificate(certificate.public_bytes(Encoding.DER)) for certificate in found]


def load_certificate(der: bytes) -> x509.Certificate:
    """
    Return a certificate whose key and extensions can be read.

    Raises `InvalidValueError` (`ceremony.bad_certificate`).
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
        len(certificate.extensions)
    except (UnsupportedAlgorithm, *UNREADABLE):
        raise _bad_certificate() from None
    return certificate


def certificate_pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def _bad_certificate() -> InvalidValueError:
    return InvalidValueError(
        "there is a certificate that cannot be read",
        help="give it in PEM, as openssl writes it; see what `openssl x509 -text` makes of it",
        code="ceremony.bad_certificate",
    )


def _from_journal(own: x509.Certificate, journal: Store) -> list[x509.Certificate]:
    known = [load_certificate(der) for _, der in sorted(journal.authorities().items())]
    chain = [own]
    while not is_signed_by(chain[-1], chain[-1]) and len(chain) <= len(known):
        above = next((c for c in known if is_signed_by(chain[-1], c)), None)
        if above is None:
            break
        chain.append(above)
    return chain[1:]
