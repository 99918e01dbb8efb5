"""What Moodle does to texts on their way out: multilang filter, tags, and the escaping of names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MULTILANG = re.compile(r'(?:<span lang="(\w+)" class="multilang">(.*?)</span>)+', re.DOTALL)
_ONE_LANGUAGE = re.compile(r'<span lang="(\w+)" class="multilang">(.*?)</span>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_BARE_AMPERSAND = re.compile(r"&(?![a-zA-Z0-9#]{1,8};)")
LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class TextMode:
    """How a call wants its texts: `moodlewssettingraw` and `moodlewssettingfilter`."""

    raw: bool = False
    filtered: bool = False

    def name(self, text: str) -> str:
        """Return a name of a course, a group or an activity."""
        if self.raw:
            return text
        if self.filtered:
            text = in_language(text)
        return _BARE_AMPERSAND.sub("&amp;", _TAG.sub("", text))

    def html(self, text: str) -> tuple[str, int]:
        """Return a long text and its format."""
        if self.raw:
            return text, 0
        return (in_language(text) if self.filtered else text), 1


def in_language(text: str) -> str:
    """Keep one language of a text that has several: the reader's, or else the first."""

    def pick(match: re.Match[str]) -> str:
        versions: dict[str, str] = dict(_ONE_LANGUAGE.findall(match[0]))
        return versions.get(LANGUAGE) or next(iter(versions.values()))

    return _MULTILANG.sub(pick, text)
