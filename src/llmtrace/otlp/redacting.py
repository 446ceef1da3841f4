"""Rows of other tools without secrets and personal data: what our own app side does to our spans.

Pure. Rows of the scope ``llmtrace`` were redacted in the app and stay as they are. All texts of a
stretch of rows are looked at as one, since nearly all have nothing to take out; only what has is
taken apart. What cannot be redacted is left out, never stored as it came.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.otlp.dialects.content import BODIES
from llmtrace.otlp.rows import EventRow, LinkRow
from llmtrace.redaction.redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmtrace.config import CaptureContent
    from llmtrace.otlp.rows import SpanRow

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
_CONTENT_ATTRIBUTES: Final = frozenset({*CONTENT_ATTRIBUTES, *BODIES})
_CONTENT_PREFIXES: Final = (
    f"{semconv.PROMPT_OLD}.",
    f"{semconv.COMPLETION_OLD}.",
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.prompts",
    "llm.completions",
)
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
_NAMED: Final = (
    *("service", "environment", "sdk", "origin", "api", "operation", "provider", "request_model"),
    *("response_model", "agent_name", "tool_name", "user_id", "tenant", "session_id", "feature"),
    *("response_id", "request_id", "service_tier", "stream_outcome", "usage_source"),
    *("usage_anomaly", "cost_source", "price_version", "cache_status", "usage_raw", "redacted"),
    "truncated",
)
"""Columns that name somebody or something. An address or a long number is what it is called by:
without it what two people cost becomes one sum. Keys and passwords go from here, too."""
_free_of: Final = attrgetter(*_FREE)
_names_of: Final = attrgetter(*_NAMED)
_CHARACTERS_AT_ONCE: Final = 64 * 1024
"""Enough for what each look costs to vanish, little enough that one odd text slows few others."""
_EXCEPTION_TYPE: Final = "exception.type"
_JSON_BEGINS: Final = ("{", "[", '"')


class RowRedactor:
    """Redacts rows of other tools. Holds no state, so that any thread may use it."""

    def __init__(self, capture: CaptureContent = "redacted") -> None:
        """``capture``: as the app's setting; ``none`` leaves out what was said."""
        self._keeps_content = capture != "none"
        self._free = Redactor("full" if capture == "full" else "redacted")
        self._named = Redactor("full")

    def __call__(self, rows: list[SpanRow], counts: Counter[str]) -> list[SpanRow]:
        """Return the rows; ``counts`` learns what was taken out, as ``redacted.<kind>``."""
        done = list(rows)
        stretch = _Stretch()
        resources: dict[int, Mapping[str, str]] = {}
        for number, row in enumerate(rows):
            if row.origin == semconv.SCOPE_NAME:
                continue
            resource = resources.get(id(row.resource))
            if resource is None:  # many rows have it in common
                resource = resources[id(row.resource)] = self._resource(row.resource, counts)
            if resource is not row.resource:
                done[number] = row._replace(resource=resource)
            if not self._keeps_content:
                done[number] = _without_content(done[number])
            if stretch.add(number, done[number]) >= _CHARACTERS_AT_ONCE:
                self._redact(done, stretch, counts)
                stretch = _Stretch()
        self._redact(done, stretch, counts)
        return done

    def _resource(self, resource: Mapping[str, str], counts: Counter[str]) -> Mapping[str, str]:
        texts = [*resource, *resource.values()]
        places = self._named.places(texts)
        if not places:
            return resource
        work = _Work(self._free, self._named, {texts[place] for place in places})
        found = work.named_map(resource)
        work.count(counts)
        return found

    def _redact(self, rows: list[SpanRow], stretch: _Stretch, counts: Counter[str]) -> None:
        """Redact in ``rows`` those of a stretch that have something to take out."""
        texts = [*stretch.free, *stretch.names]
        places = self._free.places(texts)
        if not places:
            return
        found = {texts[place] for place in places}
        for number in stretch.rows_of(places, rows):
            work = _Work(self._free, self._named, found)
            rows[number] = work.row(rows[number])
            work.count(counts)


