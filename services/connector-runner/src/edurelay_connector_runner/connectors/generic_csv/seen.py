"""The keys that a pass over a stream has seen, kept on disk, so that memory does not grow with the stream."""

from __future__ import annotations

import sqlite3

#: How much of the set may be in memory, in KiB; the rest lies in a temporary file that has no name.
_MEMORY_KIB = 8 * 1024


class SeenKeys:
    """An exact set of external ids, each with the place where it was first seen. Used by one thread at a time."""

    def __init__(self) -> None:
        """Start with no key. The file appears only when the set outgrows its memory, and vanishes with `close`."""
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute(f"PRAGMA cache_size = -{_MEMORY_KIB}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID")
        # Nobody else reads this database, so nothing is ever committed.
        self._database.execute("BEGIN")
        self._cursor = self._database.cursor()

    def add(self, key: str, place: str) -> str | None:
        """Add a key. Returns None if it is new, else the place where it was seen first."""
        self._cursor.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, place))
        if self._cursor.rowcount == 1:
            return None
        first: tuple[str] = self._cursor.execute("SELECT place FROM seen WHERE key = ?", (key,)).fetchone()
        return first[0]

    def close(self) -> None:
        """Forget everything."""
        self._database.close()
