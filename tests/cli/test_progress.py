"""The bar of a long run: on a terminal, and nowhere else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

LONG_RUN = """
import os, sys, threading
from pki_as_code.cli.progress import ProgressBar
from pki_as_code.cli.streams import tell
with ProgressBar(quiet="quiet" in sys.argv, patience_seconds=float(sys.argv[1])) as bar:
    bar.expect(3000)
    for number in range(3000):
        bar.advance()
        if number % 1000 == 0:
            tell(f"issued {number}")
            print("payload", number, flush=True)
    alone = threading.active_count() == 1
os.write(2, b"END")
sys.exit(not alone)
"""


def on_a_terminal(*arguments: str, term: str = "xterm") -> tuple[str, str]:
    """Return what a long run wrote to stdout, a pipe, and to stderr, a terminal."""
    reader, writer = pty.openpty()
    environment = {**os.environ, "TERM": term, "COLUMNS": "80"}
    program = [sys.executable, "-c", LONG_RUN, *arguments]
    try:
        with subprocess.Popen(
            program, stdout=subprocess.PIPE, stderr=writer, env=environment
        ) as running:
            seen = b""
            while not seen.endswith(b"END"):
                seen += os.read(reader, 65536)
            payload = running.communicate()[0]
        assert running.returncode == 0
    finally:
        os.close(reader)
        os.close(writer)
    return payload.decode(), seen.decode()


def test_a_terminal_sees_a_bar_with_rate_and_the_time_left_beside_the_lines() -> None:
    payload, seen = on_a_terminal("0")
    assert "/3000" in seen
    assert "/s" in seen
    assert "left" in seen
    assert "issued 2000" in seen
    assert payload == "payload 0\npayload 1000\npayload 2000\n"


def test_no_bar_is_shown_for_a_short_run_or_quietly_or_without_a_cursor() -> None:
    for shown in (
        on_a_terminal("60"),
        on_a_terminal("0", "quiet"),
        on_a_terminal("0", term="dumb"),
    ):
        assert shown[1] == "issued 0\r\nissued 1000\r\nissued 2000\r\nEND"


def test_a_pipe_gets_the_lines_only_and_nothing_is_imported_for_it() -> None:
    program = LONG_RUN.replace("not alone", "not alone or 'rich' in sys.modules")
    finished = subprocess.run(
        [sys.executable, "-c", program, "0"], capture_output=True, text=True, check=True
    )
    assert finished.stderr == "issued 0\nissued 1000\nissued 2000\nEND"
