"""Usage of real recorded traffic, where the recordings are there: we read what was billed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from llmtrace.usage import read_usage
from tests.wire.recorded import every_exchange, needs_recordings
from tests.wire.recorded_apis import api_of

pytestmark = needs_recordings

_DIFFERENCES: Final[list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("wire_differences.yaml").read_text(encoding="utf-8")
)
_DECIDED: Final[dict[str, dict[str, int]]] = {
    name: numbers for group in _DIFFERENCES for name, numbers in group["rows"].items()
}
_NO_INFERENCE: Final = frozenset({"/cachedContents", "/guardrail/274u1upxm897/version/1/apply"})
"""Creating a cache, asking a guardrail: they have a usage object, but no model answered."""

_NOT_ODD: Final = frozenset({"xai.chat", "gemini.generate_content"})
"""Formats that count reasoning beside the output by definition, which the second opinion flags."""


def _with_usage() -> list[dict[str, Any]]:
    return [
        row
        for row in every_exchange()
        if row["truth"]["usage"] is not None and row["endpoint"] not in _NO_INFERENCE
    ]


def _expected(row: dict[str, Any]) -> dict[str, int]:
    told = row["second_opinion"]
    numbers = {
        "input_total": told["input_total"] or 0,
        "output_total": told["output_total"] or 0,
        "cached_read": told["cached_read"] or 0,
        "cache_write": told["cache_write"] or 0,
        "reasoning": told["reasoning"] or 0,
    }
    if told["billed_input"] is not None:  # Cohere: what its models read costs nothing
        numbers |= {
            "input_total": told["billed_input"],
            "output_total": told["billed_output"] or 0,
            "cached_read": 0,
        }
    return numbers | _DECIDED.get(row["id"], {})


def _found(row: dict[str, Any]) -> dict[str, int]:
    usage = read_usage(api_of(row) or "", row["truth"]["usage"])
    if usage is None:
        return dict.fromkeys(_expected(row), 0)
    return {
        "input_total": usage.input_tokens,
        "output_total": usage.output_tokens,
        "cached_read": usage.cached_tokens,
        "cache_write": usage.cache_write,
        "reasoning": usage.output_reasoning,
    }


def _anomaly(row: dict[str, Any]) -> str | None:
    usage = read_usage(api_of(row) or "", row["truth"]["usage"])
    return None if usage is None else usage.anomaly


def test_every_exchange_with_usage_is_in_a_format_that_has_a_reader() -> None:
    rows = _with_usage()

    assert len(rows) > 1000
    assert [row["id"] for row in rows if api_of(row) is None] == []


def test_every_row_without_a_providers_anomaly_gives_exactly_its_numbers() -> None:
    rows = [row for row in _with_usage() if not row["second_opinion"]["anomaly"]]

    wrong = {row["id"]: (_found(row), _expected(row)) for row in rows}

    assert len(rows) > 1000
    assert {name: both for name, both in wrong.items() if both[0] != both[1]} == {}


def test_every_row_that_does_not_add_up_is_flagged_or_of_a_format_that_counts_so() -> None:
    rows = [row for row in _with_usage() if row["second_opinion"]["anomaly"]]

    silent = [row["id"] for row in rows if not _anomaly(row) and api_of(row) not in _NOT_ODD]

    assert len(rows) > 30
    assert silent == []


def test_a_total_that_a_provider_states_is_met_or_flagged() -> None:
    wrong: list[str] = []
    for row in _with_usage():
        total = row["second_opinion"]["total"]
        found = _found(row)
        is_met = total in {None, found["input_total"] + found["output_total"]}
        if not is_met and not _anomaly(row) and row["id"] not in _DECIDED:
            wrong.append(row["id"])

    assert wrong == []


def test_cache_writes_by_lifetime_add_up_to_the_recorded_ones() -> None:
    rows = [row for row in _with_usage() if row["second_opinion"]["cache_write_5m"] is not None]

    assert len(rows) > 20
    for row in rows:
        usage = read_usage(api_of(row) or "", row["truth"]["usage"])
        told = row["second_opinion"]
        assert usage is not None
        assert usage.cache_write_5m >= (told["cache_write_5m"] or 0)
        assert usage.cache_write_1h >= (told["cache_write_1h"] or 0)


@pytest.mark.parametrize("name", list(_DECIDED))
def test_a_row_is_listed_as_read_otherwise_only_if_it_is(name: str) -> None:
    row = next(row for row in _with_usage() if row["id"] == name)

    told = {number: row["second_opinion"][number] or 0 for number in _DECIDED[name]}

    assert told != _DECIDED[name]
