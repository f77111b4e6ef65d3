"""Comments on a pull request."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from pki_as_code.formats import FINDING_FORMATS, PLAN_FORMATS
from pki_as_code.formats.markdown import MARKER, code
from pki_as_code.model import CERTIFICATE, Action, Finding, IssueCertificate, ObjectId, Source
from tests.formats.conftest import make_plan, make_request
from tests.formats.hostile import FOUND, any_text, hostile_plan, shows_nothing_hidden
from tests.formats.test_findings import TYPO
from tests.formats.test_plan import REFUSED, everything

OURS = re.compile(
    r"<!-- pki-as-code -->|<details( open)?><summary>[\w ,]+</summary>|</details>|\s*"
)
INERT_TOKENS = {"text", "code_inline", "softbreak", "strong_open", "strong_close"}


def read_markdown(text: str) -> list:
    """Parse as GitHub does, and check that only what we wrote is more than text."""
    tokens = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(text)
    for token in tokens:
        if token.type == "html_block":
            assert all(OURS.fullmatch(line) for line in token.content.split("\n")), token.content
        for child in token.children or []:
            assert child.type in INERT_TOKENS, child
            assert child.type != "text" or not re.search(r"[@<]|://|www\.", child.content)
    return tokens


def test_a_comment_begins_with_the_mark_it_is_found_by():
    assert PLAN_FORMATS["markdown"](everything()).startswith(f"{MARKER}\n### Plan for `4c1f9e2`\n")
    assert FINDING_FORMATS["markdown"]([], 3).startswith(f"{MARKER}\n")


def test_a_comment_has_changes_findings_and_their_lines():
    plan = make_plan(changes=everything().changes, refused=(REFUSED,), findings=tuple(FOUND))
    text = PLAN_FORMATS["markdown"](plan)
    read_markdown(text)
    assert "\n<details><summary>13 changes, 1 refused</summary>\n" in text
    assert "\n<details open><summary>2 errors and 1 warning</summary>\n" in text
    assert "| + | issue | `certificate payments/api` | `issuing` | `90d  api.payments" in text
    assert text.index("| ! | refuse |") < text.index("| + | issue |")
    assert "```text\nerror[manifest.unknown_key]: unknown key `dnsNames` in spec\n" in text
    assert "\n 7 |   dnsNames: [api.payments.example.com]\n" in text


def test_nothing_to_do_is_a_line():
    text = PLAN_FORMATS["markdown"](make_plan())
    assert "**No changes. The issued store matches the manifests.**" in text
    assert "<details" not in text
    assert "No problems in 3 files." in FINDING_FORMATS["markdown"]([], 3)


@pytest.mark.parametrize("letter", ["a", "é", "日", "\U0001d535"])
def test_a_plan_of_two_thousand_changes_fits_in_a_comment(letter):
    changes = tuple(
        IssueCertificate(
            make_request(
                object_id=ObjectId(CERTIFICATE, "team", f"{letter * 30}-{number}"),
                subject_alternative_names=tuple(f"DNS:{letter * 20}{n}.example" for n in range(40)),
            ),
            Action.ISSUE,
            (),
            None,
        )
        for number in range(2000)
    )
    findings = tuple(
        Finding("a.b", letter * 3000, Source("a.yaml", n), help="h" * 500) for n in range(1, 2000)
    )
    text = PLAN_FORMATS["markdown"](make_plan(changes=changes, findings=findings))
    read_markdown(text)
    assert 50_000 < len(text.encode()) < 65_536
    shown = text.count("| + | issue |")
    assert shown > 10
    assert f"\n{2000 - shown:,} more are left out here" in text
    assert "`pkictl plan --output json`" in text
    assert "characters |" in text  # of a row that was cut
    assert re.search(r"\n1,\d{3} more findings are left out here", text)


def test_the_comment_of_many_findings_fits():
    many = [replace(TYPO, message="x" * 9000)] * 2000
    text = FINDING_FORMATS["markdown"](many, 14)
    read_markdown(text)
    assert len(text) < 65_536
    assert "2,000 errors in 1 of 14 files." in text


@any_text
def test_no_text_becomes_markup(text):
    printed = PLAN_FORMATS["markdown"](hostile_plan(text))
    tokens = read_markdown(printed)
    rows = [token for token in tokens if token.type == "tr_open"]
    cells = [token for token in tokens if token.type in {"td_open", "th_open"}]
    assert (len(rows), len(cells)) == (1 + 4, 5 * 5)
    assert sum(token.type == "fence" for token in tokens) == 2
    assert sum(token.type == "heading_open" for token in tokens) == 1
    assert printed.count("<details open>") == printed.count("\n</details>\n") == 2
    assert shows_nothing_hidden(printed)


@any_text
def test_a_code_span_holds_all_of_a_text(text):
    printed = code(text)
    (inline,) = MarkdownIt("commonmark").parseInline(f"a {printed} b")
    assert len(inline.children) == (3 if printed else 1)
    assert "|" not in printed
