"""`--output`, `--report` and `--summary` of `plan` and `validate`: one look, several forms."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option

if TYPE_CHECKING:
    from pki_as_code.model import Finding, Plan

F = TypeVar("F", bound=Callable[..., Any])

CI_FORMS = ("github", "markdown", "sarif", "junit", "codequality")
"""Forms for machines that run checks. In them, an error that ends the command is told, too."""

REPORT_FORMS = ("text", "json", *CI_FORMS)
_SHOWN_FORMS = f"{', '.join(REPORT_FORMS[:-1])} or {REPORT_FORMS[-1]}"

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


def report_options(function: F) -> F:
    """Add the options for a run in CI, which has to tell the same in several places."""
    for decorate in reversed(_OPTIONS):
        function = decorate(function)
    return function


_OPTIONS = (
    option("--report", "reports", metavar="FORM=FILE", multiple=True, help="Also write the result "
           f"to FILE, as {_SHOWN_FORMS}. May be repeated."),
    option("--summary", is_flag=True, help="Also append the result, as Markdown, to the summary of "
           f"the job: the file that {SUMMARY_VARIABLE} names."),
)  # fmt: skip


@dataclass(frozen=True)
class Reports:
    """Where the result goes, and in which form."""

    console: Console
    output: str
    files: tuple[tuple[str, Path], ...]
    summary: Path | None

    @classmethod
    def wanted(
        cls, console: Console, output: str, reports: Sequence[str], *, summary: bool
    ) -> Reports:
        """
        Read the options before anything is done.

        Raises:
            click.UsageError: there is no such form, no file, or no summary to append to.
        """
        files = []
        for text in reports:
            form, _, path = text.partition("=")
            if form not in REPORT_FORMS or not path:
                raise click.BadParameter(
                    f"{text[:80]!r} is not FORM=FILE with a form of {_SHOWN_FORMS}",
                    param_hint="--report",
                )
            files.append((form, console.directory / path))
        place = os.environ.get(SUMMARY_VARIABLE)
        if summary and not place:
            raise click.UsageError(f"--summary needs {SUMMARY_VARIABLE}, which names the file")
        return cls(console, output, tuple(files), Path(place) if summary and place else None)

    def tell_plan(self, plan: Plan) -> None:
        from pki_as_code.formats import format_plan

        if self.output == "text":
            self.console.write(format_plan(plan, color=self.console.color))
        else:
            self.console.write(_plan_in(self.output, plan))
        self._write(lambda form: _plan_in(form, plan))

    def tell_findings(self, findings: Sequence[Finding], file_count: int | None) -> None:
        from pki_as_code.formats import format_findings

        if self.output == "text":
            color = self.console.color
            self.console.write(format_findings(findings, file_count=file_count, color=color))
        else:
            self.console.write(_findings_in(self.output, findings, file_count))
        self._write_findings(findings, file_count)

    @contextmanager
    def errors_told(self) -> Iterator[None]:
        """
        Tell an error that ends the command in the forms for CI as well, then let it go on.

        A repository that cannot be read has no plan, and its pull request still needs to be told.
        """
        from pki_as_code.errors import PkiAsCodeError
        from pki_as_code.model import Finding

        try:
            yield
        except PkiAsCodeError as error:
            own = Finding(error.code, error.message, help=error.help)
            findings = list(error.findings) or [own]
            if self.output in CI_FORMS:
                self.console.write(_findings_in(self.output, findings, None))
            self._write_findings(findings, None)
            raise

    def _write_findings(self, findings: Sequence[Finding], file_count: int | None) -> None:
        self._write(lambda form: _findings_in(form, findings, file_count))

    def _write(self, make: Callable[[str], str]) -> None:
        from pki_as_code.durable import write_file_atomically

        for form, path in self.files:
            write_file_atomically(path, make(form).encode())
        if self.summary is not None:
            with self.summary.open("a", encoding="utf-8") as file:
                file.write(make("markdown") + "\n")


# Only here are the tables of all forms imported: most runs print text, and write no report.


def _plan_in(form: str, plan: Plan) -> str:
    from pki_as_code.formats import PLAN_FORMATS

    return PLAN_FORMATS[form](plan)


def _findings_in(form: str, findings: Sequence[Finding], file_count: int | None) -> str:
    from pki_as_code.formats import FINDING_FORMATS

    return FINDING_FORMATS[form](findings, file_count)
