"""
Whose signatures are believed: `allowed_signers` and `allowed_gpg_keys`, as a commit has them.

Whether a key made a signature, git and ssh-keygen tell. What is decided here is which lines they
get to see at all, and what their answer says about an author.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pki_as_code.escape import quoted, safe
from pki_as_code.model import Finding, Identity, Severity, SignedCommit, Source

ALLOWED_SIGNERS: Final = "allowed_signers"
"""The file, at the root of a repository, that OpenSSH and git know under this name."""

ALLOWED_GPG_KEYS: Final = "allowed_gpg_keys"
"""The file with a principal and a fingerprint on each line."""

TRUST_FILES: Final = (ALLOWED_SIGNERS, ALLOWED_GPG_KEYS)

_TOKEN: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+')
_OPTION: Final = re.compile(r'([A-Za-z-]+)(?:="((?:[^"\\]|\\.)*)")?(?:,|$)')
_TIME: Final = re.compile(r"(\d{8})(\d{4})?(\d{2})?Z?", re.ASCII)
_TIMES: Final = ("valid-after", "valid-before")
_KEY_TYPE: Final = re.compile(r"[A-Za-z0-9@.-]+", re.ASCII)
_FINGERPRINT: Final = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}", re.ASCII)
_PATTERN: Final = re.compile(r"[*?!]")
_WORDS_OF_STATUS: Final = {
    "X": "has a signature that has expired",
    "Y": "is signed by a key that has expired",
    "R": "is signed by a key that was revoked",
}
_KEY: Final = 2
"""How many words of a line a key takes: its type, and the key in base64."""


@dataclass(frozen=True, slots=True)
class Signers:
    """Whose signatures are believed at one time, by what one commit says."""

    allowed_signers: bytes = b""
    """The lines that hold at that time, as ssh-keygen reads them."""

    ssh: Mapping[str, tuple[frozenset[str], ...]] = field(default_factory=dict)
    """By the fingerprint of a key, the principals of each line that has it."""

    gpg: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By the fingerprint of a primary key, its principals."""

    findings: tuple[Finding, ...] = ()
    """Lines that nobody is believed by."""

    def principals(self, commit: SignedCommit) -> tuple[str, ...]:
        """Return who signed a commit whose signature is good; nobody whose key is not listed."""
        if commit.primary_fingerprint:
            return tuple(sorted(self.gpg.get(commit.primary_fingerprint.upper(), ())))
        return self.principals_of_key(commit.fingerprint, commit.signer)

    def principals_of_key(self, fingerprint: str, signer: str) -> tuple[str, ...]:
        """
        Return all names of whom ssh-keygen calls `signer`.

        Of several lines with both only what they agree on: which of them was taken is not told.
        """
        lines = [names for names in self.ssh.get(fingerprint, ()) if signer in names]
        return tuple(sorted(frozenset.intersection(*lines))) if lines else ()


def parse_signers(allowed_signers: bytes, allowed_gpg_keys: bytes, now: datetime) -> Signers:
    """
    Return whose signatures are believed at `now`.

    A line that has ended by then is left out, whatever time a commit says it was made: whoever
    holds the key writes that time.
    """
    kept: list[str] = []
    ssh: dict[str, tuple[frozenset[str], ...]] = {}
    gpg: dict[str, frozenset[str]] = {}
    findings: list[Finding] = []
    for number, line in _lines(allowed_signers):
        read = _parse_line(line, now)
        if isinstance(read, str):
            findings.append(_ignored(ALLOWED_SIGNERS, number, read))
        elif read is not None:
            principals, fingerprint = read
            kept.append(line)
            ssh[fingerprint] = (*ssh.get(fingerprint, ()), principals)
    for number, line in _lines(allowed_gpg_keys):
        words = line.split()
        fingerprint = "".join(words[1:]).upper()
        if _PATTERN.search(words[0]) or _FINGERPRINT.fullmatch(fingerprint) is None:
            why = "it is not an address and the whole fingerprint of a key"
            findings.append(_ignored(ALLOWED_GPG_KEYS, number, why))
            continue
        names = frozenset(words[0].split(","))
        gpg[fingerprint] = gpg.get(fingerprint, frozenset()) | names
    text = "".join(f"{line}\n" for line in kept).encode()
    return Signers(text, ssh, gpg, tuple(findings))


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        words = line.strip()
        if words and not words.startswith("#"):
            yield number, words


