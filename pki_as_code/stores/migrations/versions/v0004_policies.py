"""Which policies allowed a certificate. The index is made anew afterwards, which fills it in."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute('ALTER TABLE certificates ADD COLUMN policies VARCHAR COLLATE "C"')
