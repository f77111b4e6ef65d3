"""
What an expression can name, with the types that are held against it before it is evaluated.

The names have dots but are variables, each by itself: a record would be a map to CEL, and a
misspelt field of it no error. `namespace` alone is a reserved word of CEL. What they hold is
`plan/policy_facts.py`; a test compares the two, and the table in docs/policies.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VARIABLES: Final[Mapping[str, str]] = {
    "san.dns": "list(string)",
    "san.ip": "list(string)",
    "san.email": "list(string)",
    "san.uri": "list(string)",
    "san.other": "list(string)",
    "subject": "map(string, list(string))",
    "key.type": "string",
    "key.size": "int",
    "key.curve": "string",
    "validity": "duration",
    "extensions": "list(string)",
    "extendedKeyUsage": "list(string)",
    "metadata.namespace": "string",
    "metadata.name": "string",
    "metadata.labels": "map(string, string)",
    "issuer": "string",
    "profile": "string",
    "author": "string",
    "signers": "list(string)",
    "approvals": "list(string)",
}

WHO_STANDS_BEHIND_IT: Final = frozenset({"author", "signers", "approvals"})
"""Variables that have no value where nobody looked: files alone do not tell."""
