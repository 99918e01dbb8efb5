"""Remembering for some seconds."""

from __future__ import annotations

import pytest

from edurelay_gateway.memory import ShortMemory


class Source:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False

    async def load(self, key: str) -> str | None:
        self.asked.append(key)
        if self.broken:
            raise ConnectionError
        return None if key.startswith("unknown") else key.upper()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_answer_is_remembered_until_its_time_is_over() -> None:
    source, clock = Source(), Clock()
    memory = ShortMemory(source.load, seconds=5, clock=clock)
    assert [await memory.get("a"), await memory.get("a")] == ["A", "A"]
    clock.now = 5.1
    await memory.get("a")
    assert source.asked == ["a", "a"]


async def test_what_does_not_exist_is_remembered_as_well() -> None:
    source = Source()
    memory = ShortMemory(source.load, seconds=5, clock=Clock())
    assert [await memory.get("unknown"), await memory.get("unknown")] == [None, None]
    assert source.asked == ["unknown"]


async def test_a_failure_is_not_remembered() -> None:
    source = Source()
    memory = ShortMemory(source.load, seconds=5, clock=Clock())
    source.broken = True
    with pytest.raises(ConnectionError):
        await memory.get("a")
    source.broken = False
    assert await memory.get("a") == "A"


async def test_guessing_keys_does_not_fill_the_memory() -> None:
    source = Source()
    memory = ShortMemory(source.load, seconds=5, size=3, clock=Clock())
    for key in ("a", "unknown1", "unknown2", "unknown3", "unknown4", "unknown4"):
        await memory.get(key)
    assert len(memory) == 3


async def test_what_was_forgotten_is_asked_for_again() -> None:
    source = Source()
    memory = ShortMemory(source.load, seconds=5, clock=Clock())
    await memory.get("a")
    memory.forget("a")
    memory.forget("never seen")
    await memory.get("a")
    assert source.asked == ["a", "a"]
