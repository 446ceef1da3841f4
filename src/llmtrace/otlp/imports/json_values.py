"""Records of a JSON file, one at a time: JSON lines, an array, or pages with an array in them.

Memory holds one record and a piece of the file. What is damaged is skipped up to the next line that
begins a record as the others do; what is lost is told. Knows no format.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TYPE_CHECKING, Final

from llmtrace.otlp.imports.located import MAX_RECORD_CHARACTERS, Located, garbage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_PIECE: Final = 256 * 1024
_SPACE: Final = re.compile(r"[\s,\x1e\ufeff]*")  # a stray comma ends some exports' arrays
_SCALAR: Final = r'(?:"[^"\\]{0,4096}"|[-+\d.eE]{1,40}|true|false|null)'
_PAGE: Final = re.compile(
    rf'\{{\s*(?:"[^"\\]{{1,60}}"\s*:\s*{_SCALAR}\s*,\s*){{0,20}}"(?:data|runs)"\s*:\s*\[(?=\s*[\]{{])'
)
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")
_PAGE_HEAD: Final = 16 * 1024
_MAX_INDENT: Final = 200
_CUT_WITHIN: Final = 16
"""An error so close to the end of what is read may be one because the rest is not read yet."""


class JsonValues:
    """Iterates over the objects of a file."""

    def __init__(self, file: BinaryIO, *, max_characters: int = MAX_RECORD_CHARACTERS) -> None:
        """Read ``file``, which holds UTF-8; an object longer than ``max_characters`` is refused."""
        self._file = file
        self._max = max_characters
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._json = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False
        self._indent = ""
        self._in_array = False
        self._in_page = False

    def __iter__(self) -> Iterator[Located]:
        """Give each object, or what stands in the place of one."""
        while (char := self._next_char()) is not None:
            if char == "[" and not self._in_array:
                self._in_array = True
                self._advance(self._at + 1)
            elif char == "]" and self._in_array:
                self._leave_array()
            elif char == "{":
                if not self._entered_page():
                    yield self._object()
            else:
                yield self._skipped(
                    "not a JSON object", f"{self._text[self._at : self._at + 40]!r}"
                )
        if self._in_array:
            yield garbage(self._line, "truncated: the file ends within its array")

    def _next_char(self) -> str | None:
        """Skip space; return the character that follows, None at the end of the file."""
        skipped = ""
        while True:
            end = self._space_end()
            skipped = (skipped + self._text[self._at : end])[-_MAX_INDENT:]
            self._advance(end)
            if self._at < len(self._text):
                break
            if not self._fill():
                return None
        if "\n" in skipped:
            self._indent = skipped.rpartition("\n")[2]
        return self._text[self._at]

    def _space_end(self) -> int:
        found = _SPACE.match(self._text, self._at)
        return self._at if found is None else found.end()

    def _entered_page(self) -> bool:
        """Step into the array of a page, ``{"data": [``; False if no page begins here."""
        if self._in_array:
            return False
        while len(self._text) - self._at < _PAGE_HEAD and self._fill():
            pass
        found = _PAGE.match(self._text, self._at)
        if found is None:
            return False
        self._in_array = self._in_page = True
        self._advance(found.end())
        return True

    def _leave_array(self) -> None:
        self._advance(self._at + 1)
        if self._in_page:
            self._skip_tail()
        self._in_array = self._in_page = False

    def _skip_tail(self) -> None:
        """Skip what follows the array of a page: ``, "has_more": false}``."""
        while True:
            try:
                # What is left of the page is an object but for its beginning.
                _, end = self._json.raw_decode('{"":0' + self._text[self._at :])
            except (ValueError, RecursionError):
                if len(self._text) - self._at > self._max or not self._fill():
                    self._advance(len(self._text))
                    return
            else:
                self._advance(self._at + end - len('{"":0'))
                return

    def _object(self) -> Located:
        """Read the object that begins here."""
        size = _PIECE
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                is_cut = (
                    error.msg.startswith("Unterminated string")
                    or error.pos >= len(self._text) - _CUT_WITHIN
                )
                if is_cut and len(self._text) - self._at > self._max:
                    return self._skipped(f"longer than {self._max:,} characters")
                if is_cut and self._fill(size):
                    size *= 2
                    continue
                return self._wrong(error)
            except (ValueError, RecursionError) as error:
                return self._skipped("not JSON that can be read", _brief(error))
            if end - self._at > self._max:
                return self._skipped(f"longer than {self._max:,} characters")
            return self._found(value, end)

    def _found(self, value: object, end: int) -> Located:
        text = self._text[self._at : end]
        if _NOT_UTF8.search(text):
            return self._skipped("not UTF-8", "bytes that are not UTF-8; convert the file")
        line = self._line
        self._advance(end)
        return Located(line, value, text)

    def _wrong(self, error: json.JSONDecodeError) -> Located:
        """Say what is wrong here; all that could change it has been read."""
        is_at_end = error.msg.startswith("Unterminated") or not self._text[error.pos :].strip()
        if self._ended and is_at_end:
            return self._skipped("truncated: the file ends within a record")
        line = self._line + self._text.count("\n", self._at, error.pos)
        return self._skipped("not JSON", f"{error.msg} (line {line})")

    def _skipped(self, problem: str, detail: str | None = None) -> Located:
        """Go to the next line that begins an object as those before did."""
        line = self._line
        mark = f"\n{self._indent}{{"
        start = self._at
        while True:
            found = self._text.find(mark, start)
            if found >= 0:
                self._advance(found + 1)
                return garbage(line, problem, detail)
            self._advance(max(self._at, len(self._text) - len(mark) + 1))
            start = self._at
            if not self._fill():
                break
            start = 0
        self._advance(len(self._text))
        self._in_array = self._in_page = False
        return garbage(line, problem, f"{detail or problem}; nothing after it could be read")

    def _advance(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _fill(self, size: int = _PIECE) -> bool:
        """Read more of the file, and forget what is done; False at its end."""
        if self._ended:
            return False
        data = self._file.read(size)
        self._ended = not data
        self._text = self._text[self._at :] + self._decoder.decode(data, final=self._ended)
        self._at = 0
        return not self._ended


def _brief(error: BaseException) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:120]
