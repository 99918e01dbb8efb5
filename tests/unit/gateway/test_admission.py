"""How much may wait for Kafka."""

from __future__ import annotations

import pytest

from edurelay_gateway.admission import Admission
from edurelay_gateway.errors import Overloaded


def test_no_more_messages_are_admitted_than_allowed() -> None:
    admission = Admission(messages=2, size=1000)
    with admission.admit(2, 10), pytest.raises(Overloaded), admission.admit(1, 10):
        pass
    with admission.admit(2, 10):
        pass


def test_no_more_bytes_are_admitted_than_allowed() -> None:
    admission = Admission(messages=100, size=1000)
    with admission.admit(1, 600), pytest.raises(Overloaded), admission.admit(1, 600):
        pass


def test_what_fails_makes_room_again() -> None:
    admission = Admission(messages=1, size=1000)
    with pytest.raises(ValueError, match="broken"), admission.admit(1, 10):
        raise ValueError("broken")
    with admission.admit(1, 1000):
        pass
