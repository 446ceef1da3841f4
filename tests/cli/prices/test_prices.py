"""``llmtrace prices``: show, check, unpriced."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from llmtrace.cli.prices import command, yaml_line
from llmtrace.clock import FixedClock
from llmtrace.errors import PriceFileError
from llmtrace.otlp.rows import SpanRow
from llmtrace.pricing import load_overrides
from llmtrace.store import DATABASE_FILE, Writer

if TYPE_CHECKING:
    from pathlib import Path

_NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, list(arguments), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value), result.stdout, result.stderr


def _call(number: int, **more: Any) -> SpanRow:
    start = int(_NOW.timestamp() * 1_000_000) + number
    given: dict[str, Any] = {
        "provider": "openai",
        "request_model": "gpt-5",
        "input_tokens": 100,
        "output_tokens": 10,
    }
    return SpanRow(
        trace_id=number.to_bytes(16, "big"),
        span_id=number,
        start_time_us=start,
        end_time_us=start + 10,
        duration_ns=10_000,
        name="chat",
        is_inference=True,
        operation="chat",
        cost_source="unpriced",
        **given | more,
    )


def _unpriced(home: Path, *rows: SpanRow) -> list[dict[str, Any]]:
    with Writer(home / DATABASE_FILE, clock=FixedClock(_NOW)) as writer:
        writer.insert(list(rows))
    return json.loads(_run("unpriced", "--home", str(home), "--json")[1])


def test_show_gives_the_makers_price_and_who_else_sells() -> None:
    code, out, err = _run("show", "gpt-4o", "--at", "2026-11-20")

    assert code == 0
    assert out.startswith("gpt-4o at openai on 2026-11-20, from genai-prices ")
    assert "cache_read" in out
    assert "1.25" in out
    assert "azure" in err


def test_show_names_the_length_at_which_a_prompt_is_dearer() -> None:
    assert "prompts > 272,000 tokens" in _run("show", "gpt-5.5", "--at", "2026-11-20")[1]


def test_show_gives_every_digit_as_json() -> None:
    code, out, _ = _run("show", "gpt-5", "--tier", "flex", "--at", "2026-11-20", "--json")

    found = json.loads(out)
    assert code == 0
    assert found["source"] == "list"
    assert found["bands"][0]["usd_per_mtok"]["cache_read"] == 0.0625


@pytest.mark.parametrize(
    ("day", "usd"), [("2025-06-09", 10), ("2025-06-10", 2), ("2025-06-09T23:59", 10)]
)
def test_show_gives_the_price_of_a_day(day: str, usd: int) -> None:
    found = json.loads(_run("show", "o3", "--at", day, "--json")[1])

    assert found["bands"][0]["usd_per_mtok"]["input"] == usd


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["no-such-model"], "no provider in the price list sells it; name a --provider"),
        (["gpt-5", "--provider", "anthropic"], "does not know model 'gpt-5' of anthropic"),
        (["gpt-5", "--tier", "scale"], "has no scale price of 'gpt-5'"),
    ],
)
def test_show_says_why_a_model_has_no_price(arguments: list[str], reason: str) -> None:
    code, out, _ = _run("show", *arguments)

    assert code == 1
    assert reason in out


def test_show_uses_the_users_file(home: Path) -> None:
    (home / "prices.yaml").write_text("- {model: my-*, free: true}", encoding="utf-8")

    code, out, _ = _run("show", "my-model")

    assert code == 0
    assert "from prices.yaml:1\nfree: 0 USD" in out


def test_check_says_that_a_file_is_right(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("- {model: x, usd_per_mtok: {input: 1}}", encoding="utf-8")

    assert _run("check", str(path))[:2] == (0, "mine.yaml: 1 entry, no problem\n")


def test_check_prints_every_problem_and_exits_1(home: Path) -> None:
    (home / "prices.yaml").write_text("- {modle: x, free: true}", encoding="utf-8")

    code, out, _ = _run("check")

    assert code == 1
    assert out.splitlines() == [
        f"{home}/prices.yaml:1: unknown field 'modle'; did you mean 'model'?",
        f"{home}/prices.yaml:1: model is missing",
    ]
    assert len(json.loads(_run("check", "--json")[1])) == 2


def test_check_without_a_file_is_no_problem() -> None:
    assert _run("check")[:2] == (0, "there is no prices.yaml: list prices are used\n")
    assert _run("check", "--json")[1] == "[]\n"


def test_a_store_where_everything_is_priced_has_nothing_to_fix(tmp_path: Path) -> None:
    assert _unpriced(tmp_path) == []
    assert _run("unpriced", "--home", str(tmp_path))[1] == "every stored call has a price\n"


def test_calls_without_a_price_are_counted_with_reason_and_fix(tmp_path: Path) -> None:
    rows = [_call(n, request_model="house-7b", provider="acme") for n in (1, 2)]

    found = _unpriced(tmp_path, *rows)

    assert len(found) == 1
    assert (found[0]["calls"], found[0]["input_tokens"]) == (2, 200)
    assert "no prices of provider 'acme'" in found[0]["reason"]
    assert found[0]["fix"] == (
        '- {model: "house-7b", provider: "acme", usd_per_mtok: {input: "?", output: "?"}}'
    )


def test_a_tier_without_a_price_is_named_in_the_fix(tmp_path: Path) -> None:
    found = _unpriced(tmp_path, _call(1, service_tier="scale", cache_read_tokens=40))

    assert "no scale price" in found[0]["reason"]
    assert 'tier: "scale"' in found[0]["fix"]
    assert 'cache_read: "?"' in found[0]["fix"]


def test_calls_without_usage_need_no_price(tmp_path: Path) -> None:
    found = _unpriced(tmp_path, _call(1, input_tokens=None, output_tokens=None))

    assert found[0]["reason"] == "the provider sent no usage, so there is nothing to price"
    assert found[0]["fix"] is None


def test_calls_that_have_a_price_by_now_are_said_to(tmp_path: Path) -> None:
    found = _unpriced(tmp_path, _call(1))

    assert "there is a price now" in found[0]["reason"]
    assert found[0]["fix"] is None


def test_names_from_spans_do_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    _unpriced(tmp_path, _call(1, request_model="\x1b[31mevil [bold]", provider="acme"))

    out = _run("unpriced", "--home", str(tmp_path))[1]

    assert "\x1b" not in out
    assert "[bold]" in out


@pytest.mark.parametrize("model", ["house-7b", 'a"b: {*}?[x]', "ünï\x1b\n- model: other"])
def test_a_fix_is_one_line_that_prices_just_this_model_once_filled_in(
    tmp_path: Path, model: str
) -> None:
    path = tmp_path / "prices.yaml"
    line = yaml_line(model, "acme", "flex", ["input"])
    path.write_text(line.replace('"?"', "2"), encoding="utf-8")

    overrides = load_overrides(path)

    assert "\n" not in line
    assert len(overrides.entries) == 1
    assert overrides.find("acme", model, _NOW.date(), "flex", batch=False) is not None
    assert overrides.find("acme", model + "x", _NOW.date(), "flex", batch=False) is None


def test_a_fix_that_is_not_filled_in_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(yaml_line("m", "", None, ["input"]), encoding="utf-8")

    with pytest.raises(PriceFileError, match=r"input: '\?' is not a number"):
        load_overrides(path)


def test_a_fix_names_the_fees_and_units_that_were_told(tmp_path: Path) -> None:
    attributes = {
        "llmtrace.usage.units.images": "2.0",
        "llmtrace.usage.requests.web_search": "1",
        "llmtrace.usage.units.odd": "1",
    }
    row = _call(
        1,
        request_model="house-art",
        provider="acme",
        input_tokens=0,
        output_tokens=0,
        attributes=attributes,
    )

    found = _unpriced(tmp_path, row)

    assert found[0]["fix"] == (
        '- {model: "house-art", provider: "acme", '
        'usd_per_request: {web_search: "?"}, usd_per_unit: {images: "?"}}'
    )


def test_show_tells_the_region_the_units_and_the_note(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(
        "- {model: house, usd_per_unit: {images: 0.5}, note: EA 4711}\n", encoding="utf-8"
    )

    out = _run("show", "house", "--provider", "acme", "--home", str(tmp_path))[1]
    plain = _run("show", "claude-opus-4-6", "--region", "us", "--json")[1]

    assert "EA 4711" in out
    assert "images (USD each)" in out
    assert json.loads(plain)["bands"][0]["usd_per_mtok"]["input"] == 5.5
