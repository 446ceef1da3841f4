"""A question to the metric layer as JSON → ``MetricQuery``, and back. Pure.

Checks the shape only; which names and ranges there are is for ``compile_metrics`` to say.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.errors import QueryError
from llmtrace.store.metrics import MetricQuery, Windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmtrace.store.metric_time import Grain

_FIELDS: Final = frozenset(field.name for field in fields(MetricQuery))


def metric_query(content: Mapping[str, Any]) -> MetricQuery:
    """Return the question that a JSON object asks; its keys are the fields of ``MetricQuery``.

    ``start`` and ``end`` are ISO 8601 with a zone. Raises QueryError naming what is wrong.
    """
    unknown = sorted(set(content) - _FIELDS)
    if unknown:
        raise QueryError(f"unknown field {unknown[0]!r}; known: {', '.join(sorted(_FIELDS))}")
    # A grain that is none of the known is told by compile_metrics, with those there are.
    grain = cast("Grain | None", _text(content, "grain"))
    return MetricQuery(
        measures=_names(content, "measures"),
        start=_moment(content, "start"),
        end=_moment(content, "end"),
        by=_names(content, "by"),
        grain=grain,
        windows=_windows(content.get("windows")),
        timezone=_text(content, "timezone") or "UTC",
        filters=_filters(content.get("filters")),
        top=_number(content, "top"),
        limit=_number(content, "limit"),
        order_by=_names(content, "order_by"),
    )


def metric_question(query: MetricQuery) -> dict[str, object]:
    """Return the JSON object that asks a question; ``metric_query`` takes it back."""
    question: dict[str, object] = {
        field.name: getattr(query, field.name) for field in fields(query)
    }
    question["filters"] = {name: list(values) for name, values in query.filters.items()}
    question["windows"] = asdict(query.windows) if query.windows else None
    question["start"] = query.start.isoformat()
    question["end"] = query.end.isoformat()
    return question


def _names(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = content.get(key, [])
    if not isinstance(value, list) or not all(
        isinstance(item, str) for item in cast("list[object]", value)
    ):
        raise QueryError(f'"{key}" is a list of names')
    return tuple(cast("list[str]", value))


def _text(content: Mapping[str, Any], key: str) -> str | None:
    value = content.get(key)
    if value is not None and not isinstance(value, str):
        raise QueryError(f'"{key}" is a text')
    return value


def _number(content: Mapping[str, Any], key: str) -> int | None:
    value = content.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise QueryError(f'"{key}" is a whole number')
    return value


def _windows(value: object) -> Windows | None:
    if value is None:
        return None
    found = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    length_s, every_s = _number(found, "length_s"), _number(found, "every_s")
    if length_s is None or every_s is None or len(found) > len(fields(Windows)):
        raise QueryError('"windows" is {"length_s": …, "every_s": …}, in whole seconds')
    return Windows(length_s=length_s, every_s=every_s)


def _moment(content: Mapping[str, Any], key: str) -> datetime:
    value = content.get(key)
    try:
        return datetime.fromisoformat(cast("str", value))
    except (TypeError, ValueError) as error:
        raise QueryError(
            f'"{key}" is a time with its zone, as "2026-01-31T00:00:00Z"; it is needed'
        ) from error


def _filters(value: object) -> dict[str, list[str | None]]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise QueryError('"filters" is an object: dimension → list of values')
    found: dict[str, list[str | None]] = {}
    for name, values in cast("dict[str, object]", value).items():
        if not isinstance(values, list) or not all(
            item is None or isinstance(item, str) for item in cast("list[object]", values)
        ):
            raise QueryError(f'"filters": {name!r} has a list of texts, null for "has none"')
        found[name] = cast("list[str | None]", values)
    return found
