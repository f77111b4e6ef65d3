"""The frame around every command: options, help, exit codes, errors."""

from __future__ import annotations

import importlib
import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
import pytest

from pki_as_code.cli import COMMANDS, main
from pki_as_code.cli.console import EnvironmentSecrets, wants_color
from pki_as_code.cli.main import root
from pki_as_code.errors import ContentionError, InvalidValueError, PolicyDeniedError, UsageError
from pki_as_code.model import Finding, Source


def commands(
    group: click.Group = root, path: str = "pkictl"
) -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, `pkictl store verify` included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield f"{path} {name}", found
        if isinstance(found, click.Group):
            yield from commands(found, f"{path} {name}")


EVERY = dict([("pkictl", root), *commands()])


# --- Help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_of_commands_is_the_commands_own_help(name):
    entry = COMMANDS[name]
    module = importlib.import_module(f"pki_as_code.cli.{entry.module}")
    assert module.command.help.split("\n\n")[0].strip() == entry.help


@pytest.mark.parametrize("name", EVERY)
def test_every_option_tells_its_variable(name, run):
    done = run(*name.split()[1:], "--help")
    told = "".join(done.out.split())  # long names are folded
    prefix = "_".join(["PKI", *(word.upper() for word in name.split()[1:])])
    for parameter in EVERY[name].params:
        if not isinstance(parameter, click.Option) or parameter.hidden:
            continue
        if parameter.name in {"help", "version"}:
            continue
        variable = f"{prefix}_{parameter.name.upper()}"
        assert f"envvar:{variable}" in told, (parameter.name, variable)


@pytest.mark.parametrize("name", EVERY)
def test_every_command_and_option_has_a_help_text(name):
    command = EVERY[name]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, parameter.name


def test_the_help_of_the_program_lists_every_command(run):
    out = run("--help").out
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", out, re.MULTILINE), name


def test_no_command_is_a_usage_error_with_the_help(run):
    done = run(expect=64)
    assert done.out == ""
    assert "Imperative commands" in done.err


def test_the_version_is_told(run):
    from pki_as_code import __version__

    assert run("--version").out == f"pkictl, version {__version__}\n"


# --- Usage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_command"], "no_such_command"),
        (["list_cas", "--no-such-option"], "--no-such-option"),
        (["--no-such-option"], "--no-such-option"),
        (["list_cas", "too", "many"], "too many"),
        (["view_cert"], "CERT"),
        (["list_cas", "--output", "xml"], "xml"),
        (["--color", "sometimes", "list_cas"], "sometimes"),
        (["reconcile", "--allow-unsafe", "everything"], "CLASS=N"),
        (["reconcile", "--allow-unsafe", "revoke=x"], "CLASS=N"),
        (["reconcile", "--allow-unsafe", "revoke=-1"], "CLASS=N"),
        (["revoke_cert", "web", "--reason", "boredom"], "boredom"),
        (["store", "burn"], "burn"),
        (["new"], "Usage"),
    ],
)
def test_wrong_usage_is_64_and_says_what_is_wrong(arguments, said, run, site):
    done = run(*arguments, expect=64, at=site)
    assert done.out == ""
    assert said.lower() in done.err.lower()
    assert "--help" in done.err or "Usage" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["sing_cert"], "sign_cert"),
        (["list-cert"], "list_certs"),
        (["store", "verfy"], "verify"),
        (["list_cas", "--outptu", "json"], "--output"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_one_probably_meant(typed, meant, run):
    assert meant in run(*typed, expect=64).err


def test_commands_take_dashes_for_underscores(run, site):
    assert run("list-cas", at=site).out == run("list_cas", at=site).out != ""


def test_an_option_can_come_from_its_variable(run, site, monkeypatch):
    monkeypatch.setenv("PKI_LIST_CAS_OUTPUT", "json")
    assert run("list-cas", at=site).out.startswith("[")
    monkeypatch.setenv("PKI_DIRECTORY", str(site.root))
    assert run("list_cas").out.startswith("[")


def test_directory_is_where_the_command_is_run(run, site, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = run("list_cas", expect=1)
    assert "git.no_repository" in done.err
    inside = run("-C", str(site.root / "certificates"), "list_cas")
    assert inside.out == run("list_cas", at=site).out


def test_files_are_named_relative_to_the_directory(run, site, monkeypatch, tmp_path):
    """`pkictl -C DIR` runs as if it were started in DIR."""
    monkeypatch.chdir(tmp_path)
    site.certificate("web")
    site.commit()
    site.run()
    run("dump_cert", "web", "web.pem", at=site)
    run("plan", "--out", "plan.json", at=site)
    (site.root / "a.csr").write_bytes((site.root / "certificates/web.csr").read_bytes())
    run("new", "certificate", "other", "--csr", "a.csr", "--alt", "b.example.com", at=site)
    assert (site.root / "web.pem").exists()
    assert (site.root / "plan.json").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_is_one_error(run):
    done = run("-C", "/nowhere/at/all", "list_cas", expect=1)
    assert "/nowhere/at/all" in done.err
    assert done.err.startswith("error[")


# --- Errors --------------------------------------------------------------------------------------


def test_an_unexpected_error_is_one_line_without_a_traceback(run, command):
    def fail() -> None:
        raise ZeroDivisionError("first line\nsecond \x1b[31mline")

    command(fail)
    done = run("list_cas", expect=1)
    first, second = done.err.splitlines()
    assert first.startswith("error[internal]: unexpected ZeroDivisionError: first line second")
    assert "\x1b" not in done.err
    assert "--traceback" in second
    assert done.out == ""


@pytest.mark.parametrize("how", ["option", "variable"])
def test_traceback_shows_where_an_error_comes_from(run, command, monkeypatch, how):
    def fail() -> None:
        raise ZeroDivisionError("oops")

    command(fail)
    if how == "variable":
        monkeypatch.setenv("PKI_TRACEBACK", "1")
    done = run(*(["--traceback"] if how == "option" else []), "list_cas", expect=1)
    assert "Traceback (most recent call last)" in done.err
    assert "in fail" in done.err


def test_traceback_can_be_switched_off_by_its_variable(run, command, monkeypatch):
    def fail() -> None:
        raise ZeroDivisionError("oops")

    command(fail)
    monkeypatch.setenv("PKI_TRACEBACK", "0")
    assert "Traceback" not in run("list_cas", expect=1).err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidValueError("no"), 1),
        (PolicyDeniedError("no"), 3),
        (ContentionError("no"), 6),
        (UsageError("no"), 64),
        (FileNotFoundError(2, "No such file", "x.csr"), 1),
        (PermissionError(13, "Permission denied", "x"), 1),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (EOFError(), 130),
    ],
)
@pytest.mark.parametrize("traceback", [[], ["--traceback"]], ids=["", "traceback"])
def test_every_error_has_its_exit_code_with_a_traceback_or_without(
    run, command, error, code, traceback
):
    def fail() -> None:
        raise error

    command(fail)
    done = run(*traceback, "list_cas", expect=code)
    assert done.out == ""
    assert done.err


