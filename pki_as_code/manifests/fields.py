"""What fields a model has, told from the model: for messages, `pkictl explain` and the schema."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Part = str | int


@cache
def fields_of(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Return the fields that can be written, by their name in YAML."""
    return {
        field.alias or name: field
        for name, field in model.model_fields.items()
        if field.annotation is not type(None)  # those exist only to refuse what is written there
    }


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a type is, or is made of: `Crl` of `tuple[Crl, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := model_in(part))), None)


def field_at(model: type[BaseModel], location: Sequence[Part]) -> FieldInfo | None:
    """Return the field a path like `("spec", "crl", "urls", 0)` leads to, or into."""
    found = None
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        field = fields_of(current).get(part) if current else None
        if field is None:
            return found if current is None else None
        found, current = field, model_in(field.annotation)
    return found


def model_at(model: type[BaseModel], location: Sequence[Part]) -> type[BaseModel] | None:
    """Return the model of the mapping that a path leads to, None when it is no such mapping."""
    if not [part for part in location if isinstance(part, str)]:
        return model
    field = field_at(model, location)
    return model_in(field.annotation) if field else None


@cache
def descriptions_of(model: type[BaseModel]) -> Mapping[str, str]:
    """Return what the docstrings below the fields of a model say, by the name in Python."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found.update(_field_docstrings(base))
    for name, field in model.model_fields.items():
        if field.description:
            found[name] = field.description
    return found


def describe_model(model: type[BaseModel]) -> str:
    """Return the docstring of a model's own class in one paragraph, empty without one."""
    return " ".join((model.__dict__.get("__doc__") or "").split())


def _field_docstrings(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    try:
        source = textwrap.dedent(inspect.getsource(model))
    except (OSError, TypeError):  # no source beside the byte code
        return
    definition = ast.parse(source).body[0]
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for statement, following in pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            yield statement.target.id, " ".join(following.value.value.split())
