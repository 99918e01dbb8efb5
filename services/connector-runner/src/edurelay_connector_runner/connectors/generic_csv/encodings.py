"""Text encodings of CSV files, and the marks (BOM) by which some of them say what they are."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Literal

#: The encodings that a layout can name. `utf-8` and the two byte orders of UTF-16 read files with and without a
#: mark; `utf-16` needs one. All but `utf-8` write one where the encoding knows marks.
EncodingName = Literal["utf-8", "utf-8-bom", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "latin-1"]

#: How many bytes the longest mark has.
MARK_BYTES = 3

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_READS: dict[EncodingName, tuple[str, ...]] = {
    "utf-8": ("utf-8",),
    "utf-8-bom": ("utf-8",),
    "utf-16": ("utf-16-le", "utf-16-be"),
    "utf-16-le": ("utf-16-le",),
    "utf-16-be": ("utf-16-be",),
    "windows-1252": ("cp1252",),
    "latin-1": ("latin-1",),
}
_WRITTEN_MARKS: dict[EncodingName, bytes] = {
    "utf-8-bom": codecs.BOM_UTF8,
    "utf-16": codecs.BOM_UTF16_LE,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the bytes of one file become text: Python's codec, and the mark before the first character."""

    codec: str
    mark: bytes = b""

    @property
    def line_end(self) -> bytes:
        """The bytes of the line feed."""
        return "\n".encode(self.codec)


def detect(name: EncodingName, head: bytes) -> Encoding:
    """Return how a file that begins with `head` is read, if its layout says `name`.

    A mark that contradicts the layout, or one that is needed and missing, is a `ValueError`: guessing would
    turn every name in the file into rubbish.
    """
    mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
    codecs_of_name = _READS[name]
    if mark:
        if _MARKS[mark] not in codecs_of_name:
            raise ValueError(f"the file begins with the mark of {_MARKS[mark]}, but its layout says {name}")
        return Encoding(_MARKS[mark], mark)
    if len(codecs_of_name) > 1:
        raise ValueError(f"the file has no mark that tells its byte order; {name} needs one")
    return Encoding(codecs_of_name[0])


def for_writing(name: EncodingName) -> Encoding:
    """Return how a file is written, if its layout says `name`."""
    return Encoding(_READS[name][0], _WRITTEN_MARKS.get(name, b""))
