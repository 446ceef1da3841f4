"""Rows of a CSV file, one at a time, each with the names of its header. Knows no format.

Separated by commas, tabs or semicolons, whichever the header has most of. Memory holds one row.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final

from llmtrace.otlp.imports.located import MAX_RECORD_CHARACTERS, Located, garbage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_SEPARATORS: Final = ",\t;"
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")


class _LineTooLongError(ValueError):
    """A line beyond the limit; it is skipped."""


class _Lines:
    """The lines of a text, bounded and counted."""

    def __init__(self, text: io.TextIOWrapper, limit: int) -> None:
        self._text = text
        self._limit = limit
        self.line = 0
        """Number of the line that was given last."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._limit)
        if not line:
            raise StopIteration
        self.line += 1
        if len(line) >= self._limit and not line.endswith("\n"):
            while line and not line.endswith("\n"):
                line = self._text.readline(self._limit)
            raise _LineTooLongError
        return line


def csv_rows(file: BinaryIO, *, max_characters: int = MAX_RECORD_CHARACTERS) -> Iterator[Located]:
    """Give each row as an object: column → text. ``file`` holds UTF-8, with or without a BOM."""
    csv.field_size_limit(max(csv.field_size_limit(), max_characters))
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _rows(_Lines(text, max_characters), max_characters)
    finally:
        text.detach()  # whoever opened the file closes it


def _rows(lines: _Lines, limit: int) -> Iterator[Located]:
    header: list[str] | None = None
    separator = ","
    while True:
        before = lines.line
        try:
            if header is None:
                first = next(lines)
                separator = max(_SEPARATORS, key=first.count)
                header = next(csv.reader([first], delimiter=separator, strict=True))
                before = lines.line
            # Made anew after each problem: a reader that failed is in the middle of something.
            for cells in csv.reader(lines, delimiter=separator, strict=True):
                yield _row(before + 1, header, cells)
                before = lines.line
        except StopIteration:
            return
        except _LineTooLongError:
            yield garbage(lines.line, f"longer than {limit:,} characters")
        except csv.Error as error:
            is_cut = "unexpected end" in str(error)
            problem = "truncated: the file ends within a row" if is_cut else "not CSV"
            yield garbage(before + 1, problem, None if is_cut else str(error))
        else:
            return


def _row(line: int, header: list[str], cells: list[str]) -> Located:
    if not any(cells):
        return Located(line, {})
    if len(cells) != len(header):
        detail = f"{len(cells)} cells, but the header has {len(header)}"
        return garbage(line, "a row unlike the header", detail)
    if any(map(_NOT_UTF8.search, cells)):
        return garbage(line, "not UTF-8", "bytes that are not UTF-8; convert the file")
    return Located(line, dict(zip(header, cells, strict=True)))
