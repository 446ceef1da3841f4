"""Parameters survive the way to the collector and back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from llmtrace.errors import QueryError
from llmtrace.store.parameters import as_stored, from_json, to_json


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        0.1,
        "text",
        Decimal("0.000000000001"),
        date(2026, 1, 2),
        datetime(2026, 1, 2, 3, 4, 5, 678901),  # noqa: DTZ001  # the store's times are naive UTC
        ["a", Decimal(1), [None]],
    ],
)
def test_every_type_comes_back_as_it_was(value: object) -> None:
    assert from_json(json.loads(json.dumps(to_json(value)))) == value


def test_a_time_with_a_zone_becomes_utc() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    assert from_json(to_json(noon)) == as_stored(noon) == datetime(2026, 1, 1, 10)  # noqa: DTZ001  # the store's times are naive UTC


def test_a_type_without_a_form_is_refused_in_words() -> None:
    with pytest.raises(QueryError, match="a parameter is a object; use text, numbers"):
        to_json(object())


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"timestamp": "yesterday"},
        {"timestamp": 5},
        {"decimal": "many"},
        {"date": "2026-01-01", "decimal": "1"},
        {"shell": "ls"},
    ],
)
def test_anything_else_from_outside_is_refused(value: object) -> None:
    with pytest.raises(QueryError, match="a parameter object is"):
        from_json(value)


def test_the_utc_of_a_list_is_the_utc_of_its_items() -> None:
    assert as_stored([datetime(2026, 1, 1, tzinfo=UTC)]) == [datetime(2026, 1, 1)]  # noqa: DTZ001  # the store's times are naive UTC