def test_an_operating_system_error_names_the_file(run, command):
    def fail() -> None:
        raise PermissionError(13, "Permission denied", "keys/\x1broot.pem")

    command(fail)
    err = run("list_cas", expect=1).err
    assert "keys/" in err
    assert "Permission denied" in err
    assert "\x1b" not in err


def test_all_findings_of_an_error_are_told(run, command):
    def fail() -> None:
        findings = [
            Finding("a.one", "first", Source("a.yaml", 2)), Finding("a.two", "second"),
        ]  # fmt: skip
        raise InvalidValueError("both", code="a.both", findings=findings)

    command(fail)
    err = run("list_cas", expect=1).err
    for said in ("error[a.one]: first", "a.yaml:2", "error[a.two]: second", "error[a.both]: both"):
        assert said in err


def test_an_exit_code_of_a_command_is_that_of_the_program(run, command):
    command(lambda: 2)
    run("list_cas", expect=2)
    command(lambda: None)
    run("list_cas", expect=0)


# --- Colour --------------------------------------------------------------------------------------


@pytest.fixture
def pending(site):
    site.certificate("web")
    return site


def coloured(text: str) -> bool:
    return "\x1b[" in text


def test_a_pipe_gets_no_colour_unless_it_is_asked_for(run, pending, monkeypatch):
    assert not coloured(run("plan", at=pending).out)
    assert coloured(run("--color", "always", "plan", at=pending).out)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert coloured(run("plan", at=pending).out)
    assert not coloured(run("--color", "never", "plan", at=pending).out)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(run("plan", at=pending).out)
    assert coloured(run("--color", "always", "plan", at=pending).out)


