"""Rows: what is a record and what is a bad line, where it stands, and that no neighbour is lost."""

from __future__ import annotations

import csv
import re
from io import BytesIO, StringIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edurelay_connector_runner.connectors.generic_csv.encodings import Encoding
from edurelay_connector_runner.connectors.generic_csv.lines import MAX_LINE_BYTES, Lines
from edurelay_connector_runner.connectors.generic_csv.records import MAX_FIELD
from edurelay_connector_runner.connectors.generic_csv.rows import BadLine, Row, Rows

GOOD = "1,Ann,x\n"
NEXT = "2,Bob,y\n"


def rows_of(content: str | bytes, codec: str = "utf-8", quote: str = '"') -> list[Row | BadLine]:
    """Read a whole text."""
    data = content.encode(codec) if isinstance(content, str) else content
    return list(Rows(Lines(BytesIO(data), Encoding(codec)), codec, ",", quote))


def fields_of(content: str) -> list[list[str]]:
    """Read a whole text in which every line is good."""
    rows = rows_of(content)
    assert not [row for row in rows if isinstance(row, BadLine)]
    return [row.fields for row in rows if isinstance(row, Row)]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a,b,c", ["a", "b", "c"]),
        ("a,,", ["a", "", ""]),
        (",", ["", ""]),
        ('""', [""]),
        ('"a","b"', ["a", "b"]),
        ('"a,b",c', ["a,b", "c"]),
        ('"say ""hi""",""', ['say "hi"', ""]),
        ('"two\nlines",x', ["two\nlines", "x"]),
        ('"two\r\nlines",x\r\n', ["two\r\nlines", "x"]),
        (" a ,b ", [" a ", "b "]),
        ("a\u2028b\x0cc,d\x85", ["a\u2028b\x0cc", "d\x85"]),
    ],
)
def test_a_record_has_the_fields_of_rfc_4180(text: str, fields: list[str]) -> None:
    assert fields_of(text) == [fields]


def test_empty_lines_are_no_records() -> None:
    assert fields_of("\na,b\n\r\n\nc,d\n\n") == [["a", "b"], ["c", "d"]]


def test_a_record_over_several_lines_is_named_by_its_first() -> None:
    rows = rows_of('a,"1\n2\n3"\nb,c\n')
    assert [(row.line, row.end) for row in rows] == [(1, 10), (4, 14)]


def test_without_a_quote_character_quotes_are_ordinary() -> None:
    assert rows_of('5" pipe,"a\n', quote="") == [Row(1, 11, ['5" pipe', '"a'])]


@pytest.mark.parametrize(
    ("bad", "column", "reason"),
    [
        ('1,"Ann,x\n', 2, "text behind the closing quote|not closed before the end"),
        ('1,"Ann"x,y\n', 2, "text behind the closing quote"),
        ('1,An"n,x\n', 2, "quote inside an unquoted field"),
        ('"1",Ann,"\n', 3, "not closed before the end|text behind the closing quote"),
        ("1,A\0nn,x\n", 2, "NUL"),
        ('1,"A\0nn",x\n', 2, "NUL"),
        ("1,A\rnn,x\n", 2, "carriage return"),
        ('"1",A\rnn,x\n', 2, "carriage return"),
        (f"1,Ann,{'x' * (MAX_FIELD + 1)}\n", 3, "longer than 65536 characters"),
        (f'1,"{"x" * (MAX_FIELD + 1)}",y\n', 2, "does not end within 65536 characters"),
        ("x" * (MAX_LINE_BYTES + 1) + "\n", None, "the line is longer than 262144 bytes"),
        (b"1,Ren\xe9,x\n", 2, r"byte 6 of the line \(0xe9\) is no utf-8"),
        (b'1,"Lima, Per\xfa",x\n', 2, "is no utf-8"),
        (b"1,Ann,\xed\xa0\x80\n", 3, "is no utf-8"),
    ],
)
def test_a_bad_line_is_named_with_column_and_reason_and_its_neighbours_are_read(
    bad: str | bytes, column: int | None, reason: str
) -> None:
    data = bad.encode() if isinstance(bad, str) else bad
    before, found, after = rows_of(GOOD.encode() + data + NEXT.encode())
    assert isinstance(before, Row)
    assert before.fields == ["1", "Ann", "x"]
    assert isinstance(after, Row)
    assert (after.line, after.fields) == (3, ["2", "Bob", "y"])
    assert isinstance(found, BadLine)
    assert (found.line, found.column) == (2, column)
    assert re.search(reason, found.reason)


