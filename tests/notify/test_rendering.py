"""What a mail says, and templates of a repository's own."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from pki_as_code.errors import DeliveryError
from pki_as_code.model import Event, Notice, Revocation
from pki_as_code.notify import rendering
from pki_as_code.notify.mail import make_mail
from pki_as_code.notify.rendering import MAX_OUTPUT, MAX_TEMPLATE, Parts, open_renderer
from pki_as_code.notify.wording import facts, plain_text, remaining
from tests.notify.conftest import certificate, notice
from tests.plan.worlds import DAY, NOW, MemoryTree, authority_id

EVENTS = [
    notice(),
    notice(renewal="Request", csr_path="certificates/web.csr"),
    notice(renewal="None"),
    notice(renewal=""),
    notice(certificate=certificate(object_id=authority_id("issuing"))),
    notice(event=Event.EXPIRED, threshold_seconds=0),
    notice(event=Event.RENEWAL_FAILED, failure="the key is gone", threshold_seconds=0),
    notice(
        event=Event.REVOKED,
        certificate=certificate(revocation=Revocation("keyCompromise", NOW)),
    ),
    notice(
        event=Event.ON_HOLD,
        certificate=certificate(revocation=Revocation("certificateHold", NOW)),
    ),
    notice(certificate=certificate(subject="", subject_alternative_names=(), issuer="", path="")),
]
events = pytest.mark.parametrize("about", EVENTS, ids=lambda n: f"{n.event}-{n.renewal}")


def parts(about: Notice | None = None, **templates: str | bytes) -> Parts:
    files = {
        f"templates/notice.{part}.j2": text.encode() if isinstance(text, str) else text
        for part, text in templates.items()
    }
    return open_renderer(MemoryTree(files)).render(about or notice(), NOW)


def failure(about: Notice | None = None, **templates: str | bytes) -> str:
    with pytest.raises(DeliveryError) as caught:
        parts(about, **templates)
    assert caught.value.code == "notify.template"
    assert caught.value.message.isprintable()
    return caught.value.message


# --- Built in ------------------------------------------------------------------------------------


def test_a_mail_names_the_certificate_its_end_and_what_to_do():
    subject, text, html = parts()
    assert subject == "Certificate www.example.com ends in 14 days, at 2026-12-07T10:00:00Z"
    for fact in (
        "  Object    web\n",
        "  Subject   CN=www.example.com,O=Example\n",
        "  Names     DNS:www.example.com\n",
        "  Serial    10:01\n",
        "  Issued by issuing\n",
        "  Ends      2026-12-07T10:00:00Z\n",
        "  Manifest  certificates/web.yaml\n",
        "`pkictl dump_cert web FILE`",
        "names ops@example.com.",
    ):
        assert fact in text
    assert html is not None
    for fact in ("CN=www.example.com,O=Example", "10:01", "certificates/web.yaml", "issuing"):
        assert f">{fact}</td>" in html


@events
def test_the_text_is_the_same_without_jinja(about, monkeypatch):
    with_jinja = parts(about)
    monkeypatch.setattr(rendering, "find_spec", lambda _: None)
    without = parts(about)
    assert without == Parts(with_jinja.subject, with_jinja.text, None)
    assert plain_text(about, NOW) == with_jinja.text


@events
def test_every_event_has_a_subject_of_one_line_and_something_to_do(about):
    subject, text, _ = parts(about)
    assert subject.isprintable()
    assert "What to do\n\n  - " in text
    assert facts(about, NOW)["advice"]


def test_text_of_others_is_escaped_in_text_and_in_html():
    about = notice(
        certificate=certificate(
            subject="CN=<b>x</b>\u202e\x1b[31m",
            subject_alternative_names=("URI:<script>alert(1)</script>",),
        )
    )
    subject, text, html = parts(about)
    assert html is not None
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    for said in (subject, text, html):
        assert "\u202e" not in said
        assert "\x1b" not in said
        assert "<b>" not in html


def test_five_hundred_names_do_not_make_a_mail_of_five_hundred_lines():
    names = tuple(f"DNS:a{number}.example.com" for number in range(500))
    _, text, _ = parts(notice(certificate=certificate(subject_alternative_names=names)))
    assert "DNS:a19.example.com, and 480 more\n" in text
    assert "DNS:a20.example.com" not in text


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (14, "14 days"), (13.99, "14 days"), (13.4, "13 days"), (1.4, "1 day"), (1, "1 day"),
        (0.99, "1 day"), (0.97, "23 hours"), (0.05, "1 hour"), (0.01, "less than an hour"),
    ],
)  # fmt: skip
def test_time_is_told_in_whole_days_and_in_hours_on_the_last(days, said):
    assert remaining(days * DAY) == said


# --- Templates of a repository's own -------------------------------------------------------------


def test_a_repository_has_its_own_words():
    own = parts(
        subject="[{{ event }}] {{ title }}\n",
        txt="{{ certificate.serial }} in {{ days }}",
        html="<p>{{ certificate.subject }}</p>",
    )
    assert own == Parts(
        "[expiring] www.example.com", "10:01 in 14", "<p>CN=www.example.com,O=Example</p>"
    )


def test_with_a_text_of_its_own_and_no_html_there_is_no_html():
    assert parts(txt="mine").html is None
    assert parts(html="<p>mine</p>").text.startswith("Certificate www.example.com")


def test_a_template_can_build_on_the_one_that_is_built_in_and_on_its_neighbours():
    block = '{% block closing %}{% include "foot.j2" %}{% endblock %}'
    text = '{% extends "builtin/notice.txt.j2" %}' + block
    files = {"templates/notice.txt.j2": text.encode(), "templates/foot.j2": b"Call 4711."}
    made = open_renderer(MemoryTree(files)).render(notice(), NOW)
    assert made.text.startswith("Certificate www.example.com ends in 14 days")
    assert made.text.endswith("Call 4711.")


def test_html_is_escaped_in_a_template_of_its_own_too():
    about = notice(failure="<script>", event=Event.RENEWAL_FAILED)
    assert parts(about, html="{{ failure }}").html == "&lt;script&gt;"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("a\nb\n{{ nothing_of_that_name }}", "templates/notice.txt.j2:3: 'nothing_of_that_name'"),
        ("{{ certificate.serail }}", "templates/notice.txt.j2:1: "),
        ("a\n{% if %}", "templates/notice.txt.j2:2: "),
        ("a\n{{ 1 / 0 }}", "templates/notice.txt.j2:2: "),
        ('{% include "none.j2" %}', "includes 'none.j2', which is not there"),
        ('{% include "../pki.yaml" %}', "which is not there"),
        ('{% include "/etc/passwd" %}', "which is not there"),
        ('{% extends "builtin/../interface.py" %}', "which is not there"),
        ("{{ ''.__class__.__mro__ }}", "templates/notice.txt.j2:1: "),
        ("{{ certificate.update({}) }}", "templates/notice.txt.j2:1: "),
        ("{{ advice.append('x') }}", "templates/notice.txt.j2:1: "),
        ("{{ 'x' * 10000000000 }}", "templates/notice.txt.j2:1: `*` is for numbers only"),
        ("{{ 9 ** 9 ** 9 }}", "templates/notice.txt.j2:1: `**` is not available"),
        ("{{ '%9999999999d' % 1 }}", "templates/notice.txt.j2:1: `%` is for numbers only"),
        ("{% for i in range(1000000000) %}x{% endfor %}", "templates/notice.txt.j2:1: "),
        (
            "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
            f"gives more than {MAX_OUTPUT} characters",
        ),
    ],
)
def test_a_template_that_cannot_be_used_is_an_error_with_its_line(template, said):
    assert said in failure(txt=template)


def test_a_template_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setattr(rendering, "RENDERING_SECONDS", 0.2)
    loop = "{% for i in range(15000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}"
    assert "not done within 0.2 seconds" in failure(txt=loop)


def test_the_line_of_an_included_template_is_named():
    files = {
        "templates/notice.txt.j2": b'a\n{% include "foot.j2" %}',
        "templates/foot.j2": b"\n\n{{ gone }}",
    }
    with pytest.raises(DeliveryError) as caught:
        open_renderer(MemoryTree(files)).render(notice(), NOW)
    assert caught.value.message.startswith("templates/foot.j2:3: ")


def test_a_template_has_a_size_and_an_encoding():
    assert f"{MAX_TEMPLATE} are the most" in failure(txt=b"x" * (MAX_TEMPLATE + 1))
    assert "not UTF-8" in failure(txt=b"\xff")


@pytest.mark.parametrize("subject", ["a\nBcc: all@example.com", "", "x" * 400, "a\u2028b"])
def test_a_subject_is_one_line(subject):
    assert "one line" in failure(subject=subject)


def test_templates_need_jinja(monkeypatch):
    monkeypatch.setattr(rendering, "find_spec", lambda _: None)
    with pytest.raises(DeliveryError) as caught:
        parts(txt="mine")
    assert caught.value.code == "notify.no_jinja"


# --- Mail ----------------------------------------------------------------------------------------


def mail(about: Notice | None = None, said: Parts | None = None) -> Any:
    made = make_mail(about or notice(), said or parts(), "PKI ünit <pki@example.com>", NOW)
    return made, message_from_bytes(made.as_bytes(), policy=default)


def test_a_mail_has_two_parts_that_say_the_same_and_comes_through_as_written():
    made, read = mail(said=Parts("Zertifikat läuft ab", "Grüße " * 400, "<p>Grüße</p>"))
    assert max(map(len, made.as_bytes().split(b"\r\n"))) < 100
    assert made.as_bytes().isascii()
    assert read["Subject"] == "Zertifikat läuft ab"
    assert read["From"] == "PKI ünit <pki@example.com>"
    assert read["Date"] == "Mon, 23 Nov 2026 10:00:00 +0000"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_body(("plain",)).get_content().strip() == ("Grüße " * 400).strip()
    assert read.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"


def test_a_mail_that_is_repeated_has_the_same_message_id():
    ids = {mail()[1]["Message-ID"] for _ in range(2)}
    assert len(ids) == 1
    assert ids.pop().endswith("@example.com>")
    assert mail(notice("mailto:dev@example.com"))[1]["Message-ID"] not in ids


@pytest.mark.parametrize("name", ["a\r\nBcc: all@example.com", "a\nb"])
def test_a_line_break_in_a_name_is_refused(name):
    with pytest.raises(DeliveryError) as caught:
        mail(notice(name=name))
    assert caught.value.code == "notify.bad_header"


def test_a_line_break_in_a_subject_is_refused():
    with pytest.raises(DeliveryError):
        mail(said=Parts("a\r\nBcc: all@example.com", "x", None))


@pytest.mark.parametrize("name", ["Jane Doe", "Doe (Jane)", "Jörg 🦊"])
def test_a_name_stands_before_the_address(name):
    _, read = mail(notice(name=name))
    [address] = read["To"].addresses
    assert (address.display_name, address.addr_spec) == (name, "ops@example.com")
