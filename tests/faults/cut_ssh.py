"""
What ssh is to git, for a remote on this machine: on demand, a push is done and never answered.

    python cut_ssh.py ORDER [ssh's options] host "git-receive-pack '/path'"

While the file ORDER exists, the push removes it and loses the connection as its first line says:
`before` the remote has seen what is pushed, or `after` it was done. The rest of the file is a
command of the shell, which runs between the update and the loss.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import IO

LOST = 255


def main(order: Path, command: str) -> int:
    program, path = shlex.split(command)
    call = ["git", program.removeprefix("git-"), path]
    if program != "git-receive-pack" or not order.exists():
        return subprocess.run(call, check=False).returncode
    when, _, then = order.read_text().partition("\n")
    order.unlink()
    with subprocess.Popen(call, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pass_on_refs(process.stdout)
        if when == "before":
            process.kill()
            return LOST
        process.stdout.read()  # what became of the push
    if then:
        subprocess.run(["sh", "-c", then], check=False, stdin=subprocess.DEVNULL, stdout=2)
    return LOST


def pass_on_refs(source: IO[bytes]) -> None:
    """Hand on what the remote says before it is told anything: lines up to an empty one."""
    while True:
        length = source.read(4)
        os.write(1, length)
        if int(length, 16) == 0:
            return
        os.write(1, source.read(int(length, 16) - 4))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[-1]))
