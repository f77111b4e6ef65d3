"""`/ocsp`: the live responder (RFC 6960 appendix A.1, RFC 5019)."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from pki_as_code.errors import InvalidValueError, PkiAsCodeError
from pki_as_code.pkix.ocsp import (
    LARGEST_POST_BYTES,
    ResponseStatus,
    decode_get_path,
    encode_error,
)
from pki_as_code.responder import Answer
from pki_as_code.web.caching import NO_STORE, Validity, not_modified

if TYPE_CHECKING:
    from pki_as_code.web.app import Services

_MEDIA_TYPE: Final = "application/ocsp-response"


class OcspEndpoint:
    """Answers POST at `/ocsp` and `/ocsp/<authority>`, GET with the request behind either."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.counts: Counter[str] = Counter()
        """Responses by status, since the start."""

    async def post(self, request: Request) -> Response:
        authority = request.path_params.get("authority")
        data = await _bounded_body(request)
        if data is None:
            text = f"an OCSP request has at most {LARGEST_POST_BYTES} bytes\n"
            return PlainTextResponse(text, 413, headers={**NO_STORE, "Connection": "close"})
        return await run_in_threadpool(self._respond, request, data, authority)

    async def get(self, request: Request) -> Response:
        """
        Answer a request in the path, `/ocsp/<authority>/<base64>` or `/ocsp/<base64>`.

        The server has percent-decoded the path once; base64 itself may contain slashes.
        """
        return await run_in_threadpool(self._respond_to_path, request)

    def _respond_to_path(self, request: Request) -> Response:
        path: str = request.path_params["rest"]
        first, slash, rest = path.partition("/")
        try:
            with self._services.views.use() as view:
                is_authority = first in view.authorities
        except PkiAsCodeError:
            return self._error(ResponseStatus.TRY_LATER)
        try:
            data = decode_get_path(rest if is_authority and slash else path)
        except InvalidValueError:
            return self._error(ResponseStatus.MALFORMED_REQUEST)
        return self._respond(request, data, first if is_authority else None)

    def _respond(self, request: Request, data: bytes, authority: str | None) -> Response:
        now = self._services.now()
        try:
            with self._services.views.use() as view:
                answer = view.answering.answer(data, now, authority)
        except PkiAsCodeError:
            return self._error(ResponseStatus.TRY_LATER)
        self.counts[answer.status.name.lower()] += 1
        return _response(request, answer, now)

    def _error(self, status: ResponseStatus) -> Response:
        self.counts[status.name.lower()] += 1
        return Response(encode_error(status), media_type=_MEDIA_TYPE, headers=NO_STORE)


def _response(request: Request, answer: Answer, now: datetime) -> Response:
    fresh_until = answer.fresh_until()
    if answer.signed is None or fresh_until is None:
        return Response(answer.response_der, media_type=_MEDIA_TYPE, headers=NO_STORE)
    etag = hashlib.sha256(answer.response_der).hexdigest()
    validity = Validity(etag, answer.signed.this_update, fresh_until)
    headers = validity.headers(now)
    return not_modified(request, validity, headers) or Response(
        answer.response_der, media_type=_MEDIA_TYPE, headers=headers
    )


async def _bounded_body(request: Request) -> bytes | None:
    """Return the body, None when it is too long: no more than that is ever kept."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > LARGEST_POST_BYTES:  # noqa: PLR2004
        return None
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > LARGEST_POST_BYTES:
                return None
    except ClientDisconnect:
        return b""
    return bytes(data)
