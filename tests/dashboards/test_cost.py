"""Cost: every number is what plain SQL says, and nothing, little and much of it look right."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import streamlit as st

from dashboards import asking, data_cost
from dashboards.address import Choice
from dashboards.components import format as fmt
from dashboards.viewing import view
from llmtrace.clock import SystemClock
from llmtrace.store import open_store
from tests.dashboards.opening import as_markdown, column, metrics, open_page, texts
from tests.dashboards.seeding import fill
from tests.dashboards.test_overview import HOSTILE
from tests.store.calls import call, failed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from llmtrace.otlp.rows import SpanRow

NOW = datetime(2026, 11, 18, 14, 29, 55, tzinfo=UTC)
"""A Wednesday; what the page takes for now is the next ten seconds' beginning, 14:30."""
WORDS = {
    "IN_RANGE": "start_time >= timestamp '2026-11-11 14:30' "
    "and start_time < timestamp '2026-11-18 14:30'",
    "BEFORE_IT": "start_time >= timestamp '2026-11-04 14:30' "
    "and start_time < timestamp '2026-11-11 14:30'",
    "TOKENS": "coalesce(input_tokens, 0) + coalesce(output_tokens, 0)",
    # Berlin's clock, whose summer time ends on 25 October
    "LOCAL_TIME": "start_time + if(start_time < timestamp '2026-10-25 01:00', "
    "interval 2 hour, interval 1 hour)",
}
"""What stands for what in the tests' SQL."""
BY = {
    "user": "user_id",
    "tenant": "tenant",
    "feature": "feature",
    "model": "model",
    "provider": "provider",
}


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


def nine_weeks(now: datetime = NOW) -> list[SpanRow]:
    """Return calls of nine weeks, uneven by hour, user and model; some fail, some are unpriced."""
    models = (("openai", "gpt-5", "0.031"), ("anthropic", "claude-sonnet-4-5", "0.0520001"),
              ("openai", "gpt-5-mini", "0.0042"), ("in-house", "in-house-7b", None))  # fmt: skip
    rows: list[SpanRow] = []
    for number in range(1_500):
        provider, model, cost = models[number * 7 % 31 % 4]
        at = now - timedelta(minutes=number * number * 13 % (9 * 7 * 24 * 60))
        rows.append(
            call(at, provider=provider, request_model=model,
                 user_id=("ann", "bob", "cyd", None)[number % 4], feature=f"f{number % 3}",
                 tenant=("acme", "globex")[number % 2],
                 cost_usd=None if cost is None else Decimal(cost) * (1 + number % 5),
                 cost_source="unpriced" if cost is None else "list",
                 cache_savings_usd=Decimal("0.01") if number % 3 else None,
                 input_tokens=None if number % 41 == 0 else 800 + number % 90)
            if number % 23 else failed(at, provider=provider, request_model=model, user_id="bob")
        )  # fmt: skip
    return rows


def plain(home: Path, sql: str, by: str = "") -> list[dict[str, Any]]:
    """Return the rows of a query of the test's own."""
    for word, meaning in {**WORDS, "DIMENSION": by}.items():
        sql = sql.replace(word, f"({meaning})")
    return open_store(home).sql(sql).to_pylist()


