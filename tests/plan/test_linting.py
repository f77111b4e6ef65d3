"""What findings of linters count as: what the project says, what a manifest puts up with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import CERTIFICATE, Finding, ObjectId, Severity, format_time
from pki_as_code.plan.linting import Linting, Opinions, lint_rules
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.validate import resolve_all, validate_manifests
from tests.pkix.csr_maker import make_csr
from tests.plan.worlds import BASE, NOW, Files, authority, certificate, load, project, resolve

WEB = ObjectId(CERTIFICATE, "default", "web")
NOTED = Finding("pkilint.pkix.a", "pkilint: a", severity=Severity.INFO)
WARNED = Finding("pkilint.pkix.b", "pkilint: b", severity=Severity.WARNING)
WRONG = Finding("pkilint.pkix.c", "pkilint: c")
KNOWN = Finding("badkeys.roca", "badkeys: known")
LATER, EARLIER = (format_time(NOW + timedelta(days=days)) for days in (1, -1))


def saying(*findings: Finding) -> Opinions:
    return lambda linters, der: [f for f in findings if f.code.startswith(tuple(linters))]


def lints(**spec: Any) -> Files:
    return linted(linters=["pkilint", "badkeys"], **spec)


def linted(**spec: Any) -> Files:
    return project(defaults={"issuer": "issuing"}, lints=spec)


def waiving(code: str, **more: str) -> Files:
    waiver = {"code": code, "reason": "the printer wants it so", **more}
    return certificate("web", subjectAltNames=["web.example.com"], waivers=[waiver])


def counted(
    *parts: Files,
    said: Sequence[Finding] = (NOTED, WARNED, WRONG),
    base: ManifestSet | None = None,
) -> Mapping[str, str]:
    """Return the codes of what is found in the draft of `web`, with the severities."""
    manifests = load(BASE, certificate("web", subjectAltNames=["web.example.com"]), *parts)
    preview = Preview(manifests, {}, NOW, Linting(lint_rules(manifests, base), saying(*said)))
    [web] = [r for r in resolve_all(manifests).certificates if r.loaded.object_id == WEB]
    assert web.request is not None
    return {f.code: str(f.severity) for f in preview.findings(web.request)}


def found(*parts: Files, said: Sequence[Finding] = ()) -> list[Finding]:
    manifests = load(BASE, *parts)
    linting = Linting(lint_rules(manifests), saying(*said))
    return validate_manifests(resolve_all(manifests), NOW, linting)


def test_others_are_not_asked_unless_the_project_says_so() -> None:
    assert counted() == {}


def test_what_others_merely_note_is_not_shown() -> None:
    assert counted(lints()) == {WARNED.code: "warning", WRONG.code: "error"}


def test_the_project_says_what_a_code_counts_as() -> None:
    severities = {NOTED.code: "info", WARNED.code: "error", WRONG.code: "warning"}
    assert counted(lints(severities=severities)) == severities
    assert counted(lints(severities={WARNED.code: "off", WRONG.code: "off"})) == {}


def test_a_known_key_stays_an_error() -> None:
    rules = lints(severities={KNOWN.code: "off"}, waivable=[KNOWN.code])
    assert counted(rules, waiving(KNOWN.code), said=[KNOWN]) == {KNOWN.code: "error"}


def test_what_our_own_lints_call_an_error_stays_one_and_nobody_else_is_asked() -> None:
    own = "rfc5280.name_not_permitted"
    lab = authority("lab", parent="root", nameConstraints={"permitted": ["DNS:lab.example"]})
    web = certificate(
        "web",
        issuer="lab",
        subjectAltNames=["web.example.com"],
        waivers=[{"code": own, "reason": "please"}],
    )
    rules = lints(severities={own: "off"}, waivable=[own])
    assert counted(lab, rules, web, said=[WRONG]) == {own: "error"}


def test_a_warning_of_our_own_can_be_raised_and_turned_down() -> None:
    open_ended = certificate(
        "web",
        subjectAltNames=["web.example.com"],
        extensions={"extendedKeyUsage": {"value": ["anyExtendedKeyUsage"]}},
    )
    code = "cabf.any_purpose"
    assert counted(open_ended) == {code: "warning"}
    assert counted(open_ended, linted(severities={code: "error"})) == {code: "error"}
    assert counted(open_ended, linted(severities={code: "off"})) == {}


def test_what_is_waived_is_shown_with_the_reason() -> None:
    manifests = load(BASE, lints(waivable=[WRONG.code]), waiving(WRONG.code))
    preview = Preview(manifests, {}, NOW, Linting(lint_rules(manifests), saying(WRONG)))
    [finding] = preview.findings(resolve(manifests).request)
    assert finding.severity is Severity.WARNING
    assert finding.message == "pkilint: c; waived: the printer wants it so"
    assert finding.waiver == "the printer wants it so"


@pytest.mark.parametrize(
    ("until", "severity"), [(LATER, "warning"), (EARLIER, "error"), (format_time(NOW), "error")]
)
def test_a_waiver_ends(until: str, severity: str) -> None:
    rules = lints(waivable=[WRONG.code])
    assert counted(rules, waiving(WRONG.code, until=until), said=[WRONG]) == {WRONG.code: severity}


def test_a_waiver_that_is_over_is_told() -> None:
    told = found(lints(waivable=[WRONG.code]), waiving(WRONG.code, until=EARLIER), said=[WRONG])
    assert [f.code for f in told if f.severity is Severity.WARNING] == ["lint.waiver_over"]


def test_nobody_permits_himself_a_waiver() -> None:
    told = found(lints(), waiving(WRONG.code), said=[WRONG])
    assert {(f.code, str(f.severity)) for f in told} >= {
        ("lint.not_waivable", "error"),
        (WRONG.code, "error"),
    }
    [refused] = [f for f in told if f.code == "lint.not_waivable"]
    assert refused.source is not None
    assert WRONG.code in refused.source.snippet


def test_a_waiver_that_nothing_needs_is_told() -> None:
    told = found(lints(waivable=[WRONG.code]), waiving(WRONG.code))
    assert [(f.code, str(f.severity)) for f in told] == [("lint.waiver_unused", "info")]


def test_a_waiver_is_no_cause_to_sign_again() -> None:
    plain = load(BASE, certificate("web", subjectAltNames=["web.example.com"]))
    waived = load(BASE, lints(waivable=[WRONG.code]), waiving(WRONG.code))
    before, after = resolve(plain).request, resolve(waived).request
    assert before == after
    assert before.intent == after.intent


def test_a_misspelt_code_is_told_where_it_stands() -> None:
    rules = linted(severities={"cabf.any_purposes": "error"}, waivable=["pkilint.made.up"])
    [finding] = found(rules)
    assert (finding.code, str(finding.severity)) == ("lint.unknown_code", "warning")
    assert finding.help == "did you mean `cabf.any_purpose`?"
    assert finding.source is not None
    assert "cabf.any_purposes" in finding.source.snippet


SMALL = "key.rsa_small_exponent"


def test_what_is_found_in_a_csr_counts_as_the_project_says() -> None:
    csr = {"certificates/web.csr": make_csr(rsa.generate_private_key(3, 2048))}
    small = {**certificate("web", subjectAltNames=["web.example.com"]), **csr}
    assert [f.code for f in found(small)] == [SMALL]
    assert found(linted(severities={SMALL: "off"}), small) == []
    waived = {**waiving(SMALL), **csr}
    [told] = found(linted(severities={SMALL: "error"}, waivable=[SMALL]), waived)
    assert (told.code, str(told.severity)) == (SMALL, "warning")
    assert told.waiver == "the printer wants it so"


# --- Under a base --------------------------------------------------------------------------------


def test_a_change_turns_nothing_down_that_it_needs_at_once() -> None:
    before = load(BASE, lints())
    easy = lints(severities={WRONG.code: "off", WARNED.code: "off"})
    assert counted(easy, base=before) == {WARNED.code: "warning", WRONG.code: "error"}


def test_a_change_leaves_no_linter_out_that_it_needs_at_once() -> None:
    assert counted(base=load(BASE, lints()), said=[WRONG]) == {WRONG.code: "error"}


def test_a_change_makes_nothing_waivable_for_itself() -> None:
    given = (lints(waivable=[WRONG.code]), waiving(WRONG.code))
    assert counted(*given, said=[WRONG], base=load(BASE, lints())) == {WRONG.code: "error"}
    both = load(BASE, lints(waivable=[WRONG.code]))
    assert counted(*given, said=[WRONG], base=both) == {WRONG.code: "warning"}


def test_a_change_can_raise_what_it_likes() -> None:
    strict = lints(severities={WARNED.code: "error"})
    assert counted(strict, said=[WARNED], base=load(BASE, lints())) == {WARNED.code: "error"}


# --- Whom to ask ---------------------------------------------------------------------------------


def test_without_anybody_to_ask_nothing_is_signed() -> None:
    manifests = load(BASE, lints(), certificate("web", subjectAltNames=["web.example.com"]))
    preview = Preview(manifests, {}, NOW, Linting(lint_rules(manifests)))
    [finding] = preview.findings(resolve(manifests).request)
    assert (finding.code, finding.severity) == ("lint.linter_missing", Severity.ERROR)


def test_nothing_is_said_of_the_key_of_an_authority_that_is_yet_to_be_made() -> None:
    asked: list[list[str]] = []

    def ask(linters: Sequence[str], der: bytes) -> list[Finding]:
        asked.append(list(linters))
        return []

    manifests = load(BASE, lints())
    validate_manifests(resolve_all(manifests), NOW, Linting(lint_rules(manifests), ask))
    assert asked
    assert all(linters == ["pkilint"] for linters in asked)
