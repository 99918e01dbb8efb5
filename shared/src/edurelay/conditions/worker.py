"""The process that evaluates conditions: `python -m edurelay.conditions.worker`, started by `evaluator`.

It reads frames from its standard input, each a length (4 bytes, big-endian) and JSON: by turns an event's attributes
with the conditions to evaluate, and the event's data. It writes one line of JSON for each condition, in order: true,
false, or why it failed, and the seconds of processor time that it took. Each evaluation may take `BUDGET`. The runtime
cannot be interrupted, so the kernel ends the process beyond that: whoever reads then knows by the first missing line
which condition it was.

`seconds` of an event, where it is not null, is what it and those behind it may take together: once that is used up,
nothing is evaluated any more, and null is the answer.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

import orjson

from edurelay.conditions.language import Condition, ConditionFailed, ConditionRefused, context_of

#: Seconds of processor time for one evaluation, turning the event's data over included.
BUDGET = 0.2
#: How much memory the process may have, in bytes.
MEMORY = 1024 * 1024 * 1024
#: The line that says that the process is there.
READY = b"null\n"

_compiled = lru_cache(maxsize=4096)(Condition)


def main() -> None:
    """Answer until the other side closes."""
    with suppress(ValueError, OSError):  # Not every system limits it.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # A terminal tells it to all; the other side decides.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    _warm_up()
    os.write(1, READY)
    left, spent = 0.0, time.process_time()
    while (head := _frame()) is not None and (data := _frame()) is not None:
        question: dict[str, Any] = orjson.loads(head)
        left = left if question["seconds"] is None else question["seconds"]
        answers = _answers(question, data)
        for _ in question["conditions"]:
            signal.setitimer(signal.ITIMER_PROF, BUDGET)
            began = time.perf_counter()
            answer = next(answers) if left > 0.0 else None
            passed = time.perf_counter() - began
            before, spent = spent, time.process_time()
            # Where the kernel counts processor time in large steps, nobody pays for a step that others took.
            seconds = min(passed, spent - before)
            left -= seconds
            os.write(1, orjson.dumps([answer, seconds]) + b"\n")
        signal.setitimer(signal.ITIMER_PROF, 0)


def _frame() -> bytes | None:
    head = sys.stdin.buffer.read(4)
    return sys.stdin.buffer.read(int.from_bytes(head, "big")) if len(head) == 4 else None


def _answers(question: dict[str, Any], data: bytes) -> Iterator[bool | str]:
    try:
        context = context_of(question["type"], question["subject"], question["time"], orjson.loads(data))
    except (ConditionFailed, orjson.JSONDecodeError) as error:
        yield from [f"the event cannot be read: {error}"] * len(question["conditions"])
        return
    for text in question["conditions"]:
        try:
            yield _compiled(text).holds(context)
        except (ConditionFailed, ConditionRefused) as error:
            yield str(error)


def _warm_up() -> None:
    """The runtime loads parts of itself at the first use, which no condition should pay for."""
    with suppress(ConditionFailed):
        Condition("time < timestamp('2000-01-01T00:00:00Z') || data.a.exists(a, a == 'b')").holds(
            context_of("a.b", "c", "2000-01-01T00:00:00Z", {})
        )


if __name__ == "__main__":
    main()
