"""The topics of the bare loops, shaped as those of the stages that they stand beside."""

from __future__ import annotations

from dataclasses import replace

from edurelay.events.topics import EVENTS, HOUR, RECORDS

BARE_RECORDS = replace(RECORDS, name="edurelay.bench.records", retention=HOUR, dead_letters=False)
BARE_EVENTS = replace(EVENTS, name="edurelay.bench.events", retention=HOUR, dead_letters=False)
