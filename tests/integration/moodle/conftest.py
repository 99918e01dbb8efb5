"""A school, its Moodle, and plain HTTP to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio

from edurelay_connector_runner.connectors.moodle import MoodleConnector
from edurelay_sandbox.faults import Fault, FaultKind
from edurelay_sandbox.moodle import MoodleSandbox, School
from integration.moodle.driver import PlainHttp, connect


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox() -> MoodleSandbox:
    """A Moodle for a school of 60 students in 12 courses, fresh for each test."""
    return MoodleSandbox(School.generate(7, students=60, courses=12, teachers=8, grade_items=2))


@pytest_asyncio.fixture(loop_scope="session")
async def url(sandbox: MoodleSandbox) -> AsyncIterator[str]:
    """The address of that Moodle."""
    async with sandbox.serving() as address:
        yield address


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[PlainHttp]:
    """Plain HTTP."""
    async with aiohttp.ClientSession() as session:
        yield PlainHttp(session)


@pytest_asyncio.fixture(loop_scope="session")
async def restless(http: PlainHttp) -> AsyncIterator[MoodleConnector]:
    """A connector for a site whose one crowded course never shows the same list twice."""
    sandbox = MoodleSandbox(School.generate(7, students=2000, courses=1, teachers=1))
    sandbox.faults.add(Fault(FaultKind.DRIFT, requests=None, shift=10_000))
    async with sandbox.serving() as address:
        yield connect(http, address)
