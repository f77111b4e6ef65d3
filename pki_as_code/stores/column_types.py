"""What stands in columns, alike in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Dialect, Integer, String
from sqlalchemy.types import TypeDecorator

from pki_as_code.model import JsonValue, canonical_json, format_time
from pki_as_code.pkix.serial_numbers import serial_number_hex
from pki_as_code.stores.json_object import JsonObject

# Ordered by bytes everywhere, never by a language.
_PLAIN: Final = String().with_variant(String(collation="C"), "postgresql")
_ESCAPE: Final = "\x1a"


class _Text(TypeDecorator[str]):
    """
    Any text.

    PostgreSQL holds no NUL, and a certificate made elsewhere may have one in its subject.
    """

    impl = _PLAIN
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace(_ESCAPE, f"{_ESCAPE}1").replace("\0", f"{_ESCAPE}0")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace(f"{_ESCAPE}0", "\0").replace(f"{_ESCAPE}1", _ESCAPE)


TEXT: Final = _Text()
NUMBER: Final = Integer().with_variant(BigInteger(), "postgresql")


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC, whole seconds."""

    impl = _PLAIN
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else format_time(value.astimezone(UTC))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromisoformat(value)


class SerialNumber(TypeDecorator[int]):
    """A serial number: 160 bits are more than any integer column has."""

    impl = _PLAIN
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else serial_number_hex(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int(value, 16)


class Json(TypeDecorator[JsonValue]):
    """Canonical JSON, as text."""

    impl = _PLAIN
    cache_ok = True

    def process_bind_param(self, value: JsonValue, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> JsonValue:  # noqa: ARG002
        return None if value is None else json.loads(value)


class UnparsedJson(TypeDecorator[Mapping[str, JsonValue]]):
    """An object of canonical JSON, as text that is parsed when somebody looks into it."""

    impl = _PLAIN
    cache_ok = True

    def process_bind_param(
        self,
        value: Mapping[str, JsonValue] | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> str | None:
        return None if value is None else canonical_json(dict(value))

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> Mapping[str, JsonValue] | None:
        return None if value is None else JsonObject(value)
