"""What-if: each number is plain SQL's, priced by hand from published prices; unknown is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.components import format as fmt
from llmtrace.clock import SystemClock
from llmtrace.store import open_store
from tests.dashboards.opening import as_markdown, column, metrics, open_page, texts
from tests.dashboards.seeding import fill
from tests.dashboards.test_overview import HOSTILE
from tests.store.calls import call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from llmtrace.otlp.rows import SpanRow

NOW = datetime(2026, 11, 18, 15, 30, 5, tzinfo=UTC)
PRICES = """
prices:
  - provider: ours
    model: cheap
    usd_per_mtok: {input: 1, output: 2, cache_read: 0.1}
  - provider: ours
    model: dear
    usd_per_mtok: {input: 10, output: 20}
"""
COMPARED = ["ours/cheap", "ours/dear", "nobody/knows"]
TRAFFIC = """
    select count(*) filter (where input_tokens is not null) as calls,
        count(*) filter (where input_tokens is null) as silent,
        sum(cost_usd) as paid,
        count(*) filter (where cost_usd is null and input_tokens is not null) as unpriced,
        (sum(input_tokens) filter (where cost_usd is not null))::bigint as given,
        (sum(cache_read_tokens) filter (where cost_usd is not null))::bigint as cached,
        (sum(output_tokens) filter (where cost_usd is not null))::bigint as made,
        count(*) filter (where cache_read_tokens > 0) as reading
    from llm_calls where start_time >= $1 and start_time < $2
"""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


def day() -> list[SpanRow]:
    rows = [
        call(NOW - minutes(number * 7), request_model=("gpt-5", "gpt-5-mini")[number % 2],
             input_tokens=1_000 + number, output_tokens=200 + number,
             cache_read_tokens=900 if number % 4 == 0 else None,
             cost_usd=None if number % 10 == 0 else Decimal("0.004") + number,
             feature=("a", "b")[number % 2])
        for number in range(120)
    ]  # fmt: skip
    return [*rows, failed(NOW - minutes(5)), failed(NOW - minutes(9))]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppTest, Path]]:
    """Open the page once, on a day of calls."""
    home = tmp_path_factory.mktemp("busy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _self: NOW)
        fill(home, day())
        (home / "prices.yaml").write_text(PRICES)
        yield opened(home, patch), home


def opened(home: Path, patch: pytest.MonkeyPatch, **query: str | list[str]) -> AppTest:
    app = open_page(home, patch, "what_if", {"models": COMPARED, **query})
    assert not app.exception
    return app


def traffic(home: Path) -> dict[str, Any]:
    span = [NOW - timedelta(days=1), NOW + timedelta(minutes=1)]
    (row,) = open_store(home).sql(TRAFFIC, span).to_pylist()
    return row


def rows(app: AppTest) -> dict[str, dict[str, Any]]:
    for table in app.dataframe:
        if "Cost there" in table.value.columns:
            records = table.value.to_dict("records")
            return {row["Model"]: {str(name): row[name] for name in row} for row in records}
    raise AssertionError("no candidates are shown")


def usd(per_mtok: Decimal) -> Decimal:
    return per_mtok / 1_000_000


def test_the_cards_and_the_candidates_are_plain_sql(busy: tuple[AppTest, Path]) -> None:
    app, home = busy
    told = traffic(home)

    cheap = usd(
        (told["given"] - told["cached"]) * Decimal(1) + told["cached"] * Decimal("0.1")
        + told["made"] * Decimal(2)
    )  # fmt: skip
    assert metrics(app) == {
        "Cost as it was": fmt.money(told["paid"]),
        "Calls": fmt.count(told["calls"]),
        "Lowest bill, 100 % moved": fmt.money(cheap),
        "Change of the bill": fmt.money(cheap - told["paid"]),
    }
    assert app.metric[1].delta == f"+ {told['silent']} without tokens"
    assert app.metric[0].delta == f"{told['unpriced']} unpriced"
    shown = rows(app)
    assert list(shown) == COMPARED
    assert shown["ours/cheap"]["Compared, there"] == fmt.money(cheap)
    assert shown["ours/cheap"]["Compared, as it was"] == fmt.money(told["paid"])
    assert shown["ours/cheap"]["Calls priced"] == f"100% of {told['calls']}"
    assert shown["ours/cheap"]["Do not fit"] == "not known"
    share = (told["calls"] - told["reading"]) / told["calls"]
    assert shown["ours/dear"]["Calls priced"] == f"{share:.1%} of {told['calls']}"


def test_what_has_no_price_is_said_and_counted(busy: tuple[AppTest, Path]) -> None:
    app, home = busy
    told = traffic(home)

    shown = rows(app)["nobody/knows"]
    assert (shown["Cost there"], shown["Change"]) == (fmt.UNPRICED, fmt.NONE)
    assert shown["Bill, 100 % moved"] == fmt.NONE
    reasons = dict(zip(column(app, "Why"), column(app, "Calls"), strict=True))
    assert [str(told["calls"]), str(told["reading"])] == list(reasons.values())
    assert any("no price for cache_read" in str(why) for why in reasons)
    assert "Another model's tokenizer" in texts(app)
    assert "nobody checked" in texts(app)


def test_without_caching_and_with_a_part_moved_it_is_plain_sql_too(
    busy: tuple[AppTest, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, home = busy
    told = traffic(home)

    app = opened(home, monkeypatch, caching="No caching", share="25")

    dear = usd(told["given"] * Decimal(10) + told["made"] * Decimal(20))
    bill = told["paid"] + (dear - told["paid"]) / 4
    shown = rows(app)["ours/dear"]
    assert shown["Compared, there"] == fmt.money(dear)
    assert shown["Bill, 25 % moved"] == fmt.money(bill)
    assert shown["Calls priced"] == f"100% of {told['calls']}"
    assert app.query_params["models"] == COMPARED


def test_nobody_named_a_model_so_those_in_use_are_proposed_and_a_filter_may_leave_nothing(
    busy: tuple[AppTest, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, home = busy

    proposed = open_page(home, monkeypatch, "what_if")
    nothing = opened(home, monkeypatch, feature="none such", tables="true")

    assert set(rows(proposed)) == {"openai/gpt-5", "openai/gpt-5-mini"}
    assert "No call in this range" in as_markdown(nothing)
    assert not nothing.exception


def test_hostile_text_is_never_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [call(NOW - minutes(3), request_model=text, provider=text, feature=text)
                    for text in HOSTILE])  # fmt: skip

    app = opened(tmp_path, monkeypatch, models=[f"x/{text}" for text in HOSTILE], tables="true")

    assert not [text for text in HOSTILE if text in as_markdown(app)]
    shown = texts(app) + "".join(str(each.value.to_dict()) for each in app.dataframe)
    assert not {"\u202e", "\u2066", "\x1b"}.intersection(shown)
