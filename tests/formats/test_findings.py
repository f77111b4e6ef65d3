from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.formats.findings import (
    MOST_SHOWN,
    findings_json,
    format_finding,
    format_findings,
    format_findings_json,
    format_summary,
)
from pki_as_code.formats.terminal import display_width
from pki_as_code.model import Finding, Severity, Source

TYPO = Finding(
    "manifest.unknown_key",
    "unknown key `dnsNames` in spec",
    Source("certificates/payments/api.yaml", 7, 3, 7, 11, "  dnsNames: [api.payments.example.com]"),
    help="did you mean `subjectAltNames`?  (pkictl explain Certificate.spec)",
)
DENIED = Finding(
    "policy.name_not_allowed",
    "payments may not have www.example.com",
    Source("certificates/payments/api.yaml", 8, 21),
    help="policies/payments.yaml grants *.payments.example.com",
)


def caret_line(source: Source) -> str:
    return format_finding(Finding("a.b", "message", source)).split("\n")[4]


def snippet_line(source: Source) -> str:
    return format_finding(Finding("a.b", "message", source)).split("\n")[3]


def test_findings_are_printed_as_documented():
    assert (
        format_findings([TYPO, DENIED], file_count=14)
        == """\
error[manifest.unknown_key]: unknown key `dnsNames` in spec
  --> certificates/payments/api.yaml:7:3
   |
 7 |   dnsNames: [api.payments.example.com]
   |   ^^^^^^^^
   = help: did you mean `subjectAltNames`?  (pkictl explain Certificate.spec)

error[policy.name_not_allowed]: payments may not have www.example.com
  --> certificates/payments/api.yaml:8:21
   = help: policies/payments.yaml grants *.payments.example.com

2 errors in 1 of 14 files.
"""
    )


def test_a_finding_without_a_place_is_a_line_and_its_help():
    finding = Finding("git.failed", "no git repository here", help="run `git init`")
    assert format_finding(finding) == (
        "error[git.failed]: no git repository here\n   = help: run `git init`\n"
    )


def test_the_margin_grows_with_the_line_number():
    source = Source("a.yaml", 1234, 1, 1234, 5, "kind: X")
    assert format_finding(Finding("a.b", "message", source)).split("\n")[1:5] == [
        "     --> a.yaml:1234:1",
        "      |",
        " 1234 | kind: X",
        "      | ^^^^",
    ]


def test_carets_follow_tabs_with_tabs():
    source = Source("a.yaml", 1, 4, 1, 7, "\t\tkey: value")
    assert caret_line(source) == "   | \t\t ^^^"


def test_carets_are_as_wide_as_wide_characters():
    source = Source("a.yaml", 1, 4, 1, 6, "名: 日本")
    assert caret_line(source) == "   |     ^^^^"


def test_carets_stand_under_escaped_characters():
    source = Source("a.yaml", 1, 3, 1, 4, "a\x1bb")
    assert snippet_line(source) == r" 1 | a\x1bb"
    assert caret_line(source) == "   |      ^"


def test_a_place_that_goes_on_is_marked_to_the_end_of_its_line():
    source = Source("a.yaml", 1, 3, 4, 2, "a: [b,")
    assert caret_line(source) == "   |   ^^^^"


def test_a_place_behind_the_end_of_the_line_has_one_caret():
    source = Source("a.yaml", 1, 80, None, None, "a:")
    assert caret_line(source) == "   |   ^"


def test_of_a_long_line_the_surroundings_are_shown():
    line = "x" * 1000 + "KEY" + "y" * 1000
    source = Source("a.yaml", 1, 1001, 1, 1004, line)
    shown = snippet_line(source)
    assert len(shown) < 200
    start = caret_line(source).index("^")
    assert shown[start : start + 3] == "KEY"
    assert shown[5:8] == "..."
    assert shown.endswith("y...")


def test_a_marked_part_longer_than_the_line_may_be_is_cut():
    source = Source("a.yaml", 1, 1, 1, 100_001, "x" * 100_000)
    assert len(snippet_line(source)) < 200
    assert len(caret_line(source)) < 200


def test_findings_are_sorted_by_place():
    first = Finding("z.z", "m", Source("a.yaml", 2, 1))
    second = Finding("a.a", "m", Source("a.yaml", 10, 1))
    third = Finding("a.a", "m", Source("b.yaml", 1, 1))
    text = format_findings([third, second, first])
    assert text.index("a.yaml:2:1") < text.index("a.yaml:10:1") < text.index("b.yaml:1:1")


