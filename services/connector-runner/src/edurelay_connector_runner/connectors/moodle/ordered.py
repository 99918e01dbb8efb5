"""Several things fetched side by side, given out in the order of the question."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def in_order(
    items: Iterable[T], fetch: Callable[[T], Awaitable[R]], at_once: int
) -> AsyncGenerator[tuple[T, R], None]:
    """Yield each item with what was fetched for it, at most `at_once` ahead. Close it where it is not used up.

    An error is raised when it is its item's turn, so that everything before it can still be used.
    """
    waiting: deque[tuple[T, asyncio.Task[R]]] = deque()
    source = iter(items)
    try:
        while True:
            for item in source:
                waiting.append((item, asyncio.ensure_future(fetch(item))))
                if len(waiting) >= at_once:
                    break
            if not waiting:
                return
            item, task = waiting[0]
            result = await task
            waiting.popleft()
            yield item, result
    finally:
        tasks = [task for _, task in waiting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield `items` in parts of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
