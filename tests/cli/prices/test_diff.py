"""``llmtrace prices diff``: what another list changes, in prices and in money."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from llmtrace.cli.prices.diff import diff
from llmtrace.clock import SystemClock
from llmtrace.otlp.rows import SpanRow
from llmtrace.pricing.updates import install
from llmtrace.store import DATABASE_FILE, Writer
from tests.cli.prices.serving import price_list

if TYPE_CHECKING:
    from pathlib import Path


def _run(home: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(diff, [*arguments, "--home", str(home)], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value), result.stdout


def _call(home: Path, **more: Any) -> None:
    clock = SystemClock()
    start = int(datetime.now(UTC).timestamp() * 1_000_000) - 60_000_000
    given: dict[str, Any] = {"cost_source": "list", "provider": "openai", "request_model": "gpt-5"}
    row = SpanRow(
        trace_id=b"\1" * 16,
        span_id=7,
        start_time_us=start,
        end_time_us=start + 10,
        duration_ns=10_000,
        name="chat",
        is_inference=True,
        operation="chat",
        input_tokens=1_000_000,
        output_tokens=0,
        **given | more,
    )
    with Writer(home / DATABASE_FILE, clock=clock) as writer:
        writer.insert([row])


def test_the_list_in_use_is_no_different_from_itself(tmp_path: Path) -> None:
    code, out = _run(tmp_path)

    assert code == 0
    assert "no difference" in out


def test_models_that_came_went_and_changed_are_listed(tmp_path: Path) -> None:
    install(tmp_path, price_list(7), "one", origin="here")
    offered = tmp_path / "new.json"
    offered.write_bytes(price_list(8))
    other = tmp_path / "other.json"
    other.write_bytes(price_list(8, model="gpt-99"))

    changed, renamed = _run(tmp_path, str(offered)), _run(tmp_path, str(other))

    assert changed[0] == renamed[0] == 1
    assert "~ openai gpt-5 input: 7 → 8" in changed[1]
    assert "+ openai gpt-99\n- openai gpt-5" in renamed[1]


def test_what_the_last_days_would_have_cost_is_said_by_model(tmp_path: Path) -> None:
    install(tmp_path, price_list(7), "one", origin="here")
    _call(tmp_path)
    offered = tmp_path / "new.json"
    offered.write_bytes(price_list(8))

    found = json.loads(_run(tmp_path, str(offered), "--json")[1])

    assert (found["before"], found["after"]) == ("genai-prices one", "genai-prices offered")
    assert [
        (row["model"], row["calls"], row["before_usd"], row["after_usd"])
        for row in found["last_30_days"]
    ] == [("gpt-5", 1, 7, 8)]
    assert "gpt-5" in _run(tmp_path, str(offered))[1]


def test_without_a_source_the_bundled_list_is_held_against_the_one_in_use(tmp_path: Path) -> None:
    install(tmp_path, price_list(7), "one", origin="here")

    code, out = _run(tmp_path, "--json")

    found = json.loads(out)
    assert code == 1
    assert found["after"] == "genai-prices one"
    assert len(found["removed"]) > 1_000
