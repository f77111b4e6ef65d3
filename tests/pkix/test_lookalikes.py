"""Names that a reader takes for others."""

# ruff: noqa: RUF001 (letters that look like others are what this is about)

from __future__ import annotations

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.escape import has_hidden_characters
from pki_as_code.model import Severity
from pki_as_code.pkix.certificate import load_draft
from pki_as_code.pkix.lint import lint_certificate
from pki_as_code.pkix.lookalikes import shown_name, why_misread
from tests.pkix.samples import make_request, make_tbs, private_key, root


def a_label(text: str) -> str:
    return idna.encode(text).decode()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pаypal", "'pаypal' mixes Cyrillic and Latin letters: U+0430 CYRILLIC SMALL LETTER A"),
        ("Example Bаnk", "U+0430"),
        ("gοogle", "Greek and Latin"),
        ("аррӏе", "'аррӏе' looks like Latin letters and has U+0430"),
        ("www.сосо.example", "'сосо' looks like Latin letters and has U+0441"),
        ("раураӏ-pay", "looks like Latin letters"),
        ("ОАО Example", "looks like Latin letters and has U+041E"),
        ("ｅxample", "'ｅxample' has U+FF45 FULLWIDTH LATIN SMALL LETTER E, which looks like 'e'"),
        ("𝐛ank", "U+1D41B"),
        ("oﬃce", "U+FB03"),
        (a_label("pаypal.com"), "'pаypal' mixes Cyrillic and Latin"),
        (f"*.{a_label('аррӏе')}.com", "'аррӏе' looks like Latin letters"),
        (f"user@{a_label('gοogle.com')}", "Greek and Latin"),
        (f"https://{a_label('pаypal.com')}/x", "Cyrillic and Latin"),
    ],
)
def test_what_is_taken_for_another_name_is_told_with_its_letters(text: str, told: str) -> None:
    reason = why_misread(text)
    assert reason is not None
    assert told in reason


@pytest.mark.parametrize(
    "text",
    [
        "www.example.com", "Müller & Söhne GmbH", "Банк Москвы", "пример.com", "Ελληνική Τράπεζα",
        "株式会社 Example", "東京タワーのABC", "한국 Corp", "קבוצה", "شركة", "Đặng", "Ł",
        "x² + y", "№ 7", "Иван с Марией", "Сбербанк Sberbank", "ʻokina", "スーパー",
        "a1_b", "", "·", a_label("bücher.example"), a_label("пример.example"), "xn--0", "xn--",
    ],
)  # fmt: skip
def test_names_as_people_write_them_are_not(text: str) -> None:
    assert why_misread(text) is None


@given(st.text() | st.text("аaхx.-xn ", max_size=12))
def test_any_text_is_judged_and_what_is_told_is_safe(text: str) -> None:
    assert not has_hidden_characters(why_misread(text) or "")
    shown_name(text)


def test_a_labels_are_shown_with_what_they_stand_for() -> None:
    assert shown_name("www.example.com") == "www.example.com"
    name = a_label("bücher.example")
    assert shown_name(f"*.{name}") == f"*.{name} (*.bücher.example)"
    assert shown_name("xn--0.example") == "xn--0.example"


@pytest.mark.parametrize(
    ("subject", "names", "where"),
    [
        ("O=Example Bаnk,CN=x", (), "the subject may be"),
        ("CN=x", (f"DNS:{a_label('pаypal.com')}",), "'xn--pypal-4ve.com' in subjectAltName"),
        ("CN=x", ("dirName:CN=Bаnk",), "subjectAltName may be"),
        ("CN=x", ("otherName:1.3.6.1.5.5.7.8.9;UTF8:pаypal@example.com",), "subjectAltName may be"),
        (f"CN={a_label('pаypal.com')}", (), "'xn--pypal-4ve.com' in the subject"),
    ],
)
def test_a_certificate_with_such_a_name_has_one_warning(
    subject: str, names: tuple[str, ...], where: str
) -> None:
    key = private_key("P-256")
    request = make_request(key, key, subject=subject, names=names or ("DNS:www.example.com",))
    (finding,) = lint_certificate(load_draft(make_tbs(request, root(), key)), root())
    assert (finding.code, finding.severity) == ("unicode.misread", Severity.WARNING)
    assert where in finding.message
    assert finding.help
