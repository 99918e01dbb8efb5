"""Tables for people, lines of JSON for scripts."""

from __future__ import annotations

import json

import pytest

from edurelay_cli.api.showing import Show, cell, fields, pretty, table
from edurelay_client.models import Ledger

COLUMNS = {"ID": "id", "TYPES": "types", "ON": "on"}
ROWS = [{"id": "a", "types": ["x.*", "y"], "on": True}, {"id": "long-one", "types": [], "on": False}]


def test_columns_stand_below_each_other() -> None:
    assert table(COLUMNS, ROWS) == "ID        TYPES  ON\na         x.* y  yes\nlong-one  -      no"


def test_fields_stand_below_each_other() -> None:
    assert fields({"id": "a", "next_attempt_at": None}) == "id               a\nnext_attempt_at  -"


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "\x9b1m", "\u202etxt", "\r"])
def test_nothing_that_others_wrote_can_steer_the_terminal(text: str) -> None:
    shown = [cell(text), cell([text]), cell({"k": text}), pretty({"k": text}), table({"A": "a"}, [{"a": text}])]
    assert all(each.replace("\n", "").isprintable() for each in shown)
    assert "\n" not in cell(text)


def test_scripts_get_a_line_of_json_for_each_thing(capsys: pytest.CaptureFixture[str]) -> None:
    show = Show(as_json=True)
    show.rows(COLUMNS, ROWS, "nothing")
    show.one(Ledger(matched=2, delivered=1, pending=1, dead_lettered=0))
    show.rows(COLUMNS, [], "nothing")
    show.say("done")
    first, second, ledger = map(json.loads, capsys.readouterr().out.splitlines())
    assert [first, second] == ROWS
    assert ledger == {"matched": 2, "delivered": 1, "pending": 1, "dead_lettered": 0}


def test_people_are_told_where_there_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Show(as_json=False).rows(COLUMNS, [], "nothing here")
    assert capsys.readouterr().out == "nothing here\n"
