"""A pass over one stream: all its files, page by page, from the beginning or behind a saved cursor.

A record counts if it converts and its key has not been read before in this pass. To know the keys, a pass that is
taken up again reads the files once more up to its cursor, without giving anything out: so it goes on with exactly
the set that an unbroken pass would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple

from edurelay_connector_runner.connectors.generic_csv.folder import Found, find, fingerprint
from edurelay_connector_runner.connectors.generic_csv.rows import BadLine
from edurelay_connector_runner.connectors.generic_csv.seen import SeenKeys
from edurelay_connector_runner.connectors.generic_csv.shape import Shape
from edurelay_connector_runner.connectors.generic_csv.source import Record, Source
from edurelay_connector_runner.sdk import BadRecord, Cursor, Files, Page, Permanent, Rejection, SourceRecord

#: How many records and rejections a page holds at most, and after how many bytes it ends at the latest.
PAGE_RECORDS = 500
PAGE_BYTES = 1024 * 1024


class _Place(NamedTuple):
    """A place between two lines of one of the files, whose names are in order; the default is before all."""

    file: str = ""
    offset: int = 0
    line: int = 0


class StreamReader:
    """One pass over one stream. Its methods block; any thread may call them, and `close` even during another."""

    def __init__(self, files: Files, folder: Callable[[], Path], shape: Shape, cursor: Cursor | None) -> None:
        """Prepare a pass from `cursor`; nothing is opened yet."""
        self._files = files
        self._folder = folder
        self._shape = shape
        self._cursor = cursor
        self._lock = Lock()
        self._seen = SeenKeys()
        self._found: list[Found] = []
        self._fingerprint = ""
        self._place = _Place()
        self._goal = _Place()
        self._behind = 0
        self._open: tuple[Found, BinaryIO] | None = None
        self._items = self._read()
        self._caught_up = False
        #: Whether the last page has been read.
        self.finished = False

    def catch_up(self) -> bool:
        """Go a step towards the cursor; True once it is reached. A cursor of other files than are there now, or
        of another layout, means the beginning. Raises `Permanent` where a stream that is not optional has no files.
        """
        with self._lock:
            if not self._fingerprint:
                self._find()
            limit = self._position + PAGE_BYTES
            while self._place < self._goal and self._position < limit:
                if next(self._items, self) is self:
                    return True
            return self._place >= self._goal

    def next_page(self) -> Page:
        """Read the next page; the last one may be empty. It is `complete` if there were files, all were read to
        their ends, and the pattern still matches just these. Raises `Transient` where a file has changed."""
        with self._lock:
            records: list[SourceRecord] = []
            rejected: list[Rejection] = []
            limit = self._position + PAGE_BYTES
            for item in self._items:
                if isinstance(item, SourceRecord):
                    records.append(item)
                elif item is not None:
                    rejected.append(item)
                if len(records) + len(rejected) >= PAGE_RECORDS or self._position >= limit:
                    self._ensure_unchanged()
                    return Page(records, self._cursor_here(), rejected)
            self.finished = True
            return Page(records, self._cursor_here(), rejected, complete=self._is_complete())

    def close(self) -> None:
        """Let go of files and keys, once a call that is under way has returned."""
        with self._lock:
            self._items.close()
            self._seen.close()

    def _find(self) -> None:
        pattern, folder = self._shape.layout.files, self._folder()
        self._found = find(self._files, folder, pattern)
        if not self._found and not self._shape.layout.optional:
            raise Permanent(f"no file matches {pattern} in {folder}")
        self._fingerprint = fingerprint(self._found, self._shape.identity)
        if self._cursor is not None and self._cursor.get("files") == self._fingerprint:
            file, offset, line = (self._cursor.get(name) for name in _Place._fields)
            if isinstance(file, str) and isinstance(offset, int) and isinstance(line, int):
                self._goal = _Place(file, offset, line)

    def _read(self) -> Generator[SourceRecord | Rejection | None]:
        """Yield what becomes of each record; None for a row that does not count."""
        for found in self._found:
            with found.open() as file:
                self._open = (found, file)
                source = Source(found.name, file, self._shape)
                for record in source:
                    item = self._judge(found.name, source, record)
                    self._place = _Place(found.name, record.end, record.line)
                    yield item
                self._ensure_unchanged()
                self._open = None
                self._behind += found.size

    def _judge(self, name: str, source: Source, record: Record | BadLine) -> SourceRecord | Rejection | None:
        where = f"{name}:{record.line}"
        if isinstance(record, BadLine):
            field = source.name_of(record.column)
            return Rejection(record.reason, where, record.line, record.column, field, record.text or None)
        try:
            if not self._shape.includes(record.raw):
                return None
            key, _ = self._shape.convert(record.raw)
        except BadRecord as error:
            column = source.column_of(error.field)
            return Rejection(error.reason, where, record.line, column, error.field, record.raw, whole=True)
        first = self._seen.add(key, where)
        if first is None:
            return SourceRecord(record.raw, where, record.line)
        if self._shape.layout.distinct:
            return None
        field = self._shape.layout.key[0]
        reason = f"the key {key} has been read before, at {first}"
        return Rejection(reason, where, record.line, source.column_of(field), field, record.raw)

    @property
    def _position(self) -> int:
        """How many bytes of the stream, over all files, have been read."""
        return self._behind + self._place.offset

    def _ensure_unchanged(self) -> None:
        if self._open is not None:
            found, file = self._open
            found.ensure_unchanged(file)

    def _is_complete(self) -> bool:
        now = find(self._files, self._folder(), self._shape.layout.files)
        return bool(now) and fingerprint(now, self._shape.identity) == self._fingerprint

    def _cursor_here(self) -> Cursor:
        return {**self._place._asdict(), "files": self._fingerprint}
