"""Reading is one page ahead of sending, and never more."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.records.pages import ReadFailed, read_ahead
from edurelay_connector_runner.sdk import Connector, Context, Cursor
from integration.runner.scripted import Provider, connector_for, rows, unavailable


def opened(provider: Provider) -> Connector:
    """Return an open connector of the provider."""
    http: Any = None
    return connector_for(provider)(Context({}, {}, http, FileRoots([])))


def provider_of(count: int) -> Provider:
    """Return a provider with so many pages of courses."""
    return Provider({"courses": rows("c", count * 10)})


async def cursors(provider: Provider, cursor: Cursor | None = None) -> list[object]:
    """Return the cursors of all pages."""
    async with aclosing(read_ahead(opened(provider), "courses", cursor)) as pages:
        return [read.page.cursor["row"] async for read in pages]


async def test_every_page_comes_once_and_in_order() -> None:
    assert await cursors(provider_of(4)) == [10, 20, 30, 40]


async def test_reading_goes_on_behind_a_cursor() -> None:
    assert await cursors(provider_of(4), {"row": 20}) == [30, 40]


async def test_an_empty_stream_has_no_page() -> None:
    assert await cursors(provider_of(0)) == []


async def test_the_next_page_is_read_while_the_last_one_is_worked_on_but_not_the_one_after() -> None:
    provider = provider_of(5)
    async with aclosing(read_ahead(opened(provider), "courses", None)) as pages:
        await anext(pages)
        await provider.reached["courses", 10].wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert provider.pages_read == [("courses", 0), ("courses", 10)]


async def test_a_failure_is_raised_after_the_pages_before_it() -> None:
    provider = provider_of(3)
    provider.plant("courses", 20, unavailable())
    seen = []
    with pytest.raises(ReadFailed) as failed:  # noqa: PT012
        async with aclosing(read_ahead(opened(provider), "courses", None)) as pages:
            async for read in pages:
                seen.append(read.page.cursor["row"])  # noqa: PERF401
    assert seen == [10, 20]
    assert failed.value.error.args == ("the provider answered 503",)


async def test_closing_stops_a_page_that_is_being_read_and_closes_the_connectors_generator() -> None:
    provider = provider_of(3)
    provider.hold("courses", 10)
    async with aclosing(read_ahead(opened(provider), "courses", None)) as pages:
        await anext(pages)
        await provider.reached["courses", 10].wait()
        assert provider.open == 1
    assert provider.open == 0
