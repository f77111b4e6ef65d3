"""
The part of the index that a batch of entries touches: read once, changed in memory, written once.

One statement for each entry and table would cost more than the signatures do.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from pki_as_code.model import JsonValue, ObjectId, Reservation
from pki_as_code.stores import bulk_reads, bulk_writes, tables
from pki_as_code.stores.certificates import Description
from pki_as_code.stores.crl_states import CrlStates
from pki_as_code.stores.entries import Blocked, Notified, Payload, Reserved
from pki_as_code.stores.interface import Head
from pki_as_code.stores.refusals import unknown
from pki_as_code.stores.rows import head_of, indexed_text, object_key, reservation_row
from pki_as_code.stores.states import (
    CertificateKey,
    CertificateState,
    Changes,
    ObjectState,
    key_of,
)


class WorkingSet:
    """
    The index as the entries applied so far leave it.

    `prefetch` reads in bulk what a batch will ask for; what it missed is read when asked for.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._objects: dict[ObjectId, ObjectState | None] = {}
        self._certificates: dict[CertificateKey, CertificateState | None] = {}
        self._reservations: dict[CertificateKey, Reservation | None] = {}
        self._abandoned: dict[CertificateKey, bool] = {}
        self._stored_objects: set[ObjectId] = set()
        self._changes = Changes()
        self._meta = bulk_reads.load_meta(connection)
        self._authorities = bulk_reads.load_authorities(connection)
        self.crls = CrlStates(connection)

    # --- Reading ---

    def prefetch(self, payloads: Iterable[Payload]) -> None:
        """Read what the rules will ask of these payloads."""
        objects: set[ObjectId] = set()
        keys: set[CertificateKey] = set()
        for payload in payloads:
            content: Any = payload.reservation if isinstance(payload, Reserved) else payload
            if hasattr(content, "object_id"):
                objects.add(content.object_id)
            if hasattr(content, "serial_number"):
                keys.add(key_of(content))
        self._load_reservations(keys)
        self._load_certificates(keys)
        self._load_abandoned(keys)
        self._load_objects(objects)

    def object(self, object_id: ObjectId) -> ObjectState | None:
        if object_id not in self._objects:
            self._load_objects([object_id])
        return self._objects[object_id]

    def certificate(self, key: CertificateKey) -> CertificateState | None:
        if key not in self._certificates:
            self._load_certificates([key])
        return self._certificates[key]

    def reservation(self, key: CertificateKey) -> Reservation | None:
        """Return an open reservation."""
        if key not in self._reservations:
            self._load_reservations([key])
        return self._reservations[key]

    def authority(self, name: str) -> bytes | None:
        return self._authorities.get(name)

    def authorities(self) -> dict[str, bytes]:
        return dict(self._authorities)

    def certificate_der(self, key: CertificateKey) -> bytes:
        """Return a certificate of the index, or one that was just added."""
        added = self._changes.contents.get(key)
        if added is not None:
            return bytes(added["der"])
        table = tables.certificate_contents
        statement = select(table.c.der).where(
            table.c.issuer == key[0], table.c.serial_number == key[1]
        )
        return bytes(self._connection.execute(statement).scalar_one())

    def was_notified(self, notice: Notified) -> bool:
        row, table = bulk_writes.notice_row(notice), tables.notices.c
        wanted = (table[name] == value for name, value in row.items())
        return row in self._changes.notices or self._exists(table.kind, *wanted)

    def was_abandoned(self, key: CertificateKey) -> bool:
        """Tell whether a reservation of that serial number was given up."""
        if key not in self._abandoned:
            self._load_abandoned([key])
        return self._abandoned[key]

    def is_blocked(self, spki_sha256: str) -> bool:
        """Tell whether a key was blocked by itself, not with a certificate."""
        column = tables.blocked_keys.c.public_key_sha256
        return spki_sha256 in self._changes.blocked or self._exists(column, column == spki_sha256)

    def _exists(self, column: Any, *conditions: Any) -> bool:
        return self._connection.execute(select(column).where(*conditions)).first() is not None

    def meta(self, key: str) -> str | None:
        return self._meta.get(key)

    def head(self) -> Head:
        return head_of(self._meta)

    # --- Changing ---

    def touch_object(self, object_id: ObjectId) -> ObjectState:
        """Return the state of an object, to be changed; a new one when it was never heard of."""
        state = self.object(object_id)
        if state is None:
            state = self._objects[object_id] = ObjectState(object_id)
        self._changes.objects.add(object_id)
        return state

    def mention(self, object_id: ObjectId, sequence: int) -> None:
        """Note that an entry concerns an object."""
        self._changes.mentions[object_id, sequence] = None

    def add_reservation(self, reservation: Reservation, sequence: int) -> None:
        key = key_of(reservation)
        self.touch_object(reservation.object_id).open_reservation = key
        self._reservations[key] = reservation
        self._changes.reserved[key] = sequence

    def finish_reservation(self, reservation: Reservation) -> None:
        key = key_of(reservation)
        self.touch_object(reservation.object_id).open_reservation = None
        self._reservations[key] = None
        if self._changes.reserved.pop(key, None) is None:
            self._changes.finished.add(key)

    def add_certificate(
        self,
        *,
        key: CertificateKey,
        object_id: ObjectId,
        certificate_der: bytes,
        description: Description,
        crl_scope: str | None,
        columns: dict[str, Any],
        contents: dict[str, JsonValue],
    ) -> None:
        """Add a certificate, and make it the current one of its object."""
        key_row = {"issuer": key[0], "serial_number": key[1]}
        names = description.subject_alternative_names
        state = self._certificates[key] = CertificateState(
            object_id,
            description.fingerprint_sha256,
            description.not_after,
            columns["deletion_policy"],
            crl_scope=crl_scope,
        )
        self._changes.certificates.append(
            bulk_writes.certificate_row(key, state, description, columns)
        )
        self._changes.contents[key] = key_row | {"der": certificate_der} | contents
        self._changes.names += [
            key_row | {"subject_alternative_name": name}
            for name in dict.fromkeys(map(indexed_text, names))
        ]
        self.make_current(object_id, key, description.not_after)

    def make_current(self, object_id: ObjectId, key: CertificateKey, not_after: datetime) -> None:
        """Let a certificate be the current one of an object, which is looked after from now on."""
        state = self.touch_object(object_id)
        state.current, state.current_not_after = key, not_after
        state.retired, state.failure = False, None

    def touch_certificate(self, key: CertificateKey) -> CertificateState:
        """Return the state of a certificate that is known, to be changed."""
        state = self.certificate(key)
        if state is None:
            raise unknown(key)
        self._changes.touched.add(key)
        return state

    def add_blocked(self, blocked: Blocked) -> None:
        self._changes.blocked[blocked.spki_sha256] = bulk_writes.blocked_row(blocked)

    def set_authority(self, name: str, certificate_der: bytes) -> None:
        self._authorities[name] = certificate_der
        self._changes.authorities.add(name)

    def add_notice(self, notice: Notified) -> None:
        self._changes.notices.append(bulk_writes.notice_row(notice))

    def add_abandoned(
        self,
        key: CertificateKey,
        kind: str,
        crl_scope: str | None,
        not_after: datetime,
        at: datetime,
    ) -> None:
        self._abandoned[key] = True
        self._changes.abandoned[key] = {
            "issuer": key[0],
            "serial_number": key[1],
            "kind": kind,
            "crl_scope": crl_scope,
            "not_after": not_after,
            "abandoned_at": at,
        }

    def set_meta(self, key: str, value: str) -> None:
        self._meta[key] = value
        self._changes.meta.add(key)

    def rename(self, previous: ObjectId, object_id: ObjectId) -> None:
        """Let all certificates and the history of one object go on under another."""
        self.flush()
        old = object_key(previous)
        for table in (tables.certificates, tables.mentions):
            self._connection.execute(
                update(table).where(tables.same_object(table, **old)).values(object_key(object_id))
            )
        self._connection.execute(
            delete(tables.objects).where(tables.same_object(tables.objects, **old))
        )
        moved = self._objects[previous]
        self._objects[previous] = None
        self._stored_objects.discard(previous)
        self._certificates.clear()
        state = self.touch_object(object_id)
        if moved is not None:
            state.current, state.current_not_after = moved.current, moved.current_not_after
        state.retired, state.failure, state.renamed_from = False, None, previous

    # --- Writing ---

    def flush(self) -> None:
        """Write what changed; the working set goes on being usable."""
        connection = self._connection
        changes, self._changes = self._changes, Changes()
        bulk_writes.delete_reservations(connection, changes.finished)
        bulk_writes.insert_rows(
            connection,
            tables.reservations,
            [
                reservation_row(reservation, sequence)
                for key, sequence in changes.reserved.items()
                if (reservation := self._reservations[key]) is not None
            ],
        )
        for table, rows in (
            (tables.certificates, changes.certificates),
            (tables.certificate_contents, list(changes.contents.values())),
            (tables.certificate_names, changes.names),
            (tables.notices, changes.notices),
            (tables.abandoned, list(changes.abandoned.values())),
            (tables.blocked_keys, list(changes.blocked.values())),
            (tables.mentions, [object_key(o) | {"sequence": s} for o, s in changes.mentions]),
        ):
            bulk_writes.insert_rows(connection, table, rows)
        self._write_objects(changes.objects)
        touched = {key: self._certificates[key] for key in changes.touched}
        bulk_writes.update_certificates(
            connection, {k: s for k, s in touched.items() if s is not None}
        )
        for table, rows in (
            (
                tables.authorities,
                [
                    {"name": name, "certificate_der": self._authorities[name]}
                    for name in changes.authorities
                ],
            ),
            (tables.meta, [{"key": key, "value": self._meta[key]} for key in changes.meta]),
        ):
            bulk_writes.replace_rows(connection, table, rows)
        self.crls.flush(connection)

    def _write_objects(self, touched: set[ObjectId]) -> None:
        states = [state for o in sorted(touched) if (state := self._objects[o]) is not None]
        known = [state for state in states if state.object_id in self._stored_objects]
        new = [state for state in states if state.object_id not in self._stored_objects]
        bulk_writes.update_objects(self._connection, known)
        bulk_writes.insert_rows(
            self._connection, tables.objects, [bulk_writes.object_row(state) for state in new]
        )
        self._stored_objects.update(state.object_id for state in new)

    # --- Loading ---

    def _load_objects(self, object_ids: Iterable[ObjectId]) -> None:
        wanted = [object_id for object_id in object_ids if object_id not in self._objects]
        found = bulk_reads.load_objects(self._connection, wanted)
        self._objects |= dict.fromkeys(wanted) | found
        self._stored_objects.update(found)

    def _load_certificates(self, keys: Iterable[CertificateKey]) -> None:
        wanted = [key for key in keys if key not in self._certificates]
        found = bulk_reads.load_certificates(self._connection, wanted)
        self._certificates |= dict.fromkeys(wanted) | found

    def _load_reservations(self, keys: Iterable[CertificateKey]) -> None:
        wanted = [key for key in keys if key not in self._reservations]
        found = bulk_reads.load_reservations(self._connection, wanted)
        self._reservations |= dict.fromkeys(wanted) | found

    def _load_abandoned(self, keys: Iterable[CertificateKey]) -> None:
        wanted = [key for key in keys if key not in self._abandoned]
        found = bulk_reads.load_abandoned(self._connection, wanted)
        self._abandoned |= {key: key in found for key in wanted}
