"""
Revisions of the tables in PostgreSQL, for `pkictl store upgrade`.

One file in `versions/` takes the tables from one `SCHEMA_VERSION` to the next; its revision is that
number with four digits. What stands in the index is made anew from the ledger afterwards, so that a
revision moves no rows but those of the ledger and the CRLs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from pki_as_code.errors import StoreError

DIRECTORY: Final = Path(__file__).parent


def migrate(connection: Connection, version: int | None, directory: Path = DIRECTORY) -> None:
    """
    Bring the tables from `version` (None: there are none) to the last one.

    Raises `StoreError`: `store.no_driver` without Alembic, `store.older_schema` for a version that
    no revision begins with.
    """
    try:
        from alembic.operations import Operations
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory
        from alembic.script.revision import RevisionError
        from alembic.util import CommandError
    except ImportError as error:
        raise StoreError(
            "`pkictl store upgrade` needs Alembic, which cannot be loaded here",
            help="install it: pip install 'pki-as-code[postgres]'",
            code="store.no_driver",
        ) from error
    scripts = ScriptDirectory(str(directory))
    start = "base" if version is None else f"{version:04d}"
    try:
        steps = list(scripts.iterate_revisions("head", start))
    except (CommandError, RevisionError) as error:
        raise StoreError(
            f"no way is known from tables of version {version}",
            help="write the store to a file with the program that made it (`pkictl store export`), "
            "and read it into a new one (`pkictl store import`)",
            code="store.older_schema",
        ) from error
    with Operations.context(MigrationContext.configure(connection)):
        for step in reversed(steps):
            step.module.upgrade()
