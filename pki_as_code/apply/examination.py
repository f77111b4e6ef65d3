"""The last word of linters, on the very bytes that are about to be signed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from cryptography import x509

from pki_as_code.errors import IssuanceError
from pki_as_code.model import Reservation, Severity
from pki_as_code.pkix.certificate import load_draft
from pki_as_code.pkix.judged import is_judged
from pki_as_code.plan.linting import Linting


@dataclass(frozen=True)
class Examination:
    """
    Whom to ask, and the marks of the drafts about which the plan has asked them.

    A plan judges nearly all: not an authority whose key is made by the run, nor what hangs below
    it, nor what an earlier run had reserved. Our own lints are `issuance`'s to ask.
    """

    linting: Linting
    judged: Collection[bytes]

    def objection(
        self,
        reservation: Reservation,
        chain: Sequence[x509.Certificate],
        waived: Iterable[tuple[str, str]],
    ) -> IssuanceError | None:
        """Return what keeps these bytes from being signed; None when nothing does."""
        tbs_certificate = reservation.tbs_certificate
        if not self.linting.rules.linters or is_judged(tbs_certificate, chain, self.judged):
            return None
        found = self.linting.judged(load_draft(tbs_certificate), (), dict(waived))
        path = reservation.object_id.path
        errors = [
            replace(finding, message=f"{path} is not signed: {finding.message}")
            for finding in found
            if finding.severity is Severity.ERROR
        ]
        if not errors:
            return None
        return IssuanceError(
            errors[0].message,
            help=errors[0].help,
            code=errors[0].code,
            findings=errors,
        )
