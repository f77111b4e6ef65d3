from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from pki_as_code.cli import main
from tests.apply.site import (
    Site,
    bare_template,
    copy_of,
    directory,
    git_identity,
    told,
)

__all__ = [
    "bare_template",
    "directory",
    "git_identity",
]

START = datetime.now(UTC).replace(microsecond=0)
"""The commands look at the clock: what they find was made just before."""


@pytest.fixture(scope="session")
def template(bare_template: Path, memory_directory: Path) -> Path:
    site = copy_of(bare_template, Path(mkdtemp(dir=memory_directory)) / "template", START)
    assert told(site.run()) == ["issue root", "issue issuing"]
    site.close()
    return site.root


@pytest.fixture
def site(template: Path, directory: Path) -> Iterator[Site]:
    copied = copy_of(template, directory / "example-pki", START)
    yield copied
    copied.close()


@pytest.fixture
def bare_site(bare_template: Path, directory: Path) -> Iterator[Site]:
    copied = copy_of(bare_template, directory / "bare-pki", START)
    yield copied
    copied.close()


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process; its answer has neither colour nor a terminal."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)

    def run_command(*arguments: str, expect: int | None = 0, at: Site | None = None) -> Done:
        place = ("-C", str(at.root)) if at is not None else ()
        capfd.readouterr()
        code = main([*place, *arguments])
        captured = capfd.readouterr()
        done = Done(code, captured.out, captured.err)
        if expect is not None:
            assert code == expect, (arguments, done)
        return done

    return run_command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Put a function in the place of the command `list_cas`."""
    import click

    from pki_as_code.cli import list_cas

    def replace(function: Callable[[], Any]) -> None:
        replaced = click.command("list_cas")(function)
        monkeypatch.setattr(list_cas, "command", replaced)

    return replace
