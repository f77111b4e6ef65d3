"""Faults of entries, counted: a million entries with one fault are one finding."""

from __future__ import annotations

from dataclasses import dataclass, field

from pki_as_code.model import Finding, Severity
from pki_as_code.pkix.serial_numbers import format_serial_number

_SHOWN_OCTETS = 32


@dataclass
class Tally:
    """Counts by code and text; of each the first entry is named."""

    _counts: dict[tuple[str, str, Severity], int] = field(default_factory=dict)
    _first: dict[tuple[str, str, Severity], bytes] = field(default_factory=dict)

    def add(
        self, code: str, text: str, serial_number: bytes, severity: Severity = Severity.ERROR
    ) -> None:
        """Count an entry, by the content of its serial number. `text` follows "the entry 0A"."""
        key = code, text, severity
        self._counts[key] = self._counts.get(key, 0) + 1
        self._first.setdefault(key, serial_number)

    def findings(self) -> list[Finding]:
        """Return one finding for each kind of fault, in the order they were met."""
        found = []
        for key, count in self._counts.items():
            code, text, severity = key
            number = int.from_bytes(self._first[key][:_SHOWN_OCTETS], "big")
            more = f" (and {count - 1} more)" if count > 1 else ""
            message = f"the entry {format_serial_number(number)}{more} {text}"
            found.append(Finding(code, message, severity=severity))
        return found
