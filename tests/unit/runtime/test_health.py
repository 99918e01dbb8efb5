"""Readiness says which dependency is missing, and never waits long for one."""

from __future__ import annotations

import asyncio

from edurelay.runtime.health import OK, Readiness


async def test_each_check_is_reported_under_its_name() -> None:
    def broken() -> None:
        raise ConnectionError("no broker at kafka:9092")

    async def fine() -> None:
        await asyncio.sleep(0)

    readiness = Readiness()
    readiness.add("kafka", broken)
    readiness.add("mongo", fine)
    readiness.add("table", lambda: None)
    assert await readiness.report() == {"kafka": "no broker at kafka:9092", "mongo": OK, "table": OK}


async def test_a_check_that_hangs_is_reported_when_its_time_is_up() -> None:
    async def hanging() -> None:
        await asyncio.Event().wait()

    readiness = Readiness(timeout=0.05)
    readiness.add("mongo", hanging)
    assert await readiness.report() == {"mongo": "no answer within 0.05 s"}


async def test_an_error_is_reported_without_secrets_and_never_as_an_empty_text() -> None:
    def leaking() -> None:
        raise OSError("cannot reach mongodb://hub:canary@db")

    def silent() -> None:
        raise OSError

    readiness = Readiness()
    readiness.add("mongo", leaking)
    readiness.add("kafka", silent)
    assert await readiness.report() == {"mongo": "cannot reach mongodb://[redacted]@db", "kafka": "OSError"}
