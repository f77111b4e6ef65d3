"""SARIF, by what the standard asks of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from pki_as_code.codes import CODES
from pki_as_code.formats import FINDING_FORMATS, PLAN_FORMATS
from pki_as_code.formats.sarif import fingerprints
from pki_as_code.model import Finding
from tests.formats.conftest import is_inert
from tests.formats.hostile import FOUND, WARNING, any_text, hostile_plan, shows_nothing_hidden
from tests.formats.sarif_parts import check_sarif
from tests.formats.test_findings import DENIED, TYPO
from tests.formats.test_plan import everything


def sarif_of(text: str) -> dict[str, Any]:
    log = json.loads(text)
    check_sarif(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    return run


def test_rules_are_codes_and_their_help_is_the_explanation():
    run = sarif_of(FINDING_FORMATS["sarif"](FOUND, None))
    by_id = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    explained = CODES["manifest.unknown_key"]
    rule = by_id["manifest.unknown_key"]
    assert rule["shortDescription"]["text"] == explained.summary
    assert rule["help"]["text"].replace("\\", "") == explained.remedy
    assert [result["level"] for result in run["results"]] == ["warning", "error", "error"]


def test_sarif_points_at_the_line():
    run = sarif_of(FINDING_FORMATS["sarif"]([TYPO], None))
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {
                    "uri": "certificates/payments/api.yaml",
                    "uriBaseId": "%SRCROOT%",
                },
                "region": {"startLine": 7, "startColumn": 3, "endLine": 7, "endColumn": 11},
            }
        }
    ]


def test_a_result_without_a_place_has_one_all_the_same():
    run = sarif_of(FINDING_FORMATS["sarif"]([WARNING], None))
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "pki.yaml"


def test_fingerprints_survive_that_lines_move_and_tell_equal_ones_apart():
    moved = replace(TYPO, source=replace(TYPO.source, line=70, snippet=TYPO.source.snippet))
    assert fingerprints([TYPO]) == fingerprints([moved])
    first, second = fingerprints([TYPO, TYPO])
    assert first != second
    assert fingerprints([DENIED]) != fingerprints([TYPO])


def test_what_a_plan_refuses_is_a_result():
    run = sarif_of(PLAN_FORMATS["sarif"](everything()))
    assert [result["ruleId"] for result in run["results"]] == ["plan.refused"]


def test_a_message_of_sarif_has_no_links_and_placeholders():
    finding = Finding("a.b", r"see [this](https://evil) {0} \x")
    run = sarif_of(FINDING_FORMATS["sarif"]([finding], None))
    assert run["results"][0]["message"]["text"] == r"see \[this\](https://evil) {{0}} \\x"


@any_text
def test_sarif_holds_any_text(text):
    printed = PLAN_FORMATS["sarif"](hostile_plan(text))
    assert printed.isascii()
    assert is_inert(printed)
    run = sarif_of(printed)
    assert len(run["results"]) == 3
    for result in run["results"]:
        assert not re.search(r"(?<!\\)[\[\]]", result["message"]["text"].replace("\\\\", ""))
        assert shows_nothing_hidden(result["message"]["text"])


def test_another_schema_is_asked_as_well(tmp_path, monkeypatch):
    schema = tmp_path / "sarif.json"
    schema.write_text('{"$schema": "http://json-schema.org/draft-04/schema#", "required": ["x"]}')
    monkeypatch.setenv("PKI_TEST_SARIF_SCHEMA", str(schema))
    with pytest.raises(jsonschema.ValidationError, match="'x' is a required property"):
        sarif_of(FINDING_FORMATS["sarif"](FOUND, None))