class _Stretch:
    """The texts of some rows."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.free: list[str] = []
        self.names: set[str] = set()
        """Names of all kinds, of which few are new from row to row."""
        self._ends: list[int] = []
        """How many of ``free`` there are up to the end of each row."""
        self._size = 0

    def add(self, number: int, row: SpanRow) -> int:
        """Add all texts of a row that a stranger wrote; return how many characters there are."""
        free = [*filter(None, _free_of(row)), *row.attributes.values()]
        self.names.update(filter(None, _names_of(row)), row.attributes)
        if row.events or row.links or row.tags or row.finish_reasons:
            free += _rare_texts(row)
        self.free += free
        self.rows.append(number)
        self._ends.append(len(self.free))
        self._size += sum(map(len, free))
        return self._size

    def rows_of(self, places: set[int], rows: list[SpanRow]) -> list[int]:
        """Return which of ``rows`` hold the texts at ``places`` in ``free`` and then ``names``."""
        told = {bisect_right(self._ends, place) for place in places if place < len(self.free)}
        found = {self.rows[each] for each in told}
        if any(place >= len(self.free) for place in places):
            # Whose name it was is not remembered: seldom is one a secret.
            names = list(self.names)
            odd = {names[place - len(self.free)] for place in places if place >= len(self.free)}
            found.update(each for each in self.rows if not odd.isdisjoint(_all_texts(rows[each])))
        return sorted(found)


class _Work:
    """One row that has something to take out."""

    def __init__(self, free: Redactor, named: Redactor, texts: set[str]) -> None:
        """``texts``: those that have to be looked at."""
        self._free = free
        self._named = named
        self._texts = texts
        self._counts: Counter[str] = Counter()

    def row(self, row: SpanRow) -> SpanRow:
        """Return the row redacted, and saying so."""
        columns = self._columns(_FREE, _free_of(row), self._free)
        columns |= self._columns(_NAMED, _names_of(row), self._named)
        if columns.get("name", "") is None:
            columns["name"] = ""
        reasons = row.finish_reasons
        columns["attributes"] = self._map(row.attributes, self._free)
        columns["tags"] = self.named_map(row.tags)
        columns["finish_reasons"] = reasons and tuple(
            self._text(each, self._named) or "" for each in reasons
        )
        columns["events"] = tuple(
            EventRow(
                time_us=event.time_us,
                name=self._text(event.name, self._free) or "",
                attributes=self._map(event.attributes, self._free),
            )
            for event in row.events
        )
        columns["links"] = tuple(
            LinkRow(
                trace_id=link.trace_id,
                span_id=link.span_id,
                attributes=self._map(link.attributes, self._free),
            )
            for link in row.links
        )
        if not self._counts:
            return row
        told = [f"{kind}={count}" for kind, count in sorted(self._counts.items())]
        columns["redacted"] = ",".join(filter(None, [columns.get("redacted", row.redacted), *told]))
        return row._replace(**columns)

    def _columns(
        self, names: tuple[str, ...], values: tuple[str | None, ...], redactor: Redactor
    ) -> dict[str, Any]:
        """Return the columns that have to change."""
        return {
            name: self._text(value, redactor)
            for name, value in zip(names, values, strict=True)
            if value in self._texts
        }

    def named_map(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """Return a map whose values name things."""
        return self._map(values, self._named)

    def count(self, counts: Counter[str]) -> None:
        """Add what was taken out."""
        for kind, count in self._counts.items():
            counts[f"redacted.{kind}"] += count

    def _map(self, values: Mapping[str, str], redactor: Redactor) -> Mapping[str, str]:
        if self._texts.isdisjoint(values) and self._texts.isdisjoint(values.values()):
            return values
        pairs = (
            (self._text(name, redactor), self._text(value, redactor))
            for name, value in values.items()
        )
        return {name: value for name, value in pairs if name is not None and value is not None}

    def _text(self, text: str | None, redactor: Redactor) -> str | None:
        if text is None or text not in self._texts:
            return text
        try:
            if text.startswith(_JSON_BEGINS):
                return redactor.json_text(text, self._counts)
            return redactor.text(text, self._counts)
        except Exception:  # noqa: BLE001  # never store what could not be redacted
            self._counts["dropped"] += 1
            return None


def _rare_texts(row: SpanRow) -> Iterator[str]:
    """Give the texts of what few rows have."""
    yield from row.tags
    yield from row.tags.values()
    yield from row.finish_reasons or ()
    for event in row.events:
        yield event.name
        yield from event.attributes
        yield from event.attributes.values()
    for link in row.links:
        yield from link.attributes
        yield from link.attributes.values()


def _all_texts(row: SpanRow) -> Iterator[str | None]:
    yield from _free_of(row)
    yield from _names_of(row)
    yield from row.attributes
    yield from row.attributes.values()
    yield from _rare_texts(row)


def _without_content(row: SpanRow) -> SpanRow:
    """Return a row without what was said; what failed keeps its kind."""
    return row._replace(
        **dict.fromkeys(_SAID),
        attributes={
            name: value
            for name, value in row.attributes.items()
            if name not in _CONTENT_ATTRIBUTES and not name.startswith(_CONTENT_PREFIXES)
        },
        events=tuple(
            EventRow(
                time_us=event.time_us,
                name=event.name,
                attributes={
                    name: value
                    for name, value in event.attributes.items()
                    if name == _EXCEPTION_TYPE
                },
            )
            for event in row.events
        ),
    )
