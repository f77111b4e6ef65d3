"""JSON, JSON Lines and YAML of plain objects. All of it is ASCII, hence inert on a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pki_as_code.model import JsonValue

if TYPE_CHECKING:
    import yaml


def format_json(value: JsonValue, *, indent: int | None = 2) -> str:
    """Return indented JSON with a newline at the end, keys in the order given."""
    return _break_commands(json.dumps(value, indent=indent)) + "\n"


def format_json_line(value: JsonValue) -> str:
    """Return JSON on one line, with a newline at the end."""
    return _break_commands(json.dumps(value)) + "\n"


def _break_commands(text: str) -> str:
    """Keep `##[name]`, which a CI runner obeys anywhere in a line, from appearing in JSON text."""
    return text.replace("##", r"#\u0023")


def format_yaml(value: JsonValue) -> str:
    """
    Return YAML with the keys in the order given.

    Text stays on the line of its key: a folded or multi-line scalar would begin lines with text
    of others, which a CI runner may take for a command.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, _: object) -> bool:
            return True

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        plain = text.isascii() and text.isprintable() and "##" not in text
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')

    Dumper.add_representer(str, represent_text)
    return _break_commands(
        yaml.dump(value, Dumper=Dumper, sort_keys=False, width=2**31, allow_unicode=False)
    )
