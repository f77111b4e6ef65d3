"""
What other people's linters say of a certificate as it would be signed, each in its own process.

To add one: a program for the process beside these (`children.serve`), and its place in `LINTERS`.
"""

from pki_as_code.linters.asking import LINTERS, missing, opinions

__all__ = ["LINTERS", "missing", "opinions"]
