"""One span on its way from a dialect to our names. Knows no dialect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from llmtrace import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.otlp.decode import PlainSpan

_MAX_JSON: Final = 4 * 1024 * 1024


class Draft:
    """The attributes of a span, of which a dialect takes what it knows and says it in our words."""

    def __init__(self, span: PlainSpan) -> None:
        self.span = span
        self.start_ns = span.start_ns
        self._values: dict[str, object] = dict(span.attributes)

    def attributes(self) -> dict[str, object]:
        """Return what was said, and what no one took."""
        return self._values

    def names(self) -> tuple[str, ...]:
        """Return the names that are there."""
        return tuple(self._values)

    def look(self, *names: str) -> object:
        """Return the first value that is there and not None, and leave it."""
        for name in names:
            value = self._values.get(name)
            if value is not None:
                return value
        return None

    def text(self, *names: str) -> str | None:
        """Return the first of ``names`` that is a text and not empty, and leave it."""
        for name in names:
            value = self._values.get(name)
            if value and isinstance(value, str):
                return value
        return None

    def take(self, *names: str) -> object:
        """Remove and return the first value that is there and not None."""
        for name in names:
            value = self._values.get(name)
            if value is not None:
                del self._values[name]
                return value
        return None

    def say(self, ours: str, value: object) -> None:
        """Set one of our names; what the span itself says by that name is not overruled."""
        if value is not None and value != "" and self._values.get(ours) is None:
            self._values[ours] = value

    def overrule(self, ours: str, value: object) -> None:
        """Set one of our names, whatever the span says by it."""
        self._values[ours] = value

    def rename(self, ours: str, *theirs: str) -> None:
        """Move the first of ``theirs`` to ``ours``, unless the span has that name already."""
        if self._values.get(ours) is None:
            self.say(ours, self.take(*theirs))

    def rename_all(self, names: Mapping[str, tuple[str, ...]]) -> None:
        """Rename by a table: ours → theirs, the better ones first."""
        values = self._values
        for ours, theirs in names.items():
            for name in theirs:
                if name in values:  # asked first: most spans have few of them
                    self.rename(ours, *theirs)
                    break

    def leave_uncounted(self) -> None:
        """Say that another span of the same trace counts what this one tells."""
        self.overrule(semconv.COUNTED_BELOW, value=True)

    def note(self, anomaly: str) -> None:
        """Add a remark on counts that do not add up."""
        before = self.text(semconv.USAGE_ANOMALY)
        self.overrule(semconv.USAGE_ANOMALY, f"{before}; {anomaly}" if before else anomaly)


def parsed(value: object) -> object:
    """Return what a JSON text says; None for text that is none; other values as they are."""
    if not isinstance(value, str):
        return value
    if not value or len(value) > _MAX_JSON:
        return None
    try:
        found: object = json.loads(value)
        if "\\ud" in value.lower():
            # Half of a surrogate pair is legal in JSON, but not in UTF-8: no store takes it.
            whole = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
            found = json.loads(whole)
    except (ValueError, RecursionError):
        return None
    return found
