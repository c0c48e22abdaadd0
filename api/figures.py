"""Prometheus figures: requests by route template, and jobs by status."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LABELS = ("method", "route", "status")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Figures:
    """The figures of one application; ``count_jobs`` gives the number of jobs by status."""

    def __init__(self, count_jobs: Callable[[], dict[str, int]]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "trainyard_http_requests", "Answered requests", _LABELS, registry=self.registry
        )
        self.seconds = Histogram(
            "trainyard_http_request_seconds",
            "Time to the first byte of the answer",
            _LABELS[:2],
            registry=self.registry,
        )
        self.registry.register(_Jobs(count_jobs))

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)


class _Jobs(Collector):
    def __init__(self, count_jobs: Callable[[], dict[str, int]]) -> None:
        self.count_jobs = count_jobs

    def describe(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("trainyard_jobs", "Jobs by status", labels=["status"])]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        (gauge,) = self.describe()
        for status, number in self.count_jobs().items():
            gauge.add_metric([status], number)
        yield gauge


class CountRequests:
    """Counts and times every answer."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self.app, self.figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, counting_send)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "none")  # a template: few different values
        self.figures.requests.labels(method, route, str(status)).inc()
        self.figures.seconds.labels(method, route).observe(seconds)
