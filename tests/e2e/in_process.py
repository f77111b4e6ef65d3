"""The program in this process: as `Repository.run`, without the time a new process takes."""

from __future__ import annotations

import io
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.conftest import Done, Repository, environment


@dataclass(frozen=True)
class InProcess(Repository):
    """A repository whose commands run here; what they print is caught."""

    def run(self, *arguments, expect=0, stdin=None, env=None, at=None) -> Done:
        from pki_as_code.cli.main import main

        before = dict(os.environ), sys.stdin, sys.stdout, sys.stderr
        streams = [io.TextIOWrapper(io.BytesIO(data), "utf-8") for data in (stdin or b"", b"", b"")]
        os.environ.clear()
        os.environ.update(environment(**(env or {})))
        sys.stdin, sys.stdout, sys.stderr = streams
        try:
            code = main(["-C", str(at or self.root), *map(str, arguments)])
            for stream in streams[1:]:
                stream.flush()
            out, err = (stream.buffer.getvalue() for stream in streams[1:])
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            sys.stdin, sys.stdout, sys.stderr = before[1:]
        result = Done(code, out.decode(errors="replace"), err.decode())
        assert "Traceback" not in result.err, result.err
        assert "error[internal]" not in result.err, result.err
        if expect is not None:
            assert code == expect, f"{arguments}: {code}\n{result.out}\n{result.err}"
        return result


def in_process(root: Path) -> InProcess:
    return InProcess(root)


def without_certificates(template: Path, root: Path) -> InProcess:
    """Return a repository of its own at `root`: authorities that are signed, nothing asked for."""
    shutil.copytree(template, root, symlinks=True)
    shutil.rmtree(root / "certificates")
    return InProcess(root)
