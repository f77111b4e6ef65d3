"""The index of a tree: one page for people, without scripts, and the same for programs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Final

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import safe
from pki_as_code.model import JsonValue, format_time
from pki_as_code.pkix.names import common_name, format_name
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.pkix.variables import issuer_path
from pki_as_code.publish.interface import Item, Material, PublishedFile
from pki_as_code.publish.layout import INDEX_JSON, INDEX_PAGE, NO_JEKYLL
from pki_as_code.publish.verify import read_crl
from pki_as_code.stores.interface import Head

SCHEMA_VERSION: Final = 1

STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}table{border-collapse:collapse}td,th{text-align:left;"
    "vertical-align:top;padding:.2rem 1rem .2rem 0}code{overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}a{color:#8bf}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)


def index_files(
    material: Material, head: Head, digests: Mapping[str, str], read: Callable[[str], bytes]
) -> Iterator[Item]:
    """
    Yield the index over a tree; `digests` has the SHA-256 of every other file of it.

    Says nothing of the time it is made at: the same tree has the same index.
    """
    authorities = [
        _authority(name, certificate, digests, read)
        for name, certificate in material.authorities.items()
    ]
    index = {
        "schemaVersion": SCHEMA_VERSION,
        "ledger": {"sequence": head.sequence, "digest": head.digest},
        "authorities": authorities,
        "files": {path: {"sha256": digest} for path, digest in sorted(digests.items())},
    }
    yield PublishedFile(NO_JEKYLL, b"")  # GitHub Pages would leave out names with an underscore
    yield PublishedFile(INDEX_PAGE, format_page(authorities, digests).encode())
    yield PublishedFile(INDEX_JSON, json.dumps(index, indent=1).encode() + b"\n")


def _authority(
    name: str,
    certificate: x509.Certificate,
    digests: Mapping[str, str],
    read: Callable[[str], bytes],
) -> dict[str, JsonValue]:
    own = [path for path in digests if path == f"crl/{name}.crl" or path.startswith(f"crl/{name}/")]
    return {
        "name": name,
        "commonName": common_name(certificate.subject) or name,
        "subject": format_name(certificate.subject),
        "serialNumber": format_serial_number(certificate.serial_number),
        "notBefore": format_time(certificate.not_valid_before_utc),
        "notAfter": format_time(certificate.not_valid_after_utc),
        "certificate": issuer_path(name),
        "crls": [_crl(path, read(path)) for path in sorted(own)],
    }


def _crl(path: str, content: bytes) -> dict[str, JsonValue]:
    try:
        facts = read_crl(content)
    except InvalidValueError:  # one that stays from before, whatever it is
        return {"path": path}
    return {
        "path": path,
        "number": facts.number,
        "thisUpdate": format_time(facts.this_update),
        "nextUpdate": format_time(facts.next_update),
    }


def format_page(authorities: list[dict[str, JsonValue]], digests: Mapping[str, str]) -> str:
    """Return the page. All that comes from certificates is escaped, links are our own paths."""
    certificates = sum(path.startswith("certificates/") for path in digests)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
            '<meta name="viewport" content="width=device-width">',
            "<title>Certification authorities</title>",
            f"<style>{STYLE}</style>",
            "<h1>Certification authorities</h1>",
            *(_section(authority) for authority in authorities),
            f"<p>Certificates published here: {certificates}. For programs: "
            f'<a href="{INDEX_JSON}">{INDEX_JSON}</a>, with the SHA-256 of every file.</p>',
            "</html>",
            "",
        ]
    )


def _section(authority: Mapping[str, JsonValue]) -> str:
    name = authority["name"]
    rows = [
        ("Subject", _text(authority["subject"])),
        ("Serial number", f"<code>{_text(authority['serialNumber'])}</code>"),
        ("Valid", f"{authority['notBefore']} to {authority['notAfter']}"),
        (
            "Certificate",
            " ".join(
                _link(path, form)
                for path, form in (
                    (authority["certificate"], "DER"),
                    (f"ca/{name}.pem", "PEM"),
                    (f"ca/{name}.chain.pem", "PEM with chain"),
                )
            ),
        ),
        *(("CRL", _crl_line(crl)) for crl in authority["crls"]),
    ]
    cells = "\n".join(f"<tr><th>{title}</th><td>{cell}</td></tr>" for title, cell in rows)
    return f"<h2>{_text(authority['commonName'])}</h2>\n<table>\n{cells}\n</table>"


def _crl_line(crl: Mapping[str, JsonValue]) -> str:
    link = _link(crl["path"], crl["path"])
    if "number" not in crl:
        return link
    return (
        f"{link}: number {crl['number']}, of {crl['thisUpdate']}, the next one by "
        f"{crl['nextUpdate']}"
    )


def _link(path: str, text: str) -> str:
    return f'<a href="{escape(path)}">{_text(text)}</a>'


def _text(text: str) -> str:
    return escape(safe(text))
