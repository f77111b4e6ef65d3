"""
The command line. A command parses its arguments, calls one function and prints the result.

To add one: write it in a module of its own, then list it in `COMMANDS`. Modules are imported when
their command is run, so that `pkictl --help` imports click and nothing else.
"""

from __future__ import annotations

from pki_as_code.cli.commands import COMMANDS
from pki_as_code.cli.main import main

__all__ = ["COMMANDS", "main"]
