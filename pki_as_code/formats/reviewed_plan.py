"""
The plan that somebody reviewed, read back from the JSON of `plan --out`.

The file says what was seen, never what is done: the plan is made anew, and must be the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pki_as_code.errors import InvalidValueError, StalePlanError
from pki_as_code.escape import safe
from pki_as_code.formats.plan_json import SCHEMA_VERSION, plan_json
from pki_as_code.model import TOLERATED_CLOCK_ERROR, JsonValue, Plan, canonical_json, format_time

MAX_BYTES = 64 << 20
"""A plan of twenty thousand certificates has about half of it."""

OLDEST = timedelta(days=30)
"""A review says nothing of a world that has moved on."""

_MOST_DIFFERENCES = 10
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_OBJECT = ("action", "kind", "namespace", "name")
_NO_EFFECT = frozenset({"source", "help", "allowedBy"})
"""What can differ while the same is done; what is done must be allowed either way."""


@dataclass(frozen=True, slots=True)
class ReviewedPlan:
    """What a plan file says, as far as it is compared."""

    digest: str
    planned_at: datetime
    changes: tuple[Mapping[str, JsonValue], ...] = field(repr=False)
    refused: tuple[Mapping[str, JsonValue], ...] = field(repr=False)


class _MalformedError(ValueError):
    """What is wrong with a plan file, in words."""


def parse_reviewed_plan(data: bytes) -> ReviewedPlan:
    """
    Read a plan file.

    Raises:
        InvalidValueError: `plan_file.too_large`, `plan_file.newer_version`, `plan_file.malformed`.
    """
    if len(data) > MAX_BYTES:
        raise InvalidValueError(
            f"the plan file has more than {MAX_BYTES:,} bytes",
            help="name the file that `pkictl plan --out` wrote",
            code="plan_file.too_large",
        )
    try:
        return _read(json.loads(data.decode("utf-8"), object_pairs_hook=_without_duplicates))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidValueError):
            raise
        told = str(error) if isinstance(error, _MalformedError) else "it is not JSON"
        raise InvalidValueError(
            f"the plan file cannot be read: {told}",
            help="make it anew with `pkictl plan --out`, and have that one reviewed",
            code="plan_file.malformed",
        ) from None


def _read(value: JsonValue) -> ReviewedPlan:
    if not isinstance(value, dict):
        raise _MalformedError("it is no JSON object")
    version = value.get("schemaVersion")
    if type(version) is int and version > SCHEMA_VERSION:
        raise InvalidValueError(
            f"the plan file is of version {version}, this program knows {SCHEMA_VERSION}",
            help="apply it with the version that made it",
            code="plan_file.newer_version",
        )
    if type(version) is not int or version != SCHEMA_VERSION:
        raise _MalformedError("`schemaVersion` is missing, or not a version of a plan")
    digest, planned_at = value.get("digest"), value.get("plannedAt")
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        raise _MalformedError("`digest` is not `sha256:` and 64 hexadecimal digits")
    if not isinstance(planned_at, str) or _TIME.fullmatch(planned_at) is None:
        raise _MalformedError("`plannedAt` is not a time in UTC, like 2026-11-23T10:00:00Z")
    try:
        when = datetime.fromisoformat(planned_at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _MalformedError("`plannedAt` is not a time") from None
    return ReviewedPlan(digest, when, _objects(value, "changes"), _objects(value, "refused"))


def _objects(value: Mapping[str, JsonValue], name: str) -> tuple[Mapping[str, JsonValue], ...]:
    items = value.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _MalformedError(f"`{name}` is not a list of objects")
    words = _OBJECT if name == "changes" else _OBJECT[1:]
    if not all(isinstance(item.get(word), str) for item in items for word in words):
        raise _MalformedError(f"an item of `{name}` has no {', '.join(words)}")
    return tuple(items)


def _without_duplicates(pairs: Sequence[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Two readers of one file must not see two plans."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _MalformedError("a key is there twice")
    return value


# --- Is it still so? -----------------------------------------------------------------------------


def check_age(reviewed: ReviewedPlan, now: datetime) -> None:
    """Raise `StalePlanError` (`plan.from_the_future`, `plan.outdated`) for a time of no use."""
    if reviewed.planned_at > now + TOLERATED_CLOCK_ERROR:
        raise StalePlanError(
            f"the reviewed plan was made at {format_time(reviewed.planned_at)}, which is still "
            "to come",
            help="check the clocks of both machines, and plan again",
            code="plan.from_the_future",
        )
    if now - reviewed.planned_at > OLDEST:
        raise StalePlanError(
            f"the reviewed plan was made at {format_time(reviewed.planned_at)}, more than "
            f"{OLDEST.days} days ago",
            help="plan again, and have that one reviewed",
            code="plan.outdated",
        )


def check_reviewed(reviewed: ReviewedPlan, plan: Plan) -> None:
    """
    Check that `plan`, made anew for the time of the reviewed one, is that plan.

    Raises:
        StalePlanError: it is not; `help` says what differs.
    """
    now = plan_json(plan)
    seen = {"changes": reviewed.changes, "refused": reviewed.refused}
    differences = [
        line
        for name in ("changes", "refused")
        for line in _differences(_by_object(seen[name]), _by_object(now[name]))
    ]
    if reviewed.digest == plan.digest and not differences:
        return
    more = len(differences) - _MOST_DIFFERENCES
    told = differences[:_MOST_DIFFERENCES] + ([f"and {more} more"] if more > 0 else [])
    if not told:
        told = [f"digest: {reviewed.digest} was reviewed, it is {plan.digest}"]
    raise StalePlanError(
        "what would be done is not what was reviewed; nothing was changed",
        help="\n".join(["plan again, and have that one reviewed; what differs:", *told]),
    )


def _by_object(items: Sequence[Mapping[str, JsonValue]]) -> dict[str, list[JsonValue]]:
    """Return what is done, by the words for it."""
    found: dict[str, list[JsonValue]] = {}
    for item in items:
        parts = [str(item.get("action", "refuse")), str(item["kind"])]
        place = [str(item[word]) for word in ("namespace", "name") if item[word]]
        found.setdefault(safe(f"{' '.join(parts)} {'/'.join(place)}"), []).append(_effect(item))
    return found


def _effect(item: Mapping[str, JsonValue]) -> JsonValue:
    """Return an item without its place and its wording."""
    kept = {name: value for name, value in item.items() if name not in _NO_EFFECT}
    for name in ("reasons", "reason"):
        if name in kept:
            kept[name] = _codes(kept[name])
    return kept


def _codes(reasons: JsonValue) -> JsonValue:
    if isinstance(reasons, dict):
        return reasons.get("code")
    return [_codes(reason) for reason in reasons] if isinstance(reasons, list) else reasons


def _differences(
    seen: Mapping[str, list[JsonValue]], now: Mapping[str, list[JsonValue]]
) -> Iterator[str]:
    for words in sorted({*seen, *now}):
        if words not in now:
            yield f"gone: {words}"
        elif words not in seen:
            yield f"new: {words}"
        elif sorted(map(canonical_json, seen[words])) != sorted(map(canonical_json, now[words])):
            yield f"otherwise: {words}{_fields(seen[words], now[words])}"


def _fields(seen: list[JsonValue], now: list[JsonValue]) -> str:
    """Name the fields in which one change differs from another."""
    if len(seen) != 1 or len(now) != 1:
        return ""
    names: list[str] = []
    for name in sorted({*seen[0], *now[0]}):
        old, new = seen[0].get(name), now[0].get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            parts = sorted(p for p in {*old, *new} if old.get(p) != new.get(p))
            names += [f"{name}.{part}" for part in parts]
        else:
            names.append(name)
    return safe(f" ({', '.join(names)})") if names else ""
