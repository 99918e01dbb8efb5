"""`/livez`, `/readyz` and `/metrics`, which need no key."""

from __future__ import annotations

from edurelay.runtime.health import Readiness
from unit.web.api import serving


async def test_ready_means_that_every_dependency_is_there() -> None:
    missing = ["no broker at kafka:9092"]

    def kafka() -> None:
        if missing:
            raise ConnectionError(missing[0])

    readiness = Readiness()
    readiness.add("kafka", kafka)
    readiness.add("mongo", lambda: None)
    async with serving([], readiness=readiness) as api:
        unready = await api.call("GET", "/readyz", key=None)
        assert unready.status == 503
        assert unready.json == {"status": "unready", "checks": {"kafka": missing[0], "mongo": "ok"}}
        assert (await api.call("GET", "/livez", key=None)).json == {"status": "alive"}
        missing.clear()
        ready = await api.call("GET", "/readyz", key=None)
        assert (ready.status, ready.json["status"]) == (200, "ready")


async def test_metrics_are_served_as_prometheus_reads_them() -> None:
    async with serving([]) as api:
        shown = await api.call("GET", "/metrics", key=None)
    assert shown.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"# TYPE edurelay_http_requests_total counter" in shown.raw
