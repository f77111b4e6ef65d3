"""
What failed is tried again later: when, and what is left out of a plan until then.

Failing once more at once would help nobody: the key is still missing. Each failure doubles the
time, and what is asked for now (an edited manifest, one object by name) is tried at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from pki_as_code.model import (
    AUTHORITY,
    CertificateRequest,
    Failure,
    Finding,
    FinishReservation,
    IssueCertificate,
    ObjectId,
    Severity,
    format_time,
)
from pki_as_code.plan.observation import Item, Observation, PlanFrame

FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=24)

_MOST_DOUBLINGS = 10
_JITTER_PERCENT = 20
"""By so much a wait is shortened at most, so that what failed together is not tried together."""


def retry_time(object_id: ObjectId, attempts: int, now: datetime) -> datetime:
    """Return when an object is tried again that failed `attempts` times in a row."""
    wait = min(FIRST_WAIT * 2 ** min(attempts - 1, _MOST_DOUBLINGS), LONGEST_WAIT)
    # Of the object, not of chance: equal inputs give equal plans.
    share = int.from_bytes(hashlib.sha256(str(object_id).encode()).digest()[:4], "big") / 2**32
    shorter = wait * _JITTER_PERCENT * share / 100
    return now + timedelta(seconds=int((wait - shorter).total_seconds()))


def asked_digest(request: CertificateRequest) -> str:
    """Return what a failure is remembered by: the request, without an authority's own key."""
    if request.object_id.kind == AUTHORITY:
        # Which may not exist yet when this is planned, and does when signing fails.
        request = replace(request, public_key_der=b"")
    return request.digest


def leave_waiting(
    items: Iterable[Item], observation: Observation, frame: PlanFrame
) -> Iterator[tuple[Item, ObjectId | None]]:
    """
    Yield each item, or a warning in its place while it waits to be tried again, and then its id.

    What cannot be signed before an authority that waits, waits with it. Items come as they are to
    be done, authorities first. Nothing waits when objects were asked for by name.
    """
    waiting: dict[str, Failure] = {}
    for item in items:
        if not isinstance(item, IssueCertificate | FinishReservation) or frame.tries_at_once:
            yield item, None
            continue
        failure = _failure_of(item.request, observation, frame.now)
        issuer = item.request.issuer
        if failure is None and issuer not in observation.authorities:
            failure = waiting.get(issuer)
        if failure is None:
            yield item, None
            continue
        if item.object_id.kind == AUTHORITY:
            waiting[item.object_id.name] = failure
        yield _finding(item, failure), item.object_id


def _failure_of(
    request: CertificateRequest, observation: Observation, now: datetime
) -> Failure | None:
    """Return the failure for which a request is not tried yet."""
    observed = observation.objects.get(request.object_id)
    failure = observed.failure if observed else None
    if failure is None or not now < failure.retry_at <= now + LONGEST_WAIT:
        return None  # a ledger that says otherwise was not written by this program
    return failure if failure.request_digest == asked_digest(request) else None


def _finding(item: IssueCertificate | FinishReservation, failure: Failure) -> Finding:
    object_id = item.object_id
    times = "once" if failure.attempts == 1 else f"{failure.attempts} times"
    if failure.object_id == object_id:
        told = f"{object_id.path} failed {times}"
    else:
        told = (
            f"{object_id.path} waits for authority {failure.object_id.name}, which failed {times}"
        )
    name = object_id.path if object_id.kind != AUTHORITY else f"{AUTHORITY}/{object_id.name}"
    return Finding(
        "certificate.waiting_to_retry",
        f"{told}, and is tried again after {format_time(failure.retry_at)}: {failure.message}",
        item.source,
        Severity.WARNING,
        help=f"`pkictl reconcile --only {name}` tries at once, `--retry` everything",
    )
