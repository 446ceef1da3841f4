"""The fields of a record: one name however it is written, times in every usual unit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmtrace.otlp.imports.fields import Fields, UnreadableError, snake, time_ns

NS = 1_793_527_200_500_000_000


@pytest.mark.parametrize(
    "name", ["startTime", "start_time", "Start Time", "start-time", "StartTime"]
)
def test_a_name_is_the_same_however_it_is_written(name: str) -> None:
    assert snake(name) == "start_time"


@pytest.mark.parametrize(
    "said",
    [
        1793527200.5,
        "1793527200.5",
        1793527200500,
        1793527200500000,
        NS,
        str(NS),
        "2026-11-01T10:00:00.5Z",
        "2026-11-01T10:00:00.500+00:00",
        "2026-11-01 10:00:00.500000",
        "2026-11-01 12:00:00.500+02",
        "2026-11-01 10:00:00.500000 UTC",
    ],
)
def test_a_time_is_read_in_any_unit_and_without_a_zone_in_utc(said: object) -> None:
    assert time_ns(said, "start") == NS


@pytest.mark.parametrize("said", ["soon", "", True, [], float("nan"), "=NOW()", "2026-13-01"])
def test_what_is_no_time_says_so(said: object) -> None:
    with pytest.raises(UnreadableError, match="is no time"):
        time_ns(said, "start")


@pytest.mark.parametrize(
    "said", ["2262-12-31", "9999-12-31T23:59:59Z", "1969-12-31", 0, -5, "9" * 20]
)
def test_a_time_that_cannot_be_stored_says_so(said: object) -> None:
    with pytest.raises(UnreadableError, match="cannot be stored"):
        time_ns(said, "start")


def test_what_nobody_took_stays_under_the_tools_name() -> None:
    fields = Fields({"a": 1, "bC": {"d": None}, "empty": "", "none": None, "list": [], "x": 2.5})

    assert fields.number("a") == Decimal(1)
    assert fields.rest("tool") == {"tool.b_c": '{"d":null}', "tool.x": 2.5}


def test_a_number_that_is_none_stays_to_be_seen() -> None:
    fields = Fields({"tokens": "many"})

    assert fields.number("tokens") is None
    assert fields.rest("tool") == {"tool.tokens": "many"}


def test_json_in_a_cell_is_read_and_what_is_no_object_stays() -> None:
    fields = Fields({"good": '{"a": 1}', "bad": "{oops", "list": "[1]"})

    assert fields.mapping("good") == {"a": 1}
    assert fields.mapping("bad") == {}
    assert fields.json("list") == [1]
    assert fields.names() == ("bad",)
