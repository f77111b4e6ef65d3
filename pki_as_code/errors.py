"""
The errors a user can act on. Anything else that escapes is a bug.

Each class has the exit code the command line returns (see `docs/exit-codes.md`) and a stable code
that `pkictl explain` knows. `findings` carries several problems found in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pki_as_code.model import Finding

EXIT_FAILED = 1
EXIT_CHANGES_PENDING = 2
EXIT_DENIED = 3
EXIT_UNSAFE = 4
EXIT_PARTIAL = 5
EXIT_CONTENTION = 6
EXIT_USAGE = 64


class PkiAsCodeError(Exception):
    """
    Base of every expected failure.

    `message` is one sentence, `help` what to do about it, `code` stable. Never put key material,
    a passphrase or the contents of a file into any of them.
    """

    exit_code = EXIT_FAILED
    code = "pki.failed"

    def __init__(
        self,
        message: str,
        *,
        help: str = "",
        code: str = "",
        findings: Sequence[Finding] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.code = code or type(self).code
        self.findings = tuple(findings)


class InvalidValueError(PkiAsCodeError, ValueError):
    """A text or an encoding that cannot be what it should be. Also a ValueError for pydantic."""

    code = "value.invalid"

    def finding(self) -> Finding:
        from pki_as_code.model import Finding  # slow to import, and most errors have none

        return Finding(self.code, self.message, help=self.help)


class ManifestError(PkiAsCodeError):
    """Manifests cannot be read, or contradict each other; `findings` has them all."""

    code = "manifest.invalid"


class UsageError(PkiAsCodeError):
    """A command line that cannot be understood."""

    exit_code = EXIT_USAGE
    code = "usage"


class NotFoundError(PkiAsCodeError):
    """What was named does not exist, or the name fits several; `help` lists the candidates."""

    code = "name.not_found"


class RepositoryError(PkiAsCodeError):
    """No git repository, no such revision, or git refused."""

    code = "git.failed"


class PolicyDeniedError(PkiAsCodeError):
    """A policy does not allow it."""

    exit_code = EXIT_DENIED
    code = "policy.denied"


class UnsafePlanError(PkiAsCodeError):
    """The plan is valid and larger, or other, than what is done without being asked twice."""

    exit_code = EXIT_UNSAFE
    code = "plan.unsafe"


class PartialFailureError(PkiAsCodeError):
    """Some items were applied, others failed and will be tried again."""

    exit_code = EXIT_PARTIAL
    code = "apply.partial"


class StalePlanError(PkiAsCodeError):
    """The plan being applied is not the one that was reviewed."""

    exit_code = EXIT_CONTENTION
    code = "plan.stale"


class IssuanceError(PkiAsCodeError):
    """The issuer refuses to sign; `findings` has every lint that failed."""

    code = "issuance.refused"


class KeyBackendError(PkiAsCodeError):
    """A private key cannot be made or opened."""

    code = "key.unusable"


class DeliveryError(PkiAsCodeError):
    """A notice was not accepted by the other side; it stays due."""

    code = "notify.failed"


class PublishError(PkiAsCodeError):
    """The published tree cannot be written, or is not ours to write."""

    code = "publish.failed"


class PublishContentionError(PublishError):
    """Another runner published at the same time; what it left is to be looked at first."""

    exit_code = EXIT_CONTENTION
    code = "publish.contention"


class StoreError(PkiAsCodeError):
    """The store cannot be read or written, or is not what its ledger says."""

    code = "store.failed"


class ContentionError(StoreError):
    """Another runner was faster; plan again on what it left."""

    exit_code = EXIT_CONTENTION
    code = "store.contention"
