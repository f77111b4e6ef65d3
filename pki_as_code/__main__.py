"""`python -m pki_as_code`, and what the `pkictl` script calls."""

from __future__ import annotations

import sys

from pki_as_code.quiet.answer import answer


def run() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(_run())


def _run() -> int:
    code = answer(sys.argv[1:])
    if code is not None:
        return code
    from pki_as_code.cli import main  # whose imports take longer than all of that

    return main()


if __name__ == "__main__":
    run()
