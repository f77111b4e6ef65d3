"""Starting git: its options, its environment, and what it says when it fails."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from pki_as_code.errors import RepositoryError
from pki_as_code.escape import safe

NETWORK_TIMEOUT_SECONDS: Final = 300
_LONGEST_COMPLAINT: Final = 500
_CHUNK_BYTES: Final = 1 << 16
_NO_ROOM: Final = ("No space left on device", "Out of diskspace", "Disk quota exceeded")
_ASIDES: Final = ("warning:", "hint:")

_CONFIGURATION: Final = (
    # What a repository could make git execute.
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "diff.external=",
    "log.showSignature=false",
    "protocol.ext.allow=never",
    "gpg.program=gpg",
    "gpg.openpgp.program=gpg",
    "gpg.ssh.program=ssh-keygen",
    "gpg.x509.program=false",
    # Whom a signature is believed of is said with each question (`signatures.py`), nowhere else.
    "gpg.ssh.allowedSignersFile=/dev/null",
    "gpg.ssh.revocationFile=/dev/null",
    "gpg.minTrustLevel=marginal",
    "gc.auto=0",
    "maintenance.auto=false",
    # git makes almost nothing durable by default.
    "core.fsync=all",
    "core.fsyncMethod=fsync",
    # What output and objects look like must not depend on the repository.
    "core.quotePath=false",
    "i18n.commitEncoding=UTF-8",
    "core.precomposeUnicode=false",
    "fetch.fsckObjects=true",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
)
_OPTIONS: Final = (
    *(part for setting in _CONFIGURATION for part in ("-c", setting)),
    "--no-replace-objects",
    "--no-pager",
)
AS_STORED: Final = ("-c", "core.commitGraph=false")
"""The graph of commits that a clone may keep beside them says what the parents of each are: for
whoever decides by history, only what the commits themselves say counts."""

_LITERAL: Final = "--literal-pathspecs"
_REFUSING_LITERAL: Final = frozenset({"check-ignore"})
"""Commands that stop when they are told to take paths literally."""

# Of the variables git reads, those that a user sets for it and that say nothing about where the
# repository is.
_KEPT: Final = frozenset(
    {
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_EXEC_PATH",
    }
)
_KEPT_FOR_THE_NETWORK: Final = frozenset(
    {
        "GIT_ASKPASS",
        "GIT_PROXY_SSL_CAINFO",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_CERT",
        "GIT_SSL_KEY",
    }
)


def environment(*, network: bool = False) -> dict[str, str]:
    """
    Return the environment git runs in: the caller's, with git's own variables fixed.

    The program's own (`PKI_PASSPHRASE_ROOT`) are left out: git hands its environment on to hooks of
    a remote on this machine, to ssh and to helpers.
    """
    kept = _KEPT | _KEPT_FOR_THE_NETWORK if network else _KEPT
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "PKI_")) or name in kept
    }
    return variables | {
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        # As replace objects do, grafts give commits other parents than they have.
        "GIT_GRAFT_FILE": os.devnull,
        # A missing object of a partial clone would otherwise be fetched by the repository's rules.
        "GIT_ALLOW_PROTOCOL": "file:http:https:ssh" if network else "none",
    }


def run(
    directory: Path,
    arguments: Sequence[str],
    *,
    data: bytes | None = None,
    network: bool = False,
    accept: Sequence[int] = (0,),
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """
    Run git to its end in `directory`.

    Raises `RepositoryError`: `git.not_installed`, `git.timeout`, or `git.failed` with what git said
    when its exit status is not in `accept`.
    """
    try:
        done = subprocess.run(
            _command_line(arguments),
            cwd=directory,
            env=environment(network=network) | dict(variables or {}),
            input=b"" if data is None else data,
            capture_output=True,
            timeout=NETWORK_TIMEOUT_SECONDS if network else None,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RepositoryError(
            f"git {subcommand(arguments)} did not finish within {NETWORK_TIMEOUT_SECONDS} seconds",
            help="see whether the remote can be reached",
            code="git.timeout",
        ) from None
    except OSError as error:
        raise cannot_start(directory, error) from None
    if done.returncode not in accept:
        raise failed(subcommand(arguments), done.returncode, done.stderr)
    return done


def subcommand(arguments: Sequence[str]) -> str:
    """Return the command among `arguments`, which may begin with settings (`-c NAME=VALUE`)."""
    start = 0
    while arguments[start] == "-c":
        start += 2
    return arguments[start]


def _command_line(arguments: Sequence[str]) -> list[str]:
    literal = () if subcommand(arguments) in _REFUSING_LITERAL else (_LITERAL,)
    return ["git", *_OPTIONS, *literal, *arguments]


def start(
    directory: Path, arguments: Sequence[str], complaints: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start git with pipes; what it says of errors goes to the file `complaints`."""
    try:
        return subprocess.Popen(
            _command_line(arguments),
            cwd=directory,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
    except OSError as error:
        raise cannot_start(directory, error) from None


def stream(directory: Path, arguments: Sequence[str]) -> Generator[bytes, None, None]:
    """Run git and yield the NUL-terminated records it prints, while it prints them."""
    import tempfile  # which most runs have no use for, and is slow to import

    with tempfile.TemporaryFile() as complaints:
        process = start(directory, arguments, complaints)
        with process:
            output, source = process.stdout, process.stdin
            if output is None or source is None:
                raise RepositoryError("git was started without pipes")
            source.close()
            try:
                yield from _records(output)
            except GeneratorExit:
                process.kill()
                raise
        if process.returncode != 0:
            complaints.seek(0)
            raise failed(subcommand(arguments), process.returncode, complaints.read(_CHUNK_BYTES))


def _records(output: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := output.read(_CHUNK_BYTES):
        *records, rest = (rest + chunk).split(b"\x00")
        yield from records
    if rest:
        raise RepositoryError("git stopped in the middle of a record")


def failed(command: str, status: int, complaint: bytes) -> RepositoryError:
    """Return the error for a git that exited with `status`."""
    said = _reason(complaint)
    help = "run the same with git itself to see more; `git fsck` checks the repository"
    if "dubious ownership" in said:
        help = "if you trust its owner: git config --global --add safe.directory DIRECTORY"
    elif any(words in said for words in _NO_ROOM):
        help = "free some space, and run the command again"
    return RepositoryError(
        f"git {command} failed with status {status}: {said or 'it gave no reason'}",
        help=help,
        code="git.failed",
    )


def _reason(complaint: bytes) -> str:
    """
    Return the first line of what git said that says something, escaped and cut.

    What follows it is advice, or the dump of a crash.
    """
    lines = [" ".join(line.split()) for line in complaint.decode("utf-8", "replace").splitlines()]
    told = [line for line in lines if line and line != "remote:"]
    first = next((line for line in told if not line.startswith(_ASIDES)), "".join(told[:1]))
    said = safe(first[: _LONGEST_COMPLAINT + 1])
    return said if len(said) <= _LONGEST_COMPLAINT else f"{said[:_LONGEST_COMPLAINT]}…"


def cannot_start(directory: Path, error: OSError) -> RepositoryError:
    """Return the error for a git that could not be started in `directory`."""
    if isinstance(error, FileNotFoundError) and directory.is_dir():
        return RepositoryError(
            "the program `git` was not found",
            help="install git 2.36 or newer, and have it in PATH",
            code="git.not_installed",
        )
    return RepositoryError(
        f"git cannot be started in {str(directory)!r}: {error.strerror}",
        help="see whether the directory exists and can be entered",
        code="git.failed",
    )
