"""Tables: folded to the width of a terminal, separated by tabs where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice

from pki_as_code.escape import safe
from pki_as_code.formats.certificates import shown_name
from pki_as_code.formats.terminal import BOLD, display_width, pad, paint
from pki_as_code.formats.values import format_date
from pki_as_code.model import CertificateRecord
from pki_as_code.pkix.serial_numbers import format_serial_number

CERTIFICATE_COLUMNS = ("SERIAL", "NAMESPACE", "NAME", "COMMON NAME", "ISSUER", "PROFILE")
STATUS_COLUMNS = ("STATUS", "NOT AFTER", "NAMES")

_MEASURED = 200
"""Rows that decide how wide the columns are; a longer table goes on with those widths."""

_GAP = "  "


def certificate_table(
    records: Iterable[CertificateRecord],
    *,
    now: datetime,
    width: int | None = None,
    color: bool = False,
) -> Iterator[str]:
    """
    Yield the lines of `list_certs --output wide`.

    With `width`, the columns of the terminal, it is an aligned table whose cells fold; without, one
    line for each certificate with tabs between the columns, nothing cut, streamed.
    """
    rows = (_certificate_cells(record, now) for record in records)
    yield from format_table((*CERTIFICATE_COLUMNS, *STATUS_COLUMNS), rows, width=width, color=color)


def _certificate_cells(record: CertificateRecord, now: datetime) -> list[str]:
    names = [name.removeprefix("DNS:") for name in record.subject_alternative_names]
    return [
        format_serial_number(record.serial_number),
        record.object_id.namespace,
        record.object_id.name,
        shown_name(record),
        record.issuer,
        record.profile,
        str(record.status(now)),
        format_date(record.not_after),
        ", ".join(names),
    ]


def format_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    width: int | None = None,
    color: bool = False,
) -> Iterator[str]:
    """Yield the lines of a table, with newlines. The cells are escaped here."""
    escaped = ([safe(cell) for cell in row] for row in rows)
    if width is None:
        yield "\t".join(header) + "\n"
        yield from ("\t".join(row) + "\n" for row in escaped)
        return
    measured = list(islice(escaped, _MEASURED))
    columns = _column_widths([list(header), *measured], width)
    yield from _table_lines(header, columns, style=BOLD if color else None)
    for row in chain(measured, escaped):
        yield from _table_lines(row, columns)


def _column_widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return widths that fit in `width` together; the widest columns give way."""
    widths = [max(display_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    widths = [min(natural, width) for natural in widths]
    room = max(width - len(_GAP) * (len(widths) - 1), len(widths))
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1
    return [max(natural, 1) for natural in widths]


def _table_lines(
    cells: Sequence[str], columns: Sequence[int], *, style: str | None = None
) -> Iterator[str]:
    """Yield one row, on as many lines as its longest cell needs."""
    folded = [list(_fold(cell, width)) for cell, width in zip(cells, columns, strict=True)]
    for number in range(max(map(len, folded))):
        parts = [
            pad(lines[number] if number < len(lines) else "", width)
            for lines, width in zip(folded, columns, strict=True)
        ]
        line = _GAP.join(parts).rstrip()
        yield paint(line, style or "", color=style is not None) + "\n"


def _fold(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a cell: broken at a blank where there is one, else anywhere."""
    while display_width(text) > width:
        end = _fitting(text, width)
        blank = text.rfind(" ", 1, end + 1)
        end = blank if blank > 0 else end
        yield text[:end]
        text = text[end:].lstrip(" ")
    yield text


def _fitting(text: str, width: int) -> int:
    """Return how many characters of `text` fit in `width` columns, at least one."""
    if text.isascii():
        return width
    end = 1
    while end < len(text) and display_width(text[: end + 1]) <= width:
        end += 1
    return end
