"""The JSON gate: what it lets in can be written again, what it does not is named by its path."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.web.gate import DEFAULT, JsonRejected, Limits, parse_json

NAMES = st.text(st.characters(min_codepoint=32, exclude_characters="$.", exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=30
)


def rejection(raw: bytes, limits: Limits = DEFAULT) -> tuple[int, str, str | None]:
    with pytest.raises(JsonRejected) as rejected:
        parse_json(raw, limits)
    return rejected.value.status, rejected.value.code, rejected.value.field


@given(VALUES)
def test_every_value_within_the_limits_passes_unchanged(value: Any) -> None:
    assert parse_json(orjson.dumps(value)) == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_value_that_can_be_written_again_or_a_rejection(raw: bytes) -> None:
    with contextlib.suppress(JsonRejected):
        value = parse_json(raw)
        assert orjson.loads(orjson.dumps(value)) == value


@given(st.lists(st.sampled_from(["a", "items", "some name"]) | st.integers(0, 3), max_size=6))
def test_a_rejection_names_the_path_to_what_is_wrong(keys: list[str | int]) -> None:
    value: Any = {"wrong": 2**63}
    path = "wrong"
    for key in reversed(keys):
        value = {key: value} if isinstance(key, str) else [*([1] * key), value]
        path = (key if isinstance(key, str) else f"[{key}]") + ("" if path.startswith("[") else ".") + path
    assert rejection(orjson.dumps(value)) == (400, "integer_out_of_range", path)


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b"", "body_required", "body"),
        (b" \n", "body_required", "body"),
        (b"{", "malformed_json", "body"),
        (b'{"a":1}}', "malformed_json", "body"),
        (b"{'a':1}", "malformed_json", "body"),
        (b"NaN", "malformed_json", "body"),
        (b'{"a":Infinity}', "malformed_json", "body"),
        (b'{"a":-Infinity}', "malformed_json", "body"),
        (b'{"a":1e999}', "malformed_json", "body"),
        (b'{"a":"\xff"}', "malformed_json", "body"),
        (b'{"a":"\xed\xa0\x80"}', "malformed_json", "body"),
        (b'{"a":"\\ud800"}', "malformed_json", "body"),
        (b'\xef\xbb\xbf{"a":1}', "malformed_json", "body"),
        ('{"a":1}'.encode("utf-16"), "malformed_json", "body"),
        (b'{"a":"\x00"}', "malformed_json", "body"),
        (b'{"data":{"a":[0,"x\\u0000y"]}}', "nul_character", "data.a[1]"),
        (b'{"data":[{"a\\u0000b":1}]}', "forbidden_key", "data[0].a\0b"),
        (b'{"a\\nb":1}', "forbidden_key", "a\nb"),
        (b'{"data":{"$where":"1"}}', "forbidden_key", "data.$where"),
        (b'{"data":{"a.b":1}}', "forbidden_key", "data.a.b"),
        (b"9223372036854775808", "integer_out_of_range", "body"),
        (b'{"data":{"items":[1,2,3,{"x":9223372036854775808}]}}', "integer_out_of_range", "data.items[3].x"),
        (b'{"a":-9223372036854775809}', "integer_out_of_range", "a"),
        (b'{"a":18446744073709551616}', "integer_out_of_range", "a"),
        (b'{"a":' + b"1" * 300 + b"}", "integer_out_of_range", "a"),
        (b'{"a":' + b"1" * 5000 + b"}", "malformed_json", "body"),
        (b"[" * 10_000, "too_deep", "body"),
        (b"[" * 10_000 + b"]" * 10_000, "too_deep", "body"),
        (b"[" * 33 + b"]" * 33, "too_deep", "[0]" * 32),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too_deep", ".".join("a" * 32)),
    ],
)
def test_what_a_later_step_could_not_write_is_rejected(raw: bytes, code: str, field: str) -> None:
    assert rejection(raw) == (400, code, field)


@pytest.mark.parametrize(
    "raw",
    [
        b"9223372036854775807",
        b"-9223372036854775808",
        b"1e19",
        b"-9223372036854775808.0",
        b'{"a$b":1,"":2,"\xc3\xa9\\u00e9":3}',
        b'{"a":"\\\\u0000"}',
        b'{"a":"$where.x"}',
        b"[" * 32 + b"]" * 32,
        b'"just a text"',
    ],
)
def test_what_only_looks_wrong_passes(raw: bytes) -> None:
    assert parse_json(raw) == orjson.loads(raw)


def test_the_last_of_two_members_with_one_name_counts() -> None:
    assert parse_json(b'{"a":1,"b":2,"a":3}') == {"a": 3, "b": 2}


def test_the_number_of_values_is_exactly_bounded() -> None:
    limits = Limits(nodes=100)
    assert len(parse_json(b"[" + b"1," * 99 + b"1]", limits)) == 100
    assert rejection(b"[" + b"1," * 100 + b"1]", limits) == (400, "too_many_values", "body")
    assert rejection(b'{"a":[1,2,3]}', Limits(nodes=3)) == (400, "too_many_values", "a")


def test_punctuation_within_texts_is_not_counted_as_values() -> None:
    assert parse_json(b'["' + b',[{\\"' * 1000 + b'\\\\"]', Limits(nodes=1))


def test_the_number_of_bytes_is_exactly_bounded() -> None:
    assert parse_json(b'"' + b"x" * 98 + b'"', Limits(bytes=100))
    assert rejection(b'"' + b"x" * 99 + b'"', Limits(bytes=100)) == (413, "too_large", "body")


def test_a_long_path_is_cut() -> None:
    _, _, field = rejection(b'{"' + b"k" * 100_000 + b'":{"$x":1}}')
    assert field is not None
    assert len(field) <= 201


@pytest.mark.parametrize(
    "raw",
    [b"[" * 1_500_000, b"[" + b"[]," * 500_000 + b"[]]", b'{"a":' * 300_000, b'["' + b'\\"' * 700_000 + b'"]'],
    ids=["brackets", "empty lists", "objects", "quotes"],
)
def test_a_hostile_text_does_not_block_the_loop(raw: bytes) -> None:
    limits = Limits(bytes=2_000_000)
    best = 1.0
    for _ in range(5):
        began = time.process_time()
        with contextlib.suppress(JsonRejected):
            parse_json(raw, limits)
        best = min(best, time.process_time() - began)
    assert best < 0.05
