"""Annotations of GitHub Actions."""

from __future__ import annotations

import re
from urllib.parse import unquote

from pki_as_code.formats import FINDING_FORMATS, PLAN_FORMATS
from pki_as_code.formats.github import MOST_NOTICES, MOST_OF_A_LEVEL
from pki_as_code.model import Action, Finding, IssueCertificate, Severity, Source
from tests.formats.conftest import make_plan, make_request
from tests.formats.hostile import FOUND, any_text, hostile_plan, shows_nothing_hidden
from tests.formats.test_findings import DENIED
from tests.formats.test_plan import everything

COMMAND = re.compile(
    r"::(error|warning|notice) ([a-zA-Z]+=[^:,\r\n]*(?:,[a-zA-Z]+=[^:,\r\n]*)*)::([^\r\n]*)"
)


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Return level, properties and message of each line that a runner would obey."""
    found = []
    for line in text.split("\n"):
        if line.lstrip().startswith("::"):
            match = COMMAND.fullmatch(line)
            assert match, line
            properties = dict(part.split("=", 1) for part in match[2].split(","))
            found.append((match[1], {k: unquote(v) for k, v in properties.items()}, match[3]))
    return found


def test_an_annotation_stands_on_the_line_concerned():
    text = FINDING_FORMATS["github"](FOUND, 14)
    assert commands(text)[0] == (
        "error",
        {
            "file": "certificates/payments/api.yaml",
            "line": "7",
            "endLine": "7",
            "col": "3",
            "endColumn": "11",
            "title": "manifest.unknown_key",
        },
        "unknown key `dnsNames` in spec%0Ahelp: did you mean `subjectAltNames`?  "
        "(pkictl explain Certificate.spec)",
    )
    assert [level for level, _, _ in commands(text)] == ["error", "error", "warning"]
    assert text.endswith("\n2 errors and 1 warning in 1 of 14 files.\n")


def test_github_escapes_what_ends_a_message_or_a_property():
    finding = Finding("a.b", "50% of\r\nit", Source("a,b:c%.yaml"))
    line = FINDING_FORMATS["github"]([finding], None).split("\n")[0]
    assert "file=a%2Cb%3Ac%25.yaml," in line
    assert line.endswith(r"::50%25 of\x0d\x0ait")


def test_a_place_of_several_lines_has_no_columns():
    finding = Finding("a.b", "m", Source("a.yaml", 3, 5, 9, 2))
    properties = commands(FINDING_FORMATS["github"]([finding], None))[0][1]
    assert properties == {"file": "a.yaml", "line": "3", "endLine": "9", "title": "a.b"}


def test_errors_are_annotated_first_and_never_by_the_thousand():
    many = [Finding("a.b", "m", Source("a.yaml", n), Severity.WARNING) for n in range(1, 2000)]
    text = FINDING_FORMATS["github"]([*many, DENIED], None)
    assert len(commands(text)) == MOST_OF_A_LEVEL + 1
    assert commands(text)[0][0] == "error"
    assert "... and 1,949 more of severity warning" in text


def test_a_plan_says_on_each_line_what_becomes_of_it():
    plan = everything()
    text = PLAN_FORMATS["github"](plan)
    found = commands(text)
    assert ("notice", "issue certificate payments/api") in [(c[0], c[1]["title"]) for c in found]
    assert ("error", "plan.refused") in [(c[0], c[1]["title"]) for c in found]
    assert "1 refused, 412 unchanged." in text


def test_notices_are_as_many_as_are_shown():
    source = Source("certificates/a.yaml")
    change = IssueCertificate(make_request(), Action.ISSUE, (), source)
    found = commands(PLAN_FORMATS["github"](make_plan(changes=(change,) * 50)))
    assert len(found) == MOST_NOTICES


@any_text
def test_no_text_becomes_another_command(text):
    printed = PLAN_FORMATS["github"](hostile_plan(text))
    assert len(commands(printed)) == 3 + 3  # of what is found and refused, and of what is planned
    assert "##[" not in printed
    assert shows_nothing_hidden(printed)
