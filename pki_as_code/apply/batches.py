"""Certificates that are reserved, signed and recorded together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TypeVar

from pki_as_code.apply.outcome import Outcome
from pki_as_code.issuance import Failure, Order, Preparation, PreparedCertificate
from pki_as_code.model import IssueCertificate

BATCH = 500
"""Certificates that are reserved, signed and recorded together."""

T = TypeVar("T")


@dataclass
class Batch:
    """Certificates that are being prepared."""

    changes: list[IssueCertificate] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    failed: list[Outcome] = field(default_factory=list)
    """Those that nobody can sign."""

    preparation: Preparation | None = None

    def begin(self, now: datetime, judged: Collection[bytes]) -> None:
        self.preparation = Preparation(self.orders, now, judged)

    def results(
        self,
    ) -> Iterator[tuple[IssueCertificate, Order, PreparedCertificate | Failure]]:
        results = self.preparation.results() if self.preparation else ()
        yield from zip(self.changes, self.orders, results, strict=True)

    def close(self) -> None:
        if self.preparation:
            self.preparation.close()


def batches_of(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
