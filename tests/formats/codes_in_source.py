"""Find the finding codes that the package's source writes down."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\.[a-z0-9]+(_[a-z0-9]+)*")
_WITHOUT_SOURCE = {"usage"}
_OTHER = re.compile(
    r"pki_as_code\..*"  # a module
    r"|.*\.(yaml|yml|json|jsonl|html|md|pem|csr|html|txt|db|lock|com|url)"  # a file, a host
    r"|(user|core|commit|gc|remote|receive|certificates|object|entry|alternates)\.[a-z_]+"  # git
    r"|san\.(dns|ip|email|uri|other)|key\.(type|size|curve)|metadata\.[a-z]+"  # variables of rules
)


@dataclass(frozen=True)
class _Function:
    path: Path
    node: ast.FunctionDef

    def parameters(self) -> list[str]:
        arguments = self.node.args
        return [a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]


class _Source:
    """The package, parsed once."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self.trees = {
            path: ast.parse(path.read_text())
            for path in sorted(package.rglob("*.py"))
            if path.parent.name != "codes"
        }
        self.functions = [
            _Function(path, node)
            for path, tree in self.trees.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
        ]
        self.calls: list[tuple[Path, _Function | None, ast.Call]] = []
        for path, tree in self.trees.items():
            self._collect_calls(path, tree, None)

    def _collect_calls(self, path: Path, node: ast.AST, inside: _Function | None) -> None:
        if isinstance(node, ast.FunctionDef):
            inside = _Function(path, node)
        if isinstance(node, ast.Call):
            self.calls.append((path, inside, node))
        for child in ast.iter_child_nodes(node):
            self._collect_calls(path, child, inside)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield every text with its place; also those that a function joins from its arguments."""
        for path, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value, f"{path.relative_to(self.package)}:{node.lineno}"
        for function in self.functions:
            for node in ast.walk(function.node):
                if isinstance(node, ast.JoinedStr):
                    for text in self._joined(function, node):
                        yield text, f"{function.path.relative_to(self.package)}:{node.lineno}"

    def _joined(self, function: _Function, node: ast.JoinedStr) -> Iterator[str]:
        """Yield `csr.malformed` for `f"csr.{code}"` in a function called with "malformed"."""
        parts: list[set[str]] = []
        for part in node.values:
            match part:
                case ast.Constant(value=str(text)):
                    if not re.fullmatch(r"[a-z0-9_]*\.[a-z0-9_]*", text):
                        return
                    parts.append({text})
                case ast.FormattedValue(value=ast.Name(id=name)):
                    parts.append(self._values(function, name, depth=0))
                case _:
                    return
        yield from ("".join(combination) for combination in product(*parts))

    def _values(self, function: _Function, parameter: str, depth: int) -> set[str]:
        """Return the literals that `parameter` gets in any call, through other functions too."""
        parameters = function.parameters()
        if depth > 3:
            return set()
        if parameter not in parameters:
            return _assigned(function.node, parameter)
        found = _default(function.node, parameter)
        for path, inside, call in self.calls:
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            private = function.node.name.startswith("_")
            if name != function.node.name or (private and path != function.path):
                continue
            given = {k.arg: k.value for k in call.keywords if k.arg}
            given |= dict(zip([p for p in parameters if p != "self"], call.args, strict=False))
            if (value := given.get(parameter)) is None:
                continue
            for node in ast.walk(value):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                elif isinstance(node, ast.Name) and inside is not None:
                    found |= self._values(inside, node.id, depth + 1)
        return found


def _assigned(function: ast.FunctionDef, name: str) -> set[str]:
    """Return the literals in what is assigned to a local variable."""
    values = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    return {text for value in values for text in _literals(value)}


def _default(function: ast.FunctionDef, parameter: str) -> set[str]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [
        *zip(reversed(positional), reversed(arguments.defaults), strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return {
        text
        for argument, default in defaults
        if argument.arg == parameter and default is not None
        for text in _literals(default)
    }


def _literals(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


@cache
def codes_in_source(package: Path) -> dict[str, str]:
    """
    Return each code with a place where it stands.

    Every text in the source that looks like a code is one, except for what `_OTHER` knows: a code
    that nobody explains must not get by because it was passed on in an unusual way.
    """
    codes: dict[str, str] = {}
    for text, place in _Source(package).texts():
        if text in _WITHOUT_SOURCE or (_CODE.fullmatch(text) and not _OTHER.fullmatch(text)):
            codes.setdefault(text, place)
    return codes
