"""The program in this process: for tests that run it often, when starting it is most of it."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from unittest import mock

from pki_as_code.cli.main import main
from tests.e2e.conftest import Done, Repository, environment


class _Stream(io.TextIOWrapper):
    def __init__(self, data: bytes = b"") -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8", write_through=True)

    def text(self) -> str:
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined]


class Quick(Repository):
    """A repository whose `run` calls `main` and starts no process."""

    def run(
        self,
        *arguments: str,
        expect: int | None = 0,
        stdin: bytes | None = None,
        env: dict[str, str] | None = None,
        at: Path | None = None,
    ) -> Done:
        out, err = _Stream(), _Stream()
        with (
            mock.patch.dict(os.environ, environment(**(env or {})), clear=True),
            contextlib.chdir(at or self.root),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(sys, "stdin", _Stream(stdin or b"")),
        ):
            code = main(arguments)
        result = Done(code, out.text(), err.text())
        assert "error[internal]" not in result.err, result.err
        if expect is not None:
            assert result.code == expect, f"{arguments}: {result.code}\n{result.out}\n{result.err}"
        return result
