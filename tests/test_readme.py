"""Every command the README shows is run, and says what the README says it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import environment

README = Path(__file__).parents[1] / "README.md"

VOLATILE = (
    (re.compile(r"\b(?:[0-9A-F]{2}:){15,19}[0-9A-F]{2}\b"), "SERIAL"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "DIGEST"),
    (re.compile(r"head [0-9a-f]{16}"), "HEAD"),
    (re.compile(r"(base|Plan for) [0-9a-f]{7,}"), r"\1 COMMIT"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "DATE"),
)


def normal(text: str) -> list[str]:
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return sorted(line.rstrip() for line in text.splitlines() if line.strip())


def sessions() -> list[tuple[str, str]]:
    """Return (command, output) of every console block, in order."""
    found: list[tuple[str, str]] = []
    for block in re.findall(
        r"^```console\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL
    ):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def test_the_readme_shows_commands():
    assert len(sessions()) >= 12


def test_every_command_works_and_says_what_is_shown(tmp_path):
    place = tmp_path
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command, shown in sessions():
        if command.startswith("cd "):
            place = place / command.removeprefix("cd ")
            continue
        # stdout and stderr are buffered apart: which line comes first is not what is compared.
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=place,
            env=environment(PATH=paths),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        if not command.startswith("openssl req"):
            assert normal(done.stdout) == normal(shown), command


def test_the_two_commands_of_the_set_up_are_there():
    run = (README.parent / "run").read_text()
    for command in re.findall(r"^\./run (\w+)", README.read_text(), re.MULTILINE):
        assert re.search(rf"^  {command}\)", run, re.MULTILINE), command
