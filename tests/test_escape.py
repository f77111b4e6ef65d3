from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.escape import has_hidden_characters, quoted, safe, safe_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api.example.com", "api.example.com"),
        ("Österreich, 日本, naïve “quotes” €", "Österreich, 日本, naïve “quotes” €"),
        ("\x1b]0;pwn\x07", "\\x1b]0;pwn\\x07"),
        ("a\nb\r\nc\td", "a\\x0ab\\x0d\\x0ac\\x09d"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028separator\u2029", "line\\u2028separator\\u2029"),
        ("c1\x85\x9b31m", "c1\\x85\\x9b31m"),
        ("lone\ud800surrogate", "lone\\ud800surrogate"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("soft\u00adhyphen", "soft\\xadhyphen"),
        ("\x00", "\\x00"),
    ],
)
def test_what_is_not_seen_is_shown_as_an_escape(text: str, expected: str) -> None:
    assert safe(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "::error::pwn",
        "  ::error file=x::pwn",
        "\n::error::pwn",
        "\u3000::add-mask::x",
        "x ##[error]pwn",
        "##vso[task.setvariable]x",
        "::stop-commands::token",
    ],
)
def test_text_cannot_be_a_workflow_command(text: str) -> None:
    escaped = safe(text)

    assert not escaped.lstrip().startswith("::")
    assert "##[" not in escaped
    assert "##vso[" not in escaped
    assert "\n" not in escaped


@pytest.mark.parametrize("text", ["::1", "2001:db8::7", "fe80::1", "a::b::c", "# comment", "## x"])
def test_ordinary_colons_and_number_signs_stay(text: str) -> None:
    assert safe(text) == text


def test_safe_line_keeps_tabs_and_nothing_else() -> None:
    assert safe_line("\tkey: value\x08\x0b\n") == "\tkey: value\\x08\\x0b\\x0a"


@given(st.text(st.characters(codec=None)))
def test_safe_text_is_one_line_of_visible_characters_and_stays_so(text: str) -> None:
    escaped = safe(text)

    assert len(escaped.splitlines()) <= 1
    assert not has_hidden_characters(escaped)
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in escaped)
    assert safe(escaped) == escaped


def test_every_format_and_control_character_of_unicode_is_hidden_but_the_visible_ones() -> None:
    # Signs for numbers, years and verses are shown, although Unicode calls them format characters.
    shown = {
        *range(0x600, 0x606),
        *(0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD),
        *range(0x13430, 0x13440),
        *range(0x1BCA0, 0x1BCA4),
        *range(0x1D173, 0x1D17B),
    }
    missed = [
        hex(code_point)
        for code_point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code_point)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and not has_hidden_characters(chr(code_point))
        and code_point not in shown
    ]
    assert missed == []


def test_quoted_text_is_escaped_and_cut() -> None:
    assert quoted("a\nb") == "'a\\x0ab'"
    assert quoted("x" * 100) == f"'{'x' * 80}…'"


def test_a_megabyte_is_escaped_in_linear_time() -> None:
    start = time.perf_counter()
    safe("::" * 500_000)
    safe("a\x1b" * 200_000)
    assert time.perf_counter() - start < 2
