"""Physical lines: numbered and placed rightly in every encoding, and never longer in memory than is allowed."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edurelay_connector_runner.connectors.generic_csv.encodings import Encoding, EncodingName, detect, for_writing
from edurelay_connector_runner.connectors.generic_csv.lines import MAX_LINE_BYTES, Line, Lines

UTF16 = ["utf-16-le", "utf-16-be"]
#: Characters of which one byte is a line feed's: U+0A0A, U+010A, U+0A00.
TREACHEROUS = "\u0a0a\u010a\u0a05\r\né"


def all_lines(lines: Lines) -> list[Line]:
    """Read to the end."""
    return list(iter(lines.next, None))


@pytest.mark.parametrize("codec", ["utf-8", *UTF16])
@settings(deadline=None)
@given(st.lists(st.text(alphabet=TREACHEROUS.replace("\n", ""), max_size=6), max_size=6))
def test_lines_end_at_line_feeds_only(codec: str, texts: list[str]) -> None:
    content = "\n".join(texts)
    lines = all_lines(Lines(BytesIO(content.encode(codec)), Encoding(codec)))
    assert [line.data.decode(codec).removesuffix("\n") for line in lines] == (texts if content else [])[: len(lines)]
    assert "".join(line.data.decode(codec) for line in lines) == content
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))


@pytest.mark.parametrize("name", ["utf-8-bom", "utf-16", "utf-16-be", "windows-1252"])
def test_a_lines_end_is_its_offset_in_the_file_mark_included(name: EncodingName) -> None:
    encoding = for_writing(name)
    content = encoding.mark + "a,b\r\nc,d\r\n".encode(encoding.codec)
    lines = all_lines(Lines(BytesIO(content), detect(name, content)))
    assert [content[: line.end].decode(encoding.codec)[-3:] for line in lines] == ["b\r\n", "d\r\n"]


@pytest.mark.parametrize("codec", ["utf-8", *UTF16])
def test_a_line_that_is_too_long_is_cut_and_the_next_one_is_whole(codec: str) -> None:
    content = ("x" * (3 * MAX_LINE_BYTES) + "\nnext\n").encode(codec)
    first, second = all_lines(Lines(BytesIO(content), Encoding(codec)))
    assert first.too_long
    assert len(first.data) <= MAX_LINE_BYTES
    assert (second.number, second.data.decode(codec), second.end) == (2, "next\n", len(content))


def test_lines_that_were_given_back_come_again_in_their_order() -> None:
    lines = Lines(BytesIO(b"1\n2\n3\n"), Encoding("utf-8"))
    first, second = lines.next(), lines.next()
    assert first is not None
    assert second is not None
    lines.give_back([first, second])
    assert [line.data for line in all_lines(lines)] == [b"1\n", b"2\n", b"3\n"]


@pytest.mark.parametrize(
    ("name", "head", "codec", "mark"),
    [
        ("utf-8", b"\xef\xbb\xbfa", "utf-8", b"\xef\xbb\xbf"),
        ("utf-8", b"abc", "utf-8", b""),
        ("utf-16", b"\xff\xfea\0", "utf-16-le", b"\xff\xfe"),
        ("utf-16", b"\xfe\xff\0a", "utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b"a\0b\0", "utf-16-le", b""),
        ("windows-1252", b"\xe9t\xe9", "cp1252", b""),
    ],
)
def test_a_mark_tells_the_encoding_and_is_no_part_of_the_text(
    name: EncodingName, head: bytes, codec: str, mark: bytes
) -> None:
    assert detect(name, head) == Encoding(codec, mark)


@pytest.mark.parametrize(
    ("name", "head"),
    [("utf-8", b"\xff\xfea\0"), ("windows-1252", b"\xef\xbb\xbfa"), ("utf-16", b"a\0b"), ("utf-16", b"")],
)
def test_a_mark_that_the_layout_contradicts_is_an_error(name: EncodingName, head: bytes) -> None:
    with pytest.raises(ValueError, match="mark"):
        detect(name, head)
