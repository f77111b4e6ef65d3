"""Questions to the index: each is an indexed query or a stream."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, String, and_, func, or_, select, tuple_, type_coerce

from pki_as_code.errors import InvalidValueError, NotFoundError
from pki_as_code.escape import quoted
from pki_as_code.model import (
    CERTIFICATE,
    CertificateRecord,
    Failure,
    ObjectId,
    Observed,
    Reservation,
)
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.stores.bulk_reads import CHUNK, among
from pki_as_code.stores.interface import CertificateFilter
from pki_as_code.stores.rows import (
    failure_of,
    indexed_text,
    object_of,
    record_of,
    reservation_of,
)
from pki_as_code.stores.tables import (
    authorities,
    certificate_contents,
    certificate_names,
    certificates,
    mentions,
    objects,
    reservations,
    same_object,
)
from pki_as_code.stores.unindexed import Unindexed

ROWS_AT_A_TIME: Final = 500

_AFTER_ALL_HEX: Final = "g"
_AFTER_ALL_TEXT: Final = "\U0010ffff"
_ESCAPED: Final = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_", "*": "%", "?": "_"})

_kind_unindexed: Final = Unindexed(certificates.c.kind)
_issuer_unindexed: Final = Unindexed(certificates.c.issuer)

_EXACT: Final = {
    "issuer": _issuer_unindexed,
    "namespace": certificates.c.namespace,
    "name": certificates.c.name,
    "profile": certificates.c.profile,
    "serial_number": certificates.c.serial_number,
    "common_name": certificates.c.common_name,
    "public_key_sha256": certificates.c.public_key_sha256,
    "fingerprint_sha256": certificates.c.fingerprint_sha256,
}

ORDERS: Final = {
    "common_name": certificates.c.common_name,
    "fingerprint_sha256": certificates.c.fingerprint_sha256,
    "issued_at": certificates.c.issued_at,
    "issuer": certificates.c.issuer,
    "kind": certificates.c.kind,
    "name": certificates.c.name,
    "namespace": certificates.c.namespace,
    "not_after": certificates.c.not_after,
    "not_before": certificates.c.not_before,
    "path": certificates.c.path,
    "profile": certificates.c.profile,
    "serial_number": certificates.c.serial_number,
    "subject": certificates.c.subject,
}
"""What `CertificateFilter.order` may name."""

certificates_with_contents: Final = select(
    certificates,
    certificate_contents.c.request,
    certificate_contents.c.intent,
    certificate_contents.c.provenance,
).join(
    certificate_contents,
    and_(
        certificate_contents.c.issuer == certificates.c.issuer,
        certificate_contents.c.serial_number == certificates.c.serial_number,
    ),
)
_is_current: Final = and_(
    objects.c.kind == certificates.c.kind,
    objects.c.namespace == certificates.c.namespace,
    objects.c.name == certificates.c.name,
    objects.c.current_issuer == certificates.c.issuer,
    objects.c.current_serial_number == certificates.c.serial_number,
)


def observe(connection: Connection, object_ids: Collection[ObjectId]) -> dict[ObjectId, Observed]:
    """Return what is known of each object, in the order asked."""
    found: dict[ObjectId, Observed] = {}
    unique = list(dict.fromkeys(object_ids))
    for start in range(0, len(unique), CHUNK):
        found |= _observe_chunk(connection, unique[start : start + CHUNK])
    return found


def _observe_chunk(connection: Connection, object_ids: list[ObjectId]) -> dict[ObjectId, Observed]:
    keys = [(o.kind, o.namespace, o.name) for o in object_ids]

    def rows(statement: Select[Any], table: Any) -> Any:
        columns = (table.c.kind, table.c.namespace, table.c.name)
        return connection.execute(statement.where(among(connection, columns, keys))).mappings()

    known = {object_of(row): row for row in rows(select(objects), objects)}
    current = {
        record.object_id: record
        for record in map(
            record_of, rows(certificates_with_contents.join(objects, _is_current), objects)
        )
    }
    open_ones = {
        reservation.object_id: reservation
        for reservation in map(reservation_of, rows(select(reservations), reservations))
    }
    return {
        object_id: Observed(
            object_id,
            current=current.get(object_id),
            reservation=open_ones.get(object_id),
            failure=failure_of(known[object_id]),
            retired=known[object_id]["retired"],
        )
        for object_id in object_ids
        if object_id in known
    }


def live_objects(connection: Connection) -> Iterator[ObjectId]:
    statement = (
        select(objects.c.kind, objects.c.namespace, objects.c.name)
        .where(objects.c.current_issuer.is_not(None), ~objects.c.retired)
        .order_by(objects.c.kind, objects.c.namespace, objects.c.name)
    )
    return (object_of(row) for row in stream(connection, statement))


def count_live(connection: Connection, kind: str) -> int:
    statement = select(func.count()).where(
        objects.c.kind == kind, objects.c.current_issuer.is_not(None), ~objects.c.retired
    )
    return int(connection.execute(statement).scalar_one())


def due(connection: Connection, before: datetime) -> Iterator[ObjectId]:
    ends = and_(objects.c.current_not_after < before, ~objects.c.retired)
    statement = (
        select(objects.c.kind, objects.c.namespace, objects.c.name)
        .where(or_(ends, objects.c.retry_at <= before))
        # Few are due: finding them and sorting beats walking all in order.
        .order_by(Unindexed(objects.c.kind), objects.c.namespace, objects.c.name)
    )
    return (object_of(row) for row in stream(connection, statement))


def find(connection: Connection, wanted: CertificateFilter) -> Iterator[CertificateRecord]:
    return (record_of(row) for row in stream(connection, find_statement(wanted)))


def find_statement(wanted: CertificateFilter) -> Select[Any]:
    """Return the query for a filter. Raises `InvalidValueError` for an unknown order."""
    statement = certificates_with_contents.where(*_conditions(wanted))
    if wanted.current_only:
        statement = statement.join(objects, _is_current)
    for name in wanted.order:
        if name not in ORDERS:
            raise InvalidValueError(
                f"certificates cannot be ordered by {quoted(name)}",
                help=f"order by {', '.join(ORDERS)}",
                code="store.unknown_order",
            )
    # Rows that are equal by what was asked for still come in one order only.
    for name in dict.fromkeys((*wanted.order, "issuer", "serial_number")):
        statement = statement.order_by(_ordered(ORDERS[name], descending=wanted.descending))
    return statement if wanted.limit is None else statement.limit(wanted.limit)


def _ordered(column: Any, *, descending: bool) -> Any:
    """What has no value comes first, as in SQLite; PostgreSQL would have it last."""
    ordered = column.desc() if descending else column.asc()
    if not column.nullable:
        return ordered
    return ordered.nulls_last() if descending else ordered.nulls_first()


def _conditions(wanted: CertificateFilter) -> Iterator[Any]:
    for name, column in _EXACT.items():
        value = getattr(wanted, name)
        if value is not None:
            yield column == (indexed_text(value) if name == "common_name" else value)
    yield from _name_conditions(wanted)
    if wanted.excluded_profiles:
        yield certificates.c.profile.not_in(wanted.excluded_profiles)
    if wanted.kinds:
        column = _kind_unindexed if CERTIFICATE in wanted.kinds else certificates.c.kind
        yield column.in_(wanted.kinds)
    if wanted.not_after_before is not None:
        yield certificates.c.not_after < wanted.not_after_before
    if wanted.not_after_from is not None:
        yield certificates.c.not_after >= wanted.not_after_from
    if wanted.revoked is not None:
        revoked = certificates.c.revocation_date
        yield revoked.is_not(None) if wanted.revoked else revoked.is_(None)


def _name_conditions(wanted: CertificateFilter) -> Iterator[Any]:
    if wanted.serial_prefix is not None:
        text = type_coerce(certificates.c.serial_number, String)
        yield text >= wanted.serial_prefix
        yield text < wanted.serial_prefix + _AFTER_ALL_HEX
    if wanted.called is not None:
        yield _is_called(wanted.called)
    if wanted.name_prefix is not None:
        yield certificates.c.name >= wanted.name_prefix
        yield certificates.c.name < wanted.name_prefix + _AFTER_ALL_TEXT
    if wanted.subject_alternative_name is not None:
        names = certificate_names
        yield tuple_(certificates.c.issuer, certificates.c.serial_number).in_(
            select(names.c.issuer, names.c.serial_number).where(
                names.c.subject_alternative_name == indexed_text(wanted.subject_alternative_name)
            )
        )


def _is_called(pattern: str) -> Any:
    """Return the condition for a name in which `*` and `?` stand for others."""
    table = certificates.c
    names = [table.common_name, table.name, table.namespace.concat("/").concat(table.name)]
    like = pattern.translate(_ESCAPED)
    return or_(*(name.ilike(like, escape="\\") for name in names))


def certificate_der(connection: Connection, issuer: str, serial_number: int) -> bytes:
    statement = select(certificate_contents.c.der).where(
        certificate_contents.c.issuer == issuer,
        certificate_contents.c.serial_number == serial_number,
    )
    found = connection.execute(statement).scalar()
    if found is None:
        raise NotFoundError(
            f"{quoted(issuer)} issued no certificate with serial number "
            f"{format_serial_number(serial_number)}",
            help="`pkictl list_certs` shows what was issued",
            code="store.unknown_certificate",
        )
    return bytes(found)


def authority_certificates(connection: Connection, name: str | None = None) -> Mapping[str, bytes]:
    """Return the certificates of all authorities, or of one, by name."""
    statement = select(authorities).order_by(authorities.c.name)
    if name is not None:
        statement = statement.where(authorities.c.name == name)
    return {row.name: bytes(row.certificate_der) for row in connection.execute(statement)}


def open_reservations(connection: Connection) -> Iterator[Reservation]:
    statement = select(reservations).order_by(reservations.c.sequence)
    return (reservation_of(row) for row in stream(connection, statement))


def failures(connection: Connection) -> Iterator[Failure]:
    statement = (
        select(objects)
        .where(objects.c.retry_at.is_not(None))
        .order_by(objects.c.kind, objects.c.namespace, objects.c.name)
    )
    for row in stream(connection, statement):
        failure = failure_of(row)
        if failure is not None:
            yield failure


def sequences_of(connection: Connection, object_id: ObjectId, first_sequence: int) -> Iterator[int]:
    """Stream the sequence numbers of the entries that concern an object."""
    statement = (
        select(mentions.c.sequence)
        .where(
            same_object(mentions, object_id.kind, object_id.namespace, object_id.name),
            mentions.c.sequence >= first_sequence,
        )
        .order_by(mentions.c.sequence)
    )
    return (row["sequence"] for row in stream(connection, statement))


def stream(connection: Connection, statement: Select[Any]) -> Iterator[Any]:
    """Yield rows as they are read, never all of them at once."""
    with connection.execute(statement.execution_options(yield_per=ROWS_AT_A_TIME)) as result:
        yield from result.mappings()
