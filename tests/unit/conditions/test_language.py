"""What a condition may say, and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from edurelay.conditions.language import MAX_LENGTH, Condition, ConditionFailed, ConditionRefused, context_of

DATA = {"role": "student", "grade": {"score": 3.5, "count": 4}, "tags": ["new", "vip"], "left": None, "active": True}


def holds(text: str, data: Any = DATA, *, subject: str | None = "s1", time: str = "2026-01-15T10:30:00.000Z") -> bool:
    return Condition(text).holds(context_of("grade.updated", subject, time, data))


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("type == 'grade.updated'", True),
        ("type.startsWith('student.')", False),
        ("subject == 's1'", True),
        ("time > timestamp('2026-01-01T00:00:00Z')", True),
        ("time.getHours() == 10", True),
        ("data.role == 'student' && data.grade.score >= 3.0", True),
        ("data.grade.count > 3.5", True),
        ("data.tags.exists(tag, tag == 'vip')", True),
        ("'old' in data.tags", False),
        ("has(data.missing) && data.missing == 1", False),
        ("data.left == null", True),
        ("data.active == true", True),
        ("event.type == type", True),
    ],
)
def test_a_condition_sees_the_type_the_subject_the_time_and_the_data(text: str, held: bool) -> None:
    assert holds(text) is held


def test_an_event_without_a_subject_has_an_empty_one() -> None:
    assert holds("subject == ''", subject=None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data.role ==", "line 1, column 13"),
        ("type ==\n  'a' ++ 'b'", "line 2, column 8"),
        ("role == 'student'", "line 1, column 1: undeclared reference to 'role'"),
        ("'a' + 1 == 'a1'", "line 1, column 5: found no matching overload"),
    ],
)
def test_the_compiler_says_what_is_wrong_and_where(text: str, said: str) -> None:
    with pytest.raises(ConditionRefused, match=said):
        Condition(text)


@pytest.mark.parametrize(
    ("text", "kind"), [("data.active", "dyn; compare it"), ("'student'", "string"), ("size(data) + 1", "int")]
)
def test_what_gives_no_bool_is_refused(text: str, kind: str) -> None:
    with pytest.raises(ConditionRefused, match=f"gives a bool, this gives {kind}"):
        Condition(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * (MAX_LENGTH + 1),
        "(" * 900 + "true" + ")" * 900,
        "[" * 400 + "]" * 400 + " == []",
        "data" + ".a" * 900 + " == 1",
        "true\x00",
        "data.a == '\ud800'",
    ],
)
def test_a_text_beyond_all_bounds_is_refused(text: str) -> None:
    with pytest.raises(ConditionRefused):
        Condition(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("data.missing == 1", 'Key not found in map : "missing"'),
        ("data.role > 3", "No matching overloads"),
        ("data.tags[7] == 'a'", "index=7"),
        ("1 / (data.grade.count - 4) == 1", "divide by zero"),
        ("data.role.matches('(')", "invalid regular expression"),
        ("[1, 2].map(a, data.tags)[0] == data.nothing", "nothing"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_says_why(text: str, reason: str) -> None:
    with pytest.raises(ConditionFailed) as failed:
        holds(text)
    assert reason in str(failed.value)


@pytest.mark.parametrize("data", [None, 5, ["a"]])
def test_data_that_is_no_object_fails(data: Any) -> None:
    with pytest.raises(ConditionFailed):
        holds("size(data) >= 0", data)


def test_a_time_that_is_none_fails() -> None:
    with pytest.raises(ConditionFailed, match="time"):
        holds("true", time="yesterday")


def test_the_runtime_itself_ends_what_goes_round_too_often() -> None:
    text = "data.l.map(a, data.l.map(b, data.l.map(c, a + b + c))).size() > 0"
    with pytest.raises(ConditionFailed, match="budget"):
        holds(text, {"l": list(range(50))})
