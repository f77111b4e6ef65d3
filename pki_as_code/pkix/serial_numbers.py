"""Serial numbers (RFC 5280 section 4.1.2.2): made, written and read."""

from __future__ import annotations

import re
from typing import Final

from pki_as_code.errors import InvalidValueError

RANDOM_BITS: Final = 159
"""The most that always fits 20 octets as a positive INTEGER."""

MAX_OCTETS: Final = 20

_TEXT = re.compile(r"[0-9A-Fa-f]+(:[0-9A-Fa-f]+)*", re.ASCII)
_GROUPED = re.compile(r"[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{2})*", re.ASCII)
_PREFIX = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*(:[0-9A-Fa-f]?)?|[0-9A-Fa-f]+", re.ASCII)


def random_serial_number() -> int:
    """Return a positive number of 159 bits from the operating system's CSPRNG."""
    import secrets  # which is slow to import, and whoever shows a number does without

    while True:
        serial_number = secrets.randbits(RANDOM_BITS)
        if serial_number > 0:
            return serial_number


def serial_number_hex(serial_number: int) -> str:
    """Return lower-case hex with an even number of digits: the form indexes search by prefix."""
    digits = f"{serial_number:x}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def format_serial_number(serial_number: int) -> str:
    """Return `49:BC:F2`: upper-case hex, a colon after each octet."""
    digits = serial_number_hex(serial_number)
    if serial_number >= 0:
        return bytes.fromhex(digits).hex(":").upper()
    digits = digits.upper()  # certificates of others may have a negative one
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def parse_serial_number(text: str) -> int:
    """
    Return the number that `text` writes in hex, with or without colons, in any case.

    Blanks around it do not matter. Raises `InvalidValueError` (`serial_number.invalid`) for
    anything else, for zero and for more than 20 octets.
    """
    stripped = text.strip()
    if ":" in stripped:
        well_formed = _GROUPED.fullmatch(stripped) is not None
    else:
        well_formed = _TEXT.fullmatch(stripped) is not None
    digits = stripped.replace(":", "").lstrip("0")
    if not well_formed or not digits or len(digits) > 2 * MAX_OCTETS:
        raise InvalidValueError(
            f"{text[:80]!r} is not a serial number",
            help="write 1 to 20 octets in hex, for example 49:BC:F2 or 49bcf2",
            code="serial_number.invalid",
        )
    return int(digits, 16)


def serial_number_prefix(text: str) -> str | None:
    """
    Return lower-case hex digits to search by prefix; None when no serial number begins so.

    Leading zeros are kept: `0F` finds `0F:..` and not `F0:..`.
    """
    stripped = text.strip()
    if _PREFIX.fullmatch(stripped) is None:
        return None
    digits = stripped.replace(":", "").lower()
    return digits if len(digits) <= 2 * MAX_OCTETS else None
