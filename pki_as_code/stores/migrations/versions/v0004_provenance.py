"""Beside each certificate, how it came to be."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # The index is made anew from the ledger afterwards: what stands there until then is not read.
    op.execute(
        'ALTER TABLE certificate_contents ADD COLUMN provenance VARCHAR COLLATE "C" '
        "NOT NULL DEFAULT '{}'"
    )
    op.execute("ALTER TABLE certificate_contents ALTER COLUMN provenance DROP DEFAULT")
