"""CSRs from files and from stdin."""

from __future__ import annotations

import sys
from pathlib import Path

from pki_as_code.errors import InvalidValueError

MAX_CSR_BYTES = 1 << 20
"""More than any CSR; `parse_csr` has the real limit."""


def read_csr(path: str, directory: Path) -> bytes:
    """
    Read a CSR from a file, relative to `directory`, or from stdin for `-`.

    Raises:
        InvalidValueError: there is no such file, nothing in it, or far too much.
    """
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_CSR_BYTES + 1)
        else:
            with (directory / path).open("rb") as file:
                data = file.read(MAX_CSR_BYTES + 1)
    except OSError as error:
        raise InvalidValueError(
            f"cannot read the CSR {path!r}: {error.strerror or error}",
            help="name a file that `openssl req -new` made, or - for stdin",
            code="csr.missing",
        ) from None
    if not data.strip():
        raise InvalidValueError(
            f"{path!r} is empty", help="name a file that holds a CSR", code="csr.empty"
        )
    if len(data) > MAX_CSR_BYTES:
        raise InvalidValueError(f"{path!r} is too large for a CSR", code="csr.too_large")
    return data
