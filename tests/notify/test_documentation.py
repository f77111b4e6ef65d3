"""What `docs/notices.md` shows is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pki_as_code.notify.webhook import make_body
from pki_as_code.notify.wording import facts
from tests.notify.conftest import notice
from tests.plan.worlds import NOW, MemoryTree, authority, load_manifests

PAGE = (Path(__file__).parents[2] / "docs/notices.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def test_the_body_of_a_webhook_has_the_fields_that_are_shown():
    (shown,) = map(json.loads, blocks("json"))
    made = json.loads(make_body(notice("https://hooks.example.com/x"), NOW))
    assert list(shown) == list(made)
    assert list(shown["certificate"]) == list(made["certificate"])


def test_the_manifests_are_valid():
    files = {text.split("\n", 1)[0].removeprefix("# "): text.encode() for text in blocks("yaml")}
    assert sorted(files) == ["pki.yaml", "watchers/oncall.yaml"]
    loaded = load_manifests(MemoryTree(files | authority("issuing")))
    assert [str(finding) for finding in loaded.findings] == []


def test_every_name_that_a_template_may_use_is_listed():
    given = facts(notice(), NOW)
    for name, value in given.items():
        parts = value if isinstance(value, dict) else {"": None}
        for part in parts:
            listed = (f"`{name}.{part}`", f"`.{part}`") if part else (f"`{name}`",)
            assert any(text in PAGE for text in listed), (name, part)
