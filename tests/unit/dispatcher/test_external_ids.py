"""Looking outside ids up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from edurelay.model import EntityType
from edurelay.web.internal import UpstreamUnavailable
from edurelay.web.problems import Problem
from edurelay_webhook_dispatcher import external_ids
from edurelay_webhook_dispatcher.external_ids import ExternalIds, MappingAway
from edurelay_webhook_dispatcher.foreign_ids import OurId

STUDENT = EntityType.STUDENT


@dataclass
class Mapping:
    """Knows each id whose name is long enough, and counts what it was asked."""

    asked: list[tuple[str, str, list[str]]] = field(default_factory=list)
    problem: Problem | None = None
    answer: list[str | None] | None = None

    async def post(self, path: str, body: Any, answer: Any) -> Any:
        ids = [each["internal_id"] for each in body["ids"]]
        self.asked.append((path, body["connection_id"], ids))
        await asyncio.sleep(0)
        if self.problem is not None:
            raise self.problem
        return answer(external_ids=self.answer or [f"ext-{each}" if len(each) > 1 else None for each in ids])


def looking_up(mapping: Mapping) -> ExternalIds:
    return ExternalIds(mapping)  # type: ignore[arg-type]


def students(*ids: str) -> set[OurId]:
    return {(STUDENT, each) for each in ids}


async def test_questions_that_come_together_are_asked_together() -> None:
    mapping = Mapping()
    ids = looking_up(mapping)
    first, second, foreign, other = await asyncio.gather(
        ids.find("t", "con", students("aa", "b")),
        ids.find("t", "con", students("aa", "cc")),
        ids.find("u", "con", students("aa")),
        ids.find("t", "other", students("aa")),
    )
    assert first == {(STUDENT, "aa"): "ext-aa"}
    assert second == {(STUDENT, "aa"): "ext-aa", (STUDENT, "cc"): "ext-cc"}
    assert foreign == other == first
    assert mapping.asked == [
        ("/internal/tenants/t/mappings/external-ids", "con", ["aa", "b", "cc"]),
        ("/internal/tenants/u/mappings/external-ids", "con", ["aa"]),
        ("/internal/tenants/t/mappings/external-ids", "other", ["aa"]),
    ]


async def test_an_answer_is_remembered_and_a_missing_id_not_for_long() -> None:
    now = 1000.0
    mapping = Mapping()
    ids = ExternalIds(mapping, lambda: now)  # type: ignore[arg-type]
    for _ in range(3):
        assert await ids.find("t", "con", students("aa", "b")) == {(STUDENT, "aa"): "ext-aa"}
    assert len(mapping.asked) == 1
    now += external_ids.UNKNOWN_SECONDS + 1
    await ids.find("t", "con", students("aa", "b"))
    assert mapping.asked[1][2] == ["b"]
    now += external_ids.KNOWN_SECONDS
    await ids.find("t", "con", students("aa"))
    assert mapping.asked[2][2] == ["aa"]


async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_ids, "REMEMBERED", 5)
    mapping = Mapping()
    ids = looking_up(mapping)
    await ids.find("t", "con", students("aa", "bb", "cc"))
    await ids.find("t", "con", students("dd", "ee", "ff"))
    await ids.find("t", "con", students("dd", "aa"))
    assert mapping.asked[2][2] == ["aa"]


async def test_many_are_asked_for_in_parts() -> None:
    mapping = Mapping()
    wanted = students(*(f"id{n}" for n in range(external_ids.AT_ONCE * 2 + 1)))
    assert len(await looking_up(mapping).find("t", "con", wanted)) == len(wanted)
    assert sorted(len(ids) for _, _, ids in mapping.asked) == [1, external_ids.AT_ONCE, external_ids.AT_ONCE]


@pytest.mark.parametrize("impossible", ["", "a/b", "a\nb", "x" * 65])
async def test_what_cannot_be_an_id_is_not_asked_for(impossible: str) -> None:
    mapping = Mapping()
    assert await looking_up(mapping).find("t", "con", students(impossible)) == {}
    assert mapping.asked == []


@pytest.mark.parametrize("problem", [UpstreamUnavailable("mapping"), Problem(422, "invalid_request", "no")])
async def test_no_answer_is_no_answer_for_all_who_asked_and_the_next_ask_again(problem: Problem) -> None:
    mapping = Mapping(problem=problem)
    ids = looking_up(mapping)
    told = await asyncio.gather(*(ids.find("t", "con", students("aa")) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in told] == [MappingAway] * 3
    mapping.problem = None
    assert await ids.find("t", "con", students("aa")) == {(STUDENT, "aa"): "ext-aa"}


async def test_an_answer_to_another_question_is_none() -> None:
    with pytest.raises(MappingAway, match="another question"):
        await looking_up(Mapping(answer=["1", "2"])).find("t", "con", students("aa"))