def test_the_rest_of_too_many_findings_is_counted():
    findings = [Finding("a.b", "m", Source("a.yaml", line)) for line in range(1, 64)]
    text = format_findings(findings, file_count=2)
    assert text.count("error[a.b]") == MOST_SHOWN
    assert "\n... and 13 more.\n\n63 errors in 1 of 2 files.\n" in text


def test_errors_are_not_crowded_out_by_warnings():
    warnings = [
        Finding("a.b", "m", Source("a.yaml", n), Severity.WARNING) for n in range(1, MOST_SHOWN + 9)
    ]
    assert "error[z.z]" in format_findings([*warnings, Finding("z.z", "m", Source("z.yaml"))])


def test_the_summary_counts_each_severity():
    def summary(errors: int, warnings: int, notes: int = 0, files: int | None = 3) -> str:
        findings = (
            [Finding("a.b", "m", Source("a.yaml"))] * errors
            + [Finding("a.b", "m", Source("b.yaml"), Severity.WARNING)] * warnings
            + [Finding("a.b", "m", Source("b.yaml"), Severity.INFO)] * notes
        )
        return format_summary(findings, file_count=files)

    assert summary(1, 0) == "1 error in 1 of 3 files."
    assert summary(2, 1) == "2 errors and 1 warning in 2 of 3 files."
    assert summary(0, 2) == "2 warnings in 1 of 3 files."
    assert summary(1, 1, 2) == "1 error, 1 warning and 2 notes in 2 of 3 files."
    assert summary(1, 0, files=1) == "1 error in 1 of 1 file."
    assert summary(0, 0) == "No problems in 3 files."
    assert summary(2, 0, files=None) == "2 errors."
    assert summary(0, 0, files=None) == "No problems."


def test_colour_is_never_the_only_sign():
    coloured = format_findings([TYPO], color=True)
    assert "\x1b[1;31merror[manifest.unknown_key]\x1b[0m" in coloured
    assert "\x1b" not in format_findings([TYPO])
    assert "error[" in format_findings([TYPO])


def test_text_of_others_is_inert(hostile, inert):
    finding = Finding(
        hostile, hostile, Source(hostile, 7, 3, 7, 9, hostile + "  key" + hostile), help=hostile
    )
    assert inert(format_findings([finding], file_count=1))


@given(st.text(max_size=300), st.integers(1, 320), st.integers(1, 320))
def test_any_snippet_is_printed_with_its_caret(snippet, column, end_column):
    source = Source("a.yaml", 1, column, 1, end_column, snippet)
    text = format_finding(Finding("a.b", "message", source))
    lines = text.split("\n")
    assert len(lines) == (6 if snippet.strip() else 3)
    forbidden = {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.category(c) for c in text if c not in "\n\t"} & forbidden
    assert not snippet.strip() or "^" in lines[4]


@given(st.text())
def test_the_width_of_text_is_never_negative(text):
    assert display_width(text) >= 0


def test_json_is_as_documented():
    assert findings_json([TYPO]) == {
        "schemaVersion": 1,
        "valid": False,
        "errorCount": 1,
        "diagnostics": [
            {
                "code": "manifest.unknown_key",
                "severity": "error",
                "summary": "unknown key `dnsNames` in spec",
                "detail": findings_json([TYPO])["diagnostics"][0]["detail"],
                "range": {
                    "filename": "certificates/payments/api.yaml",
                    "start": {"line": 7, "column": 3},
                    "end": {"line": 7, "column": 11},
                },
                "snippet": "  dnsNames: [api.payments.example.com]",
                "help": "did you mean `subjectAltNames`?  (pkictl explain Certificate.spec)",
            }
        ],
    }


def test_json_of_warnings_alone_is_valid():
    value = findings_json([Finding("a.b", "m", severity=Severity.WARNING)])
    assert (value["valid"], value["errorCount"]) == (True, 0)
    assert value["diagnostics"][0]["range"] is None


def test_json_is_ascii_and_complete(hostile, inert):
    finding = Finding("a.b", hostile, Source(hostile, snippet=hostile))
    text = format_findings_json([finding])
    assert inert(text)
    assert text.isascii()
    assert json.loads(text)["diagnostics"][0]["summary"] == hostile
