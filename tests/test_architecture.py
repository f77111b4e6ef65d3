"""The layering and the house rules, enforced. `ARCHITECTURE.md` says why."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pki_as_code"
ARCHITECTURE = PACKAGE.parent / "ARCHITECTURE.md"

LAYERS: list[set[str]] = [
    {"__init__", "model", "escape"},
    {"errors", "codes", "durable", "workers", "children"},
    {"pkix", "gitplumbing"},
    {"manifests", "linters", "rules"},
    {"plan", "keys", "stores", "notify", "gitrepo"},
    {"quiet", "increments"},
    {"issuance", "formats", "workspace", "authoring"},
    {"responder"},
    {"apply", "publish"},
    {"web"},
    {"cli"},
    {"__main__"},
]
"""A room imports from rooms above its own only; rooms of one rank never import each other."""

RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}

KEYLESS = ("pkix", "manifests", "plan", "stores", "gitrepo", "workspace", "formats", "publish")
"""What decides and what shows: nothing that these rooms reach can touch a private key."""

WITH_KEYS = {"keys", "issuance", "responder", "apply"}

MOST_LINES = 330
MOST_FUNCTION_LINES = 60
LONGER_FILES: dict[str, str] = {}
"""Files that may be longer, each with the reason."""

LONGER_FUNCTIONS: dict[str, str] = {}
"""Functions that may be longer (`file.py:name`), each with the reason."""

SIGNERS = ("issuance/", "keys/")

EXITS = {"__main__.py": "sys.exit", "workers.py": "os._exit"}
"""The one of the program, and the one of its forked children."""

HEAVY = (
    "alembic",
    "cryptography",
    "git",
    "jsonschema",
    "psycopg",
    "pydantic",
    "rich",
    "sqlalchemy",
    "yaml",
)
"""What `--help` must not import, for the sake of its start-up time."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


modules = pytest.mark.parametrize("path", MODULES, ids=name_of)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), path)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[str]:
    """Yield the rooms that a module imports, at the top, in functions and for types alike."""
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.ImportFrom(module="pki_as_code", names=names):
                yield from (
                    "__init__" if name.name.startswith("__") else name.name for name in names
                )
            case ast.ImportFrom(module=str(module)) if module.startswith("pki_as_code."):
                yield module.split(".")[1]
            case ast.Import(names=names):
                for name in names:
                    if name.name.startswith("pki_as_code."):
                        yield name.name.split(".")[1]


def reachable_from(room: str) -> set[str]:
    found: set[str] = set()
    waiting = {room}
    while waiting:
        found |= waiting
        waiting = {
            target
            for path in MODULES
            if room_of(path) in waiting
            for target in imported_rooms(path)
        } - found
    return found


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def test_every_module_has_a_layer():
    assert {room_of(path) for path in MODULES} <= set(RANK)


def test_the_table_of_rooms_is_that_of_the_layers():
    rows = re.findall(r"^\| (\d+) \| `(\w+)/?` \|", ARCHITECTURE.read_text(), re.MULTILINE)
    assert {room: int(rank) for rank, room in rows} == {
        room: rank for room, rank in RANK.items() if room != "__init__"
    }


@modules
def test_imports_point_up(path):
    here = room_of(path)
    for target in imported_rooms(path):
        assert target == here or RANK[target] < RANK[here], f"{here} must not import {target}"


@modules
def test_imports_are_absolute(path):
    relative = [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.ImportFrom) and n.level]
    assert not relative


@pytest.mark.parametrize("room", KEYLESS)
def test_what_decides_cannot_reach_a_private_key(room):
    assert reachable_from(room).isdisjoint(WITH_KEYS)


@modules
def test_only_issuance_signs(path):
    if name_of(path).startswith(SIGNERS):
        return
    signing = [
        call.lineno
        for call in calls(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "sign"
    ]
    assert not signing


def test_issuance_does_sign():
    attributes = (call.func for call in calls(PACKAGE / "issuance" / "certificates.py"))
    assert any(isinstance(func, ast.Attribute) and func.attr == "sign" for func in attributes)


@modules
def test_nothing_prints(path):
    names = [call.func.id for call in calls(path) if isinstance(call.func, ast.Name)]
    assert "print" not in names


@modules
def test_only_main_exits(path):
    ways_out = {("sys", "exit"), ("os", "_exit"), ("os", "abort")}
    for call in calls(path):
        match call.func:
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                assert (module, name) not in ways_out or (
                    f"{module}.{name}" == EXITS.get(name_of(path))
                )
            case ast.Name(id=name):
                assert name not in {"exit", "quit"}
    raised = [n.exc for n in ast.walk(tree_of(path)) if isinstance(n, ast.Raise)]
    assert not any("SystemExit" in ast.unparse(exception) for exception in raised if exception)


@modules
def test_no_assert_stands_for_a_check(path):
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree_of(path)))


@modules
def test_files_are_short(path):
    allowed = LONGER_FILES.get(name_of(path))
    assert allowed or len(path.read_text().splitlines()) <= MOST_LINES


@modules
def test_functions_are_short(path):
    for function in functions(path):
        assert function.end_lineno is not None
        length = function.end_lineno - function.lineno + 1
        known = f"{name_of(path)}:{function.name}"
        assert known in LONGER_FUNCTIONS or length <= MOST_FUNCTION_LINES, known


@modules
def test_no_room_is_called_utils(path):
    assert not {"utils", "helpers", "common", "misc"} & {
        part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts
    }


@modules
def test_annotations_are_not_evaluated(path):
    if not path.read_text().strip() or path.name == "__init__.py":
        return
    assert "from __future__ import annotations" in path.read_text()


def test_help_imports_nothing_heavy():
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pki_as_code", "--help"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    assert result.returncode == 0, result.stderr[-2000:]
    imported = {line.rsplit("|", 1)[-1].strip() for line in result.stderr.splitlines()}
    assert "click" in imported
    assert not sorted(name for name in imported if name.split(".")[0] in HEAVY)
