"""Keeping SQLite from an index."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from pki_as_code.stores.column_types import TEXT


class Unindexed(FunctionElement[str]):
    """
    A column that no index is to be used for.

    Nearly every certificate is of one kind, and of few issuers: an index on those finds everything,
    and then it has to be sorted. Without statistics SQLite does not know; PostgreSQL has them, and
    would estimate an expression wrongly.
    """

    name = "unindexed"
    type = TEXT
    inherit_cache = True


@compiles(Unindexed)
def _as_it_is(element: Unindexed, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(Unindexed, "sqlite")
def _as_expression(element: Unindexed, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} || '')"
