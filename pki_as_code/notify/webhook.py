"""
Webhooks: each notice is one POST of JSON, signed with HMAC-SHA256.

`X-Pki-Signature: sha256=<hex>` is over the bytes of the body, which hold the time and the id of the
notice. `text` is what chat services show.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from datetime import datetime
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import urlsplit

from pki_as_code import __version__
from pki_as_code.errors import DeliveryError
from pki_as_code.escape import safe
from pki_as_code.model import JsonValue, Notice, format_time
from pki_as_code.notify.deadline import within
from pki_as_code.notify.hosts import is_loopback
from pki_as_code.notify.interface import WEBHOOK_SECRET, ChannelSettings
from pki_as_code.notify.wording import facts

SIGNATURE_HEADER = "X-Pki-Signature"


class WebhookChannel:
    """A host that cannot be used is not asked again in the same run."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._unusable: dict[str, DeliveryError] = {}

    def check(self, notice: Notice, now: datetime) -> None:
        _check_url(notice)
        self._headers(make_body(notice, now))

    def send(self, notice: Notice, now: datetime) -> None:
        _check_url(notice)
        host = urlsplit(notice.channel).netloc.lower()
        if host in self._unusable:
            raise self._unusable[host]
        body = make_body(notice, now)
        request = urllib.request.Request(  # noqa: S310 (_check_url saw to the scheme)
            notice.channel, data=body, headers=self._headers(body), method="POST"
        )
        for pause in (*self._settings.pauses_seconds, None):
            try:
                self._post(request, host)
            except _UnusableError as error:
                if pause is None or not error.try_again:
                    self._unusable[host] = error.error
                    raise error.error from None
                time.sleep(pause)
            else:
                return

    def close(self) -> None:
        """Nothing stays open between requests."""

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"pki-as-code/{__version__}",
        }
        secret = self._settings.credentials.webhook_secret
        if secret == "":
            raise DeliveryError(
                f"{WEBHOOK_SECRET} is set, and empty",
                help="set it to the secret that the receiver knows, or unset it to send unsigned",
                code="notify.empty_secret",
            )
        if secret is not None:
            headers[SIGNATURE_HEADER] = signature(body, secret)
        return headers

    def _post(self, request: urllib.request.Request, host: str) -> None:
        seconds = self._settings.timeout_seconds
        opener = _opener(is_loopback(urlsplit(request.full_url).hostname or ""))

        def post() -> None:
            with opener.open(request, timeout=seconds):
                pass  # what it says beyond 2xx is of no interest

        try:
            within(seconds, post)
        except urllib.error.HTTPError as error:
            error.close()
            raise _judged(host, error.code) from None
        except (TimeoutError, OSError, http.client.HTTPException) as error:
            raise _explained(host, error, seconds) from None


def make_body(notice: Notice, now: datetime) -> bytes:
    """Return the JSON of a notice; `docs/notices.md` describes it."""
    found = facts(notice, now)
    certificate = found["certificate"]
    value: dict[str, JsonValue] = {
        "schemaVersion": 1,
        "id": notice.id,
        "event": found["event"],
        "sentAt": format_time(now),
        "text": f"{found['headline']}. {' '.join(found['advice'])}",
        "thresholdSeconds": notice.threshold_seconds or None,
        "failure": found["failure"] or None,
        "certificate": {
            "kind": certificate["kind"],
            "namespace": certificate["namespace"],
            "name": certificate["name"],
            "serialNumber": certificate["serial"],
            "subject": certificate["subject"],
            "subjectAltNames": [safe(n) for n in notice.certificate.subject_alternative_names],
            "issuer": certificate["issuer"],
            "notBefore": certificate["not_before"],
            "notAfter": certificate["not_after"],
            "manifest": certificate["manifest"],
            "fingerprintSha256": certificate["fingerprint_sha256"],
        },
    }
    return json.dumps(value).encode()


def signature(body: bytes, secret: str) -> str:
    """Return the value of `X-Pki-Signature` for a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A notice goes where the manifest says and nowhere else."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: Any,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        return None


def _opener(local: bool) -> urllib.request.OpenerDirector:
    https = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    handlers: list[urllib.request.BaseHandler] = [https, _NoRedirects()]
    if local:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


class _UnusableError(Exception):
    """The host did not answer as one that works; it may do so in a moment."""

    def __init__(self, error: DeliveryError, *, try_again: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.try_again = try_again


def _check_url(notice: Notice) -> None:
    parts = urlsplit(notice.channel)
    if parts.scheme.lower() != "https" and not is_loopback(parts.hostname or ""):
        raise DeliveryError(
            f"the webhook {notice.address} is not https",
            help="name it with https://; plain http is for this machine only",
            code="notify.insecure_webhook",
        )


def _judged(host: str, status: int) -> Exception:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        error = DeliveryError(
            f"the webhook at {safe(host)} failed with status {status}",
            help="the notices stay due; the next run tries again",
            code="notify.webhook_failed",
        )
        return _UnusableError(error, try_again=True)
    redirected = status < HTTPStatus.BAD_REQUEST
    return DeliveryError(
        f"the webhook at {safe(host)} {'redirects' if redirected else 'refuses'} with status "
        f"{status}",
        help="name the URL it redirects to" if redirected else "see its URL and its secret",
        code="notify.webhook_refused",
    )


def _explained(host: str, error: Exception, seconds: float) -> Exception:
    """Return the error for what is no answer. Nothing of the URL but its host is in it."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        told = f"the certificate of {safe(host)} is not trusted: {safe(cause.verify_message)}"
        help = "for a CA of your own set SSL_CERT_FILE"
        return _UnusableError(DeliveryError(told, help=help, code="notify.untrusted_server"))
    help = "see its URL; the notices stay due"
    if isinstance(cause, TimeoutError):
        told = f"the webhook at {safe(host)} did not answer within {seconds:g} seconds"
        return _UnusableError(DeliveryError(told, help=help, code="notify.timeout"))
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else None
    told = f"the webhook at {safe(host)} cannot be reached: {reason or type(cause).__name__}"
    error = DeliveryError(told, help=help, code="notify.unreachable")
    return _UnusableError(error, try_again=True)
