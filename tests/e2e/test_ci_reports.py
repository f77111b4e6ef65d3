"""`plan` and `validate` as a job of CI runs them: annotations, a summary, files to keep."""

from __future__ import annotations

import json

import pytest

from tests.e2e.quick import Quick
from tests.formats.test_sarif import sarif_of

BROKEN = (
    "apiVersion: pki-as-code/v1\nkind: Certificate\nmetadata: {name: web}\n"
    "spec:\n  csrFile: web.csr\n  dnsNames: [www.example.com]\n"
)


@pytest.fixture
def quick(repository):
    return Quick(repository.root)


def test_a_plan_is_told_in_several_forms_at_once(quick, tmp_path):
    quick.ask("web")
    quick.commit()
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = quick.run(
        "plan", "--ref", "HEAD", "--output", "github", "--summary",
        "--report", f"markdown={tmp_path}/comment.md", "--report", f"sarif={tmp_path}/pki.sarif",
        "--report", f"junit={tmp_path}/junit.xml", "--report", "json=../plan.json",
        env={"GITHUB_STEP_SUMMARY": str(summary)},
    )  # fmt: skip
    assert "::notice file=certificates/web.yaml,line=" in done.out
    assert "title=issue certificate web::by issuing%3A" not in done.out  # only properties have %3A
    assert "title=issue certificate web::by issuing: 90d  web.example.com" in done.out
    comment = (tmp_path / "comment.md").read_text()
    assert summary.read_text() == f"before\n{comment}\n"
    assert "`certificate web`" in comment
    assert sarif_of((tmp_path / "pki.sarif").read_text())["results"] == []
    assert "<testcase" in (tmp_path / "junit.xml").read_text()
    assert json.loads((quick.root.parent / "plan.json").read_text())["summary"]["issue"] == 1


def test_findings_are_annotated_on_their_line(quick, tmp_path):
    quick.ask("web")
    quick.write("certificates/web.yaml", BROKEN)
    done = quick.run("validate", "-o", "github", "--report", f"codequality={tmp_path}/q",
                     "--report", f"sarif={tmp_path}/s", expect=1)  # fmt: skip
    rules = {result["ruleId"] for result in sarif_of((tmp_path / "s").read_text())["results"]}
    assert "manifest.unknown_key" in rules
    assert "::error file=certificates/web.yaml,line=6,endLine=6,col=3," in done.out
    assert "title=manifest.unknown_key::" in done.out
    lines = {
        finding["check_name"]: finding["location"]["lines"]
        for finding in json.loads((tmp_path / "q").read_text())
    }
    assert lines["manifest.unknown_key"] == {"begin": 6}


def test_a_repository_that_cannot_be_planned_is_told_in_the_same_forms(quick, tmp_path):
    text = (quick.root / "authorities/issuing.yaml").read_text()
    quick.write("authorities/issuing.yaml", text.replace("subject:", "sbject:"))
    quick.commit()
    done = quick.run(
        "plan", "--ref", "HEAD", "-o", "github", "--report", f"markdown={tmp_path}/c", expect=1
    )
    assert "::error file=authorities/issuing.yaml,line=" in done.out
    assert "error[manifest.unknown_key]" in (tmp_path / "c").read_text()
    assert "error[manifest.unknown_key]" in done.err


def test_options_are_read_before_anything_is_done(quick):
    assert "GITHUB_STEP_SUMMARY" in quick.run("plan", "--summary", expect=64).err
    assert "FORM=FILE" in quick.run("plan", "--report", "html=x", expect=64).err
    assert "FORM=FILE" in quick.run("validate", "--report", "sarif", expect=64).err
