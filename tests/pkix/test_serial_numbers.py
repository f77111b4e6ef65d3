from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.serial_numbers import (
    format_serial_number,
    parse_serial_number,
    random_serial_number,
    serial_number_hex,
    serial_number_prefix,
)

SERIAL_NUMBERS = st.integers(min_value=1, max_value=2**160 - 1)


def test_random_serial_numbers_are_positive_distinct_and_fit_20_octets() -> None:
    numbers = [random_serial_number() for _ in range(500)]

    assert len(set(numbers)) == 500
    assert all(0 < number < 2**159 for number in numbers)
    ones = sum(number.bit_count() for number in numbers)
    assert 0.47 < ones / (500 * 159) < 0.53


@given(SERIAL_NUMBERS)
def test_a_serial_number_survives_every_way_to_write_it(number: int) -> None:
    colons = format_serial_number(number)

    for text in (colons, colons.lower(), serial_number_hex(number), f"  {colons}\n"):
        assert parse_serial_number(text) == number
    assert serial_number_hex(number) == colons.replace(":", "").lower()


def test_the_form_has_whole_octets() -> None:
    assert format_serial_number(0xFED) == "0F:ED"
    assert serial_number_hex(0xFED) == "0fed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "00:00",
        "-1",
        "0x12",
        "1g",
        "49:BC:F",
        "49::BC",
        ":49",
        "49:",
        "f" * 41,
        "\u0661",
        "1 2",
        "49:BCF2",
        "1_000",
    ],
)
def test_what_is_no_serial_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        parse_serial_number(text)
    assert error.value.code == "serial_number.invalid"


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("49:BC:F2", "49bcf2"),
        (" 49:bc:f ", "49bcf"),
        ("49:BC:", "49bc"),
        ("0F", "0f"),
        ("4", "4"),
        ("", None),
        ("example.com", None),
        ("49:B:C2", None),
        ("f" * 40, "f" * 40),
        ("f" * 41, None),
    ],
)
def test_a_prefix_keeps_its_leading_zeros(text: str, prefix: str | None) -> None:
    assert serial_number_prefix(text) == prefix


@given(SERIAL_NUMBERS, st.integers(min_value=1, max_value=40))
def test_every_beginning_of_a_serial_number_is_a_prefix_of_its_hex(number: int, size: int) -> None:
    prefix = serial_number_prefix(serial_number_hex(number).upper()[:size])

    assert prefix is not None
    assert serial_number_hex(number).startswith(prefix)
