"""Make the next CRL of `issuing`, as `reconcile` does, in a repository whose index was filled."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from pki_as_code.apply.crls import publish_crls
from pki_as_code.apply.issuers import Issuers
from pki_as_code.apply.outcome import Settings
from pki_as_code.cli.console import EnvironmentSecrets
from pki_as_code.model import PublishCrl, Reason
from pki_as_code.workspace import open_workspace


def main() -> None:
    root = Path(sys.argv[1])
    now = datetime.now(UTC).replace(microsecond=0)
    workspace = open_workspace(root, ref="HEAD", store="sqlite:///issued.db", read_only=False)
    secrets = EnvironmentSecrets(interactive=False)
    settings = Settings(Issuers(workspace, secrets), now)

    def record(payloads, what, crls=None):  # type: ignore[no-untyped-def]
        workspace.store.record(payloads, now=now, message=what, crls=crls)

    change = PublishCrl("issuing", "full", (Reason("DoesNotExist", "measured"),), None)
    for outcome in publish_crls([change], workspace, settings, record):
        if outcome.error is not None:
            raise outcome.error
    workspace.store.close()


if __name__ == "__main__":
    main()
