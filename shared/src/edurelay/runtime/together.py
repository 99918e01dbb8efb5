"""Awaiting several things at once, so that a cancellation is never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar, overload

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


@overload
async def together(first: Awaitable[A], second: Awaitable[B], third: Awaitable[C], /) -> tuple[A, B, C]: ...
@overload
async def together(*parts: Awaitable[A]) -> tuple[A, ...]: ...
async def together(*parts: Awaitable[Any]) -> tuple[Any, ...]:
    """Return the results of all `parts`, in their order. Raises the first error among them, once all have ended.

    `asyncio.gather` forgets a cancellation that comes while a part fails: only the error comes out, and a loop that
    tries again after such an error runs on although its owner waits for its end. It also leaves the other parts
    running, whose late writes would meet the next attempt's.
    """
    results = await asyncio.gather(*parts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return tuple(results)
