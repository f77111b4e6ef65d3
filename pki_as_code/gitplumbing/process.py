"""Starting git: its options, its environment, and what it says when it fails."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from pki_as_code.errors import RepositoryError
from pki_as_code.escape import safe

NETWORK_TIMEOUT_SECONDS: Final = 300
_LONGEST_COMPLAINT: Final = 500
_CHUNK_BYTES: Final = 1 << 16

_CONFIGURATION: Final = (
    # What a repository could make git execute.
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "diff.external=",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    # git makes almost nothing durable by default.
    "core.fsync=all",
    "core.fsyncMethod=fsync",
    # What output and objects look like must not depend on the repository.
    "core.quotePath=false",
    "core.precomposeUnicode=false",
    "fetch.fsckObjects=true",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
)
_OPTIONS: Final = (
    *(part for setting in _CONFIGURATION for part in ("-c", setting)),
    "--no-replace-objects",
    "--literal-pathspecs",
    "--no-pager",
)

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
    """Return the environment git runs in: the caller's, with its own variables fixed."""
    kept = _KEPT | _KEPT_FOR_THE_NETWORK if network else _KEPT
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in kept
    }
    return variables | {
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
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
    options: Sequence[str] = (),
) -> subprocess.CompletedProcess[bytes]:
    """
    Run git to its end in `directory`.

    Raises `RepositoryError`: `git.not_installed`, `git.timeout`, or `git.failed` with what git said
    when its exit status is not in `accept`.
    """
    try:
        done = subprocess.run(
            ["git", *_OPTIONS, *options, *arguments],
            cwd=directory,
            env=environment(network=network) | dict(variables or {}),
            input=b"" if data is None else data,
            capture_output=True,
            timeout=NETWORK_TIMEOUT_SECONDS if network else None,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RepositoryError(
            f"git {arguments[0]} did not finish within {NETWORK_TIMEOUT_SECONDS} seconds",
            help="see whether the remote can be reached",
            code="git.timeout",
        ) from None
    except OSError as error:
        raise cannot_start(directory, error) from None
    if done.returncode not in accept:
        raise failed(arguments[0], done.returncode, done.stderr)
    return done


def start(
    directory: Path, arguments: Sequence[str], complaints: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start git with pipes; what it says of errors goes to the file `complaints`."""
    try:
        return subprocess.Popen(
            ["git", *_OPTIONS, *arguments],
            cwd=directory,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
    except OSError as error:
        raise cannot_start(directory, error) from None


def stream(directory: Path, arguments: Sequence[str]) -> Iterator[bytes]:
    """Run git and yield the NUL-terminated records it prints, while it prints them."""
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
            raise failed(arguments[0], process.returncode, complaints.read(_CHUNK_BYTES))


def _records(output: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := output.read(_CHUNK_BYTES):
        *records, rest = (rest + chunk).split(b"\x00")
        yield from records
    if rest:
        raise RepositoryError("git stopped in the middle of a record")


def failed(command: str, status: int, complaint: bytes) -> RepositoryError:
    """Return the error for a git that exited with `status`."""
    said = safe(" ".join(complaint.decode("utf-8", "replace").split()))
    if len(said) > _LONGEST_COMPLAINT:
        said = f"{said[:_LONGEST_COMPLAINT]}…"
    return RepositoryError(
        f"git {command} failed with status {status}: {said or 'it gave no reason'}",
        help="run the same with git itself to see more; `pkictl doctor` checks the repository",
        code="git.failed",
    )


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
