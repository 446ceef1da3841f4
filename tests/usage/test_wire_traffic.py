"""Usage of real recorded traffic, where the recordings are there: we read what was billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.recordings import truth
from benchmarks.recordings.apis import api_of
from benchmarks.recordings.exchanges import recorded
from benchmarks.recordings.reading import read
from llmtrace.pricing import PriceBook
from llmtrace.usage import read_usage
from tests.wire.recorded import needs_recordings

if TYPE_CHECKING:
    from benchmarks.recordings.exchanges import Exchange
    from llmtrace.records import TokenUsage

pytestmark = needs_recordings

_COUNT_BESIDE = frozenset({"xai.chat", "gemini.generate_content"})
"""Formats that count reasoning beside the output by definition, which the recordings flag."""


def _with_usage() -> list[Exchange]:
    return [row for row in recorded() if truth.has_usage(row)]


def _read(row: Exchange) -> TokenUsage | None:
    return read_usage(api_of(row) or "", row["truth"]["usage"])


def _anomaly(row: Exchange) -> str | None:
    usage = _read(row)
    return None if usage is None else usage.anomaly


def test_every_exchange_with_usage_is_in_a_format_that_has_a_reader() -> None:
    rows = _with_usage()

    assert len(rows) > 1000
    assert [row["id"] for row in rows if api_of(row) is None or _read(row) is None] == []


def test_every_row_without_a_providers_anomaly_gives_exactly_its_numbers() -> None:
    rows = [row for row in _with_usage() if truth.adds_up(row)]

    both = {row["id"]: (truth.found(_read(row)), truth.expected(row)) for row in rows}

    assert len(rows) > 1000
    assert {name: pair for name, pair in both.items() if pair[0] != pair[1]} == {}


def test_the_same_numbers_are_read_out_of_the_bytes_where_the_format_is_one_of_ours() -> None:
    readings = [read(row, PriceBook()) for row in _with_usage() if truth.adds_up(row)]
    from_bytes = [reading for reading in readings if reading.is_from_bytes]

    both = {
        reading.row["id"]: (
            truth.found(reading.usage),
            truth.expected(reading.row, in_bytes=True),
        )
        for reading in from_bytes
    }

    assert len(from_bytes) > 850
    assert {name: pair for name, pair in both.items() if pair[0] != pair[1]} == {}


def test_every_row_that_does_not_add_up_is_flagged_or_of_a_format_that_counts_so() -> None:
    rows = [row for row in _with_usage() if not truth.adds_up(row)]

    silent = [row["id"] for row in rows if not _anomaly(row) and api_of(row) not in _COUNT_BESIDE]

    assert len(rows) > 30
    assert silent == []


def test_a_total_that_a_provider_states_is_met_or_flagged() -> None:
    wrong: list[str] = []
    for row in _with_usage():
        total = row["second_opinion"]["total"]
        found = truth.found(_read(row))
        is_met = total in {None, found["input_total"] + found["output_total"]}
        if not is_met and not _anomaly(row) and row["id"] not in truth.DECIDED:
            wrong.append(row["id"])

    assert wrong == []


def test_cache_writes_by_lifetime_add_up_to_the_recorded_ones() -> None:
    rows = [row for row in _with_usage() if row["second_opinion"]["cache_write_5m"] is not None]

    assert len(rows) > 20
    for row in rows:
        usage = _read(row)
        told = row["second_opinion"]
        assert usage is not None
        assert usage.cache_write_5m >= (told["cache_write_5m"] or 0)
        assert usage.cache_write_1h >= (told["cache_write_1h"] or 0)


def test_a_number_is_listed_as_only_in_the_bytes_only_if_it_is() -> None:
    rows = [row for row in _with_usage() if row["id"] in truth.IN_BYTES]

    assert {row["id"] for row in rows} == set(truth.IN_BYTES)
    assert all(truth.found(_read(row)) == truth.expected(row) for row in rows)


@pytest.mark.parametrize("name", list(truth.DECIDED))
def test_a_row_is_listed_as_read_otherwise_only_if_it_is(name: str) -> None:
    row = next(row for row in _with_usage() if row["id"] == name)

    told = {number: row["second_opinion"][number] or 0 for number in truth.DECIDED[name]}

    assert told != truth.DECIDED[name]
