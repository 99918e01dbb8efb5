"""`convert` is pure, and whatever it is given it returns an entity or raises `BadRecord`."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edurelay_connector_runner.connectors.moodle.config import MoodleConfig
from edurelay_connector_runner.connectors.moodle.mapping import convert
from edurelay_connector_runner.sdk import BadRecord

#: The machine may be busy with other things; that says nothing about the rule.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

CONFIG = MoodleConfig.model_validate({"apiUrl": "https://moodle.example", "identityField": "profile_field_rut"})
STREAMS = ("courses", "groups", "students", "teachers", "enrollments", "grades", "completions", "nothing")
NAMES = (
    "id", "fullname", "shortname", "summary", "visible", "startdate", "enddate", "customfields", "name", "courseid",
    "description", "firstname", "lastname", "email", "username", "idnumber", "suspended", "confirmed", "course", "user",
    "roles", "groups", "active", "item", "itemname", "itemtype", "graderaw", "grademin", "grademax", "cmid", "state",
    "gradedategraded", "gradeishidden", "activity", "whole", "times", "aggregation", "timecompleted", "modname", "type",
    "value", "valueraw", "categoryid", "enablecompletion", "participation",
)  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 3)
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs", "Cc", "L"]))
    | st.sampled_from(["student", "editingteacher", "1", "", "\x00", "1" * 400])
)
odd = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=8),
    max_leaves=8,
)
plausible = st.fixed_dictionaries(
    {
        "id": st.integers(1, 99),
        "course": st.integers(1, 9),
        "fullname": st.text(min_size=1),
        "name": st.text(min_size=1),
    },
    optional={name: odd for name in NAMES if name not in ("id", "course", "fullname", "name")},
)


@settings(UNHURRIED)
@given(stream=st.sampled_from(STREAMS), raw=odd | plausible)
def test_odd_records_become_entities_or_bad_records(stream: str, raw: Any) -> None:
    try:
        external_id, entity = convert(stream, raw, CONFIG)
    except BadRecord:
        return
    assert external_id
    assert convert(stream, raw, CONFIG) == (external_id, entity)


@settings(UNHURRIED, max_examples=40)
@given(stream=st.sampled_from(STREAMS), raw=plausible)
def test_converting_leaves_the_record_as_it_was(stream: str, raw: dict[str, Any]) -> None:
    before = deepcopy(raw)
    with suppress(BadRecord):
        convert(stream, raw, CONFIG)
    assert repr(raw) == repr(before)


@settings(UNHURRIED, max_examples=40)
@given(raw=plausible, order=st.randoms())
def test_the_order_of_keys_and_of_custom_fields_does_not_count(raw: dict[str, Any], order: Any) -> None:
    names = list(raw)
    order.shuffle(names)
    try:
        expected = convert("courses", raw, CONFIG)
    except BadRecord:
        return
    assert repr(convert("courses", {name: raw[name] for name in names}, CONFIG)) == repr(expected)