def _ignored(path: str, number: int, why: str) -> Finding:
    return Finding(
        "trust.signer_ignored",
        f"nobody is believed by line {number} of {path}: {why}",
        Source(path, number, 1),
        Severity.WARNING,
        help="write `alice@example.com ssh-ed25519 AAAA…`, or an address and the fingerprint of a "
        "GPG key; docs/signatures.md has both forms",
    )


def _parse_line(line: str, now: datetime) -> tuple[frozenset[str], str] | str | None:
    """Return principals and fingerprint; None outside of its time; why it is not believed."""
    words = _TOKEN.findall(line)
    options = "" if len(words) > _KEY and words[2].startswith("AAAA") else (words[1:2] or [""])[0]
    key = words[2:4] if options else words[1:3]
    names = words[0].strip('"').split(",") if words else []
    if len(key) != _KEY or _KEY_TYPE.fullmatch(key[0]) is None or not all(names):
        return "it is not principals, options and a key"
    if any(_PATTERN.search(name) for name in names):
        return "a pattern names nobody"
    try:
        blob = base64.b64decode(key[1], validate=True)
    except (binascii.Error, ValueError):
        return "its key is not base64"
    given = _parse_options(options)
    if given is None:
        return "its options cannot be read"
    if "cert-authority" in given:
        return "whom another key may name is not known here (cert-authority)"
    if not _holds(given, now):
        return None
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
    return frozenset(names), f"SHA256:{digest}"


def _parse_options(text: str) -> dict[str, str] | None:
    """Return the options of a line, None when one of them is not understood."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if match is None or match[1].lower() in found:
            return None
        found[match[1].lower()] = match[2] or ""
        at = match.end()
    times = [found[name] for name in _TIMES if name in found]
    return found if all(_parse_time(time) for time in times) else None


def _holds(options: Mapping[str, str], now: datetime) -> bool:
    after, before = (_parse_time(options.get(name, "")) for name in _TIMES)
    return (after is None or now >= after) and (before is None or now < before)


def _parse_time(text: str) -> datetime | None:
    """Return the time that is meant, in UTC, whether or not it is said to be."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        written = f"{match[1]}{match[2] or '0000'}{match[3] or '00'}"
        return datetime.strptime(written, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


# --- Authors -------------------------------------------------------------------------------------


def identify(commit: SignedCommit, signers: Signers) -> Identity:
    """Return who made a commit: its author when his own key signed it, and else why not."""
    if commit.status == "N" and not commit.has_signature:
        return Identity(commit, (), "trust.commit_not_signed", "is not signed")
    if commit.status in {"N", "U", "E"}:
        why = "is signed by a key that is not among those believed"
        if commit.status != "U":
            why = "has a signature that cannot be verified here"
        return Identity(commit, (), "trust.signature_unknown", why)
    if commit.status != "G":
        words = _WORDS_OF_STATUS.get(commit.status, "has a signature that is not right")
        return Identity(commit, (), "trust.signature_bad", words)
    principals = signers.principals(commit)
    if not principals:
        why = "is signed by a key that is not among those believed"
        return Identity(commit, (), "trust.signature_unknown", why)
    if not any(same_address(commit.author_address, name) for name in principals):
        why = f"is signed by {safe(principals[0])}, and says that somebody else is its author"
        return Identity(commit, principals, "trust.author_differs", why)
    return Identity(commit, principals)


def _weight(path: str) -> tuple[bool, bool, str]:
    """Of what a commit changes, name what reaches furthest, and manifests before what they name."""
    return path.startswith("certificates/"), not path.endswith((".yaml", ".yml")), path


def same_address(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


_HELP: Final = {
    "trust.commit_not_signed": "sign it: `git config gpg.format ssh`, then "
    "`git commit --amend -S` or `git rebase --exec 'git commit --amend -S --no-edit' BASE`",
    "trust.signature_unknown": "have it signed with a key of allowed_signers (allowed_gpg_keys for "
    "GPG) as they were before this change; a new key is added by somebody who has one, in a change "
    "that is reconciled first",
    "trust.signature_bad": "find out how it came to be; then sign the commit again",
    "trust.author_differs": "let the author sign it, or have the one who signs it as its author: "
    "`git commit --amend -S --reset-author`",
}


def identity_finding(identity: Identity, paths: frozenset[str]) -> Finding:
    """Say why a commit that changes these files is not believed."""
    commit = identity.commit
    first = min(paths, key=_weight, default="")
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    changes = f", and changes {quoted(first)}{more}" if first else ""
    return Finding(
        identity.fault,
        f"commit {commit.id[:12]} by {quoted(commit.author, 200)} {identity.why}{changes}",
        Source(first) if first else None,
        help=_HELP[identity.fault],
    )
