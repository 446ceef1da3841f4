"""Savings: each figure is plain SQL's or priced call by call; nothing found, or unsaid, is said."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dashboards import data_savings
from dashboards.address import CUSTOM, Choice
from dashboards.components import format as fmt
from dashboards.viewing import view
from llmtrace.clock import SystemClock, from_unix_ns
from llmtrace.pricing import PriceBook
from llmtrace.semconv import REQUEST_MAX_TOKENS
from llmtrace.store import open_store
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.pricing import book_pricer, row_usage
from llmtrace.store.restricted import RestrictedStore
from llmtrace.store.savings import groups, limits, repeats
from tests.dashboards.opening import as_markdown, column, open_page, texts
from tests.dashboards.seeding import fill
from tests.dashboards.test_overview import HOSTILE
from tests.store.calls import call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from llmtrace.otlp.rows import SpanRow

NOW = datetime(2026, 11, 18, 15, 30, 5, tzinfo=UTC)
END = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
"""The last whole five minutes before."""
RANGE = [END - timedelta(days=1), END]
BOOK = PriceBook()
MANUAL = "You answer for the shop. Its rules: " + "be kind, be brief, be right. " * 300
IN_RANGE = "start_time >= $1 and start_time < $2"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


def a_day(now: datetime = NOW) -> list[SpanRow]:
    """Return a day with something to find of every kind, priced as the price list does."""
    price = book_pricer(BOOK)

    def priced(at: float, **columns: Any) -> SpanRow:
        return price(call(now - minutes(at), **{"cost_usd": None, **columns}))

    rows = [  # one question in three comes again
        priced(1_400 - number * 11, feature="search", request_model="gpt-5-mini",
               request_body=f'{{"q":{number % 40}}}', input_tokens=300 + number % 40,
               output_tokens=60, is_stream=number % 5 == 0,
               attributes={REQUEST_MAX_TOKENS: "4000"})
        for number in range(120)
    ]  # fmt: skip
    for number in range(8):
        talk = [{"role": "user", "content": f"Question {number}"}]
        rows.append(
            priced(20 - number * 2, feature="support", provider="anthropic",
                   api="anthropic.messages", request_model="claude-sonnet-4-5",
                   input_tokens=2_400, output_tokens=900,
                   request_body=json.dumps({"system": MANUAL, "messages": talk}))
        )  # fmt: skip
    for number in range(30):
        rows.append(
            priced(
                700 + number,
                feature="extract",
                input_tokens=9_000 + number,
                output_tokens=70,
                attributes={REQUEST_MAX_TOKENS: "100"},
            )
        )
        rows.append(priced(1_500 + number, feature="extract", input_tokens=1_000, output_tokens=70))
        rows.append(priced(800 + number, feature="chat", request_model="gpt-5-nano",
                           input_tokens=400, output_tokens=80))  # fmt: skip
    rows.append(call(now - minutes(9), feature="search", cost_usd=Decimal(1)))  # made up
    rows.append(failed(now - minutes(8), feature="search"))
    return rows


def plain(home: Path, sql: str) -> list[dict[str, Any]]:
    return open_store(home).sql(sql.replace("IN_RANGE", IN_RANGE), RANGE).to_pylist()


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppTest, Path]]:
    """Open the page once."""
    home = tmp_path_factory.mktemp("busy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _self: NOW)
        fill(home, a_day())
        app = open_page(home, patch, "savings")
        assert not app.exception
        yield app, home


def choose(busy: tuple[AppTest, Path], monkeypatch: pytest.MonkeyPatch, finding: str) -> AppTest:
    app, home = busy
    monkeypatch.setenv("LLMTRACE_HOME", str(home))
    app.segmented_control(key="finding").set_value(finding).run()
    assert not app.exception
    return app


def table(app: AppTest, name: str) -> list[dict[str, Any]]:
    """Return the rows of the table that has a column."""
    for each in app.dataframe:
        if name in each.value.columns:
            return [
                {str(key): value for key, value in row.items()}
                for row in each.value.to_dict("records")
            ]
    raise AssertionError(f"no table has a column {name}")


def cost(rows: Sequence[SpanRow], model: str | None = None, *, batch: bool = False) -> Decimal:
    """Return what calls cost, each priced by itself."""
    total = Decimal(0)
    for row in rows:
        usage = row_usage(row)
        assert usage is not None
        price = BOOK.price(row.provider or "", model or row.request_model,
                           from_unix_ns(row.start_time_us * 1_000), usage, batch=batch)  # fmt: skip
        total += price.total_usd or 0
    return total


def today(feature: str) -> list[SpanRow]:
    start = int(RANGE[0].timestamp() * 1e6)
    return [row for row in a_day() if row.feature == feature and row.start_time_us >= start
            and row.price_version]  # fmt: skip


def test_repeats_are_plain_sql(busy: tuple[AppTest, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    app = choose(busy, monkeypatch, "repeats")
    app.segmented_control(key="window").set_value("24h").run()

    (row,) = plain(
        busy[1],
        """select count(*) as calls, count(distinct request_body) as requests,
            sum(cost_usd) as cost from llm_calls_full as again
        where IN_RANGE and exists (select 1 from llm_calls_full as earlier
            where IN_RANGE and earlier.request_body = again.request_body
                and earlier.end_time < again.start_time)""",
    )
    assert row["calls"] == 80
    (shown,) = table(app, "Redacted")
    assert (shown["Feature"], shown["Repeats"], shown["Requests"]) == ("search", "80", "40")
    assert shown["Would have saved"] == fmt.money(row["cost"])
    (overview, *_) = table(app, "Finding")
    assert overview["What"] == "80 calls repeat 40 requests"
    assert overview["Would have saved"] == fmt.money(row["cost"])
    assert overview["Looked at"] == "the latest 189 calls, 128 with a stored text"
    app.segmented_control(key="window").set_value("5m").run()
    assert "Nothing found in the latest 189 calls" in as_markdown(app)


def test_a_beginning_saves_what_its_bounds_and_prices_say(
    busy: tuple[AppTest, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = choose(busy, monkeypatch, "prefixes")

    (shown,) = table(app, "Begins with")
    low = 2_400 - len("user\nQuestion 0") - 32
    assert (shown["Calls"], shown["Could read"]) == ("8", "7")
    assert shown["Tokens"] == f"{low:,} to 2,400"
    assert shown["Begins with"].startswith("You answer for the shop.")
    each = (7 * (Decimal(3) - Decimal("0.3")) - (Decimal("3.75") - 3)) / 1_000_000
    bounds = list(dict.fromkeys(fmt.money(each * tokens) for tokens in (low, 2_400)))
    assert shown["Would have saved"] == " to ".join(bounds)
    assert shown["Minimum from"].startswith("https://platform.claude.com/")
    assert "without a stored text" in as_markdown(app)


def test_a_batch_and_a_cheaper_model_cost_what_each_call_would(
    busy: tuple[AppTest, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = choose(busy, monkeypatch, "batch")

    shown = {row["Feature"]: row for row in table(app, "In a batch")}
    assert set(shown) == {"search", "support", "extract", "chat"}
    for feature, row in shown.items():
        calls = [each for each in today(feature) if not each.is_stream]
        assert row["Calls"] == fmt.count(len(calls))
        assert row["Cost"] == fmt.money(cost(calls))
        assert row["In a batch"] == fmt.money(cost(calls, batch=True))
        assert row["Would have saved"] == fmt.money(cost(calls) - cost(calls, batch=True))
    assert shown["search"]["Left out"] == "24"

    app = choose(busy, monkeypatch, "models")

    (row,) = [each for each in table(app, "Cheaper")
              if (each["Model"], each["Cheaper"]) == ("gpt-5", "gpt-5-nano")]  # fmt: skip
    calls = today("extract")
    assert (row["In use"], row["Calls"], row["Not said"]) == ("yes", "30", "1")
    assert row["There"] == fmt.money(cost(calls, "gpt-5-nano"))
    saved = fmt.money(cost(calls) - cost(calls, "gpt-5-nano"))
    assert row["Would have saved"] == f"up to {saved}, in part"


def test_limits_and_long_prompts_are_plain_sql(
    busy: tuple[AppTest, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = choose(busy, monkeypatch, "limits")

    (row,) = plain(
        busy[1],
        """select count(*) as calls, max(output_tokens) as most,
            sum(4000 - output_tokens)::bigint as unused
        from llm_calls where IN_RANGE and attributes['gen_ai.request.max_tokens'] = '4000'""",
    )
    (shown,) = table(app, "Limit asked")  # that of 100, of which 70 were used, is none
    assert (shown["Feature"], shown["Limit asked"], shown["Counts as used"]) == (
        "search", "4,000", "yes",
    )  # fmt: skip
    assert shown["Calls"] == fmt.count(row["calls"])
    assert shown["Largest used"] == fmt.count(row["most"])
    assert shown["Allowed, not used"] == fmt.short_count(row["unused"])

    app = choose(busy, monkeypatch, "prompts")

    (row,) = plain(
        busy[1],
        """select avg(input_tokens) as sent, sum(input_tokens) / sum(output_tokens) as ratio,
            sum(cost_input_usd) as cost from llm_calls where IN_RANGE and feature = 'extract'""",
    )
    (shown,) = table(app, "Grew")
    assert (shown["Feature"], shown["Grew"]) == ("extract", fmt.change(row["sent"] / 1_000 - 1))
    assert shown["Input a request"] == fmt.short_count(row["sent"])
    assert shown["In for each out"] == f"{row['ratio']:,.1f}x"
    assert shown["Uncached input cost"] == fmt.money(row["cost"])
    assert column(app, "Would have saved")[-1] == "cannot be said"


def test_without_anything_to_find_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(NOW - minutes(3))])

    app = open_page(tmp_path, monkeypatch, "savings", {"finding": "Cheaper models"})

    assert not app.exception
    assert column(app, "Would have saved") == [
        "$0.00", "$0.00", "$0.00", "$0.00", "no money by itself", "$0.00",
    ]  # fmt: skip
    assert "Nothing found in all 1 priced call" in as_markdown(app)


def test_what_takes_too_long_is_said_and_the_others_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(NOW - minutes(at), request_body="same") for at in (3, 2)])
    monkeypatch.setattr(groups, "MAX_GROUPS", 0)

    app = open_page(tmp_path, monkeypatch, "savings", {"finding": "Batch"})

    assert not app.exception
    told = {row["Finding"]: row for row in table(app, "Finding")}
    assert told["Repeated requests"]["Would have saved"] == "$0.01"
    assert told["Batch"]["Would have saved"] == fmt.NONE
    assert "choose a shorter range" in told["Batch"]["What"]
    assert "more than 0 groups of calls" in texts(app)


def test_hostile_text_is_never_rendered_and_nothing_unpriced_is_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        call(NOW - minutes(at), request_model=text, feature=text, provider=text, cost_usd=None,
             api="openai.chat", input_tokens=9_000,
             request_body=json.dumps({"messages": [{"role": "user", "content": text}]}))
        for text in HOSTILE for at in (9, 6, 3)
    ]  # fmt: skip
    fill(tmp_path, rows)

    app = open_page(tmp_path, monkeypatch, "savings")

    assert not app.exception
    assert not [text for text in HOSTILE if text in as_markdown(app)]
    shown = texts(app) + "".join(str(each.value.to_dict()) for each in app.dataframe)
    assert not {"\u202e", "\u2066", "\x1b"}.intersection(shown)
    assert column(app, "Would have saved")[0] == "cannot be said"


def test_a_viewer_of_one_tenant_gets_findings_of_that_tenant(tmp_path: Path) -> None:
    fill(tmp_path, [call(NOW - minutes(at), tenant=tenant, request_body="same",
                         attributes={REQUEST_MAX_TOKENS: "100"})
                    for tenant, number in (("acme", 2), ("globex", 5))
                    for at in range(3, 3 + number)])  # fmt: skip
    query = MetricQuery(measures=("requests",), start=RANGE[0], end=RANGE[1])

    store = RestrictedStore(open_store(tmp_path), ["acme"])

    rows = repeats.answered_calls(store, query).to_pylist()
    assert [(row["looked_at"], row["span_id"] is None) for row in rows] == [(2, False)]
    assert [row["calls"] for row in limits.limited_calls(store, query).to_pylist()] == [2]
    assert [group.calls for group in groups.call_groups(store, query, (5,))] == [2]


@pytest.mark.parametrize(
    ("choice", "start", "end"),
    [
        (Choice(), END - timedelta(days=1), END),
        (Choice(range="MTD"), datetime(2026, 11, 1, tzinfo=UTC), END),
        (
            Choice(range=CUSTOM, days=(date(2026, 11, 3), date(2026, 11, 3))),
            datetime(2026, 11, 3, tzinfo=UTC),
            datetime(2026, 11, 4, tzinfo=UTC),
        ),
    ],
)
def test_in_a_large_store_a_range_until_now_ends_with_five_whole_minutes(
    choice: Choice, start: datetime, end: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_savings, "is_large", lambda: True)

    scope = data_savings.settled(view(choice, "UTC")).scope

    assert (scope.start, scope.end) == (start, end)


def test_in_a_small_store_the_first_calls_are_looked_at_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(NOW - timedelta(seconds=at), request_body="same") for at in (3, 2)])

    app = open_page(tmp_path, monkeypatch, "savings")

    assert "the latest 2 calls, 2 with a stored text" in column(app, "Looked at")
