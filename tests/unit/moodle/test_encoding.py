"""Arguments reach Moodle in the form in which PHP reads them, and never so many that PHP drops some."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edurelay_connector_runner.connectors.moodle.encoding import MAX_VALUES, encode
from edurelay_sandbox.moodle.arguments import php_variables

#: The machine may be busy with other things; that says nothing about the rule.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_lists_structs_and_flags_are_flattened() -> None:
    assert encode(
        {"courseid": 42, "options": [{"name": "limitfrom", "value": "0"}], "ids": [2, 5], "own": True, "none": []}
    ) == {
        "courseid": "42",
        "options[0][name]": "limitfrom",
        "options[0][value]": "0",
        "ids[0]": "2",
        "ids[1]": "5",
        "own": "1",
    }


def test_the_ids_of_courses_are_a_list_inside_of_a_struct() -> None:
    assert encode({"options": {"ids": [2, 5]}}) == {"options[ids][0]": "2", "options[ids][1]": "5"}


def test_more_values_than_php_may_read_are_an_error() -> None:
    assert len(encode({"values": ["x"] * MAX_VALUES})) == MAX_VALUES
    with pytest.raises(ValueError, match="901 values"):
        encode({"values": ["x"] * (MAX_VALUES + 1)})


@settings(UNHURRIED)
@given(
    st.dictionaries(
        st.text("abcxyz", min_size=1, max_size=5),
        st.text(max_size=10) | st.lists(st.text(max_size=10), min_size=1, max_size=5),
        max_size=5,
    )
)
def test_php_reads_back_what_was_written(arguments: dict[str, str | list[str]]) -> None:
    read = php_variables(parse_qsl(urlencode(encode(arguments)), keep_blank_values=True))
    expected = {
        name: value if isinstance(value, str) else {str(index): inner for index, inner in enumerate(value)}
        for name, value in arguments.items()
    }
    assert read == expected
