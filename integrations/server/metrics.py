"""Metrics: what the server does, in the format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.requests import Request
from starlette.types import Scope

from .admission import Admission

router = APIRouter(tags=["operation"])

BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Seconds; from a health check to a long video."""


class Metrics:
    """Counts of one server.

    Parameters
    ----------
    admission : Admission
    """

    def __init__(self, admission: Admission) -> None:
        self.registry = CollectorRegistry()
        admitted = "Requests that use the models, or wait for their turn to."
        Gauge("sightloop_requests_admitted", admitted, registry=self.registry).set_function(
            lambda: admission.inside
        )
        self._requests = Counter(
            "sightloop_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "sightloop_request_seconds", "Time to the end of the answer.", ["route"],
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._running = Gauge(
            "sightloop_requests_running", "Requests not answered yet.", registry=self.registry
        )
        self._tokens = Counter(
            "sightloop_tokens",
            "Tokens that models read and wrote.",
            ["model", "kind"],
            registry=self.registry,
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count a request while it runs."""
        with self._running.track_inprogress():
            yield

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answer; the route is the path's pattern, as there are too many paths."""
        route = getattr(scope.get("route"), "path", "other")
        # 0: the client left before there was an answer
        self._requests.labels(route, scope["method"], str(status or 499)).inc()
        self._seconds.labels(route).observe(seconds)

    def tokens(self, model: str, read: int, wrote: int) -> None:
        """Count what a model read and wrote."""
        self._tokens.labels(model, "read").inc(read)
        self._tokens.labels(model, "written").inc(wrote)


@router.get("/metrics", response_class=Response)
def metrics(request: Request) -> Response:
    """Return all counts."""
    counted: Metrics = request.app.state.metrics
    return Response(generate_latest(counted.registry), media_type=CONTENT_TYPE_LATEST)
