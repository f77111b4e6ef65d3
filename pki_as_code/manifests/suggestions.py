"""What was probably meant: close spellings, and the words other tools have for the same thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

_CLOSE_ENOUGH: Final = 0.72

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "alt": ("subjectAltNames",),
    "altnames": ("subjectAltNames",),
    "ca": ("issuer", "parent"),
    "caref": ("issuer",),
    "cn": ("subject",),
    "commonname": ("subject",),
    "csrpath": ("csrFile",),
    "days": ("validity",),
    "dns": ("subjectAltNames",),
    "dnsnames": ("subjectAltNames",),
    "duration": ("validity",),
    "eku": ("extendedKeyUsage",),
    "email": ("watchers", "notify"),
    "emails": ("watchers", "notify"),
    "enddate": ("notAfter",),
    "expires": ("validity", "notAfter"),
    "extkeyusage": ("extendedKeyUsage",),
    "hash": ("algorithm",),
    "hosts": ("subjectAltNames",),
    "invaliditydate": ("compromisedAt",),
    "ipaddresses": ("subjectAltNames",),
    "issuerref": ("issuer", "parent"),
    "ku": ("keyUsage",),
    "names": ("subjectAltNames",),
    "permitteddns": ("permitted",),
    "privatekey": ("key", "keys"),
    "renewbefore": ("renewal",),
    "request": ("csr", "csrFile"),
    "revocationreason": ("reason",),
    "san": ("subjectAltNames",),
    "sans": ("subjectAltNames",),
    "serialnumber": ("serial",),
    "signaturealgorithm": ("algorithm",),
    "spki": ("spkiSha256",),
    "subjectalternativename": ("subjectAltNames", "subjectAltName"),
    "subjectalternativenames": ("subjectAltNames",),
    "subjectaltname": ("subjectAltNames",),
    "uris": ("subjectAltNames", "urls"),
    "usages": ("extensions",),
}


def suggest(written: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that was probably meant, None when none is close."""
    names = list(known)
    folded = {_fold(name): name for name in names}
    if _fold(written) in folded:
        return folded[_fold(written)]
    for synonym in SYNONYMS.get(_fold(written), ()):
        if synonym in names:
            return synonym
    close = get_close_matches(_fold(written)[:100], list(folded), n=1, cutoff=_CLOSE_ENOUGH)
    return folded[close[0]] if close else None


def did_you_mean(written: str, known: Iterable[str], *, listed: int = 12) -> str:
    """Return the help for a misspelt word: the likely one, else all there are when they are few."""
    names = list(known)
    meant = suggest(written, names)
    if meant is not None:
        return f"did you mean `{meant}`?"
    if 0 < len(names) <= listed:
        return f"use one of {', '.join(f'`{name}`' for name in names)}"
    return ""


def _fold(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
