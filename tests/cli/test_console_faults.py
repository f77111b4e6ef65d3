"""Streams that are closed, full or unread; answers at a terminal; errors that say what to do."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pki_as_code.cli import main
from tests.e2e.conftest import Repository, environment

PKICTL = f"'{sys.executable}' -m pki_as_code"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository with one certificate."""
    root = tmp_path_factory.mktemp("console") / "example-pki"
    root.mkdir()
    made = Repository(root)
    made.run("init")
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", os.devnull,
         "-subj", "/CN=www.example.com", "-out", str(root.parent / "web.csr")],
        check=True, capture_output=True,
    )  # fmt: skip
    made.run("sign_cert", "--csr", "../web.csr", "--alt", "web")
    return made


def shell(pki: Repository, line: str) -> tuple[int, str, str]:
    """Run a line of bash, in which `pkictl` is the program; the code is of its first command."""
    done = subprocess.run(
        ["bash", "-c", f"pkictl() {{ {PKICTL} \"$@\"; }}\n{line}\nexit ${{PIPESTATUS[0]}}"],
        cwd=pki.root, env=environment(), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["list_certs", "--help", "list_certs --help", "--version"])
def test_a_reader_who_has_seen_enough_is_no_error(pki, command):
    # `exec 1>&-`: the reader is certainly gone before anything is written.
    line = f"(sleep 0.3; {PKICTL} {command}) | exec 0<&-"
    assert shell(pki, line) == (0, "", "")


def test_of_a_reader_of_stderr_who_has_gone_nothing_is_noticed(pki):
    code, out, _ = shell(pki, f"(sleep 0.3; {PKICTL} reconcile >/dev/null) 2>&1 | exec 0<&-")
    assert (code, out) == (0, "")
    code, _, _ = shell(pki, f"(sleep 0.3; {PKICTL} no_such >/dev/null) 2>&1 | exec 0<&-")
    assert code == 64


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_as_good_as_the_null_device(pki, closed):
    code, out, err = shell(pki, f"pkictl list_certs {closed}")
    assert (code, err) == (0, "")
    assert ("web" in out) is (">&-" not in closed.replace("2>&-", ""))
    assert shell(pki, f"pkictl no_such {closed}")[0] == 64
    assert shell(pki, f"pkictl dump_cert no_such {closed}")[0] == 1


def test_a_full_disk_behind_stdout_is_an_error(pki):
    code, _, err = shell(pki, "pkictl list_certs >/dev/full")
    assert code == 1
    assert err.startswith("error[os.failed]: No space left on device\n  = help: free some space")
    assert "Exception ignored" not in err


def test_a_broken_pipe_to_somebody_else_is_no_success(monkeypatch, capsys):
    from pki_as_code.cli import validate

    def fail(**_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(validate.command, "callback", fail)
    assert main(["validate"]) == 1
    assert "ended the connection" in capsys.readouterr().err


# --- Answers -------------------------------------------------------------------------------------


MOST_PRESSES = 30


def at_a_terminal(pki: Repository, answer: bytes, *arguments: str) -> tuple[int, str]:
    """Run a command at a terminal of its own, and answer its question."""
    child, parent = pty.fork()
    if child == 0:
        # Whoever runs the tests in the background has it ignored, which children inherit.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir(pki.root)
        command = [sys.executable, "-m", "pki_as_code", *arguments]
        os.execve(sys.executable, command, environment())  # noqa: S606
    text = b""
    answered, presses = False, 0
    while True:
        # An interrupt that comes just before the read is seen after it: people press it again.
        patience = 2 if answer == b"\x03" and answered else 60
        if not select.select([parent], [], [], patience)[0]:
            presses += 1
            if answer == b"\x03" and answered and presses < MOST_PRESSES:
                os.write(parent, answer)
                continue
            os.kill(child, signal.SIGKILL)
            pytest.fail(f"no answer at the terminal after {text!r}")
        try:
            piece = os.read(parent, 4096)
        except OSError:  # how a terminal ends
            break
        if not piece:
            break
        text += piece
        if b"[y/N]" in text and not answered:
            answered = True
            os.write(parent, answer)
    os.close(parent)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text.decode()


def test_no_is_an_answer_and_an_interrupt_is_none(pki):
    before = pki.git("rev-parse", "HEAD"), pki.store_head()
    for answer in (b"n\n", b"\n"):
        code, text = at_a_terminal(pki, answer, "revoke_cert", "web")
        assert code == 1
        assert "nothing was changed" in text
        assert "interrupted" not in text
    code, text = at_a_terminal(pki, b"\x03", "revoke_cert", "web")
    assert code == 130
    assert "interrupted" in text
    assert (pki.git("rev-parse", "HEAD"), pki.store_head()) == before


# --- Messages ------------------------------------------------------------------------------------


def test_help_of_several_lines_is_printed_as_lines(pki):
    code, _, err = shell(pki, "pkictl view_ca no_such")
    assert code == 1
    assert "\\x0a" not in err
    lines = err.splitlines()
    start = next(i for i, line in enumerate(lines) if "= help:" in line)
    assert len(lines) - start >= 3
    assert all(line.startswith("    ") for line in lines[start + 1 :])


def test_an_error_of_the_system_names_what_was_meant_and_says_what_to_do(
    pki: Repository, tmp_path: Path
) -> None:
    target = tmp_path / "nowhere" / "plan.json"
    code, _, err = shell(pki, f"pkictl plan --out '{target}'")
    assert code == 1
    assert str(target) in err
    assert ".tmp" not in err
    assert "= help:" in err


def test_errors_of_git_are_one_line_and_name_the_command(pki, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(pki.root, root, symlinks=True)
    copy = Repository(root)
    copy.manifest("other", "subjectAltNames: [other.example.com]\ncsrFile: other.csr")
    copy.write("certificates/other.csr", (pki.root.parent / "web.csr").read_bytes())
    copy.commit()
    packs = root / ".git/objects/pack"
    shutil.rmtree(packs)
    packs.write_bytes(b"")  # nothing can be written there, whoever runs the test
    done = copy.run("reconcile", expect=None)
    assert done.code != 0
    assert "git -c" not in done.err
    assert "crash" not in done.err
    assert "git fast-import failed" in done.err
