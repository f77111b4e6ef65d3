"""Questions to the index about single serial numbers, and how many certificates there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from heapq import merge
from typing import Any, Final

from sqlalchemy import Connection, Table, case, func, select

from pki_as_code.model import CERTIFICATE_HOLD, Revocation, SerialStatus, Status
from pki_as_code.pkix.serial_numbers import serial_number_hex
from pki_as_code.stores.index import stream
from pki_as_code.stores.rows import revocation_of
from pki_as_code.stores.tables import abandoned, certificates

_recorded: Final = select(
    certificates.c.serial_number,
    certificates.c.not_after,
    certificates.c.revocation_reason,
    certificates.c.revocation_date,
    certificates.c.invalidity_date,
    certificates.c.requested_by,
)
_given_up: Final = select(
    abandoned.c.serial_number, abandoned.c.not_after, abandoned.c.abandoned_at
)


def serial_status(connection: Connection, issuer: str, serial_number: int) -> SerialStatus | None:
    if serial_number <= 0:
        return None  # which the index could not even write
    row = _one(connection, _recorded, certificates, issuer, serial_number)
    if row is not None:
        return _recorded_status(row)
    row = _one(connection, _given_up, abandoned, issuer, serial_number)
    return None if row is None else _given_up_status(row)


def _one(
    connection: Connection, statement: Any, table: Table, issuer: str, serial_number: int
) -> Any:
    wanted = (table.c.issuer == issuer, table.c.serial_number == serial_number)
    return connection.execute(statement.where(*wanted)).mappings().one_or_none()


def serial_statuses(
    connection: Connection, issuer: str, not_after_from: datetime | None
) -> Iterator[SerialStatus]:
    """Stream by serial number, as its hex sorts."""

    def rows(statement: Any, table: Table) -> Iterator[Any]:
        wanted = statement.where(table.c.issuer == issuer)
        if not_after_from is not None:
            wanted = wanted.where(table.c.not_after >= not_after_from)
        return stream(connection, wanted.order_by(table.c.serial_number))

    yield from merge(
        map(_recorded_status, rows(_recorded, certificates)),
        map(_given_up_status, rows(_given_up, abandoned)),
        key=lambda status: serial_number_hex(status.serial_number),
    )


def _recorded_status(row: Any) -> SerialStatus:
    return SerialStatus(row["serial_number"], row["not_after"], revocation_of(row))


def _given_up_status(row: Any) -> SerialStatus:
    revocation = Revocation("unspecified", row["abandoned_at"])
    return SerialStatus(row["serial_number"], row["not_after"], revocation)


def count_certificates(connection: Connection, now: datetime) -> Mapping[Status, int]:
    """As `CertificateRecord.status`: revoked before expired."""
    status = case(
        (certificates.c.revocation_reason == CERTIFICATE_HOLD, str(Status.ON_HOLD)),
        (certificates.c.revocation_date.is_not(None), str(Status.REVOKED)),
        (certificates.c.not_after < now, str(Status.EXPIRED)),
        else_=str(Status.VALID),
    ).label("status")
    # By name: with parameters of its own, the expression would be another one to PostgreSQL.
    counted = connection.execute(select(status, func.count()).group_by("status"))
    found = {Status(name): count for name, count in counted}
    return {status: found.get(status, 0) for status in Status}
