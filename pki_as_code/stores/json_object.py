"""Objects of JSON in the index that few look into."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pki_as_code.model import JsonValue


class JsonObject(Mapping[str, JsonValue]):
    """
    An object of JSON as its text, parsed when somebody looks into it.

    A plan holds the records of all certificates and compares their digests. Parsed, what each was
    issued for would take several times the memory of all the rest of its record.
    """

    __slots__ = ("_parsed", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._parsed: dict[str, JsonValue] | None = None

    def _content(self) -> dict[str, JsonValue]:
        if self._parsed is None:
            self._parsed = json.loads(self._text)
        return self._parsed

    def __getitem__(self, key: str) -> JsonValue:
        return self._content()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content())

    def __len__(self) -> int:
        return len(self._content())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._text!r})"
