"""Tables: folded to the width of a terminal, separated by tabs where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from pki_as_code.escape import safe
from pki_as_code.formats.certificates import shown_name
from pki_as_code.formats.values import format_date
from pki_as_code.model import CertificateRecord
from pki_as_code.pkix.serial_numbers import format_serial_number

CERTIFICATE_COLUMNS = ("SERIAL", "NAMESPACE", "NAME", "COMMON NAME", "ISSUER", "PROFILE")
STATUS_COLUMNS = ("STATUS", "NOT AFTER", "NAMES")


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
    if width is None:
        yield "\t".join(header) + "\n"
        for row in rows:
            yield "\t".join(safe(cell) for cell in row) + "\n"
        return
    yield from _folded_table(header, rows, width=width, color=color)


def _folded_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, width: int, color: bool
) -> Iterator[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe(cell)) for cell in row))
    console = Console(
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        yield line.rstrip() + "\n"
