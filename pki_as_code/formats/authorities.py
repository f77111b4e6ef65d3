"""Certification authorities: lists, trees, and one in detail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.escape import safe
from pki_as_code.model import JsonValue, RequestedExtension, format_time
from pki_as_code.pkix.extension_text import extension_lines, extension_title
from pki_as_code.pkix.extensions import EXTENSION_BY_NAME
from pki_as_code.pkix.names import common_name
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.pkix.text import (
    fingerprints,
    key_type,
    name_text,
    read_extensions,
    signature_algorithm_name,
)
from pki_as_code.pkix.variables import uri_variables
from pki_as_code.plan.hierarchy import (
    Condition,
    Standing,
    effective_path_length,
    path_length,
)

Standings = Mapping[str, Standing]

_SMALLEST_WIDTH: Final = 20


# --- Lists ---------------------------------------------------------------------------------------


def authority_lines(standings: Standings, now: datetime) -> Iterator[str]:
    """Yield `4E:1E:2A - Root CA` for each, those that end first before the others."""
    for standing in standings.values():
        yield f"{_line(standing, now)}\n"


def authority_tree(standings: Standings, now: datetime) -> Iterator[str]:
    """Yield the same lines, each below its parent with a branch before it."""
    roots = [name for name, standing in standings.items() if standing.parent is None]
    seen: set[str] = set()
    for name in [*roots, *standings]:  # the latter: a circle has no root, and is shown all the same
        if name not in seen:
            yield f"{_line(standings[name], now)}\n"
            yield from _branches(standings, name, "", now, seen)


def _branches(
    standings: Standings, name: str, indent: str, now: datetime, seen: set[str]
) -> Iterator[str]:
    seen.add(name)
    children = [child for child in standings[name].children if child not in seen]
    for child in children:
        last = child == children[-1]
        yield f"{indent}{'└───' if last else '├───'}{_line(standings[child], now)}\n"
        yield from _branches(standings, child, indent + ("    " if last else "│   "), now, seen)


def _line(standing: Standing, now: datetime) -> str:
    condition = standing.condition(now)
    mark = "" if condition is Condition.VALID else f" ({condition})"
    return f"{_serial_number(standing)} - {safe(_shown(standing))}{mark}"


def _serial_number(standing: Standing) -> str:
    return format_serial_number(standing.certificate.serial_number)


def _shown(standing: Standing) -> str:
    try:
        return common_name(standing.certificate.subject) or standing.name
    except ValueError:  # made elsewhere, with a name that cannot be read
        return standing.name


def authorities_json(standings: Standings, now: datetime) -> list[JsonValue]:
    """Return each authority that has a certificate, with what its manifest says of it."""
    return [_summary(standing, now) for standing in standings.values()]


def _summary(standing: Standing, now: datetime) -> dict[str, JsonValue]:
    certificate = standing.certificate
    spec = standing.authority.manifest.spec if standing.authority else None
    return {
        "serialNumber": _serial_number(standing),
        "name": standing.name,
        "subject": name_text(certificate, is_subject=True),
        "parent": standing.parent,
        "notBefore": format_time(certificate.not_valid_before_utc),
        "notAfter": format_time(certificate.not_valid_after_utc),
        "status": str(standing.condition(now)),
        "mode": spec.mode if spec else None,
        "keyType": key_type(certificate),
        "usages": list(spec.usages) if spec else [],
        "fingerprintSha256": certificate.fingerprint(hashes.SHA256()).hex(),
    }


# --- One authority -------------------------------------------------------------------------------


def authority_json(
    name: str, standings: Standings, signed: Sequence[RequestedExtension], now: datetime
) -> dict[str, JsonValue]:
    """
    Return what is to be said of one authority, beside its certificate.

    `signed` are the extensions it adds to what it signs.
    """
    standing = standings[name]
    spec = standing.authority.manifest.spec if standing.authority else None
    return {
        **_summary(standing, now),
        "children": list(standing.children),
        "pathLength": path_length(standing.certificate),
        "effectivePathLength": effective_path_length(name, standings),
        "key": {
            "type": key_type(standing.certificate),
            "uri": spec.key.uri if spec and spec.key else None,
        },
        "manifest": standing.authority.path if standing.authority else None,
        "signs": {
            extension.name: {"critical": extension.critical, "value": extension.value}
            for extension in signed
        },
    }


def format_authority_text(
    name: str,
    standings: Standings,
    signed: Sequence[RequestedExtension],
    now: datetime,
    *,
    pem: bool = True,
    extensions: bool = True,
    width: int | None = None,
) -> str:
    """
    Return the text of `view_ca`, ending in a newline.

    `signed` are the extensions it adds to what it signs. `width` is the number of columns digests
    are wrapped at; None does not wrap.
    """
    standing = standings[name]
    certificate = standing.certificate
    condition = str(standing.condition(now))
    lines = [
        f"* Name: {safe(name)}",
        *_name_lines("Subject", certificate, is_subject=True),
        f"* Serial: {_serial_number(standing)}",
        *_name_lines("Issuer", certificate, is_subject=False),
        f"* Not valid before: {certificate.not_valid_before_utc}",
        f"* Not valid after: {certificate.not_valid_after_utc}",
        f"* Status: {condition[:1].upper()}{condition[1:]}",
        *_relations(standing, standings),
        f"* Path length: {_path_length_text(standing, standings)}",
        *_key_lines(standing),
        f"* Signature algorithm: {safe(signature_algorithm_name(certificate))}",
        *_manifest_lines(standing),
    ]
    if extensions:
        lines += ["", "Certificate authority extensions:", *_own_extensions(certificate)]
        lines += ["", "Extensions of what it signs:", *_signed_extensions(standing, signed)]
    lines += ["", "Digest:", *_digest_lines(certificate, width)]
    if pem:
        lines += ["", certificate.public_bytes(Encoding.PEM).decode("ascii").rstrip()]
    return "\n".join(lines) + "\n"


def _name_lines(label: str, certificate: x509.Certificate, *, is_subject: bool) -> Iterator[str]:
    text = name_text(certificate, is_subject=is_subject)
    yield f"* {label}: {'(cannot be read)' if text is None else safe(text) or '(empty)'}"


def _relations(standing: Standing, standings: Standings) -> Iterator[str]:
    parent = standings.get(standing.parent or "")
    if parent is not None:
        yield f"* Parent: {_reference(parent)}"
    elif standing.certificate.issuer == standing.certificate.subject:
        yield "* Parent: none, it is a root"
    else:
        yield "* Parent: not known here"
    if not standing.children:
        yield "* No children"
        return
    yield "* Children:"
    yield from (f"  * {_reference(standings[child])}" for child in standing.children)


def _reference(standing: Standing) -> str:
    return f"{_serial_number(standing)} - {safe(_shown(standing))} ({safe(standing.name)})"


def _path_length_text(standing: Standing, standings: Standings) -> str:
    own = path_length(standing.certificate)
    effective = effective_path_length(standing.name, standings)
    text = "unlimited" if own is None else str(own)
    if effective == own:
        return text
    return f"{text}, {effective} with those above it"


def _key_lines(standing: Standing) -> Iterator[str]:
    spec = standing.authority.manifest.spec if standing.authority else None
    kind = key_type(standing.certificate) or "unknown"
    if spec is None:
        where = "nobody knows where"
    elif spec.mode == "offline":
        where = f"offline{f', {safe(spec.key.uri)}' if spec.key else ''}"
    else:
        where = safe(spec.key.uri) if spec.key else "nowhere"
    yield f"* Private key: {kind}, {where}"


def _manifest_lines(standing: Standing) -> Iterator[str]:
    if standing.authority is None:
        yield "* Manifest: gone"
        return
    spec = standing.authority.manifest.spec
    yield f"* Manifest: {safe(standing.authority.path)}"
    yield f"* Usages: {', '.join(spec.usages)}"


def _own_extensions(certificate: x509.Certificate) -> Iterator[str]:
    shown = sorted(read_extensions(certificate), key=lambda e: extension_title(e.oid))
    for extension in shown:
        value = extension.value
        body = [extension.value_der.hex().upper()] if value is None else []
        yield from _extension_lines(extension.oid, extension.critical, value, body)


def _signed_extensions(standing: Standing, signed: Sequence[RequestedExtension]) -> Iterator[str]:
    if not signed:
        yield "(none)"
    number = standing.certificate.serial_number
    variables = uri_variables(standing.name, number, 0)
    # Those of the certificate that is to be signed have no value yet.
    variables = {k: v for k, v in variables.items() if not k.startswith("SERIAL")}
    for extension in signed:
        known = EXTENSION_BY_NAME.get(extension.name)
        oid = known.oid.dotted_string if known else extension.name
        value = _filled_in(extension.value, variables)
        yield from _extension_lines(oid, extension.critical, value, [])


def _filled_in(value: JsonValue, variables: Mapping[str, str]) -> JsonValue:
    """Return a value with the variables of its URIs replaced that are known."""
    if isinstance(value, dict):
        return {name: _filled_in(member, variables) for name, member in value.items()}
    if isinstance(value, list):
        return [_filled_in(member, variables) for member in value]
    if isinstance(value, str):
        for name, text in variables.items():
            value = value.replace(f"{{{name}}}", text)
    return value


def _extension_lines(
    oid: str, critical: bool, value: JsonValue, body: Sequence[str]
) -> Iterator[str]:
    yield f"* {extension_title(oid)}{' (critical)' if critical else ''}:"
    yield from (f"  {line}" for line in body or extension_lines(oid, value))


def _digest_lines(certificate: x509.Certificate, width: int | None) -> Iterator[str]:
    digests = fingerprints(certificate)
    longest = max(map(len, digests)) + 1
    for name, digest in digests.items():
        octets = digest.split(":")
        label = f"  {name + ':':<{longest}} "
        per_line = len(octets)
        if width is not None:
            per_line = max((max(width, _SMALLEST_WIDTH) - len(label)) // 3, 1)
        for at in range(0, len(octets), per_line):
            end = ":" if at + per_line < len(octets) else ""
            start = label if at == 0 else " " * len(label)
            yield start + ":".join(octets[at : at + per_line]) + end
