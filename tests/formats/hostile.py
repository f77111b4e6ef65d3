"""Text of others, and a plan that is made of it: what every form has to keep inert."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.escape import has_hidden_characters
from pki_as_code.model import (
    CERTIFICATE,
    Action,
    Finding,
    IssueCertificate,
    ObjectId,
    Plan,
    Reason,
    Refusal,
    RevokeCertificate,
    Severity,
    Source,
)
from tests.formats.conftest import make_plan, make_record, make_request
from tests.formats.test_findings import DENIED, TYPO

WARNING = Finding("plan.taken_up_at_renewal", "later", None, Severity.WARNING, help="wait")
FOUND = [WARNING, TYPO, DENIED]

PIECES = [
    "\n::error::pwned", "::set-output name=a::b", "##[group]", "\x1b[31m", "\x9b", "\u202e",
    "\u200b", "\u2028", "\r\n", "%0A::error::x", "`", "```", "~~~", "|", "\\", "\\|", "</details>",
    "<b>", "<!--", "-->", "<img src=x onerror=y>", "[a](https://evil)", "![a](b)", "**", "# ",
    "@octocat", "#1", "https://evil.example", "www.evil.example", "]]>", "<![CDATA[",
    "&amp;", '"', "'", "\0",
    "\ufffe", "\uffff", "{0}", "a", " ", ",", ":", "%", "\t", "é", "日",
]  # fmt: skip
hostile_text = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)


def any_text(test: Callable[[str], None]) -> Callable[[], None]:
    """Run a test with hostile text of all kinds."""
    return settings(deadline=None)(given(hostile_text)(test))


def shows_nothing_hidden(text: str) -> bool:
    return not any(has_hidden_characters(line.replace("\t", "")) for line in text.split("\n"))


def hostile_plan(text: str) -> Plan:
    """A plan in which everything that somebody can write is `text`."""
    reasons, source = (Reason(text, text),), Source(text or "a.yaml", 7, 3, 7, 9, text)
    bad = ObjectId(CERTIFICATE, text, text)
    request = make_request(
        object_id=bad, issuer=text, subject_alternative_names=(text,), subject=text
    )
    return make_plan(
        changes=(
            IssueCertificate(request, Action.ISSUE, reasons, source),
            IssueCertificate(request, Action.REPLACE, reasons, source),
            RevokeCertificate(
                bad, make_record(object_id=bad, issuer=text), text, None, reasons, source
            ),
        ),
        refused=(Refusal(bad, Reason(text, text), source, text),),
        findings=(Finding(text or "a.b", text, source, help=text), Finding("a.b", text)),
        commit=text,
        base=text,
        store=text,
    )
