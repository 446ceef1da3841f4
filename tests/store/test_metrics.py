"""The metric layer gives the numbers that a person counts, and refuses what it does not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.errors import QueryError
from llmtrace.store.metric_definitions import DIMENSIONS, MEASURES
from llmtrace.store.metrics import (
    OTHER,
    MetricQuery,
    Windows,
    column_names,
    compile_metrics,
    previous,
    run_metrics,
    without_idle_top,
)
from tests.store.calls import NOON, call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmtrace.store import Writer

START = NOON - timedelta(hours=12)
END = NOON + timedelta(hours=12)


def ask(store: Writer, *measures: str, **settings: object) -> list[dict[str, object]]:
    chosen: dict[str, object] = {"start": START, "end": END, **settings}
    query = MetricQuery(measures=measures, **chosen)  # pyright: ignore[reportArgumentType]
    return run_metrics(store, query).to_pylist()


def test_an_empty_store_has_zero_requests_and_an_unknown_cost(store: Writer) -> None:
    rows = ask(store, "requests", "errors", "error_rate", "cost", "latency_p95", "cache_hit_rate")

    assert rows == [
        {
            "requests": 0,
            "errors": 0,
            "error_rate": None,
            "cost": None,
            "latency_p95": None,
            "cache_hit_rate": None,
            "unpriced_count": 0,
        }
    ]


def test_every_measure_is_answered(store: Writer) -> None:
    store.insert([call(), failed()])

    (row,) = ask(store, *MEASURES)

    assert list(row) == list(MEASURES)
    assert row["requests"] == 2


def test_every_dimension_is_answered(store: Writer) -> None:
    store.insert([call()])

    for name in DIMENSIONS:
        assert [list(row) for row in ask(store, "requests", by=(name,))] == [[name, "requests"]]


def test_cost_is_exact(store: Writer) -> None:
    store.insert([call(cost_usd=Decimal("0.1")), call(cost_usd=Decimal("0.200000000001"))])

    (row,) = ask(store, "cost", "cost_per_request")

    assert row["cost"] == Decimal("0.300000000001")
    assert row["cost_per_request"] == Decimal("0.150000000001")  # …0005, rounded up


def test_1k_tokens_cost_what_the_priced_calls_say(store: Writer) -> None:
    store.insert(
        [
            call(cost_usd=Decimal("0.03"), input_tokens=900, output_tokens=100),
            call(cost_usd=Decimal("0.01"), input_tokens=1_000, output_tokens=None),
            call(cost_usd=None, input_tokens=50_000),  # unpriced: in neither
            call(cost_usd=Decimal(7), input_tokens=None, output_tokens=None),  # a picture
        ]
    )

    (row,) = ask(store, "cost_per_1k_tokens")

    assert row == {"cost_per_1k_tokens": Decimal("0.020000000000"), "unpriced_count": 1}


def test_the_kinds_of_tokens_do_not_overlap_and_add_up(store: Writer) -> None:
    store.insert(
        [
            call(input_tokens=1_000, cache_read_tokens=600, cache_write_tokens=300,
                 output_tokens=200, reasoning_tokens=150),
            call(input_tokens=70, output_tokens=30),
        ]
    )  # fmt: skip
    kinds = ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens", "answer_tokens",
             "reasoning_tokens")  # fmt: skip

    (row,) = ask(store, *kinds, "total_tokens")

    assert [row[name] for name in kinds] == [170, 600, 300, 80, 150]
    assert row["total_tokens"] == 1_300


def test_users_tenants_and_sessions_count_once_and_none_does_not_count(store: Writer) -> None:
    store.insert([call(user_id="ann", tenant="a", session_id="1"), call(user_id="ann"), call()])

    (row,) = ask(store, "active_users", "active_tenants", "active_sessions")

    assert list(row.values()) == [1, 1, 1]


def test_tokens_a_request_and_the_share_of_streams_leave_out_who_does_not_say(
    store: Writer,
) -> None:
    store.insert([call(input_tokens=10, is_stream=True), call(input_tokens=30, is_stream=False),
                  call(input_tokens=None)])  # fmt: skip

    (row,) = ask(store, "input_tokens_per_request", "output_tokens_per_request", "stream_rate")

    assert list(row.values()) == [20, 20, 0.5]


def test_calls_part_by_whose_word_their_tokens_are(store: Writer) -> None:
    store.insert(
        [
            call(),
            call(output_tokens=None, operation="embeddings"),
            call(usage_source="estimated"),
            call(usage_source="partial"),
            call(output_tokens=None),
            call(input_tokens=None, output_tokens=None),
            failed(),
        ]
    )

    rows = ask(store, "requests", by=("usage",))

    assert {row["usage"]: row["requests"] for row in rows} == {
        "reported": 2, "estimated": 1, "partial": 2, "missing": 1, "failed": 1,
    }  # fmt: skip


def test_a_group_without_a_price_costs_null_and_is_counted(store: Writer) -> None:
    store.insert([call(), call(request_model="mystery", cost_usd=None)])

    rows = ask(store, "cost", by=("model",))

    assert rows == [
        {"model": "gpt-5", "cost": Decimal("0.01"), "unpriced_count": 0},
        {"model": "mystery", "cost": None, "unpriced_count": 1},
    ]


def test_a_refused_call_without_tokens_is_an_error_but_not_unpriced(store: Writer) -> None:
    store.insert([failed(), failed(input_tokens=7), call()])

    (row,) = ask(store, "requests", "errors", "error_rate", "unpriced_count")

    assert row == {"requests": 3, "errors": 2, "error_rate": 2 / 3, "unpriced_count": 1}


def test_percentiles_are_nearest_rank(store: Writer) -> None:
    store.insert([call(latency_ms=value) for value in range(1, 21)])

    (row,) = ask(store, "latency_p50", "latency_p95", "latency_p99")

    assert row == {"latency_p50": 10.0, "latency_p95": 19.0, "latency_p99": 20.0}


def test_percentiles_of_both_kinds_in_any_order_are_each_their_own(store: Writer) -> None:
    store.insert(
        [call(latency_ms=value, ttfc_ns=value * 100_000) for value in range(1, 21)]
        + [call(latency_ms=1_000, request_model="slow")]
    )

    rows = ask(store, "latency_p99", "ttfc_p95", "latency_p50", "ttfc_p50", by=("model",))

    assert rows == [
        {
            "model": "gpt-5",
            "latency_p99": 20.0,
            "ttfc_p95": 1.9,
            "latency_p50": 10.0,
            "ttfc_p50": 1.0,
        },
        {
            "model": "slow",
            "latency_p99": 1_000.0,
            "ttfc_p95": None,
            "latency_p50": 1_000.0,
            "ttfc_p50": None,
        },
    ]


def test_money_and_tokens_of_some_models_are_those_of_both_columns(store: Writer) -> None:
    store.insert(
        [
            call(response_model="a", request_model="b", cost_usd=Decimal("0.01"), input_tokens=10),
            call(response_model=None, request_model="a", cost_usd=Decimal("0.02"), input_tokens=20),
            call(response_model="b", request_model="a", cost_usd=Decimal("0.04"), input_tokens=40),
            call(response_model=None, request_model="c", cost_usd=Decimal("0.08"), input_tokens=80),
            call(response_model="a", request_model="a", cost_usd=None, input_tokens=160),
        ]
    )

    def found(*models: str) -> dict[str, Any]:
        (row,) = ask(store, "cost", "input_tokens", filters={"model": models})
        return row

    # By hand: 0.01 + 0.02; 0.01 + 0.02 + 0.08.
    assert found("a") == {"cost": Decimal("0.03"), "input_tokens": 190, "unpriced_count": 1}
    assert found("a", "c") == {"cost": Decimal("0.11"), "input_tokens": 270, "unpriced_count": 1}
    assert found("b") == {"cost": Decimal("0.04"), "input_tokens": 40, "unpriced_count": 0}


def test_an_unknown_latency_takes_no_part(store: Writer) -> None:
    store.insert([call(latency_ms=None), call(latency_ms=5)])

    (row,) = ask(store, "requests", "latency_p50")

    assert row == {"requests": 2, "latency_p50": 5.0}


def test_tokens_are_summed_and_unknown_ones_are_not_zero(store: Writer) -> None:
    store.insert(
        [
            call(cache_read_tokens=40),
            call(request_model="silent", input_tokens=None, output_tokens=None),
        ]
    )

    rows = ask(store, "input_tokens", "output_tokens", "total_tokens", by=("model",))

    assert rows == [
        {"model": "gpt-5", "input_tokens": 100, "output_tokens": 20, "total_tokens": 120},
        {"model": "silent", "input_tokens": None, "output_tokens": None, "total_tokens": None},
    ]


def test_tokens_per_second_uses_only_calls_where_both_are_known(store: Writer) -> None:
    store.insert([call(latency_ms=500), call(latency_ms=None), call(output_tokens=None)])

    (row,) = ask(store, "tokens_per_second")

    assert row == {"tokens_per_second": 40.0}


def test_cache_hit_rate_leaves_out_what_could_not_be_cached(store: Writer) -> None:
    statuses = ["hit", "hit", "hit", "miss", "bypass", None]
    store.insert([call(cache_status=status) for status in statuses])

    (row,) = ask(store, "cache_hit_rate")

    assert row == {"cache_hit_rate": 0.75}


def test_errors_are_told_apart_by_what_the_provider_said(store: Writer) -> None:
    store.insert(
        [
            failed(),
            failed(http_status=None, error_type="rate_limit_error"),
            failed(http_status=401, error_type="AuthenticationError"),
            failed(http_status=None, error_type="APITimeoutError"),
            call(http_status=200, retry_count=2),
        ]
    )

    (row,) = ask(store, "rate_limit_hits", "auth_errors", "timeouts", "retries")

    assert row == {"rate_limit_hits": 2, "auth_errors": 1, "timeouts": 1, "retries": 2}


def test_the_range_takes_its_start_and_leaves_its_end(store: Writer) -> None:
    store.insert([call(NOON), call(NOON + minutes(10))])

    (row,) = ask(store, "requests", start=NOON, end=NOON + minutes(10))

    assert row == {"requests": 1}


def test_the_previous_range_ends_where_this_one_starts() -> None:
    query = MetricQuery(measures=("cost",), start=NOON, end=NOON + minutes(10))

    earlier = previous(query)

    assert (earlier.start, earlier.end) == (NOON - minutes(10), NOON)


def test_filters_and_tags_are_values_not_text(store: Writer) -> None:
    nasty = "x' or 1=1 --"
    store.insert(
        [
            call(user_id=nasty, tags={'te"am': "core"}),
            call(user_id="ann"),
            call(user_id=None),
        ]
    )

    assert ask(store, "requests", filters={"user": [nasty]}) == [{"requests": 1}]
    assert ask(store, "requests", filters={"user": [None, "ann"]}) == [{"requests": 2}]
    assert ask(store, "requests", filters={"user": []}) == [{"requests": 3}]
    assert ask(store, "requests", by=('tag.te"am',)) == [
        {'tag.te"am': "core", "requests": 1},
        {'tag.te"am': None, "requests": 2},
    ]


def test_several_values_mean_any_of_them(store: Writer) -> None:
    store.insert(
        [
            call(user_id=user, tags={"team": team})
            for user, team in (("ann", "core"), ("bob", "core"), ("cid", "web"), (None, "ads"))
        ]
    )

    def count(**filters: Sequence[str | None]) -> object:
        names = {name.replace("_", "."): values for name, values in filters.items()}
        return ask(store, "requests", filters=names)[0]["requests"]

    assert count(user=["ann", "bob", "nobody"]) == 2
    assert count(tag_team=["core", "web"]) == 3
    assert count(user=["ann", "cid"], tag_team=["web", "ads"]) == 1
    assert count(user=["ann", "cid", None], tag_team=["web", "ads"]) == 2


def test_the_model_is_what_answered_or_what_was_asked_for(store: Writer) -> None:
    store.insert(
        [
            call(request_model="gpt-4o", response_model="gpt-4o-2024-08-06"),
            call(request_model="gpt-4o", response_model=None),
            call(request_model=None, response_model="gpt-4o"),
            call(request_model=None, response_model=None),
        ]
    )

    def count(*models: str | None) -> object:
        return ask(store, "requests", filters={"model": models})[0]["requests"]

    assert count("gpt-4o") == 2
    assert count("gpt-4o-2024-08-06") == 1
    assert count("gpt-4o", "gpt-4o-2024-08-06") == 3
    assert count("gpt-4o", None) == 3
    assert count(None) == 1
    assert count() == 4


def test_compiled_sql_holds_nothing_that_a_user_wrote() -> None:
    query = MetricQuery(
        measures=("cost",),
        by=("tag.secret-key",),
        filters={
            "user": ["secret-user"],
            "tag.secret-tag": ["secret-value", "secret"],
            "model": ["secret-model"],
        },
        grain="day",
        timezone="Europe/Berlin",
        start=START,
        end=END,
        limit=7,
    )

    sql, parameters = compile_metrics(query)

    assert "secret" not in sql
    assert "Berlin" not in sql
    assert sql.count("?") == len(parameters)


def test_a_day_begins_at_midnight_of_the_time_zone(store: Writer) -> None:
    store.insert([call(datetime(2026, 11, 17, 22, 59, tzinfo=UTC))])
    store.insert([call(datetime(2026, 11, 17, 23, 0, tzinfo=UTC))])
    start, end = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC)

    rows = ask(store, "requests", grain="day", timezone="Europe/Berlin", start=start, end=end)

    assert rows == [
        {"time": datetime(2026, 11, 16, 23), "requests": 1},  # noqa: DTZ001  # as stored
        {"time": datetime(2026, 11, 17, 23), "requests": 1},  # noqa: DTZ001
    ]


def test_the_hour_that_comes_twice_is_two_hours(store: Writer) -> None:
    # 2026-10-25: at 01:00 UTC the clocks in Berlin go from 03:00 back to 02:00.
    start = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    store.insert([call(start + minutes(30)), call(start + minutes(90))])
    end = start + timedelta(hours=3)

    rows = ask(store, "requests", grain="hour", timezone="Europe/Berlin", start=start, end=end)

    assert [row["requests"] for row in rows] == [1, 1]


def test_a_zone_of_half_hours_has_hours_of_its_own(store: Writer) -> None:
    store.insert([call(NOON + minutes(29)), call(NOON + minutes(30))])

    rows = ask(store, "requests", grain="hour", timezone="Asia/Kolkata")

    assert [row["time"] for row in rows] == [
        datetime(2026, 11, 18, 11, 30),  # noqa: DTZ001
        datetime(2026, 11, 18, 12, 30),  # noqa: DTZ001
    ]


def test_top_puts_the_rest_into_one_group(store: Writer) -> None:
    for user, cost in (("ann", "5"), ("bob", "3"), ("cyd", "1"), ("dan", "1")):
        store.insert([call(user_id=user, cost_usd=Decimal(cost))])

    rows = ask(store, "cost", "latency_p50", by=("user",), top=2, order_by=("-cost",))

    assert [(row["user"], row["cost"]) for row in rows] == [
        ("ann", Decimal(5)),
        ("bob", Decimal(3)),
        (OTHER, Decimal(2)),
    ]


@pytest.mark.parametrize(
    ("values", "top", "is_idle", "cost"),
    [
        (("ann",), 1, True, 4),
        (("ann", "bob", None), 3, True, 6),
        (("nobody",), 2, True, 0),
        (("ann", "bob", "cyd"), 2, False, 7),
        ((), 9, False, 14),
    ],
)
def test_a_top_that_leaves_nothing_out_is_not_looked_for_and_says_the_same(
    store: Writer, values: tuple[str | None, ...], top: int, *, is_idle: bool, cost: int
) -> None:
    for minute, user in enumerate(("ann", "bob", None, "cyd", "ann", "dan")):
        paid = None if user == "bob" else Decimal(minute)
        store.insert([call(NOON + minutes(90 * minute), user_id=user, cost_usd=paid)])
    query = MetricQuery(
        measures=("cost", "requests"), by=("user",), top=top, grain="hour",
        start=START, end=END, filters={"user": values},
    )  # fmt: skip

    sql, parameters = compile_metrics(query)  # with its top

    assert "ranked" in sql
    assert (without_idle_top(query).top is None) is is_idle
    found = store.sql(sql, parameters).rename_columns(column_names(query))
    rows = run_metrics(store, query).to_pylist()
    assert rows == found.to_pylist()
    assert sum(row["cost"] or 0 for row in rows) == cost


@pytest.mark.parametrize(("length", "every"), [(300, 60), (60, 60), (90, 60), (60, 300)])
def test_a_sliding_window_is_the_question_about_its_calls(
    store: Writer, length: int, every: int
) -> None:
    # given calls at whole minutes and between them, before the range and after it
    rows = [call(NOON + minutes(each / 4), latency_ms=100 + each * 7 % 90) for each in range(60)]
    store.insert([*rows, *(failed(NOON + minutes(each)) for each in (2, 5, 5.5))])
    start, end = NOON + minutes(3.5), NOON + minutes(13)
    measures = ("requests", "error_rate", "cost", "latency_p95")

    found = ask(store, *measures, start=start, end=end,
                windows=Windows(length_s=length, every_s=every))  # fmt: skip

    ends = [NOON + minutes(each) for each in range(14) if each * 60 % every == 0 and each > 3.5]
    assert found == [
        {"time": moment.replace(tzinfo=None), **ask(
            store, *measures, start=moment - timedelta(seconds=length), end=moment)[0]}
        for moment in ends
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"windows": Windows(length_s=1_441, every_s=1)}, "overlap too often"),
        ({"windows": Windows(length_s=0, every_s=1)}, "at least 1 second"),
        ({"windows": Windows(length_s=5, every_s=1), "grain": "day"}, "neither a grain nor top"),
    ],
)
def test_windows_that_make_no_sense_are_refused(
    store: Writer, settings: dict[str, object], text: str
) -> None:
    with pytest.raises(QueryError, match=text):
        ask(store, "requests", **settings)


def test_rows_are_ordered_and_limited(store: Writer) -> None:
    for user, count in (("ann", 1), ("bob", 3), ("cyd", 2)):
        store.insert([call(user_id=user) for _ in range(count)])

    rows = ask(store, "requests", by=("user",), order_by=("-requests",), limit=2)

    assert [row["user"] for row in rows] == ["bob", "cyd"]


def test_spans_that_are_not_calls_are_not_counted(store: Writer) -> None:
    store.insert([call(), call(is_inference=False, operation="execute_tool")])

    assert ask(store, "requests") == [{"requests": 1}]


def test_the_cached_part_of_the_input_counts_silent_calls_with_all_of_theirs(store: Writer) -> None:
    store.insert([call(cache_read_tokens=60), call(cache_read_tokens=0), call()])
    store.insert([call(request_model="silent")])

    rows = ask(store, "cache_token_rate", by=("model",))

    assert rows == [
        {"model": "gpt-5", "cache_token_rate": 0.2},
        {"model": "silent", "cache_token_rate": None},
    ]


def test_the_headroom_is_the_least_that_any_limit_left(store: Writer) -> None:
    requests: dict[str, Any] = {
        "rate_limit_limit_requests": 100,
        "rate_limit_remaining_requests": 40,
    }
    tokens: dict[str, Any] = {"rate_limit_limit_tokens": 1_000, "rate_limit_remaining_tokens": 250}
    store.insert([call(**requests), call(**requests, **tokens), call(rate_limit_limit_tokens=0)])
    store.insert([call(provider="silent")])

    rows = ask(store, "rate_limit_headroom", by=("provider",))

    assert rows == [
        {"provider": "openai", "rate_limit_headroom": 0.25},
        {"provider": "silent", "rate_limit_headroom": None},
    ]


def test_calls_part_by_retry_finish_reason_and_cache(store: Writer) -> None:
    store.insert(
        [
            call(retry_count=2, finish_reasons=["length", "stop"], cache_status="miss",
                 cost_input_usd=Decimal("0.004")),
            call(retry_count=0, finish_reasons=[], cache_status="hit"),
            call(finish_reasons=["stop"], cache_status="miss", cost_input_usd=Decimal("0.002")),
        ]
    )  # fmt: skip

    assert ask(store, "requests", by=("retried",)) == [
        {"retried": "no", "requests": 1},
        {"retried": "yes", "requests": 1},
        {"retried": None, "requests": 1},
    ]
    assert [row["finish_reason"] for row in ask(store, "requests", by=("finish_reason",))] == [
        "length", "stop", None,
    ]  # fmt: skip
    assert ask(store, "uncached_input_cost", filters={"cache_status": ["miss"]}) == [
        {"uncached_input_cost": Decimal("0.006"), "unpriced_count": 0}
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measures": ("costs",)}, "unknown measure 'costs'; did you mean 'cost'?"),
        ({"measures": ()}, "no measure asked for"),
        ({"by": ("modle",)}, "unknown dimension 'modle'; did you mean 'model'?"),
        ({"by": ("tag.",)}, "unknown dimension 'tag.'"),
        ({"filters": {"usr": ["x"]}}, "did you mean 'user'?"),
        ({"by": ("user", "user")}, "each name may be given once"),
        ({"timezone": "Berlin"}, "unknown time zone 'Berlin'"),
        ({"grain": "year"}, "unknown grain 'year'"),
        ({"end": START}, "the range is empty"),
        ({"start": datetime(2026, 1, 1)}, "has no time zone"),  # noqa: DTZ001
        ({"limit": 0}, "limit is 0"),
        ({"top": 3}, "top needs exactly one dimension"),
        ({"by": ("user",), "order_by": ("-costs",)}, "cannot order by 'costs'"),
    ],
)
def test_a_wrong_question_is_refused_with_what_to_do(
    settings: dict[str, object], message: str
) -> None:
    chosen: dict[str, object] = {"measures": ("cost",), "start": START, "end": END, **settings}
    query = MetricQuery(**chosen)  # pyright: ignore[reportArgumentType]

    with pytest.raises(QueryError, match=r".*") as caught:
        compile_metrics(query)

    assert message in str(caught.value)


def test_columns_are_named_as_asked() -> None:
    query = MetricQuery(
        measures=("cost",), by=("model", "tag.team"), grain="hour", start=START, end=END
    )

    assert column_names(query) == ["time", "model", "tag.team", "cost", "unpriced_count"]
