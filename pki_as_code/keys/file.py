"""Private keys in files: `file:keys/issuing.pem`, below the root of the repository."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pki_as_code.durable import fsync_directory, write_file_atomically
from pki_as_code.errors import KeyBackendError
from pki_as_code.keys.encryption import (
    format_private_key,
    is_encrypted,
    parse_private_key,
    superfluous_passphrase,
)
from pki_as_code.keys.generate import generate_key
from pki_as_code.keys.interface import Secrets
from pki_as_code.pkix.algorithms import KeySpec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

LARGEST_KEY_FILE_BYTES = 64 * 1024
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FileKeyBackend:
    """
    PKCS#8 PEM files of mode 0600.

    A relative location stays below the root of the repository, an absolute one outside of it; none
    is in a git directory. Files that others may read, and symbolic links, are refused.
    """

    def open_key(
        self, location: str, *, root: Path, name: str, secrets: Secrets
    ) -> CertificateIssuerPrivateKeyTypes:
        pem = _read_key_file(_path_of(location, root), location)
        passphrase = None
        if is_encrypted(pem):
            passphrase = secrets.passphrase(name, new=False)
        elif secrets.passphrase_is_given(name):
            raise superfluous_passphrase(location)
        return parse_private_key(pem, passphrase, where=location, name=name)

    def create_key(
        self, location: str, spec: KeySpec, *, root: Path, name: str, secrets: Secrets
    ) -> CertificateIssuerPrivateKeyTypes:
        path, passphrase = _new_key(location, root, name, secrets)
        private_key = generate_key(spec)
        _write_key_file(path, format_private_key(private_key, passphrase), location)
        return private_key

    def import_key(
        self,
        location: str,
        private_key: CertificateIssuerPrivateKeyTypes,
        *,
        root: Path,
        name: str,
        secrets: Secrets,
    ) -> None:
        path, passphrase = _new_key(location, root, name, secrets)
        _write_key_file(path, format_private_key(private_key, passphrase), location)

    def check_new_key(self, location: str, *, root: Path, name: str, secrets: Secrets) -> None:
        path, _ = _new_key(location, root, name, secrets)
        directory = next((parent for parent in path.parents if os.path.lexists(parent)), path)
        if not directory.is_dir() or not os.access(directory, os.W_OK | os.X_OK):
            raise KeyBackendError(
                f"the private key {location!r} cannot be written: {str(directory)!r} is no "
                "directory that this user may write to",
                code="key.unwritable",
                help="correct the key's URI, or the owner and mode of the directory",
            )

    def key_exists(self, location: str, *, root: Path) -> bool:
        return os.path.lexists(_path_of(location, root))


def _path_of(location: str, root: Path) -> Path:
    """Return where `location` is, with symbolic links of its directories resolved."""
    text = location.removeprefix("//") if location.startswith("///") else location
    if not text.isprintable() or text.startswith("//") or Path(text).name in {"", ".."}:
        raise KeyBackendError(
            f"{location!r} is not a path of a key file",
            code="key.bad_location",
            help="write file:keys/NAME.pem, or file:/absolute/path.pem",
        )
    path = Path(text)
    try:
        base = root.resolve()
        place = (base / path).parent.resolve() / path.name
    except (OSError, RuntimeError, ValueError):
        raise KeyBackendError(
            f"the directory of {location!r} cannot be found out",
            code="key.bad_location",
            help="its symbolic links may lead in a circle",
        ) from None
    if not path.is_absolute() and (".." in path.parts or not place.is_relative_to(base)):
        raise KeyBackendError(
            f"the key file {location!r} is outside the repository",
            code="key.outside_repository",
            help="keep it below the repository's directory, or name it by its absolute path",
        )
    if path.is_absolute() and place.is_relative_to(base):
        # Of absolute paths nobody asks whether git ignores them.
        inside = place.relative_to(base).as_posix()
        raise KeyBackendError(
            f"the key file {location!r} is inside the repository, and named by an absolute path",
            code="key.bad_location",
            help=f"write it relative to the repository: file:{inside}",
        )
    if any(part.casefold() == ".git" for part in place.parts):
        raise KeyBackendError(
            f"the key file {location!r} is inside a git directory",
            code="key.inside_git",
            help="keep it somewhere else; what is in there is copied and packed by git",
        )
    return place


def _new_key(location: str, root: Path, name: str, secrets: Secrets) -> tuple[Path, bytes | None]:
    """Return where a new key goes and its passphrase; None for one that is kept unencrypted."""
    path = _path_of(location, root)
    if os.path.lexists(path):
        raise _exists(location)
    passphrase = secrets.passphrase(name, new=True)
    if passphrase == b"":
        raise KeyBackendError(
            f"the passphrase given for {location!r} is empty",
            code="key.passphrase_empty",
            help="give one with at least one character, or none at all (unset the variable) "
            "for a key that is kept unencrypted",
        )
    return path, passphrase


def _read_key_file(path: Path, location: str) -> bytes:
    # O_NONBLOCK: opening a FIFO must not wait for a writer for ever.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
        try:
            # Of the file that was opened, not of one that took its place meanwhile.
            _check_key_file(os.fstat(descriptor), location)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                pem = file.read(LARGEST_KEY_FILE_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise KeyBackendError(
            f"there is no private key at {location!r}",
            code="key.missing",
            help="bring the file here from where the key is kept; "
            "for a new authority, `pkictl init_ca` makes one",
        ) from None
    except OSError as error:
        raise _unreadable(error, location) from None
    if len(pem) > LARGEST_KEY_FILE_BYTES:
        raise KeyBackendError(
            f"{location!r} is larger than {LARGEST_KEY_FILE_BYTES} bytes",
            code="key.not_a_key",
            help="a private key is far smaller; check what the file is",
        )
    return pem


def _check_key_file(status: os.stat_result, location: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyBackendError(
            f"{location!r} is not a regular file",
            code="key.not_a_file",
            help="name the PEM file itself",
        )
    if status.st_mode & _FOR_OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyBackendError(
            f"others may use the private key {location!r} (its mode is {mode:04o})",
            code="key.readable_by_others",
            help=f"run: chmod 600 {location.removeprefix('//')}",
        )


def _unreadable(error: OSError, location: str) -> KeyBackendError:
    if error.errno == errno.ELOOP:
        return KeyBackendError(
            f"{location!r} is a symbolic link",
            code="key.symlink",
            help="name the file that it points to",
        )
    return KeyBackendError(
        f"the private key {location!r} cannot be read: {error.strerror}",
        code="key.unreadable",
        help="check who owns the file and its directories",
    )


def _write_key_file(path: Path, pem: bytes, location: str) -> None:
    try:
        _make_directories(path.parent)
        write_file_atomically(path, pem, mode=0o600, exclusive=True)
    except FileExistsError:
        raise _exists(location) from None
    except OSError as error:
        raise KeyBackendError(
            f"the private key {location!r} cannot be written: {error.strerror}",
            code="key.unwritable",
            help="check the owner, the mode and the free space of its directory",
        ) from None


def _make_directories(directory: Path) -> None:
    """Make what is missing with mode 0700, durably, whatever the umask says."""
    if directory.is_dir():
        return
    _make_directories(directory.parent)
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        # Another process was faster; if it is no directory, the write that follows says so.
        return
    fsync_directory(directory.parent)


def _exists(location: str) -> KeyBackendError:
    return KeyBackendError(
        f"there is already a file at {location!r}",
        code="key.exists",
        help="a private key is never replaced: move the file away, or choose another URI",
    )
