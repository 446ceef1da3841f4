"""A question as JSON becomes the same question in Python."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from llmtrace.errors import QueryError
from llmtrace.store.metric_json import metric_query, metric_question
from llmtrace.store.metrics import MetricQuery, Windows


def test_every_field_arrives() -> None:
    asked = metric_query(
        {
            "measures": ["cost"],
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-02T02:00:00+02:00",
            "by": ["model"],
            "grain": "hour",
            "timezone": "Europe/Berlin",
            "filters": {"user": ["a", None]},
            "top": 3,
            "limit": 5,
            "order_by": ["-cost"],
        }
    )

    assert asked == MetricQuery(
        measures=("cost",),
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2026, 1, 2, tzinfo=UTC),
        by=("model",),
        grain="hour",
        timezone="Europe/Berlin",
        filters={"user": ["a", None]},
        top=3,
        limit=5,
        order_by=("-cost",),
    )


def test_a_question_comes_back_as_it_went() -> None:
    asked = MetricQuery(
        measures=("cost", "requests"),
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2026, 1, 2, tzinfo=UTC),
        by=("model",),
        grain="day",
        filters={"user": ["a", None]},
        order_by=("-cost",),
    )

    assert metric_query(json.loads(json.dumps(metric_question(asked)))) == asked


def test_windows_come_back_as_they_went_or_are_refused() -> None:
    asked = MetricQuery(
        measures=("requests",),
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2026, 1, 2, tzinfo=UTC),
        windows=Windows(length_s=300, every_s=60),
    )
    question = metric_question(asked)

    assert metric_query(json.loads(json.dumps(question))) == asked
    for wrong in (5, {}, {"length_s": 1}, {"length_s": "1", "every_s": 1}):
        with pytest.raises(QueryError, match=r'"(windows|length_s)" is'):
            metric_query({**json.loads(json.dumps(question)), "windows": wrong})
