"""What `pkictl doctor` says of the authorities' keys: where they are, and who can read them."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from pki_as_code.gitplumbing import GitRepository
from pki_as_code.gitrepo import is_ignored, is_tracked
from pki_as_code.keys.encryption import is_encrypted
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.manifest_set import ManifestSet
from pki_as_code.model import Finding, Severity, Source
from pki_as_code.plan.authorities import committed_key, key_path, key_uri
from pki_as_code.plan.ceremonies import is_offline

_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_HEADERS = 256
"""Octets in which a PEM says whether it is encrypted; the rest is not looked at."""


def key_findings(repository: GitRepository, manifests: ManifestSet) -> Iterator[Finding]:
    """Yield what is wrong with keys in files of this machine. Those elsewhere are not looked at."""
    for authority in manifests.of(CertificateAuthority).values():
        path = key_path(key_uri(authority))
        if path is None or is_offline(authority):
            continue
        place = authority.source("spec", "key", "uri")
        if is_tracked(repository, path):
            yield committed_key(authority, path)
        elif not is_ignored(repository, path):
            yield Finding(
                "doctor.key_not_ignored",
                f"git would take {path}, the key of authority {authority.object_id.name}",
                place,
                help="add its directory to .gitignore",
            )
        yield from _file_findings(repository, path, place)


def _file_findings(repository: GitRepository, path: str, place: Source) -> Iterator[Finding]:
    file = repository.root / path
    try:
        status = file.lstat()
    except FileNotFoundError:
        yield Finding(
            "doctor.key_missing",
            f"the key {path} is not on this machine",
            place,
            Severity.WARNING,
            "that is as it should be where nothing is signed; where reconcile runs, put it there",
        )
        return
    if not stat.S_ISREG(status.st_mode):
        return  # `keys` says so, when it is used
    if status.st_mode & _FOR_OTHERS:
        yield Finding(
            "doctor.key_readable",
            f"others can read {path} (mode {stat.S_IMODE(status.st_mode):04o})",
            place,
            help=f"chmod 600 {path}",
        )
    with file.open("rb") as content:
        start = content.read(_HEADERS)
    if not is_encrypted(start):
        yield Finding(
            "doctor.key_not_encrypted",
            f"the key {path} is not encrypted",
            place,
            Severity.WARNING,
            "`openssl pkcs8 -topk8 -v2 aes-256-cbc` encrypts it; its passphrase is then read "
            "from PKI_PASSPHRASE_<NAME>",
        )
