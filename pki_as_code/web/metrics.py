"""`/metrics`, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from pki_as_code.model import AUTHORITY, CERTIFICATE
from pki_as_code.stores.interface import CertificateFilter, Store
from pki_as_code.web.caching import NO_STORE

if TYPE_CHECKING:
    from prometheus_client import Metric

    from pki_as_code.web.app import Services
    from pki_as_code.web.view import View

_DAY_SECONDS = 86400


class MetricsEndpoint:
    """Counts anew only when the store moved or some time went by: it may be of a million."""

    def __init__(self, services: Services, responses: Mapping[str, int]) -> None:
        self._services, self._responses = services, responses
        self._counted: tuple[View, datetime, list[Metric]] | None = None

    def respond(self, request: Request) -> Response:  # noqa: ARG002 (what an endpoint is given)
        now = self._services.now()
        with self._services.views.use() as view:
            text = generate_latest(_registry(_Families(self._families(view, now))))
        return Response(text, media_type="text/plain; version=1.0.0", headers=NO_STORE)

    def _families(self, view: View, now: datetime) -> list[Metric]:
        counted = self._counted
        if counted is None or counted[0] is not view or (now - counted[1]).total_seconds() >= 60:  # noqa: PLR2004
            counted = view, now, list(_of_certificates(view.store, now))
            self._counted = counted
        return [*counted[2], *_of_view(view, now), _of_responses(self._responses)]


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families_found = families

    def collect(self) -> list[Metric]:
        return self._families_found


def _registry(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def _of_certificates(store: Store, now: datetime) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "pki_certificates", "Certificates in the store, of all kinds, by status.", labels=["status"]
    )
    for status, count in sorted(store.count_certificates(now).items()):
        family.add_metric([str(status)], count)
    yield family
    expiry = GaugeMetricFamily(
        "pki_days_to_next_expiry", "Days until the first certificate in use ends.", labels=["kind"]
    )
    for kind in (AUTHORITY, CERTIFICATE):
        wanted = CertificateFilter(
            kinds=(kind,), not_after_from=now, revoked=False, current_only=True, limit=1
        )
        for record in store.find(wanted):
            days = (record.not_after - now).total_seconds() / _DAY_SECONDS
            expiry.add_metric([kind], days)
    yield expiry


def _of_view(view: View, now: datetime) -> Iterator[Metric]:
    store = view.store
    age = GaugeMetricFamily(
        "pki_crl_age_seconds", "Time since the CRL was made.", labels=["issuer", "scope"]
    )
    left = GaugeMetricFamily(
        "pki_crl_seconds_to_next_update", "Time until the CRL ends.", labels=["issuer", "scope"]
    )
    for crl in store.crls():
        age.add_metric([crl.issuer, crl.scope], (now - crl.this_update).total_seconds())
        left.add_metric([crl.issuer, crl.scope], (crl.next_update - now).total_seconds())
    yield from (age, left)
    responders = GaugeMetricFamily(
        "pki_ocsp_responder_seconds_to_expiry",
        "Time until the certificate of the OCSP responder ends; 0 when it cannot sign.",
        labels=["issuer"],
    )
    for name, responder in sorted(view.responders.items()):
        end = responder.certificate.not_valid_after_utc
        responders.add_metric([name], max((end - now).total_seconds(), 0))
    for name in sorted(view.failed):
        responders.add_metric([name], 0)
    yield responders
    yield GaugeMetricFamily(
        "pki_ledger_sequence", "Number of the last entry of the ledger.", value=view.head.sequence
    )
    reconciled = store.last_reconciled_at()
    if reconciled is not None:
        yield GaugeMetricFamily(
            "pki_last_reconcile_timestamp_seconds",
            "When a reconcile last changed something and did all that was asked for.",
            value=reconciled.timestamp(),
        )


def _of_responses(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "pki_ocsp_responses", "OCSP responses since the start.", labels=["status"]
    )
    for status, count in sorted(counts.items()):
        family.add_metric([status], count)
    return family
