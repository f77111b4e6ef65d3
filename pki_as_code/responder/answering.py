"""One request, one answer: from the store as it is, signed by the responder of the authority."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from pki_as_code.errors import (
    InvalidValueError,
    IssuanceError,
    KeyBackendError,
    StoreError,
)
from pki_as_code.issuance import Responder, SignedResponse, sign_response
from pki_as_code.pkix.ocsp import (
    CertId,
    OcspRequest,
    ResponseStatus,
    encode_error,
    issuer_hashes,
    parse_request,
)
from pki_as_code.responder.statuses import single_response
from pki_as_code.stores.interface import Store

LONGEST_KEPT: Final = timedelta(hours=1)
"""A response is signed anew after that time, or after half of its validity."""

_MOST_KEPT: Final = 10_000
_HASHES: Final = ("SHA-1", "SHA-256", "SHA-384", "SHA-512")


@dataclass(frozen=True, slots=True)
class Answer:
    """An OCSPResponse, and for how long it may be kept."""

    status: ResponseStatus
    response_der: bytes = field(repr=False)
    signed: SignedResponse | None = None
    """None for an error, which is not signed and not kept."""

    has_nonce: bool = False
    reason: str = ""
    """Why it is an error, for the operator."""

    def fresh_until(self) -> datetime | None:
        """Return until when others may keep it; None when they must not."""
        if self.signed is None or self.has_nonce:
            return None
        return self.signed.this_update + _kept_for(self.signed)


class Responders:
    """
    Answers for the authorities of one store, as long as that store does not move.

    Signed responses without a nonce are kept and given again; make another object when there is
    something new in the store. Not to be used by several threads at once.
    """

    def __init__(
        self,
        store: Store,
        authorities: Mapping[str, x509.Certificate],
        responders: Mapping[str, Responder],
    ) -> None:
        """`authorities` are those that answer, also if some have no responder that can sign."""
        self._store, self._responders = store, responders
        self._names = {
            (hash_name, *issuer_hashes(certificate, hash_name)): name
            for name, certificate in authorities.items()
            for hash_name in _HASHES
        }
        self._kept: OrderedDict[tuple[bytes, ...], SignedResponse] = OrderedDict()

    def answer(self, request_der: bytes, now: datetime, authority: str | None = None) -> Answer:
        """
        Return the answer to a request; with `authority` only that one answers.

        It never raises for what strangers send: malformedRequest for what cannot be read,
        unauthorized for certificates of nobody here, or of several authorities at once, tryLater
        while the store or the responder's certificate is not there, internalError when it cannot
        sign.
        """
        try:
            request = parse_request(request_der)
        except InvalidValueError as error:
            return _error(ResponseStatus.MALFORMED_REQUEST, error.message)
        names = {self._issuer(cert_id) for cert_id in request.cert_ids}
        name = names.pop()
        if names or name is None or authority not in {None, name}:
            reason = "it asks about certificates of another authority, or of several"
            return _error(ResponseStatus.UNAUTHORIZED, reason)
        responder = self._responders.get(name)
        if responder is None:
            return _error(ResponseStatus.TRY_LATER, f"{name} has no responder that can sign")
        try:
            signed = self._signed(request, responder, now)
        except StoreError as error:
            return _error(ResponseStatus.TRY_LATER, error.message)
        except (IssuanceError, KeyBackendError) as error:
            late = error.code == "responder.none"
            status = ResponseStatus.TRY_LATER if late else ResponseStatus.INTERNAL_ERROR
            return _error(status, error.message)
        return Answer(
            ResponseStatus.SUCCESSFUL, signed.response_der, signed, request.nonce is not None
        )

    def _issuer(self, cert_id: CertId) -> str | None:
        hashes = (cert_id.issuer_name_hash, cert_id.issuer_key_hash)
        return self._names.get((cert_id.hash_name or "", *hashes))

    def _signed(self, request: OcspRequest, responder: Responder, now: datetime) -> SignedResponse:
        key = tuple(cert_id.encoding for cert_id in request.cert_ids)
        kept = self._kept.get(key) if request.nonce is None else None
        if kept is not None and kept.this_update <= now < kept.this_update + _kept_for(kept):
            self._kept.move_to_end(key)
            return kept
        responses = [
            single_response(
                cert_id.encoding,
                self._store.serial_status(responder.authority, cert_id.serial_number),
            )
            for cert_id in request.cert_ids
        ]
        signed = sign_response(responder, responses, now, request.nonce)
        if request.nonce is None:
            self._kept[key] = signed
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return signed


def _kept_for(signed: SignedResponse) -> timedelta:
    return min(LONGEST_KEPT, (signed.next_update - signed.this_update) / 2)


def _error(status: ResponseStatus, reason: str) -> Answer:
    return Answer(status, encode_error(status), reason=reason)
