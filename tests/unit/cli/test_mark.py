"""Whose a listener's endpoint is."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from edurelay_cli.listening.mark import Mark


def test_a_mark_is_read_back_from_its_description() -> None:
    own = Mark.own()
    assert Mark.read(own.description) == own


@pytest.mark.parametrize("description", ["", "a listener", "edurelay listen: machine 1, process 2, since 3"])
def test_what_somebody_wrote_is_no_mark(description: str) -> None:
    assert Mark.read(description) is None


def test_a_process_that_runs_left_nothing_behind() -> None:
    assert not Mark.own().left_behind()


def test_a_process_that_ended_did_and_so_did_one_whose_number_another_has_now() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    own = Mark.own()
    assert replace(own, pid=ended.pid).left_behind()
    assert replace(own, since=own.since - 3600).left_behind()


def test_of_another_machine_nothing_is_known() -> None:
    assert not replace(Mark.own(), machine="0" * 12, since=0).left_behind()
