"""How values of options are read: several behind one option, in their order, errors by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

_ORDER = "pki_as_code.order"


class OrderedOptions(click.Command):
    """
    A command whose options with `...` in their metavar take several values: `--key-usage A B`.

    It also notes in which order options were given, see `order_of`. Values that follow may not
    begin with a dash.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread = self.prepare_arguments(ctx, list(self._spread(ctx, args)))
        _, _, order = self.make_parser(ctx).parse_args(list(spread))
        ctx.meta[_ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, spread)

    def prepare_arguments(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Change the arguments before they are parsed; for a subclass."""
        return args

    def options_by_name(self, ctx: click.Context) -> dict[str, click.Option]:
        """Return every option under each of its spellings."""
        return {
            spelling: parameter
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            for spelling in [*parameter.opts, *parameter.secondary_opts]
        }

    def _spread(self, ctx: click.Context, args: Sequence[str]) -> Iterator[str]:
        """Yield the arguments with the option repeated before each of its values."""
        options = self.options_by_name(ctx)
        current: str | None = None
        takes_value = False
        for argument in args:
            if takes_value:
                takes_value = False
                yield argument
                continue
            if current is not None and not argument.startswith("-"):
                yield from (current, argument)
                continue
            name, equals, _ = argument.partition("=")
            known = options.get(name)
            several = known is not None and (known.make_metavar(ctx) or "").endswith("...")
            current = name if several else None
            takes_value = known is not None and not known.is_flag and not equals
            yield argument


def order_of(context: click.Context) -> list[str]:
    """Return the names of the parameters in the order in which they were given, repeated ones so
    often."""
    order: list[str] = context.meta.get(_ORDER, [])
    return order


def several(values: Sequence[str]) -> list[str]:
    """Return the values of an option that was repeated, or has several with commas between."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


@contextmanager
def reading(option: str) -> Iterator[None]:
    """Make what is wrong with a value a fault of the command line, and name the option."""
    from pki_as_code.errors import InvalidValueError, UsageError

    try:
        yield
    except InvalidValueError as error:
        raise UsageError(f"{option}: {error.message}", help=error.help, code=error.code) from None


def usage_time(option: str, text: str) -> str:
    """Return a time in RFC 3339 and UTC; one without a zone is in UTC. Raises `UsageError`."""
    from datetime import UTC, datetime

    from pki_as_code.errors import UsageError
    from pki_as_code.model import format_time

    try:
        when = datetime.fromisoformat(text)
        zoned = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        return format_time(zoned)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: {text[:40]!r} is not a time",
            help="write it like 2027-01-31T00:00:00Z",
        ) from None


def end_time(option: str, text: str) -> str:
    """Return when a certificate ends, as a manifest has it. Raises `UsageError`."""
    from pki_as_code.manifests.timestamps import parse_timestamp
    from pki_as_code.model import format_time

    with reading(option):
        return format_time(parse_timestamp(text))


def validity(option: str, text: str) -> str:
    """Return a duration as a manifest has it; a bare number is days. Raises `UsageError`."""
    from pki_as_code.errors import UsageError
    from pki_as_code.manifests.durations import parse_duration

    if text.startswith("-"):
        raise UsageError(
            f"{option}: {text[:40]!r} is not longer than nothing",
            help="write a number of days, or a duration such as 90d or 2160h",
            code="duration.zero",
        )
    duration = f"{int(text)}d" if text.isascii() and text.isdigit() and len(text) < 10 else text  # noqa: PLR2004
    with reading(option):
        parse_duration(duration)
    return duration
