"""An export: one file, which appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import BinaryIO

from edurelay_connector_runner.connectors.generic_csv.rendering import RecordWriter, Unwritable
from edurelay_connector_runner.sdk import OutboundRecord, PushReport

#: How many errors a report names; the others are only counted.
MAX_ERRORS = 100


class Exporter:
    """Writes one stream into a hidden file beside the target, which takes the target's place at the very end.

    The same records in the same order give the same bytes. Its methods block; any thread may call them.
    """

    def __init__(self, target: Path, writer: RecordWriter, siblings: Sequence[RecordWriter] = ()) -> None:
        """Prepare to write `target`; nothing is opened yet. `siblings` write the other streams of the same kind of
        entity: a record that has a line in one of them and none here is not missing."""
        self._target = target
        self._writer = writer
        self._siblings = siblings
        self._part = target.with_name(f".{target.name}.{token_hex(4)}.part")
        self._file: BinaryIO | None = None
        self._lock = Lock()
        self._sent = 0
        self._unwritable = 0
        self._errors: list[str] = []

    def open(self) -> None:
        """Begin the file, and remove what a crash has left of earlier ones."""
        with self._lock:
            for left in self._target.parent.iterdir():
                if left.name.startswith(f".{self._target.name}.") and left.suffix == ".part":
                    left.unlink(missing_ok=True)
            self._file = self._part.open("xb")
            self._file.write(self._writer.head)

    def write(self, records: Iterable[OutboundRecord]) -> None:
        """Add records. One that has no line is left out, and told in the report."""
        with self._lock:
            assert self._file is not None
            for record in records:
                try:
                    self._file.write(self._writer.line(record))
                    self._sent += 1
                except Unwritable as error:
                    if not any(sibling.can_write(record) for sibling in self._siblings):
                        self._unwritable += 1
                        if len(self._errors) < MAX_ERRORS:
                            self._errors.append(f"{record.external_id}: {error}")

    def commit(self) -> PushReport:
        """Put the file in its place, durably."""
        with self._lock:
            assert self._file is not None
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
            self._part.replace(self._target)
            folder = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        more = self._unwritable - len(self._errors)
        return PushReport(self._sent, [*self._errors, *([f"and {more} more"] if more else [])])

    def close(self) -> None:
        """Drop a file that was not committed."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._part.unlink(missing_ok=True)
