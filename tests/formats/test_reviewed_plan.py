"""Plan files: what is read, and what is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pki_as_code.errors import InvalidValueError
from pki_as_code.formats import format_plan_json, reviewed_plan
from pki_as_code.formats.reviewed_plan import check_reviewed, parse_reviewed_plan
from tests.plan.worlds import BASE, certificate, load, plan

GOOD: dict[str, Any] = {
    "schemaVersion": 1,
    "digest": "sha256:" + "ab" * 32,
    "plannedAt": "2026-11-23T10:00:00Z",
    "changes": [{"action": "issue", "kind": "Certificate", "namespace": "default", "name": "web"}],
    "refused": [],
}


def parse(**values: Any) -> Any:
    given = {name: value for name, value in {**GOOD, **values}.items() if value is not ...}
    return parse_reviewed_plan(json.dumps(given).encode())


def test_what_is_written_is_read_and_fits():
    manifests = load(BASE, certificate("web", subjectAltNames=["www.example.com"]))
    planned = plan(manifests)
    reviewed = parse_reviewed_plan(format_plan_json(planned).encode())
    assert (reviewed.digest, reviewed.planned_at) == (planned.digest, planned.planned_at)
    check_reviewed(reviewed, planned)


def test_a_plan_file_says_when_and_what():
    reviewed = parse()
    assert reviewed.planned_at == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert [change["name"] for change in reviewed.changes] == ["web"]


@pytest.mark.parametrize(
    "values",
    [
        {"schemaVersion": True},
        {"schemaVersion": 0},
        {"schemaVersion": "1"},
        {"schemaVersion": ...},
        {"digest": "sha256:" + "AB" * 32},
        {"digest": "sha256:" + "ab" * 31},
        {"digest": "sha256:" + "ab" * 32 + "\n"},
        {"digest": 5},
        {"digest": ...},
        {"plannedAt": "2026-11-23T10:00:00+00:00"},
        {"plannedAt": "2026-11-23"},
        {"plannedAt": "2026-13-23T10:00:00Z"},
        {"plannedAt": "٢026-11-23T10:00:00Z"},
        {"plannedAt": 0},
        {"plannedAt": ...},
        {"changes": {}},
        {"changes": [1]},
        {"changes": [{"kind": "Certificate", "namespace": "", "name": "web"}]},
        {"changes": ...},
        {"refused": [{"kind": "Certificate", "namespace": "", "name": None}]},
        {"refused": ...},
    ],
)
def test_a_plan_file_is_read_strictly(values):
    with pytest.raises(InvalidValueError) as refused:
        parse(**values)
    assert refused.value.code == "plan_file.malformed"


def test_a_key_that_is_there_twice_is_refused():
    text = json.dumps(GOOD).replace('"refused"', '"changes": [], "refused"')
    with pytest.raises(InvalidValueError, match="twice"):
        parse_reviewed_plan(text.encode())


def test_a_file_that_is_too_large_is_not_parsed(monkeypatch):
    monkeypatch.setattr(reviewed_plan, "MAX_BYTES", 10)
    with pytest.raises(InvalidValueError) as refused:
        parse()
    assert refused.value.code == "plan_file.too_large"
