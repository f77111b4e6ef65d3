"""django-ca through its own Python API, in a virtual environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.fleet import Request
from benchmarks.peers import Peer
from benchmarks.timing import environment

SITE = Path(__file__).parent / "django_ca_site.py"
KEYS = {
    "P-256": ("EC",),
    "RSA-2048": ("RSA", "2048"),
    "RSA-4096": ("RSA", "4096"),
    "Ed25519": ("Ed25519",),
}
AT_MOST = {"RSA-2048": 300, "RSA-4096": 60}
"""It loads the key for each certificate: more of them only take longer, at the same rate."""

INSTALLING_SECONDS = 180


def issue(bench: Bench, key: str, requests: Sequence[Request]) -> Peer:
    """Issue one by one, each in a transaction of its own."""
    if bench.is_quick:
        return Peer(why_not="it is not for --quick")
    python = bench.cache / "django-ca/bin/python"
    why_not = _install(python)
    if why_not:
        return Peer(why_not=why_not)
    count = min(len(requests), AT_MOST.get(key, len(requests)))
    root = bench.at / f"django-ca-{key}"
    (root / "requests").mkdir(parents=True)
    for number, request in enumerate(requests[:count]):
        (root / f"requests/{number}.csr").write_bytes(request.pem)
    site = [str(python), "-I", str(SITE)]
    bench.clock.run([*site, "init", *KEYS[key]], root)
    taken = bench.clock.run([*site, "issue", str(count)], root)
    shutil.rmtree(root)
    return Peer(count, taken)


def _install(python: Path) -> str:
    """Install it where it is not; return why that cannot be, else nothing."""
    directory = python.parents[1]
    done = directory / "installed"
    if done.exists():
        return ""
    shutil.rmtree(directory, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", str(directory)],
        [str(python), "-m", "pip", "install", "--quiet", "django-ca"],
    ):
        try:
            subprocess.run(command, env=environment(), check=True, capture_output=True, text=True,
                           timeout=INSTALLING_SECONDS)  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"it could not be installed in {INSTALLING_SECONDS} s"
        except subprocess.CalledProcessError as error:
            said = (error.stderr or error.stdout or "").strip().splitlines()
            return f"it could not be installed ({said[-1][:120] if said else error})"
    done.touch()
    return ""
