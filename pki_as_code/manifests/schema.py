"""
JSON Schemas of the manifests: for editors, as a second gate, and for `pkictl explain`.

    python -m pki_as_code.manifests.schema [--check] schemas

Draft 7, which every editor has. All kinds together are told apart by `if` and `then`: with `oneOf`
a misspelt key is reported as a wrong kind.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pki_as_code.manifests.explain import explain_field
from pki_as_code.manifests.schema_generation import (
    kind_schema,
    manifest_schema,
    schema_errors,
    schema_names,
)
from pki_as_code.model import JsonValue

__all__ = [
    "all_schemas",
    "explain_field",
    "format_schema",
    "kind_schema",
    "manifest_schema",
    "schema_errors",
    "schema_names",
    "stale_schemas",
]


VERSION: Final = "v1"


def format_schema(schema: Mapping[str, JsonValue]) -> str:
    """Return the text of a schema as it is committed."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def all_schemas() -> Mapping[str, str]:
    """Return the text of every schema by the name of its file."""
    return {f"{name}.json": format_schema(kind_schema(name)) for name in schema_names()}


def stale_schemas(directory: Path) -> list[str]:
    """Return the names of files that are not what the models say, or have no schema to be."""
    wanted = all_schemas()
    found = {path.name: path.read_text("utf-8") for path in directory.glob("*.json")}
    return sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the schemas, or with `--check` exit with 1 and the names of those that are stale."""
    parser = argparse.ArgumentParser(description="Write the JSON Schemas of the manifests.")
    parser.add_argument("--check", action="store_true", help="only say which files are stale")
    parser.add_argument("directory", type=Path, help=f"the files are in {VERSION}/ below it")
    options: Any = parser.parse_args(arguments)
    directory = options.directory / VERSION
    stale = stale_schemas(directory)
    if options.check:
        if stale:
            parser.exit(1, "".join(f"{directory / name} is stale\n" for name in stale))
        return
    write_schemas(directory, stale)


def write_schemas(directory: Path, names: Sequence[str]) -> None:
    """Write these files, or remove those that are no schema any more."""
    wanted = all_schemas()
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name in wanted:
            (directory / name).write_text(wanted[name], encoding="utf-8")
        else:
            (directory / name).unlink()


if __name__ == "__main__":
    main()
