"""
Measure what people wait for, each as a ratio against a peer or a limit in the same run.

    ./run bench [--certificates N]

Absolute figures move from machine to machine; the ratios are what counts.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

PROGRAM = [sys.executable, "-m", "pki_as_code"]
RUNS = 7
TBS_BYTES = 700


def environment() -> dict[str, str]:
    # With it, every process compiles every module anew, and nothing else is measured.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "GIT_AUTHOR_NAME": "Bench", "GIT_AUTHOR_EMAIL": "bench@example.com",
            "GIT_COMMITTER_NAME": "Bench", "GIT_COMMITTER_EMAIL": "bench@example.com"}  # fmt: skip


def seconds(program: Sequence[str], at: Path, runs: int = 1) -> float:
    """Return the median wall-clock time of a whole process."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(program, cwd=at, env=environment(), check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return median(taken)


def raw_signatures_per_second() -> float:
    """What the library signs with a P-256 key when nothing else is done."""
    key, data = ec.generate_private_key(ec.SECP256R1()), b"x" * TBS_BYTES
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < 1:
        key.sign(data, algorithm)
        count += 1
    return count


def write_requests(root: Path, count: int) -> None:
    for number in range(count):
        key = ec.generate_private_key(ec.SECP256R1())
        csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        pem = csr.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
        (root / f"certificates/host-{number}.csr").write_bytes(pem)
        (root / f"certificates/host-{number}.yaml").write_text(
            "apiVersion: pki-as-code/v1\nkind: Certificate\n"
            f"metadata: {{name: host-{number}}}\nspec:\n  csrFile: host-{number}.csr\n"
            f"  subjectAltNames: [host-{number}.example.com]\n"
        )


def measure(count: int, row: Callable[[str, str, str], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="pki-bench-") as place:
        at = Path(place)
        python = seconds([sys.executable, "-c", "pass"], at, RUNS)
        seconds([*PROGRAM, "--help"], at)
        help_time = seconds([*PROGRAM, "--help"], at, RUNS)
        row(
            "`--help`", f"{help_time * 1000:.0f} ms", f"{help_time / python:.1f} x `python -c pass`"
        )
        root = at / "pki"
        seconds([*PROGRAM, "init", str(root)], at)
        listing = seconds([*PROGRAM, "list_certs"], root, RUNS)
        row("`list_certs`, empty store", f"{listing * 1000:.0f} ms",
            f"{listing / python:.1f} x `python -c pass`")  # fmt: skip
        write_requests(root, count)
        git = ["git", "-c", "core.fsync=none"]
        seconds([*git, "add", "-A"], root)
        seconds([*git, "commit", "--quiet", "-m", "requests"], root)
        limit = raw_signatures_per_second()
        name = f"{count} certificates"
        validate = seconds([*PROGRAM, "validate"], root)
        row(f"`validate`, {name}", f"{validate:.1f} s", f"{count / validate:.0f}/s")
        issue = seconds([*PROGRAM, "reconcile", "--allow-unsafe", f"issue={count}"], root)
        row(f"`reconcile`, {name}, P-256, git store", f"{issue:.1f} s",
            f"{count / issue:.0f}/s, {count / issue / limit:.1%} of raw signing")  # fmt: skip
        again = seconds([*PROGRAM, "plan"], root, 3)
        row(f"`plan`, {name}, no change", f"{again:.1f} s",
            f"{again / python:.0f} x `python -c pass`")  # fmt: skip
        verify = seconds([*PROGRAM, "store", "verify"], root)
        row(f"`store verify`, {name}", f"{verify:.1f} s", f"{count / verify:.0f}/s")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    row("largest process", f"{peak:.0f} MB", "")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificates", type=int, default=1000)
    given = parser.parse_args()
    print("| work | time | ratio |\n|--|--|--|")
    measure(given.certificates, lambda *cells: print(f"| {' | '.join(cells)} |", flush=True))


if __name__ == "__main__":
    main()
