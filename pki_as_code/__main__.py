"""`python -m pki_as_code`, and what the `pkictl` script calls."""

from __future__ import annotations

import gc
import sys

from pki_as_code.quiet.answer import answer

_OBJECTS_BETWEEN_ROUNDS = 200_000
"""Of the garbage collector: Python's 700 make it go again and again through what the imports make,
of which nothing is garbage."""


def run() -> None:
    """Run the command line and leave with its exit code."""
    code = _run()
    gc.freeze()  # else Python looks through all that is there, several times, before it ends
    sys.exit(code)


def _run() -> int:
    gc.set_threshold(_OBJECTS_BETWEEN_ROUNDS)
    code = answer(sys.argv[1:])
    if code is not None:
        return code
    from pki_as_code.cli import main  # whose imports take longer than all of that

    return main()


if __name__ == "__main__":
    run()
