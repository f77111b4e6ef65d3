"""The table of threats names tests, and they exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"\| (T[0-9]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")
ROWS = [
    match
    for line in (ROOT / "docs/threats.md").read_text().splitlines()
    if (match := ROW.fullmatch(line))
]


def test_every_threat_has_its_row():
    assert [row[1] for row in ROWS] == [f"T{number}" for number in range(1, 26)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_every_test_that_a_row_names_exists(row):
    named = re.findall(r"`([^`]+)`", row[4])
    assert named
    assert row[4] == ", ".join(f"`{name}`" for name in named)
    for name in named:
        path, separator, function = name.partition("::")
        assert separator, name
        tree = ast.parse((ROOT / path).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (
            name
        )


def test_it_is_linked_from_the_page_about_security():
    assert "docs/threats.md" in (ROOT / "SECURITY.md").read_text()
