from __future__ import annotations

import re
from pathlib import Path

import pytest

from pki_as_code.codes import CODES
from pki_as_code.errors import NotFoundError
from pki_as_code.formats.explain import format_code_list, format_explanation
from tests.formats.codes_in_source import codes_in_source

PACKAGE = Path(__file__).parents[2] / "pki_as_code"
CODE = re.compile(r"usage|[a-z][a-z0-9]*(_[a-z0-9]+)*\.[a-z0-9]+(_[a-z0-9]+)*")


def test_every_code_in_the_package_is_explained():
    used = codes_in_source(PACKAGE)
    assert len(used) > 50
    unexplained = {code: place for code, place in used.items() if code not in CODES}
    assert not unexplained


def test_every_explained_code_is_used():
    assert not set(CODES) - set(codes_in_source(PACKAGE))


@pytest.mark.parametrize("code", CODES)
def test_an_explanation_is_whole_sentences(code):
    assert CODE.fullmatch(code)
    for text in CODES[code]:
        assert text == text.strip()
        assert text.endswith(".")
        assert "  " not in text


def test_a_code_is_explained():
    text = format_explanation("key.missing")
    assert text.startswith("key.missing\n\n  There is no private key where the manifest says.\n")
    assert "\nWhy it matters\n  " in text
    assert "\nWhat to do\n  " in text
    assert all(len(line) <= 80 for line in text.split("\n"))
    assert "\x1b[1mkey.missing\x1b[0m" in format_explanation("key.missing", color=True)


def test_a_misspelt_code_gets_suggestions():
    with pytest.raises(NotFoundError) as caught:
        format_explanation("key.mising")
    assert "key.missing" in caught.value.help


def test_an_unknown_code_is_escaped():
    with pytest.raises(NotFoundError) as caught:
        format_explanation("\x1b[31m" + "x" * 1000)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


def test_the_list_names_every_code_once():
    lines = format_code_list().splitlines()
    assert [line.split(": ")[0] for line in lines] == sorted(CODES)
