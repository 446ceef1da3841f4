"""``docs/accuracy.md`` is what the command says, and it says what it must."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from benchmarks import accuracy
from benchmarks.recordings import costs, page
from benchmarks.recordings.fixes import yaml_lines
from benchmarks.recordings.reading import SENDERS
from llmtrace import semconv
from llmtrace.pricing import PriceBook, load_overrides
from tests.wire.recorded import needs_recordings

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.recordings.page import Results


@pytest.fixture(scope="module")
def results() -> Results:
    return page.measure()


def test_every_wire_format_is_on_the_page() -> None:
    formats = {value for name, value in vars(semconv).items() if name.startswith("API_")}

    assert {name for entry in page.COVERAGE for name in entry["formats"]} == formats


@needs_recordings
def test_the_committed_page_is_what_the_command_writes(results: Results) -> None:
    written = accuracy.PAGE.read_text(encoding="utf-8")

    assert written == page.render(results), "run: python benchmarks/accuracy.py --write"


@needs_recordings
def test_every_sound_row_is_read_exactly(results: Results) -> None:
    assert len(results.sound) > 1000
    assert [r.row["id"] for r in results.sound if not page.is_exact(r)] == []


@needs_recordings
def test_every_stated_cost_is_met_or_has_a_reason(results: Results) -> None:
    open_rows = {r.row["id"]: v.reason for r, v in results.stated if v.kind == "open"}

    assert len(results.stated) > 200
    assert open_rows == {}


@needs_recordings
def test_a_reason_is_written_down_only_for_costs_that_are_not_met(results: Results) -> None:
    unmet = {r.row["id"] for r, v in results.stated if v.kind not in {"met", "rounded"}}

    assert set(costs.DECIDED) - unmet == set()


@needs_recordings
def test_of_a_hundred_hosted_calls_ninety_seven_have_a_price(results: Results) -> None:
    priced = [reading.is_priced for reading in results.to_price]

    assert len(priced) > 940
    assert sum(priced) / len(priced) >= 0.97


@needs_recordings
def test_what_a_recording_lost_is_filled_in_for_rows_that_exist(results: Results) -> None:
    names = {r.row["id"] for r in results.readings} | {r.row["id"] for r, _ in results.stated}

    assert set(SENDERS) | page.EDITED <= names


@needs_recordings
def test_the_line_of_yaml_beside_a_call_without_a_price_gives_it_one(
    results: Results, tmp_path: Path
) -> None:
    unpriced = [reading for reading in results.to_price if not reading.is_priced]
    lines = yaml_lines(unpriced)
    file = tmp_path / "prices.yaml"
    file.write_text("\n".join(lines).replace('"?"', "1"), encoding="utf-8")

    book = PriceBook(load_overrides(file))

    assert all(isinstance(entry, dict) for entry in yaml.safe_load("\n".join(lines)))
    for reading in unpriced:
        assert reading.usage is not None
        cost = book.price(
            reading.provider,
            reading.model,
            reading.at,
            reading.usage,
            service_tier=reading.tier,
        )
        assert cost.total_usd is not None, (reading.model, cost.reason)
