"""JUnit XML and Code Quality, as GitLab reads them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from pki_as_code.formats import FINDING_FORMATS, PLAN_FORMATS
from pki_as_code.formats.sarif import fingerprints
from tests.formats.conftest import is_inert
from tests.formats.hostile import FOUND, any_text, hostile_plan, shows_nothing_hidden
from tests.formats.test_findings import DENIED
from tests.formats.test_plan import everything


def read_xml(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 (we made it ourselves)


def test_junit_has_a_case_for_each_finding():
    suites = read_xml(FINDING_FORMATS["junit"](FOUND, 14))
    assert suites.attrib == {"tests": "3", "failures": "2", "errors": "0"}
    cases = list(suites.iter("testcase"))
    assert cases[1].attrib == {
        "classname": "certificates/payments/api.yaml",
        "name": "manifest.unknown_key:7: unknown key `dnsNames` in spec",
    }
    failure = cases[1].find("failure")
    assert failure is not None
    assert failure.get("type") == "manifest.unknown_key"
    assert " 7 |   dnsNames: [api" in str(failure.text)
    assert cases[0].find("failure") is None  # a warning


def test_junit_of_a_plan_has_a_case_for_each_change():
    plan = everything()
    suites = read_xml(PLAN_FORMATS["junit"](plan))
    names = [case.get("name") for case in suites.iter("testcase")]
    assert len(names) == len(plan.changes) + 1
    assert "issue certificate payments/api" in names
    assert [case.get("name") for case in suites.iter("testcase") if case.find("failure")] == []
    assert len(list(suites.iter("failure"))) == 1


def test_junit_without_findings_has_a_case_that_passes():
    (case,) = read_xml(FINDING_FORMATS["junit"]([], 14)).iter("testcase")
    assert case.find("failure") is None


@any_text
def test_junit_is_xml_whatever_comes(text):
    printed = PLAN_FORMATS["junit"](hostile_plan(text))
    assert printed.isascii()
    assert is_inert(printed)
    suites = read_xml(printed)
    assert len(list(suites.iter("testcase"))) == 3 + 3
    every = {element.tag for element in suites.iter()}
    assert every <= {"testsuites", "testsuite", "testcase", "failure", "system-out"}


def test_code_quality_is_as_gitlab_reads_it():
    assert json.loads(FINDING_FORMATS["codequality"]([DENIED], None)) == [
        {
            "description": "payments may not have www.example.com "
            "policies/payments.yaml grants *.payments.example.com",
            "check_name": "policy.name_not_allowed",
            "fingerprint": fingerprints([DENIED])[0],
            "severity": "critical",
            "location": {"path": "certificates/payments/api.yaml", "lines": {"begin": 8}},
        }
    ]
    assert json.loads(FINDING_FORMATS["codequality"]([], None)) == []


@any_text
def test_code_quality_holds_any_text(text):
    printed = PLAN_FORMATS["codequality"](hostile_plan(text))
    assert printed.isascii()
    assert is_inert(printed)
    entries = json.loads(printed)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries) == 3
    assert all(shows_nothing_hidden(entry["description"]) for entry in entries)


@pytest.mark.parametrize("form", FINDING_FORMATS)
def test_every_form_of_findings_ends_its_last_line(form):
    for findings in ([], FOUND):
        assert FINDING_FORMATS[form](findings, 3).endswith("\n")