def test_errors_are_coloured_as_asked(run, command, monkeypatch):
    def fail() -> None:
        raise InvalidValueError("no")

    command(fail)
    assert coloured(run("--color", "always", "list_cas", expect=1).err)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert coloured(run("list_cas", expect=1).err)
    assert not coloured(run("--color", "never", "list_cas", expect=1).err)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colour_and_a_dumb_one_does_not(run, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert wants_color("auto", Terminal())
    assert not wants_color("auto", io.StringIO())
    assert not wants_color("never", Terminal())
    assert wants_color("always", io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_color("auto", Terminal())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert wants_color("auto", io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_color("auto", Terminal())


# --- Terminals and secrets -----------------------------------------------------------------------


def in_terminal(arguments: list[str], typed: str = "", **variables: str) -> tuple[int, str]:
    """Run the program on a terminal of its own; returns its exit code and what was shown."""
    controller, terminal = pty.openpty()
    environment = {"TERM": "xterm", **os.environ, **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "pki_as_code", *arguments],
        stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    pending = [f"{line}\n".encode() for line in typed.splitlines()]
    try:
        while chunk := os.read(controller, 4096):
            shown += chunk
            if pending and shown.rstrip().endswith((b":", b"]:", b"?")):
                os.write(controller, pending.pop(0))
    except OSError:  # the other end was closed
        pass
    finally:
        os.close(controller)
    return process.wait(timeout=30), shown.decode(errors="replace")


def encrypt_key(site, name: str) -> None:
    from cryptography.hazmat.primitives import serialization as form

    path = site.root / f"keys/{name}.pem"
    key = form.load_pem_private_key(path.read_bytes(), None)
    secret = form.BestAvailableEncryption(b"open sesame")
    path.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, secret))


def test_a_passphrase_is_asked_for_on_a_terminal_and_not_shown(site):
    site.certificate("web")
    site.commit()
    encrypt_key(site, "issuing")
    code, shown = in_terminal(["-C", str(site.root), "reconcile"], "open sesame\n")
    assert code == 0, shown
    assert "Passphrase of the key of issuing" in shown
    assert "sesame" not in shown
    assert "issued certificate web" in shown


def test_without_a_terminal_nothing_is_asked_for(run, site):
    site.certificate("web")
    site.commit()
    encrypt_key(site, "issuing")
    done = run("reconcile", expect=1, at=site)
    assert "PKI_PASSPHRASE_ISSUING" in done.err


def test_a_passphrase_comes_from_the_environment(run, site, monkeypatch):
    site.certificate("web")
    site.commit()
    encrypt_key(site, "issuing")
    monkeypatch.setenv("PKI_PASSPHRASE_ISSUING", "open barley")
    done = run("reconcile", expect=1, at=site)
    assert "key.wrong_passphrase" in done.err
    assert "barley" not in done.err
    monkeypatch.setenv("PKI_PASSPHRASE_ISSUING", "open sesame")
    assert "certificate.waiting_to_retry" in run("reconcile", at=site).out
    assert "issued certificate web" in run("reconcile", "--retry", at=site).err


def test_what_cannot_be_undone_is_asked_for_on_a_terminal(site):
    site.certificate("web")
    site.commit()
    site.run()
    code, shown = in_terminal(["-C", str(site.root), "revoke_cert", "web"], "n\n")
    assert "cannot be undone" in shown
    assert code != 0
    assert site.record("web").revocation is None


def test_a_passphrase_is_asked_for_once_and_a_new_one_only_when_wanted(monkeypatch):
    asked: list[str] = []

    def prompt(text: str, **options: Any) -> str:
        asked.append(text)
        assert options["hide_input"]
        assert options["err"]
        return "open sesame"

    monkeypatch.setattr(click, "prompt", prompt)
    secrets = EnvironmentSecrets(interactive=True)
    assert secrets.passphrase("root", new=True) is None
    assert secrets.passphrase("root", new=False) == b"open sesame"
    assert secrets.passphrase("root", new=False) == b"open sesame"
    assert len(asked) == 1
    assert EnvironmentSecrets(interactive=False).passphrase("root", new=False) is None
    wanted = EnvironmentSecrets(interactive=True, ask_new=True)
    assert wanted.passphrase("root", new=True) == b"open sesame"
    assert len(asked) == 2


def test_the_variable_of_a_passphrase_is_named_after_the_authority(monkeypatch):
    monkeypatch.setenv("PKI_PASSPHRASE_MY_ROOT_2", "open sesame")
    monkeypatch.setenv("PKI_PASSPHRASE_EMPTY", "")
    secrets = EnvironmentSecrets(interactive=False)
    assert secrets.passphrase("my-root.2", new=False) == b"open sesame"
    assert secrets.passphrase_is_given("my-root.2")
    assert not secrets.passphrase_is_given("other")
    # Set and empty is not the same as not set: a CI secret that is missing must not mean "none".
    assert secrets.passphrase("empty", new=True) == b""
    assert secrets.passphrase_is_given("empty")


# --- Streams -------------------------------------------------------------------------------------


def test_a_closed_pipe_is_silent(site):
    program = f"{sys.executable} -m pki_as_code explain"
    done = subprocess.run(
        f"{program} | head -c 1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert len(done.stdout) == 1


def test_quiet_says_nothing_but_errors(run, site):
    site.certificate("web")
    site.commit()
    done = run("--quiet", "reconcile", at=site)
    assert done.err == ""
    assert "issue" in done.out


def test_main_takes_the_arguments_of_the_process_by_default(monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["pkictl", "--version"])
    assert main() == 0
    assert "version" in capfd.readouterr().out
