"""
Signatures beside files, made and verified by ssh-keygen in the environment that git runs in.

Nothing of a repository is handed to it by name: what is verified, and by which keys, it gets from
pipes and files of our own.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from pki_as_code.errors import RepositoryError
from pki_as_code.gitplumbing import process

NAMESPACE: Final = "pki-as-code"
"""What such a signature is for: one of a commit or an e-mail is none of a manifest."""

MAX_SIGNATURES: Final = 16
"""In one file."""

_ARMOUR: Final = re.compile(
    rb"-----BEGIN SSH SIGNATURE-----[A-Za-z0-9+/=\r\n]{1,16384}-----END SSH SIGNATURE-----"
)
_GOOD: Final = re.compile(r'Good "pki-as-code" signature for (.+) with \S+ key (SHA256:\S+)')
_MOST_PRINCIPALS: Final = 8
_TIMEOUT_SECONDS: Final = 30
_MISSING: Final = 127


class FileSignature(NamedTuple):
    """One signature: whose, or nobody's, and whether it is over what it should be."""

    signer: str = ""
    fingerprint: str = ""
    known: bool = False
    """Whether its key is one of the allowed signers'."""

    @property
    def good(self) -> bool:
        return bool(self.signer)


def verify_files(
    signed: Sequence[tuple[bytes, bytes]], allowed_signers: bytes
) -> list[list[FileSignature]]:
    """Return, for each (text, file of signatures), what each signature in it is."""
    if not signed:
        return []
    with TemporaryDirectory(prefix="pki-as-code-signatures.") as name:
        directory = Path(name)
        (directory / "allowed_signers").write_bytes(allowed_signers)
        return [list(_verify_file(directory, text, data)) for text, data in signed]


def fitting(text: bytes, data: bytes) -> list[bytes]:
    """Return the signatures in a file that are over this text, by whatever key."""
    with TemporaryDirectory(prefix="pki-as-code-signatures.") as name:
        directory = Path(name)
        (directory / "allowed_signers").touch()
        return [
            block + b"\n"
            for block in _ARMOUR.findall(data)[:MAX_SIGNATURES]
            if not next(_verify_file(directory, text, block)).known
        ]


def _verify_file(directory: Path, text: bytes, data: bytes) -> Iterator[FileSignature]:
    """Yield one that is not good also for what is no signature at all, so that it is noticed."""
    blocks = _ARMOUR.findall(data)
    rest = _ARMOUR.sub(b"", data).strip()
    if rest or not blocks or len(blocks) > MAX_SIGNATURES:
        yield FileSignature(known=True)
        return
    for block in blocks:
        (directory / "signature").write_bytes(block + b"\n")
        yield _verify(directory, text)


def _verify(directory: Path, text: bytes) -> FileSignature:
    where = ("-s", "signature", "-f", "allowed_signers")
    status, principals = _run(directory, ("find-principals", *where), b"")
    if status:
        # Of a key that nobody has here: whether it fits the text is no matter, unless it does not.
        status, _ = _run(directory, ("check-novalidate", "-s", "signature", "-n", NAMESPACE), text)
        return FileSignature(known=bool(status))
    for principal in principals.splitlines()[:_MOST_PRINCIPALS]:
        asked = ("verify", *where, "-n", NAMESPACE, "-I", principal)
        status, said = _run(directory, asked, text)
        told = _GOOD.search(said)
        if not status and told is not None and told[1] == principal:
            return FileSignature(principal, told[2], known=True)
    return FileSignature(known=True)


def _run(directory: Path, arguments: Sequence[str], data: bytes) -> tuple[int, str]:
    try:
        done = subprocess.run(
            ["ssh-keygen", "-Y", *arguments],
            cwd=directory,
            env=process.environment(),
            input=data,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return _MISSING, ""
    return done.returncode, done.stdout.decode("utf-8", "replace")


def sign_with_key(key: Path, text: bytes) -> bytes:
    """
    Have ssh-keygen sign a text with the key in a file, or with that of an agent when it is public.

    It asks for a passphrase itself, on the terminal: the key is never read here. Raises
    `RepositoryError` (`trust.not_signed`).
    """
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key.absolute()), "-"]
    try:
        done = subprocess.run(
            command, env=process.environment(), input=text, stdout=subprocess.PIPE, check=False
        )
    except OSError:
        done = None
    if done is None or done.returncode or not _ARMOUR.search(done.stdout):
        raise RepositoryError(
            "ssh-keygen did not sign the manifest",
            help="see what it said; name a private key, or a public one whose private key is in "
            "your agent. Without --key the text is printed, for you to sign",
            code="trust.not_signed",
        )
    return done.stdout
