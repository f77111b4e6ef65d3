"""Why an entry is not written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pki_as_code.errors import ContentionError, NotFoundError, StoreError
from pki_as_code.escape import quoted
from pki_as_code.model import ObjectId
from pki_as_code.pkix.serial_numbers import format_serial_number

if TYPE_CHECKING:
    from pki_as_code.stores.states import CertificateKey


def named(key: CertificateKey) -> str:
    return f"serial number {format_serial_number(key[1])} of {quoted(key[0])}"


def contention(object_id: ObjectId, why: str) -> ContentionError:
    return ContentionError(
        f"{object_id} {why}",
        help="another run was faster, or an earlier one was cut short; run the command again",
    )


def used(key: CertificateKey) -> StoreError:
    return StoreError(
        f"{named(key)} was used before",
        help="a serial number is never used twice; check where this one came from",
        code="store.serial_number_used",
    )


def unknown(key: CertificateKey) -> StoreError:
    return StoreError(
        f"{named(key)} was never issued",
        help="`pkictl list_certs` shows what was",
        code="store.unknown_certificate",
    )


def crl_differs(issuer: str, scope: str) -> StoreError:
    return StoreError(
        f"the {scope} CRL of {quoted(issuer)} is not the one in the ledger",
        help="find out who changed it; the next CRL that `pkictl reconcile` signs takes its place",
        code="store.projection_differs",
    )


def no_crl(issuer: str, scope: str) -> NotFoundError:
    return NotFoundError(
        f"the store has no {scope} CRL of authority {quoted(issuer)}",
        help="`pkictl reconcile` makes the CRLs of authorities that are online",
        code="store.no_crl",
    )


def read_only_error(uri: str) -> StoreError:
    """Return the error for a change to a store that was opened for reading."""
    return StoreError(
        f"the store {uri} is opened for reading only",
        help="this is a fault of the program: please report it",
        code="store.read_only",
    )
