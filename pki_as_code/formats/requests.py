"""What a certificate will be, on one line: all that somebody who approves it has to know."""

from __future__ import annotations

from collections.abc import Sequence

from pki_as_code.escape import safe
from pki_as_code.formats.values import format_date, format_seconds
from pki_as_code.model import CERTIFICATE, CertificateRequest
from pki_as_code.pkix.lookalikes import shown_name


def format_asked(request: CertificateRequest) -> str:
    """Return `90d  www.example.com  O=Example,CN=www.example.com  for serverAuth`."""
    names = format_names(request.subject_alternative_names, request.subject)
    return f"{_lifetime(request)}  {names}{_more_subject(request)}{format_purposes(request)}"


def format_names(names: Sequence[str], subject: str) -> str:
    """
    Return every name, none left out: what is not shown is not reviewed.

    Without names the subject is what there is. A-labels come with what they stand for.
    """
    return safe(", ".join(shown_name(_bare(name)) for name in names) or shown_name(subject))


def format_purposes(request: CertificateRequest) -> str:
    """Return `  for serverAuth`: a certificate is good for what its extendedKeyUsage allows."""
    if request.object_id.kind != CERTIFICATE:
        return ""
    given = next((e.value for e in request.extensions if e.name == "extendedKeyUsage"), None)
    return f"  for {safe(', '.join(map(str, given))) if given else 'any purpose'}"


def _lifetime(request: CertificateRequest) -> str:
    if request.not_after is not None:
        return f"until {format_date(request.not_after)}"
    return format_seconds(request.validity_seconds or 0)


def _more_subject(request: CertificateRequest) -> str:
    """Return the subject where it says more than the names beside it."""
    names = [f"CN={_bare(name)}" for name in request.subject_alternative_names]
    if not names or request.subject in {"", *names}:
        return ""
    return f"  {safe(shown_name(request.subject))}"


def _bare(name: str) -> str:
    """Return a DNS name or an address without its type, as people write it."""
    return name.removeprefix("DNS:").removeprefix("IP:")
