"""Rows of other tools without secrets and personal data: what our own app side does to our spans.

Pure. Rows of the scope ``llmtrace`` were redacted in the app and stay as they are. All texts of a
stretch of rows are looked at as one, since nearly all have nothing to take out; only what has is
taken apart. What cannot be redacted is left out, never stored as it came.
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from llmtrace import semconv
from llmtrace.otlp.dialects.content import BODIES
from llmtrace.otlp.rows import EventRow, LinkRow, SpanRow
from llmtrace.redaction.redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from llmtrace.config import CaptureContent

CONTENT_ATTRIBUTES: Final[tuple[str, ...]] = (
    semconv.TOOL_CALL_ARGUMENTS,
    semconv.TOOL_CALL_RESULT,
    semconv.RETRIEVAL_QUERY,
    semconv.RETRIEVAL_DOCUMENTS,
    semconv.INPUT_MESSAGES,
    semconv.OUTPUT_MESSAGES,
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.TOOL_DEFINITIONS,
)
"""Attributes that hold what was said, of spans that are no calls."""
_SAID: Final = (
    "request_body",
    "response_body",
    "input_messages",
    "output_messages",
    "system_instructions",
    "tool_definitions",
)
_FREE: Final = (*_SAID, "name", "status_message", "error_type")
"""Columns that hold what people and programs wrote."""
_NAMED: Final = tuple(
    field
    for field, kind in SpanRow.__annotations__.items()
    if kind in {"str", "str | None"} and field not in {*_FREE, "kind", "origin"}
)
"""Columns that name somebody or something. An address or a long number is what it is called by:
without it costs of two people become those of one. Keys and passwords go from here, too."""
_COLUMNS: Final = (*_FREE, *_NAMED)
_columns_of: Final = attrgetter(*_COLUMNS)
_CHARACTERS_AT_ONCE: Final = 64 * 1024
"""Enough for what each look costs to vanish, little enough that one odd text slows few others."""


class _Text(NamedTuple):
    """A text of a row that may have to change."""

    row: int
    place: int
    """Among the texts of that row."""


class RowRedactor:
    """Redacts rows of other tools; stateless after it is made, so good for any thread."""

    def __init__(self, capture: CaptureContent = "redacted") -> None:
        """``capture``: as the app's setting; ``none`` leaves out what was said."""
        self._keeps_content = capture != "none"
        self._free = Redactor("full" if capture == "full" else "redacted")
        self._named = Redactor("full")

    def __call__(self, rows: list[SpanRow], counts: Counter[str]) -> list[SpanRow]:
        """Return the rows; ``counts`` learns how much was taken out, as ``redacted.<kind>``."""
        resources = _Resources(self._named)
        done = list(rows)
        stretch: list[int] = []
        texts: list[str] = []
        starts: list[int] = []
        size = 0
        for number, row in enumerate(rows):
            if row.origin == semconv.SCOPE_NAME:
                continue
            if not self._keeps_content:
                done[number] = row = _without_content(row)
            resource = resources.redacted(row.resource, counts)
            if resource is not row.resource:
                done[number] = row = row._replace(resource=resource)
            stretch.append(number)
            starts.append(len(texts))
            texts += _texts(row)
            size += sum(map(len, texts[starts[-1] :]))
            if size >= _CHARACTERS_AT_ONCE:
                self._redact(done, stretch, starts, texts, counts)
                stretch, starts, texts, size = [], [], [], 0
        self._redact(done, stretch, starts, texts, counts)
        return done
