"""Ports for what listens are none that an outgoing connection may be given meanwhile."""

from __future__ import annotations

import socket
from itertools import cycle

import pytest

from edurelay_cli.embedded import process
from edurelay_cli.embedded.process import LISTENED_ON, ProcessFailed, free_port


def test_ports_are_chosen_of_which_no_outgoing_connection_is_given_any_and_none_twice() -> None:
    chosen = [free_port() for _ in range(1000)]
    assert set(chosen) <= set(LISTENED_ON)
    assert len(set(chosen)) == len(chosen)


def test_a_port_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_port()
    with socket.create_server(("127.0.0.1", free_port())) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(process, "_candidates", cycle([taken, free]))
        assert free_port() == free
        monkeypatch.setattr(process, "_candidates", cycle([taken]))
        with pytest.raises(ProcessFailed, match="in use"):
            free_port()