@pytest.mark.parametrize(
    "broken",
    [
        '1,"Ann,x\n2,Bob,y\n3,Cy,"z"\n',
        '1,"Ann,x\n2,Bob,y\n"3",Cy,z\n',
        '1,"Ann,x\n2,Bob,y\n3,"Cy",""\n',
        '1,"Ann,x\n2,Bob,y\n3,Cy,z\n',
        '1,Ann,x"\n2,Bob,y\n3,"Cy",z\n',
    ],
)
def test_behind_an_unclosed_quote_reading_goes_on_with_the_next_line(broken: str) -> None:
    first, *others = rows_of(broken)
    assert isinstance(first, BadLine)
    assert first.line == 1
    assert [row.fields[:2] for row in others if isinstance(row, Row)] == [["2", "Bob"], ["3", "Cy"]]


def test_a_quote_that_is_lost_in_a_large_file_costs_only_its_own_line() -> None:
    plain = "".join(f"{n},Name,x\n" for n in range(20_000))
    rows = rows_of('lost,"Ann,x\n' + plain)
    assert isinstance(rows[0], BadLine)
    assert sum(isinstance(row, Row) for row in rows) == 20_000
    assert [row.line for row in rows] == list(range(1, 20_002))


def test_bytes_that_are_no_text_inside_a_record_of_several_lines_cost_no_line_but_these_two() -> None:
    rows = rows_of(b'1,"a\n\xff\n2,b\n3,c\n')
    assert [(row.line, isinstance(row, Row)) for row in rows] == [(1, False), (2, False), (3, True), (4, True)]


def test_a_record_of_many_lines_ends_at_the_limit_of_a_record() -> None:
    record = ",".join(['"' + "x\n" * 30_000 + '"'] * 6)
    rows = rows_of(f"{record}\n")
    assert isinstance(rows[0], BadLine)
    assert (rows[0].line, rows[0].column) == (1, 5)
    assert rows[0].reason == f"the record is longer than {MAX_LINE_BYTES} bytes"
    assert rows[1].line == 2


def test_a_bad_line_is_shown_so_that_it_can_be_stored() -> None:
    (bad,) = rows_of(b"\xff\0abc" + b"x" * 5000)
    assert isinstance(bad, BadLine)
    assert bad.text.startswith("\\xff\\x00abcx")
    assert len(bad.text) <= 1030


TEXTS = st.lists(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8), min_size=2, max_size=4),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["\n", "\r\n"]))
def test_what_pythons_own_writer_writes_is_read_as_it_was(table: list[list[str]], end: str) -> None:
    text = StringIO()
    csv.writer(text, lineterminator=end).writerows(table)
    assert fields_of(text.getvalue()) == table


DAMAGE = st.sampled_from(['"', '"x', 'x"', '""', '"a"b', "\0", 'a,"', ',"b\n', '"\n"', "\r,"])


@settings(deadline=None)
@given(st.lists(st.one_of(DAMAGE, st.just("1,2")), max_size=8))
@example(['"', "1,2", '"x'])
def test_nothing_that_can_stand_in_a_file_stops_the_reading(parts: list[str]) -> None:
    content = "\n".join(parts)
    rows = rows_of(content)
    ends = [row.end for row in rows]
    assert ends == sorted(ends)
    assert [row.line for row in rows] == sorted({row.line for row in rows})


@settings(deadline=None)
@given(st.lists(st.sampled_from(['"lost', 'mid"dle', '"behind"x']), min_size=1, max_size=5))
def test_among_lines_without_line_breaks_every_good_line_survives_every_bad_one(bad: list[str]) -> None:
    content = "".join(f"{line},x\ngood,{number}\n" for number, line in enumerate(bad))
    good = [row.fields for row in rows_of(content) if isinstance(row, Row)]
    assert good == [["good", str(number)] for number in range(len(bad))]
