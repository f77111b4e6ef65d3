"""Read what was printed in each form with its reader's parser, and see that it is just that."""

from __future__ import annotations

import csv
import io
import json

import yaml

from tests.formats.conftest import is_inert
from tests.formats.hostile import shows_nothing_hidden
from tests.formats.test_github import commands
from tests.formats.test_junit import read_xml
from tests.formats.test_markdown import read_markdown
from tests.formats.test_sarif import sarif_of

LONGEST_LINE = 3000
"""Of a form for people: a line of a log is cut at some length, or makes a page unusable."""


def check_inert(form: str, text: str) -> None:
    """
    Check that nothing in `text` is more than text to whoever reads this form.

    Raises `AssertionError`, or what the parser of the form raises.
    """
    assert text.endswith("\n") or not text
    assert shows_nothing_hidden(text.replace("\r\n", "\n") if form == "csv" else text)
    if form == "github":
        commands(text)
        assert "##[" not in text
        assert "##vso[" not in text
    else:
        assert is_inert(text.replace("\r\n", "\n"))
    if form in {"text", "wide", "github"}:
        assert max(map(len, text.split("\n"))) < LONGEST_LINE, max(text.split("\n"), key=len)[:500]
    if form in {"json", "jsonl", "sarif", "junit", "codequality"}:
        assert text.isascii()
    _READERS.get(form, lambda _: None)(text)


_READERS = {
    "json": json.loads,
    "jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
    "yaml": yaml.safe_load,
    "csv": lambda text: list(csv.DictReader(io.StringIO(text), strict=True)),
    "markdown": read_markdown,
    "sarif": sarif_of,
    "junit": read_xml,
    "codequality": json.loads,
}
