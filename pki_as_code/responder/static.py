"""Responses signed in advance, laid out for a plain file server (RFC 5019)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from pki_as_code.issuance import Responder, sign_response
from pki_as_code.pkix.ocsp import encode_get_path, encode_request, issuer_hashes
from pki_as_code.pkix.variables import ocsp_path
from pki_as_code.responder.statuses import single_response
from pki_as_code.stores.interface import Store

REQUEST_HASHES: Final = ("SHA-1", "SHA-256")
"""The forms of request that clients send."""

_DIRECTORY_FILE: Final = "index.html"


def presigned_responses(
    store: Store, responder: Responder, now: datetime
) -> Iterator[tuple[str, bytes]]:
    """
    Stream (path, response) for every certificate of the responder's authority that is not expired.

    The path is `ocsp/<authority>/<base64 of the request>`, which is what a file server looks up
    once it has percent-decoded the path of a GET. Base64 has slashes: there are directories. One
    that ends in a slash is the file that servers give for a directory, `index.html`.

    Raises:
        StoreError: the store cannot be read.
        IssuanceError: the responder's certificate is not valid now, or it does not sign.
    """
    directory = ocsp_path(responder.authority)
    hashes = {name: issuer_hashes(responder.issuer, name) for name in REQUEST_HASHES}
    for known in store.serial_statuses(responder.authority, not_after_from=now):
        for name, issuer in hashes.items():
            cert_id, request = encode_request(name, issuer, known.serial_number)
            signed = sign_response(responder, [single_response(cert_id, known)], now)
            path = f"{directory}/{encode_get_path(request)}"
            if path.endswith("/"):
                path += _DIRECTORY_FILE
            yield path, signed.response_der
