"""badkeys, as a program that is asked about the key of one certificate at a time."""

from __future__ import annotations

import base64
import functools
import os
import pwd
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.children import serve

CHECKS: Final = (
    "fermat",
    "roca",
    "rsainvalid",
    "rsapoly",
    "sharedprimes",
    "smalld",
    "smallfactors",
)
"""Named one by one: what a new version adds must not refuse anybody's key unread."""

BLOCKLIST: Final = "blocklist"
"""Of keys that are known to others. It is there only after `badkeys --update-bl`."""


def answer(question: Any) -> list[dict[str, str]]:
    """Return what is known against the key in `{"certificate": <DER in base64>}`."""
    from badkeys import checks

    der = base64.b64decode(question["certificate"], validate=True)
    public_key = x509.load_der_x509_certificate(der).public_key()
    pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    found = checks.checkpubkey(pem.decode("ascii"), checks=_checks())
    if "exception" in found or found["type"] == "unsupported":
        return [_finding("unreadable", "it cannot read the key")]
    return [
        _finding(name, _message(name, result, checks)) for name, result in found["results"].items()
    ]


@functools.cache
def _checks() -> tuple[str, ...]:
    return (*CHECKS, BLOCKLIST) if has_blocklist() else CHECKS


def has_blocklist() -> bool:
    """Tell whether the data of `badkeys --update-bl` is where badkeys looks without variables."""
    place = os.path.join(pwd.getpwuid(os.getuid()).pw_dir, ".cache", "badkeys")
    return os.path.isfile(os.path.join(place, "badkeysdata.json"))


def _message(name: str, result: Any, checks: Any) -> str:
    subtest = result.get("subtest") if isinstance(result, dict) else None
    described = str(checks.allchecks[name]["desc"])
    return f"{described} ({subtest})" if subtest else described


def _finding(code: str, message: str) -> dict[str, str]:
    return {"code": code, "severity": "ERROR", "message": message}


if __name__ == "__main__":
    serve(answer)
