"""What a finding code means: `pkictl explain manifest.unknown_key`."""

from __future__ import annotations

import difflib
import textwrap

from pki_as_code.codes import CODES, explanation_of
from pki_as_code.errors import NotFoundError
from pki_as_code.formats.terminal import BOLD, paint

_WIDTH = 80


def format_explanation(code: str, *, color: bool = False) -> str:
    """Return what `code` means, why it matters and what to do. Raises `NotFoundError`."""
    explanation = explanation_of(code)
    if explanation is None:
        similar = difflib.get_close_matches(code[:100], CODES, n=3)
        raise NotFoundError(
            f"there is no finding code {code[:100]!r}",
            code="explain.unknown_code",
            help=f"did you mean {' or '.join(similar)}?" if similar else "see `pkictl explain`",
        )
    return "\n".join(
        [
            paint(code, BOLD, color=color),
            "",
            _paragraph(explanation.summary),
            "",
            paint("Why it matters", BOLD, color=color),
            _paragraph(explanation.why),
            "",
            paint("What to do", BOLD, color=color),
            _paragraph(explanation.remedy),
            "",
        ]
    )


def _paragraph(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False
    )


def format_code_list() -> str:
    """Return every code with its summary, one to a line, sorted."""
    return "".join(f"{code}: {CODES[code].summary}\n" for code in sorted(CODES))
