"""
The generated half of `docs/commands/`: usage and options, as click knows them.

    python docs/generate_reference.py [--check]

Each page has an introduction and examples written by hand; what stands between the two marks is
made here, so that it cannot go stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from pki_as_code.cli.commands import COMMANDS
from pki_as_code.cli.main import root

BEGIN = "<!-- generated: options -->"
END = "<!-- end of generated: options -->"
_BLOCK = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def all_commands() -> dict[str, tuple[click.Context, click.Command]]:
    """Return every command that does something, by its words: `store verify`."""
    context = click.Context(root, info_name="pkictl", **root.context_settings)
    found: dict[str, tuple[click.Context, click.Command]] = {}
    for name in COMMANDS:
        command = root.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        if not isinstance(command, click.Group):
            found[name] = (inner, command)
            continue
        for word in command.list_commands(inner):
            below = command.get_command(inner, word)
            if below is not None:
                found[f"{name} {word}"] = (
                    click.Context(below, info_name=word, parent=inner),
                    below,
                )
    return found


def page_name(command: str) -> str:
    return f"{command.replace(' ', '_')}.md"


def format_options(context: click.Context, command: click.Command) -> str:
    """Return the generated block of a page, with its marks."""
    return "\n".join([BEGIN, *_lines(context, command), END])


def _lines(context: click.Context, command: click.Command) -> Iterator[str]:
    yield ""
    yield "```"
    usage = command.collect_usage_pieces(context)
    yield " ".join([context.command_path, *usage])
    yield "```"
    yield ""
    options = [p for p in command.get_params(context) if isinstance(p, click.Option)]
    shown = [option for option in options if not option.hidden]
    yield "| option | what it does | variable |"
    yield "|--|--|--|"
    for option in shown:
        record = option.get_help_record(context)
        if record is None:
            continue
        words = re.sub(r"\s*\[[^\]]*\]$", "", _without_variable(record[1])).strip()
        variable = option.value_from_envvar and _variable(option, context)
        yield f"| `{_cell(record[0])}` | {_cell(words)} | {f'`{variable}`' if variable else ''} |"
    yield ""


def _without_variable(text: str) -> str:
    return re.sub(r"\[env var: [A-Z0-9_, ]+(; )?", "[", text)


def _variable(option: click.Option, context: click.Context) -> str:
    if not option.show_envvar or option.name is None:
        return ""
    prefix = context.auto_envvar_prefix
    return f"{prefix}_{option.name.upper()}" if prefix else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def refresh(directory: Path, *, check: bool) -> list[str]:
    """Write the blocks anew (or only look, with `check`); returns the pages that were stale."""
    stale = []
    for words, (context, command) in all_commands().items():
        page = directory / page_name(words)
        text = page.read_text() if page.exists() else ""
        block = format_options(context, command)
        if BEGIN in text:
            new = _BLOCK.sub(lambda _: block, text)  # noqa: B023 (used at once)
        else:
            new = f"{text.rstrip()}\n\n## Options\n\n{block}\n".lstrip()
        if new != text:
            stale.append(page.name)
            if not check:
                page.write_text(new)
    return stale


def main() -> int:
    """Refresh or check the pages; returns the exit code."""
    check = "--check" in sys.argv
    stale = refresh(Path(__file__).parent / "commands", check=check)
    for page in stale:
        sys.stdout.write(f"{'stale' if check else 'wrote'}: {page}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
