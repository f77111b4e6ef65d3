"""`/crl` and `/ca`: files of the store, as RFC 5280 section 4.2.1.13 and 4.2.2.1 have them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, Final

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from pki_as_code.errors import NotFoundError
from pki_as_code.model import FULL_SCOPE, CrlRecord
from pki_as_code.web.caching import NO_STORE, Validity, not_modified

if TYPE_CHECKING:
    from pki_as_code.web.app import Services

_LONGEST_KEPT: Final = timedelta(hours=1)
"""A new CRL, made early because of a revocation, is seen after that time at the latest."""

_CHUNK_BYTES: Final = 256 * 1024


class FileEndpoints:
    def __init__(self, services: Services) -> None:
        self._services = services

    def crl(self, request: Request) -> Response:
        """`/crl/<authority>.crl`, or `/crl/<authority>/<scope>.crl` for a part of it."""
        name, scope = request.path_params["name"], request.path_params.get("scope", FULL_SCOPE)
        now = self._services.now()
        with self._services.views.use() as view:
            found = [c for c in view.store.crls() if (c.issuer, c.scope) == (name, scope)]
            if not found:
                return _not_found("there is no such CRL")
            validity = _crl_validity(found[0], now)
            headers = validity.headers(now)
            response = not_modified(request, validity, headers)
            if response is not None:
                return response
            try:
                file = view.store.open_crl(name, scope)
            except NotFoundError:
                return _not_found("there is no such CRL")
        size = file.seek(0, 2)
        file.seek(0)
        headers["Content-Length"] = str(size)
        return StreamingResponse(_chunks(file), media_type="application/pkix-crl", headers=headers)

    def certificate(self, request: Request) -> Response:
        """`/ca/<authority>.cer`: DER."""
        now = self._services.now()
        with self._services.views.use() as view:
            certificate = view.authorities.get(request.path_params["name"])
        if certificate is None:
            return _not_found("there is no such authority")
        der = certificate.public_bytes(Encoding.DER)
        etag = hashlib.sha256(der).hexdigest()
        validity = Validity(etag, certificate.not_valid_before_utc, now + _LONGEST_KEPT)
        headers = validity.headers(now)
        return not_modified(request, validity, headers) or Response(
            der, media_type="application/pkix-cert", headers=headers
        )


def _crl_validity(record: CrlRecord, now: datetime) -> Validity:
    fresh_until = min(record.next_update, now + _LONGEST_KEPT)
    return Validity(record.digest, record.this_update, fresh_until)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _not_found(text: str) -> Response:
    return PlainTextResponse(f"{text}\n", 404, headers=NO_STORE)
