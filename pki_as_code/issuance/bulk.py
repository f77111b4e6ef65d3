"""
Many certificates at once, on every core: the same steps in the same order as for one.

Children draft and lint, and children sign where signing takes long. A key that is not in this
process (in a token, behind a service) is used by this process only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pki_as_code.errors import InvalidValueError, IssuanceError, KeyBackendError
from pki_as_code.issuance.certificates import (
    Origin,
    PreparedCertificate,
    linted_draft,
    take_draft,
    take_signature,
    verified_signature,
)
from pki_as_code.issuance.issuer import Issuer
from pki_as_code.model import CertificateRequest, IssuedCertificate
from pki_as_code.workers import Work

ItemError = (IssuanceError, KeyBackendError, InvalidValueError)
"""What can be wrong with one certificate without being wrong with the others."""

Failure = IssuanceError | KeyBackendError | InvalidValueError


@dataclass(frozen=True, slots=True)
class Order:
    """What `prepare_certificate` takes."""

    request: CertificateRequest
    issuer: Issuer
    origin: Origin


class Preparation:
    """`prepare_certificate` for many, begun at once; close it when the results are not fetched."""

    def __init__(
        self, orders: Sequence[Order], now: datetime, judged: Collection[bytes] = frozenset()
    ) -> None:
        self._orders, self._now, self._judged = orders, now, judged
        self._work = Work(self._draft, orders)
        self.close = self._work.close

    def results(self) -> Iterator[PreparedCertificate | Failure]:
        """Yield what became of each order."""
        for order, draft in zip(self._orders, self._work.results(), strict=True):
            if isinstance(draft, ItemError):
                yield draft
            else:
                yield take_draft(draft, order.request, order.issuer, order.origin)

    def _draft(self, order: Order) -> bytes | Failure:
        try:
            return linted_draft(order.request, order.issuer, self._now, self._judged)
        except ItemError as error:
            return error


def sign_certificates(
    prepared: Sequence[tuple[PreparedCertificate, Issuer]],
) -> Iterator[IssuedCertificate | Failure]:
    """
    Yield what became of each, as `sign_certificate` signs it.

    Raises `IssuanceError` (`issuance.spent`) when one of them was signed already.
    """
    for item, _ in prepared:
        item.spend()
    if not all(_gains(issuer) for _, issuer in prepared):
        yield from map(_sign, prepared)
        return
    work = Work(_signature, prepared)
    try:
        for (item, issuer), signature in zip(prepared, work.results(), strict=True):
            yield _signed(item, issuer, signature)
    finally:
        work.close()


def _sign(pair: tuple[PreparedCertificate, Issuer]) -> IssuedCertificate | Failure:
    return _signed(*pair, _signature(pair))


def _signed(
    item: PreparedCertificate, issuer: Issuer, signature: bytes | Failure
) -> IssuedCertificate | Failure:
    if isinstance(signature, ItemError):
        return signature
    try:
        return take_signature(item, issuer, signature)
    except ItemError as error:
        return error


def _signature(pair: tuple[PreparedCertificate, Issuer]) -> bytes | Failure:
    try:
        return verified_signature(*pair)
    except ItemError as error:
        return error


def _gains(issuer: Issuer) -> bool:
    """Tell whether children may sign with this key, and whether it takes longer than a fork."""
    is_here = type(issuer.key).__module__.partition(".")[0] == "cryptography"
    is_quick = isinstance(issuer.key, ed25519.Ed25519PrivateKey) or (
        isinstance(issuer.key, ec.EllipticCurvePrivateKey) and issuer.key.key_size <= 256  # noqa: PLR2004
    )
    return is_here and not is_quick
