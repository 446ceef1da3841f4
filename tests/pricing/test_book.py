"""The price book: whose word counts, which prices apply, and what stays unpriced."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

import pytest

from llmtrace.config import load_settings
from llmtrace.errors import PriceFileError
from llmtrace.pricing import PriceBook, load_overrides, load_price_book
from llmtrace.records import TokenUsage

if TYPE_CHECKING:
    from pathlib import Path

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_USAGE = TokenUsage(input_uncached=1_000_000, output_text=1_000_000)


def _total(book: PriceBook, model: str = "gpt-5", at: datetime = _NOON, **more: str) -> str | None:
    total = book.price("openai", model, at, _USAGE, **more).total_usd  # pyright: ignore[reportArgumentType]  # keyword strings of the tests below
    return None if total is None else f"{total.normalize():f}"


def _book(tmp_path: Path, text: str) -> PriceBook:
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    return PriceBook(load_overrides(path))


def test_the_providers_word_wins_over_file_and_list(tmp_path: Path) -> None:
    book = _book(tmp_path, "- {model: gpt-5, usd_per_mtok: {input: 1, output: 1}}")

    cost = book.price("openai", "gpt-5", _NOON, _USAGE, reported_usd=Decimal("0.1234567890123"))

    assert (cost.total_usd, cost.source) == (Decimal("0.123456789012"), "provider")
    assert cost.input_usd is None
    assert cost.price_version == "provider"


def test_the_users_file_wins_over_the_list(tmp_path: Path) -> None:
    book = _book(tmp_path, "- {model: gpt-5, usd_per_mtok: {input: 1, output: 1}}")

    cost = book.price("openai", "gpt-5", _NOON, _USAGE)

    assert (cost.total_usd, cost.source) == (2, "override")
    assert cost.price_version == "prices.yaml:1"


def test_the_list_is_used_for_what_the_file_does_not_name(tmp_path: Path) -> None:
    book = _book(tmp_path, "- {model: gpt-5, usd_per_mtok: {input: 1, output: 1}}")

    cost = book.price("openai", "gpt-5-mini", _NOON, _USAGE)

    assert (cost.total_usd, cost.source) == (Decimal("2.25"), "list")
    assert cost.price_version is not None
    assert cost.price_version.startswith("genai-prices ")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-1", "1000000"])
def test_a_word_that_is_no_cost_is_not_believed(word: str) -> None:
    cost = PriceBook().price("openai", "gpt-5", _NOON, _USAGE, reported_usd=Decimal(word))

    assert (cost.total_usd, cost.source) == (Decimal("11.25"), "list")


@pytest.mark.parametrize("tier", [None, "", "default", "auto", "standard", "on_demand", "DEFAULT"])
def test_names_of_the_standard_tier_mean_the_list_price(tier: str | None) -> None:
    cost = PriceBook().price("openai", "gpt-5", _NOON, _USAGE, service_tier=tier)

    assert cost.total_usd == Decimal("11.25")


@pytest.mark.parametrize("tier", ["scale", "ultrafast", "reserved", "something new"])
def test_a_tier_without_a_published_price_is_unpriced(tier: str) -> None:
    cost = PriceBook().price("openai", "gpt-5", _NOON, _USAGE, service_tier=tier)

    assert cost.total_usd is None
    assert cost.source == "unpriced"
    assert cost.reason is not None
    assert f"no {tier} price of 'gpt-5'" in cost.reason


def test_batch_at_a_tier_is_unpriced() -> None:
    book = PriceBook()

    cost = book.price("openai", "gpt-5", _NOON, _USAGE, service_tier="flex", batch=True)

    assert cost.reason is not None
    assert "no batch and flex price" in cost.reason


def test_another_providers_tiers_do_not_apply_at_a_reseller() -> None:
    cost = PriceBook().price("azure.ai.openai", "gpt-5", _NOON, _USAGE, service_tier="priority")

    assert cost.source == "unpriced"


@pytest.mark.parametrize("provider", ["ollama", "vllm", "llama.cpp", "LM_Studio"])
def test_a_local_model_costs_zero_by_statement(provider: str) -> None:
    cost = PriceBook().price(provider, "qwen3:8b", _NOON, _USAGE)

    assert (cost.total_usd, cost.source, cost.price_version) == (0, "list", "local")


def test_a_model_that_runs_at_ollama_is_not_local() -> None:
    assert PriceBook().price("ollama", "gpt-oss:120b-cloud", _NOON, _USAGE).total_usd is None


@pytest.mark.parametrize("model", [None, "", "x" * 300, "no-such-model", "../../etc/passwd"])
def test_a_model_that_nobody_knows_is_unpriced_with_a_reason(model: str | None) -> None:
    cost = PriceBook().price("openai", model, _NOON, _USAGE)

    assert cost.total_usd is None
    assert cost.input_usd is None
    assert cost.cache_savings_usd is None
    assert cost.reason


def test_a_price_change_falls_on_the_utc_day() -> None:
    book = PriceBook()
    midnight = datetime(2025, 6, 10, tzinfo=UTC)
    tokyo = timezone(timedelta(hours=9))

    assert _total(book, "o3", midnight - timedelta(microseconds=1)) == "50"
    assert _total(book, "o3", midnight) == "10"
    assert _total(book, "o3", datetime(2025, 6, 10, 8, 59, tzinfo=tokyo)) == "50"
    assert _total(book, "o3", datetime(2025, 6, 10, 9, 0, tzinfo=tokyo)) == "10"


def test_a_price_that_depends_on_the_hour_is_asked_for_each_hour() -> None:
    book = PriceBook()
    usage = TokenUsage(output_text=1_000_000)
    day = datetime(2026, 11, 20, tzinfo=UTC)

    found = [
        book.price("deepseek", "deepseek-v4-flash", day + timedelta(minutes=m), usage).total_usd
        for m in (59, 60, 239, 240, 59, 60)
    ]

    cheap, dear = Decimal("0.6"), Decimal("1.2")
    assert found == [cheap, dear, dear, cheap, cheap, dear]


def test_every_hour_in_the_price_data_begins_on_a_minute() -> None:
    from genai_prices.data import providers
    from genai_prices.types import TimeOfDateConstraint

    times = [
        time
        for provider in providers
        for model in provider.models
        for price in (model.prices if isinstance(model.prices, list) else [])
        if isinstance(price.constraint, TimeOfDateConstraint)
        for time in (price.constraint.start_time, price.constraint.end_time)
    ]

    assert times
    assert all(time.second == 0 and time.microsecond == 0 for time in times)


@pytest.mark.parametrize("source", ["partial", "estimated"])
def test_tokens_that_are_not_exact_make_the_cost_an_estimate(source: str) -> None:
    usage = TokenUsage(input_uncached=10, source=source)  # pyright: ignore[reportArgumentType]  # one of the literals

    assert PriceBook().price("openai", "gpt-5", _NOON, usage).source == "estimated"


def test_a_cost_is_exact_whatever_precision_the_app_has_set() -> None:
    usage = TokenUsage(input_uncached=123_456_789, output_text=987_654_321)
    book = PriceBook()
    expected = book.price("openai", "gpt-4o-mini", _NOON, usage).total_usd

    with localcontext() as context:
        context.prec = 3
        found = book.price("openai", "gpt-4o-mini", _NOON, usage).total_usd

    assert found == expected == Decimal("611.11111095")


def test_many_model_names_do_not_fill_the_memory() -> None:
    book = PriceBook()

    for number in range(5000):
        book.price("nobody", f"model-{number}", _NOON, _USAGE)

    assert len(book._remembered) <= 4096


def test_threads_may_share_a_book() -> None:
    book = PriceBook()
    found: list[Decimal | None] = []

    def ask() -> None:
        found.extend(book.price("openai", "gpt-5", _NOON, _USAGE).total_usd for _ in range(200))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(found) == {Decimal("11.25")}


def test_a_book_is_made_without_loading_prices_or_yaml() -> None:
    code = (
        "import sys, llmtrace.pricing as p, llmtrace.usage; p.PriceBook();"
        "print(sorted({'genai_prices', 'pydantic', 'yaml', 'httpx2'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_home_folders_file_is_used_if_it_is_there(tmp_path: Path) -> None:
    settings = load_settings({}, home=tmp_path)
    before = load_price_book(settings)
    (tmp_path / "prices.yaml").write_text("- {model: gpt-5, free: true}", encoding="utf-8")

    after = load_price_book(settings)

    assert _total(before) == "11.25"
    assert _total(after) == "0"


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    settings = load_settings({}, home=tmp_path, prices_file=tmp_path / "mine.yaml")

    with pytest.raises(PriceFileError, match=r"mine\.yaml: cannot be read"):
        load_price_book(settings)
