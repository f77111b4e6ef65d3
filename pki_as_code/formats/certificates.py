"""Lists of certificates. Everything streams: a list is never held as a whole, save for `yaml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import safe
from pki_as_code.formats.structured import format_json_line, format_yaml
from pki_as_code.formats.terminal import DIM, RED, YELLOW, paint
from pki_as_code.formats.values import format_date, revocation_json
from pki_as_code.model import CertificateRecord, JsonValue, Status, format_time
from pki_as_code.pkix.serial_numbers import format_serial_number

if TYPE_CHECKING:
    from cryptography import x509

Watchers = Callable[[CertificateRecord], Sequence[str]]
"""Returns who is told about a certificate; watchers are manifests, the store does not know them."""

COLUMNS = (
    "serialNumber",
    "namespace",
    "name",
    "subject",
    "subjectAltNames",
    "issuer",
    "profile",
    "notBefore",
    "notAfter",
    "status",
    "manifest",
    "commit",
    "watchers",
    "fingerprintSha256",
    "policies",
)
"""The columns of the CSV form, and the keys of the JSON form but `revocation` and `provenance`."""

_STYLES = {
    Status.VALID: (),
    Status.EXPIRED: (DIM,),
    Status.REVOKED: (RED,),
    Status.ON_HOLD: (YELLOW,),
}


# A subject with one common name and nothing that is escaped, quoted or of several values.
_ONE_PLAIN_NAME = re.compile(
    r"(?:(?!CN=)[A-Za-z]+=[^,+=\\\"#<>;]*,)*CN=(?P<name>[^,+=\\\"#<>;]+)"
    r"(?:,(?!CN=)[A-Za-z]+=[^,+=\\\"#<>;]*)*"
)


def nobody(_: CertificateRecord) -> Sequence[str]:
    """The `Watchers` of a list that does not look at manifests."""
    return ()


def certificate_json(
    record: CertificateRecord, *, now: datetime, watchers: Watchers = nobody
) -> dict[str, JsonValue]:
    """Return one certificate in the form of `list_certs --output json`."""
    return {
        "serialNumber": format_serial_number(record.serial_number),
        "namespace": record.object_id.namespace,
        "name": record.object_id.name,
        "subject": record.subject,
        "subjectAltNames": list(record.subject_alternative_names),
        "issuer": record.issuer,
        "profile": record.profile,
        "notBefore": format_time(record.not_before),
        "notAfter": format_time(record.not_after),
        "status": str(record.status(now)),
        "revocation": revocation_json(record),
        "manifest": record.path,
        "commit": record.commit,
        "provenance": provenance_json(record),
        "watchers": list(watchers(record)),
        "fingerprintSha256": record.fingerprint_sha256,
        "policies": list(record.policies),
    }


_EMPTY: Mapping[str, JsonValue] = {"signers": [], "policies": [], "waivers": {}, "reasons": []}
_PROVENANCE = (
    "commit", "path", "blobId", "csrPath", "csrBlobId", "author", "signers", "policies",
    "waivers", "planDigest", "reconciledCommit", "reasons",
)  # fmt: skip


def provenance_json(record: CertificateRecord) -> dict[str, JsonValue] | None:
    """
    Return who asked for a certificate, and how it came to be; None for one made elsewhere.

    Every key is there: what an earlier version did not write down is null, or empty.
    """
    if not record.request_digest:
        return None
    known = {"commit": record.commit, "path": record.path, **record.provenance}
    return {key: known.get(key, _EMPTY.get(key)) for key in _PROVENANCE}


def certificate_view_json(
    record: CertificateRecord,
    certificate: x509.Certificate,
    *,
    now: datetime,
    watchers: Sequence[str],
    csr: bytes | None,
) -> dict[str, JsonValue]:
    """
    Return what `view_cert --output json` says beside the fields of the certificate itself.

    `issuer` is the authority, `issuerName` its name in the certificate; `csr` comes as DER.
    """
    from pki_as_code.pkix.text import name_text

    return {
        **certificate_json(record, now=now, watchers=lambda _: watchers),
        "issuerName": name_text(certificate, is_subject=False),
        "issuedAt": format_time(record.issued_at),
        "adopted": not record.request_digest,
        "csr": _pem("CERTIFICATE REQUEST", csr) if csr else None,
    }


def _pem(label: str, der: bytes) -> str:
    """Return DER as PEM (RFC 7468)."""
    from base64 import b64encode
    from textwrap import wrap

    body = "\n".join(wrap(b64encode(der).decode("ascii"), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def shown_name(record: CertificateRecord) -> str:
    """Return the common name, or the first alternative name, or the subject; not escaped."""
    if name := _common_name(record.subject):
        return name
    for name in record.subject_alternative_names:
        return name.removeprefix("DNS:").removeprefix("IP:")
    return record.subject


def _common_name(subject: str) -> str | None:
    if "CN=" not in subject:
        return None
    simple = _ONE_PLAIN_NAME.fullmatch(subject)
    if simple is not None:
        return simple["name"]  # a list of thousands has nearly nothing else
    from pki_as_code.pkix.names import common_name, parse_name

    try:
        return common_name(parse_name(subject))
    except InvalidValueError:
        # A certificate made elsewhere may have a name that our own rules do not allow.
        return None


def certificate_lines(
    records: Iterable[CertificateRecord], *, now: datetime, color: bool = False
) -> Iterator[str]:
    """Yield `49:BC:F2 - localhost (expires: 2019-04-18)` for each, with a newline."""
    for record in records:
        status = record.status(now)
        serial = format_serial_number(record.serial_number)
        told = paint(_told(record, status), *_STYLES[status], color=color)
        yield f"{serial} - {safe(shown_name(record))} ({told})\n"


def _told(record: CertificateRecord, status: Status) -> str:
    if status is Status.VALID:
        return f"expires: {format_date(record.not_after)}"
    if status is Status.EXPIRED:
        return f"expired: {format_date(record.not_after)}"
    return "on hold" if status is Status.ON_HOLD else "revoked"


def certificate_json_chunks(
    records: Iterable[CertificateRecord], *, now: datetime, watchers: Watchers = nobody
) -> Iterator[str]:
    """Yield the pieces of one JSON list, an object on each line."""
    start = "["
    for record in records:
        line = format_json_line(certificate_json(record, now=now, watchers=watchers))
        yield f"{start}\n {line.rstrip()}"
        start = ","
    yield "[]\n" if start == "[" else "\n]\n"


def certificate_json_lines(
    records: Iterable[CertificateRecord], *, now: datetime, watchers: Watchers = nobody
) -> Iterator[str]:
    """Yield JSON Lines."""
    for record in records:
        yield format_json_line(certificate_json(record, now=now, watchers=watchers))


def certificate_yaml(
    records: Iterable[CertificateRecord], *, now: datetime, watchers: Watchers = nobody
) -> str:
    return format_yaml([certificate_json(r, now=now, watchers=watchers) for r in records])


def certificate_csv_lines(
    records: Iterable[CertificateRecord], *, now: datetime, watchers: Watchers = nobody
) -> Iterator[str]:
    """
    Yield CSV (RFC 4180) with a header; lists are joined by spaces.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it, and control
    characters are escaped.
    """
    yield _csv_line([*COLUMNS, "revocationReason", "revocationDate"])
    for record in records:
        value = certificate_json(record, now=now, watchers=watchers)
        revocation = value["revocation"] or {}
        cells = [value[column] for column in COLUMNS]
        cells += [revocation.get("reason", ""), revocation.get("revocationDate", "")]
        yield _csv_line(cells)


def _csv_line(cells: Iterable[JsonValue]) -> str:
    import csv
    import io

    line = io.StringIO()
    csv.writer(line).writerow([_csv_cell(cell) for cell in cells])
    return line.getvalue()


def _csv_cell(value: JsonValue) -> str:
    text = safe(" ".join(map(str, value)) if isinstance(value, list) else str(value))
    # The marks that make Excel, LibreOffice and Google Sheets evaluate a cell, behind blanks too.
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@", "|", "%")) else text