@pytest.fixture(params=["small", "large"])
def in_a_store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the store for a small one, and for one where answers are shared."""
    monkeypatch.setattr(asking, "_LARGE", 1 if request.param == "large" else 250_000)
    st.cache_data.clear()
    yield
    st.cache_data.clear()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("shop")
    fill(home, nine_weeks())
    return home


def tables(app: AppTest) -> dict[str, list[list[str]]]:
    """Return the tables that charts became: caption → rows of cells."""
    found: dict[str, list[list[str]]] = {}
    for element in app.get("html"):
        text = str(element.proto.body)
        for caption, body in re.findall(r"<caption>(.*?)</caption>.*?<tbody>(.*?)</tbody>", text):
            found[caption] = [
                re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
                for row in re.findall(r"<tr>(.*?)</tr>", body)
            ]
    return found


def test_the_cards_are_plain_sql(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(shop, monkeypatch, "cost", {"range": "7d"})

    (row,) = plain(
        shop,
        """select
        sum(cost_usd) filter (where IN_RANGE) as cost,
        sum(cost_usd) filter (where BEFORE_IT) as before,
        (sum(cost_usd) filter (where IN_RANGE) / count(cost_usd) filter (where IN_RANGE))
            ::decimal(18, 12) as each,
        sum(cost_usd) filter (where start_time >= timestamp '2026-11-18') as today,
        sum(cost_usd) filter (where start_time >= timestamp '2026-11-01') as month,
        sum(cost_usd) filter (where IN_RANGE and TOKENS > 0) * 1000.0
            / sum(TOKENS) filter (where IN_RANGE and cost_usd is not null) as per_1k,
        (sum(TOKENS) filter (where IN_RANGE))::bigint as tokens,
        count(*) filter (where is_unpriced and IN_RANGE) as unpriced,
        count(*) filter (where is_unpriced and start_time >= timestamp '2026-11-18')
            as unpriced_today,
        count(*) filter (where is_unpriced and start_time >= timestamp '2026-11-01')
            as unpriced_month
        from llm_calls where start_time < timestamp '2026-11-18 14:30'""",
    )
    assert not app.exception
    assert metrics(app) == {
        "Spend today": fmt.spent(row["today"], row["unpriced_today"]),
        "Month to date": fmt.spent(row["month"], row["unpriced_month"]),
        "Spend in range": fmt.spent(row["cost"], row["unpriced"]),
        "Per request": fmt.money(row["each"]),
        "Per 1k tokens": fmt.money(Decimal(row["per_1k"])),
    }
    (delta,) = [card.delta for card in app.metric if card.label == "Spend in range"]
    assert delta == fmt.change(float(row["cost"]) / float(row["before"]) - 1)
    assert f"{fmt.short_count(row['tokens'])} tokens" in str([card.delta for card in app.metric])


@pytest.mark.parametrize("by", BY)
def test_the_table_is_plain_sql(shop: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    app = open_page(shop, monkeypatch, "cost", {"range": "7d"})
    app.segmented_control(key="cost-by").set_value(by).run()

    rows = plain(
        shop,
        """
        with now as (select DIMENSION as name, sum(cost_usd) as cost, count(*) as requests,
                (sum(cost_usd) / count(cost_usd))::decimal(18, 12) as each,
                (sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) filter
                    (where input_tokens is not null or output_tokens is not null))
                    ::bigint as tokens,
                count(*) filter (where is_unpriced) as unpriced,
                sum(cost_usd) filter (where TOKENS > 0) * 1000.0
                    / sum(TOKENS) filter (where cost_usd is not null) as per_1k,
                sum(cache_savings_usd) as saved
            from llm_calls where IN_RANGE group by 1),
        before as (select DIMENSION as name, sum(cost_usd) as cost from llm_calls
            where BEFORE_IT group by 1)
        select now.*, before.cost as before, sum(now.cost) over () as total
        from now left join before on now.name is not distinct from before.name
        order by now.cost desc nulls last, requests desc""",
        BY[by],
    )
    assert not app.exception
    assert column(app, "Requests") == [fmt.count(row["requests"]) for row in rows]
    assert column(app, "Cost") == [fmt.spent(row["cost"], row["unpriced"]) for row in rows]
    assert column(app, "Share") == pytest.approx(
        [float("nan") if row["cost"] is None else float(row["cost"] / row["total"]) * 100
         for row in rows], nan_ok=True)  # fmt: skip
    assert column(app, "Change") == [
        fmt.change(float(row["cost"]) / float(row["before"]) - 1) if row["cost"] and row["before"]
        else fmt.NONE for row in rows
    ]  # fmt: skip
    assert column(app, "Per request") == [fmt.money(row["each"]) for row in rows]
    assert column(app, "Tokens") == [fmt.short_count(row["tokens"]) for row in rows]
    assert column(app, "Per 1k tokens") == [
        fmt.NONE if row["per_1k"] is None else fmt.money(Decimal(row["per_1k"])) for row in rows
    ]  # fmt: skip
    assert column(app, "Saved by cache") == [
        fmt.NONE if row["saved"] is None else fmt.money(row["saved"]) for row in rows
    ]


def test_the_charts_are_plain_sql_in_the_viewers_zone(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"range": "7d", "tables": "true", "zone": "Europe/Berlin"}
    app = open_page(shop, monkeypatch, "cost", query)

    found = tables(app)
    spent = plain(
        shop,
        """
        select hours.hour, (select coalesce(sum(cost_usd), 0) from llm_calls
            where (LOCAL_TIME)::date = date '2026-11-18'
            and hour(LOCAL_TIME) <= hours.hour) as spent
        from range(16) hours(hour) order by 1""",
    )
    today = found["Spend since midnight by hour, and the band that is usual for this weekday"]
    assert [cells[1] for cells in today[:16]] == [fmt.money(row["spent"]) for row in spent]
    assert [cells[1] for cells in today[16:]] == [fmt.NONE] * 8
    days = plain(
        shop,
        """
        select day::date as day, (select coalesce(sum(cost_usd), 0) from llm_calls
            where (LOCAL_TIME)::date between date '2026-11-01' and day) as spent
        from generate_series(timestamp '2026-11-01', timestamp '2026-11-18', interval 1 day) d(day)
        order by 1""",
    )
    month = found["Spend since the month began by day, and where it is heading"]
    assert [cells[:2] for cells in month[:18]] == [
        [f"{row['day']}", fmt.money(row["spent"])] for row in days
    ]
    assert len(month) == 30
    heat = plain(
        shop,
        """
        select isodow(LOCAL_TIME) as day, hour(LOCAL_TIME) as hour, sum(cost_usd) as cost
        from llm_calls where start_time >= timestamp '2026-10-21 15:00' group by all
        having cost is not null""",
    )
    cells = found["Cost by weekday and hour, four of each"]
    shown = {(day, hour): cells[hour][day] for day in range(1, 8) for hour in range(24)}
    assert {place: told for place, told in shown.items() if told != "$0.00"} == {
        (row["day"], row["hour"]): fmt.money(row["cost"]) for row in heat
    }


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ({}, "start_time >= begun and start_time < begun + interval 14 hour"),
        # by its clock, whose summer time ended meanwhile
        ({"zone": "Europe/Berlin"},
         "LOCAL_TIME >= begun and LOCAL_TIME < begun + interval 15 hour"),
        ({"model": "gpt-5"},
         "start_time >= begun and start_time < begun + interval 14 hour and model = 'gpt-5'"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("in_a_store")
def test_the_usual_band_is_that_of_earlier_weeks(
    shop: Path, monkeypatch: pytest.MonkeyPatch, query: dict[str, str], which: str
) -> None:
    app = open_page(shop, monkeypatch, "cost", {"tables": "true", **query})

    rows = plain(
        shop,
        f"""
        with weeks as (select timestamp '2026-11-18' - interval (w * 7) day as begun
            from range(1, 9) weeks(w)),
        days as (select begun, coalesce(sum(cost_usd), 0) as spent
            from weeks left join llm_calls on {which} group by begun),
        middle as (select median(spent) as m from days)
        select any_value(m)::double as m, median(abs(spent - m))::double as scatter
        from days, middle""",  # noqa: S608  # conditions of this file
    )
    reach = max(3 * 1.4826 * rows[0]["scatter"], 0.2 * rows[0]["m"])
    low, high = (Decimal(max(rows[0]["m"] - reach, 0)), Decimal(rows[0]["m"] + reach))
    band = f"{fmt.money(low)} to {fmt.money(high)}".replace("$", "\\$")
    assert f"({band} on the last 8)" in as_markdown(app)


def test_the_calls_that_cost_most_are_plain_sql(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(shop, monkeypatch, "cost", {"range": "30d", "user": "ann"})

    rows = plain(
        shop,
        """
        select cost_usd from llm_calls where cost_usd is not null and user_id = 'ann'
        and start_time >= timestamp '2026-10-19 14:30' and start_time < timestamp '2026-11-18 14:30'
        order by 1 desc limit 10""",
    )
    (listed,) = (table.value for table in app.dataframe if "Latency" in table.value)
    assert listed["Cost"].tolist() == [fmt.money(row["cost_usd"]) for row in rows]
    assert set(listed["User"]) == {"ann"}


def test_the_distribution_counts_every_priced_call_once(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(shop, monkeypatch, "cost", {"range": "30d", "tables": "true"})

    rows = plain(
        shop,
        """
        select cost_usd from llm_calls where cost_usd is not null
        and start_time >= timestamp '2026-10-19 14:30' and start_time < timestamp '2026-11-18 14:30'
        """,
    )
    edges = [Decimal(step).scaleb(power) for power in range(-12, 6) for step in (1, 2, 5)]
    counted: dict[Decimal, int] = {}
    for row in rows:
        edge = max(edge for edge in edges if edge <= row["cost_usd"])
        counted[edge] = counted.get(edge, 0) + 1
    shown = tables(app)["Number of calls by what each cost"]
    assert [cells[:2] for cells in shown] == [
        [fmt.money(edge), fmt.count(counted[edge])] for edge in sorted(counted)
    ]


def test_the_export_has_every_value_to_the_last_digit(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(shop))

    text = data_cost.export(view(Choice(range="7d"), "UTC"), "user")

    header, *lines = text.splitlines()
    rows = plain(
        shop,
        """select coalesce(user_id, '(none)') as name, sum(cost_usd) as cost,
        count(*) as requests from llm_calls where IN_RANGE group by 1 order by cost desc""",
    )
    assert header.startswith("user,cost_usd,share,previous_cost_usd,change,requests")
    assert [line.split(",")[0] for line in lines] == [row["name"] for row in rows]
    assert [Decimal(line.split(",")[1]) for line in lines] == [row["cost"] for row in rows]


def test_no_cell_of_the_export_is_a_formula(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path))
    formulas = ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'a"b,c')
    fill(tmp_path, [call(NOW - timedelta(hours=1), user_id=text) for text in formulas])

    text = data_cost.export(view(Choice(), "UTC"), "user")

    _, *rows = csv.reader(text.splitlines(keepends=True))
    assert len(rows) == len(formulas)
    assert all(row[0][0] not in "=+-@\t\r" for row in rows)
    assert ["'+1"] in [row[:1] for row in rows]


def test_one_call_is_shown_and_nothing_is_said_of_what_is_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(NOW - timedelta(hours=1), user_id="ann", cost_usd=Decimal("0.0042"))])

    app = open_page(tmp_path, monkeypatch, "cost", {"tables": "true"})

    assert not app.exception
    assert metrics(app)["Spend in range"] == "$0.0042"
    assert metrics(app)["Per 1k tokens"] == "$0.04"
    assert "What is usual needs four earlier days of this weekday; 0 are stored." in as_markdown(
        app
    )
    assert "The only one in this range." in as_markdown(app)
    assert tables(app)["Number of calls by what each cost"] == [["$0.0020", "1", "$0.0042"]]


def test_without_prices_nothing_is_zero_and_the_line_that_helps_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_of_ours = {"request_model": "in-house-7b", "cost_usd": None, "cost_source": "unpriced"}
    before = call(NOW - timedelta(days=2), provider="then", **call_of_ours)
    now = call(NOW - timedelta(hours=1), provider="mine", user_id="ann", **call_of_ours)
    fill(tmp_path, [before, now])

    app = open_page(tmp_path, monkeypatch, "cost")

    assert not app.exception
    assert metrics(app)["Spend in range"] == "unpriced"
    assert column(app, "Cost") == ["unpriced"]
    assert "No price is known for in-house-7b: spend shown is a lower bound." in texts(app)
    line = '- {model: "in-house-7b", provider: "mine", usd_per_mtok: {input: "?", output: "?"}}'
    assert app.code[0].value == line
    of_both = open_page(tmp_path, monkeypatch, "cost", {"range": "7d"}).code[0].value
    assert of_both.splitlines() == [line, line.replace("mine", "then")]


@pytest.mark.parametrize(
    ("by", "number", "told"),
    [
        ("model", 200, "The 100 of 200 that cost most."),
        ("user", 10_000, "The 100 of 10,000 that cost most."),
    ],
)
def test_many_values_are_a_hundred_rows_and_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, number: int, told: str
) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path))
    column_of: dict[str, str] = {"model": "request_model", "user": "user_id"}
    rows: list[SpanRow] = []
    for each in range(number):
        about: dict[str, Any] = {column_of[by]: f"x{each:05}"}
        rows.append(call(NOW - timedelta(hours=1), **about, cost_usd=Decimal(each + 1).scaleb(-6)))
    fill(tmp_path, rows)

    app = open_page(tmp_path, monkeypatch, "cost")
    app.segmented_control(key="cost-by").set_value(by).run()

    assert not app.exception
    names = [f"x{each:05}" for each in range(number - 1, number - 101, -1)]
    assert column(app, by.title()) == names
    assert told in as_markdown(app)
    text = data_cost.export(view(Choice(), "UTC"), by)
    assert text.count("\n") == number + 1


def test_hostile_text_is_never_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[SpanRow] = []
    for text in HOSTILE:
        about: dict[str, Any] = {"user_id": text, "request_model": text, "provider": text}
        at = NOW - timedelta(hours=1)
        rows.extend([call(at, **about), call(at, **about, cost_usd=None)])
    fill(tmp_path, rows)

    app = open_page(tmp_path, monkeypatch, "cost")

    assert not app.exception
    assert not [text for text in HOSTILE if text in as_markdown(app)]
    everything = texts(app) + str(column(app, "User")) + app.code[0].value
    assert not {"\u202e", "\u2066", "\x1b"}.intersection(everything)
