"""``llmtrace reprice``: today's prices on stored calls, once; the provider's word stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.semconv import SERVER_ADDRESS
from tests.cli.homes import collected, llmtrace, rows, told
from tests.dashboards.seeding import fill
from tests.store.calls import call, failed

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
COSTS = "select request_model, cost_usd, cost_source, price_version from llm_calls order by all"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a home whose price file prices ``house`` at $1 and $2 a million tokens."""
    fill(
        tmp_path,
        [
            call(NOW - DAY, request_model="house", cost_usd=None, cost_source="unpriced"),
            call(NOW - 9 * DAY, request_model="house", cost_usd=Decimal(5), price_version="old"),
            call(NOW - DAY, request_model="told", cost_usd=Decimal(7), cost_source="provider"),
            call(NOW - DAY, request_model="gone", cost_usd=Decimal(3), price_version="old"),
            call(NOW - DAY, request_model="house", cost_usd=Decimal(0), cost_source="list",
                 price_version="response cache (proxy)", span_id=2**64 - 5),
            failed(NOW - DAY, request_model="house"),
        ],
    )  # fmt: skip
    (tmp_path / "prices.yaml").write_text(
        "- {model: house, usd_per_mtok: {input: 1, output: 2}}\n"
        "- {model: told, usd_per_mtok: {input: 1, output: 2}}\n"
    )
    return tmp_path


def reprice(home: Path, *arguments: str) -> Any:
    return told(llmtrace("reprice", *arguments, "--json", "--home", str(home)))


@pytest.mark.parametrize("running", [False, True])
def test_calls_get_the_prices_of_today_and_their_version(running: bool, shop: Path) -> None:
    with collected(shop, running=running):
        done = reprice(shop, "--yes")
        found = rows(shop, COSTS)

    price, override = Decimal("0.00014"), "override"
    assert [tuple(row.values()) for row in found] == [
        ("gone", Decimal(3), "list", "old"),
        ("house", Decimal(0), "list", "response cache (proxy)"),
        ("house", price, override, "prices.yaml:1"),
        ("house", price, override, "prices.yaml:1"),
        ("house", None, None, None),
        ("told", Decimal(7), "provider", None),
    ]
    assert (done["calls"], done["changed"], done["kept"]) == (3, 2, 1)
    assert (done["before_usd"], done["after_usd"]) == ("8.00", "3.00028")


def test_a_dry_run_tells_the_difference_by_model_and_changes_nothing(shop: Path) -> None:
    before = rows(shop, COSTS)

    found = reprice(shop, "--dry-run")

    assert found["models"][0] == {
        "provider": "openai", "model": "house", "calls": 2, "changed": 2, "before_usd": "5.00",
        "after_usd": "0.00028", "unpriced_before": 1, "unpriced_after": 0, "kept": 0,
    }  # fmt: skip
    assert rows(shop, COSTS) == before


def test_a_second_time_changes_nothing(shop: Path) -> None:
    reprice(shop, "--yes")

    assert reprice(shop, "--yes")["changed"] == 0


def test_since_and_model_leave_the_others_as_they_are(shop: Path) -> None:
    assert reprice(shop, "--yes", "--since", "3d")["changed"] == 1
    assert reprice(shop, "--yes", "--model", "gone")["changed"] == 0
    assert reprice(shop, "--yes", "--model", "house")["changed"] == 1


def test_the_providers_word_is_replaced_only_when_asked_for(shop: Path) -> None:
    reprice(shop, "--yes", "--all")

    (found,) = rows(shop, "select cost_usd, cost_source from llm_calls where model = 'told'")
    assert found == {"cost_usd": Decimal("0.00014"), "cost_source": "override"}


def test_the_parts_and_the_raw_usage_are_priced_too(tmp_path: Path) -> None:
    # given: a call whose columns know less than the provider's own usage
    raw = (
        '{"prompt_tokens":1000,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":400}}'
    )
    fill(
        tmp_path,
        [call(NOW - DAY, request_model="house", api="openai.chat", usage_raw=raw, span_id=2**64 - 1,
              attributes={SERVER_ADDRESS: "api.openai.com"}, cost_source="list")],
    )  # fmt: skip
    (tmp_path / "prices.yaml").write_text(
        "- {model: house, usd_per_mtok: {input: 10, cache_read: 1, output: 2}}\n"
    )

    reprice(tmp_path, "--yes")

    (found,) = rows(
        tmp_path,
        "select cost_usd, cost_input_usd, cost_cache_read_usd, cache_savings_usd from llm_calls",
    )
    assert list(found.values()) == [
        Decimal("0.0064"), Decimal("0.006"), Decimal("0.0004"), Decimal("0.0036"),
    ]  # fmt: skip


def test_an_alias_is_priced_where_the_answers_snapshot_is_not(tmp_path: Path) -> None:
    fill(tmp_path, [call(NOW - DAY, request_model="house", response_model="house-2026-01-01")])
    (tmp_path / "prices.yaml").write_text("- {model: house, usd_per_mtok: {input: 1, output: 2}}\n")

    reprice(tmp_path, "--yes")

    (found,) = rows(tmp_path, "select cost_usd, response_model from llm_calls")
    assert found == {"cost_usd": Decimal("0.00014"), "response_model": "house-2026-01-01"}


def test_without_a_yes_the_difference_is_shown_and_nothing_done(shop: Path) -> None:
    result = llmtrace("reprice", "--home", str(shop))

    assert result.exit_code == 2
    assert "2 of 3 calls would change" in result.stderr
    assert rows(shop, "select count(*) as n from audit") == [{"n": 0}]


def test_what_changed_is_audited(shop: Path) -> None:
    reprice(shop, "--yes", "--since", "3d")

    (found,) = rows(shop, "select operation, outcome from audit")
    assert found["operation"] == "reprice"
    assert '"changed": 1' in found["outcome"]


def test_a_wrong_price_file_is_named_and_nothing_changes(shop: Path) -> None:
    (shop / "prices.yaml").write_text("- {model: house}\n")

    result = llmtrace("reprice", "--yes", "--home", str(shop))

    assert result.exit_code != 0
    assert "prices.yaml" in str(result.exception)
