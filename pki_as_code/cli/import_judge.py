"""What `import_cert` accepts: every file is looked at before anything is written."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath

from pki_as_code.authoring.adoptions import adopted_name, distinct_names, write_adopted_manifest
from pki_as_code.authoring.manifests import Written, certificate_id
from pki_as_code.errors import InvalidValueError, ManifestError, PkiAsCodeError
from pki_as_code.escape import safe
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.model import Finding, ObjectId, Source, format_time
from pki_as_code.plan.adoptable import (
    Adoptable,
    check_issued_by,
    decode_adopted,
    is_signed_by,
    read_adoptable,
)
from pki_as_code.plan.certificate_adoption import already_known
from pki_as_code.workspace import Workspace
from pki_as_code.workspace.lookup import find_issued

_OF_ANOTHER = frozenset({"adopt.wrong_issuer", "adopt.bad_signature"})


class Judge:
    """Collects what is accepted, and everything that is wrong with any file."""

    def __init__(self, workspace: Workspace, issuer: str, now: datetime | None) -> None:
        """`now` is None where expired certificates are welcome."""
        self._workspace, self._issuer, self._now = workspace, issuer, now
        self._authorities = workspace.authority_certificates()
        self._accepted: list[tuple[str, Adoptable]] = []
        self._findings: list[Finding] = []
        self._count = 0

    def look_at(self, path: str, content: bytes | str) -> None:
        """Judge one file: what it holds, or why it cannot be read."""
        self._count += 1
        try:
            if isinstance(content, str):
                raise InvalidValueError(
                    f"the file cannot be read: {content}",
                    help="name files with a certificate in PEM or DER, or - for stdin",
                    code="adopt.no_file",
                )
            adoptable = read_adoptable(decode_adopted(content))
            self._check_issuer(adoptable)
            self._check_unknown(adoptable)
            self._check_date(adoptable)
        except InvalidValueError as error:
            self._refuse(path, error)
        else:
            self._accepted.append((path, adoptable))

    def write_manifests(self, name: str | None, namespace: str | None) -> list[Written]:
        """
        Return a manifest for each file.

        Raises:
            ManifestError: a file cannot be taken up; `findings` has what is wrong with each.
        """
        written = []
        names = distinct_names([(self._name(p, a, name), a) for p, a in self._accepted])
        for (path, adoptable), called in zip(self._accepted, names, strict=True):
            try:
                object_id = self._free(certificate_id(called, namespace))
                read = self._workspace.tree.read
                written.append(write_adopted_manifest(object_id, adoptable, self._issuer, read))
            except PkiAsCodeError as error:
                self._refuse(path, error)
        if self._findings:
            refused = len({finding.source.path for finding in self._findings if finding.source})
            raise ManifestError(
                f"{refused} of {self._count} files cannot be taken up; nothing was written",
                findings=self._findings,
                code="adopt.refused",
            )
        return written

    def _check_issuer(self, adoptable: Adoptable) -> None:
        try:
            check_issued_by(adoptable, self._issuer, self._authorities[self._issuer])
        except InvalidValueError as error:
            if error.code in _OF_ANOTHER:
                for name, authority in sorted(self._authorities.items()):
                    if is_signed_by(adoptable.certificate, authority):
                        error.help = f"authority {name} signed it: --ca {name}"
            raise

    def _check_unknown(self, adoptable: Adoptable) -> None:
        """No certificate is taken up twice, and none that was issued here."""
        known = find_issued(self._workspace.store, self._issuer, adoptable.serial_number)
        if known is not None:
            raise _error(already_known(adoptable.serial_number, known.object_id))
        for path, other in self._accepted:
            if other.serial_number == adoptable.serial_number:
                raise InvalidValueError(
                    f"the certificate is in {safe(path)} as well",
                    help="name each certificate once",
                    code="adopt.duplicate",
                )

    def _check_date(self, adoptable: Adoptable) -> None:
        if self._now is not None and adoptable.not_after < self._now:
            raise InvalidValueError(
                f"the certificate expired at {format_time(adoptable.not_after)}",
                help="--allow-expired takes it up all the same, to be listed and revoked",
                code="adopt.expired",
            )

    def _name(self, path: str, adoptable: Adoptable, name: str | None) -> str:
        if name is not None:
            return name
        try:
            return adopted_name(adoptable, PurePath(path).stem)
        except InvalidValueError:
            return "certificate"

    def _free(self, object_id: ObjectId) -> ObjectId:
        """Return the object, unless there is one of that name already."""
        manifests = self._workspace.loaded.manifests.of(Certificate)
        observed = self._workspace.store.observe([object_id]).get(object_id)
        if object_id in manifests or (observed is not None and not observed.retired):
            raise InvalidValueError(
                f"there is a certificate {object_id.path} already, and it is another one",
                help="give this one another name: --as NAME",
                code="adopt.name_taken",
            )
        return object_id

    def _refuse(self, path: str, error: PkiAsCodeError) -> None:
        finding = Finding(error.code, error.message, help=error.help)
        self._findings.append(finding.at(Source(path)))


def _error(finding: Finding) -> InvalidValueError:
    return InvalidValueError(finding.message, help=finding.help, code=finding.code)
