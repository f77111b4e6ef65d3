"""`python -m pki_as_code`, and what the `pkictl` script calls."""

from __future__ import annotations

import sys

from pki_as_code.cli import main


def run() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(main())


if __name__ == "__main__":
    run()
