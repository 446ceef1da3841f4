"""Sums by user and day: the same numbers as from the calls, whatever comes, changes or goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.clock import FixedClock
from llmtrace.config import load_settings
from llmtrace.store import Writer, metric_plan, user_days
from llmtrace.store.maintenance.operations import perform
from llmtrace.store.maintenance.workplace import Workplace
from llmtrace.store.metric_definitions import DIMENSIONS, MEASURES
from llmtrace.store.metric_plan import FROM_CALLS, choose
from llmtrace.store.metrics import MetricQuery, compile_metrics, run_metrics
from llmtrace.store.rollup_rows import USER_DAYS
from llmtrace.store.rollups import differences, fold, note_deleted_spans, rebuild
from llmtrace.store.user_days import add_next_days, known_days
from tests.store.calls import NOON, call, failed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow
    from llmtrace.store.writer import Transaction

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0)
TOLD = sorted(
    name for name, each in MEASURES.items() if each.rolled and USER_DAYS.tells(each.rolled)
)
NAMES = sorted(name for name, column in DIMENSIONS.items() if column in USER_DAYS.dimensions)


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_plan, "FEW_CALLS", 0)


def stored(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def add(writer: Writer, now: datetime = NOON) -> bool:
    return writer.transaction(lambda transaction: add_next_days(transaction, stored(now)))


def days(writer: Writer) -> tuple[datetime, datetime] | None:
    """Return the first day and the end; None if there are no days."""
    known = writer.transaction(known_days)
    return None if known is None or known.first == known.end else (known.first, known.end)


def rows(writer: Writer) -> list[tuple[datetime, str | None, int]]:
    """Return what the table adds up to: day, user, calls."""

    def work(transaction: Transaction) -> list[dict[str, Any]]:
        return transaction.execute(
            "select day, user_id, sum(call_count)::bigint as calls from rollup_user_days "
            "group by all having sum(call_count) <> 0 order by all"
        ).to_pylist()

    return [(row["day"], row["user_id"], row["calls"]) for row in writer.transaction(work)]


def calls(at: datetime, user: str | None = "ann", count: int = 4) -> list[SpanRow]:
    return [call(at, user_id=user) for _ in range(count)]


def by_user(**changes: Any) -> MetricQuery:
    chosen: dict[str, Any] = {
        "measures": ("requests", "cost"), "by": ("user",),
        "start": MIDNIGHT - 4 * DAY - HOUR, "end": NOON,
    }  # fmt: skip
    return MetricQuery(**{**chosen, **changes})


def both(writer: Writer, query: MetricQuery) -> tuple[list[Any], list[Any]]:
    """Return the answer from the plan that is chosen, and from the calls."""
    plan = choose(writer, query)
    assert plan.rollup is USER_DAYS
    found = [writer.sql(*compile_metrics(query, each)).to_pylist() for each in (plan, FROM_CALLS)]
    return found[0], found[1]


def wrong_rows(writer: Writer) -> int:
    return writer.transaction(differences)


def test_days_that_are_over_are_added_up_and_today_is_not(writer: Writer) -> None:
    writer.insert([*calls(NOON - 2 * DAY), *calls(NOON - DAY, "bob"), *calls(NOON)])

    assert not add(writer)

    assert days(writer) == (stored(MIDNIGHT - 2 * DAY), stored(MIDNIGHT))
    assert rows(writer) == [
        (stored(MIDNIGHT - 2 * DAY), "ann", 4),
        (stored(MIDNIGHT - DAY), "bob", 4),
    ]
    assert wrong_rows(writer) == 0


def test_a_day_is_over_an_hour_after_midnight(writer: Writer) -> None:
    writer.insert(calls(NOON - DAY))

    add(writer, MIDNIGHT + HOUR - timedelta(seconds=1))
    assert days(writer) is None
    add(writer, MIDNIGHT + HOUR)
    assert days(writer) == (stored(MIDNIGHT - DAY), stored(MIDNIGHT))


@pytest.mark.parametrize("order", ["cut, add", "add, cut, rebuild, add", "cut, rebuild, add"])
def test_no_day_is_added_whose_spans_may_be_gone(writer: Writer, order: str) -> None:
    # Three days before: gone; two: cut at noon, what began after it is there; one: whole.
    for number in (3, 2, 1):
        writer.insert(calls(NOON - number * DAY + HOUR))
    cut = stored(NOON - 2 * DAY)

    def delete(transaction: Transaction) -> None:
        note_deleted_spans(transaction, cut)
        transaction.execute("delete from spans where start_time < ?", [cut])

    for step in order.split(", "):
        if step == "add":
            add(writer)
        else:
            writer.transaction(delete if step == "cut" else rebuild)

    assert days(writer) == (stored(MIDNIGHT - DAY), stored(MIDNIGHT))
    assert rows(writer) == [(stored(MIDNIGHT - DAY), "ann", 4)]
    assert wrong_rows(writer) == 0
    assert both(writer, by_user(start=NOON - 2 * DAY)) == ([
        {"by_user": "ann", "requests": 8, "cost": Decimal("0.08"), "unpriced_count": 0}
    ],) * 2  # fmt: skip


def test_many_days_are_added_a_piece_at_a_time(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_days, "_CALLS_AT_ONCE", 9)
    for number in (1, 2, 3, 5, 6):
        writer.insert(calls(NOON - number * DAY))

    assert [add(writer) for _ in range(4)] == [True, True, False, False]

    assert days(writer) == (stored(MIDNIGHT - 6 * DAY), stored(MIDNIGHT))
    assert sum(count for _, _, count in rows(writer)) == 20
    assert wrong_rows(writer) == 0


def test_an_empty_store_has_no_days(writer: Writer) -> None:
    assert not add(writer)
    assert days(writer) is None


def test_what_comes_late_is_in_the_sums_too(writer: Writer) -> None:
    writer.insert(calls(NOON - DAY))
    add(writer)

    late = call(NOON - DAY, user_id="bob")
    writer.insert([late, call(NOON - 3 * DAY), call(NOON)])
    writer.insert([late])

    assert rows(writer) == [(stored(MIDNIGHT - DAY), "ann", 4), (stored(MIDNIGHT - DAY), "bob", 1)]
    assert wrong_rows(writer) == 0
    rolled, told = both(writer, by_user())
    assert rolled == told
    writer.transaction(lambda transaction: fold(transaction, everything=True))
    assert wrong_rows(writer) == 0


def test_where_users_do_not_come_again_there_are_none(writer: Writer) -> None:
    writer.insert([call(NOON - 2 * DAY, user_id=f"once-{number}") for number in range(9)])
    writer.insert(calls(NOON - DAY))

    add(writer, NOON - DAY)
    assert rows(writer) == []
    assert choose(writer, by_user()) == FROM_CALLS
    add(writer)

    assert days(writer) == (stored(MIDNIGHT - DAY), stored(MIDNIGHT))
    assert wrong_rows(writer) == 0


def test_one_day_of_users_who_do_not_come_again_does_not_undo_the_days_before(
    writer: Writer,
) -> None:
    writer.insert([*calls(NOON - 3 * DAY, count=30), *calls(NOON - DAY, count=30)])
    writer.insert([call(NOON - 2 * DAY, user_id=f"once-{number}") for number in range(9)])

    for number in (2, 1, 0):
        add(writer, NOON - number * DAY)

    assert days(writer) == (stored(MIDNIGHT - 3 * DAY), stored(MIDNIGHT))
    assert len(rows(writer)) == 11
    assert wrong_rows(writer) == 0


def test_whole_days_and_their_ragged_ends_by_hand(writer: Writer) -> None:
    begin, end = MIDNIGHT - DAY - HOUR, NOON
    unpriced = {"cost_usd": None, "cost_source": None}
    untold = {"input_tokens": None, "output_tokens": None}
    second = timedelta(seconds=1)
    writer.insert([
        call(begin - second, user_id="bob", cost_usd=Decimal(7)),
        call(begin, user_id="ann", cost_usd=Decimal("0.01"), input_tokens=100, output_tokens=20),
        call(NOON - DAY, user_id="ann", cost_usd=Decimal("0.02"),
             input_tokens=300, output_tokens=100),
        call(NOON - DAY, user_id="ann", input_tokens=1_000, output_tokens=500, **unpriced),
        call(NOON - DAY, user_id="ann", cost_usd=Decimal("0.05"), **untold),
        call(NOON - DAY, user_id="bob", cost_usd=Decimal("0.03"),
             input_tokens=600, output_tokens=0),
        failed(NOON - DAY, user_id="bob"),
        call(end - second, user_id="ann", cost_usd=Decimal("0.04"),
             input_tokens=60, output_tokens=40),
        call(end, user_id="ann", cost_usd=Decimal(9)),
    ])  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(user_days, "_WORTH_IT", 1)
        add(writer)
    measures = ("requests", "cost", "cost_per_1k_tokens", "total_tokens", "error_rate")
    query = by_user(measures=measures, start=begin, end=end)
    assert choose(writer, query).rollup is USER_DAYS

    found = {row["user"]: row for row in run_metrics(writer, query).to_pylist()}

    assert found == {
        "ann": {
            "user": "ann",
            "requests": 5,
            "cost": Decimal("0.12"),
            "cost_per_1k_tokens": Decimal("0.112903225806"),  # 0.07 for 620
            "total_tokens": 2_120,
            "error_rate": 0.0,
            "unpriced_count": 1,
        },
        "bob": {
            "user": "bob",
            "requests": 2,
            "cost": Decimal("0.03"),
            "cost_per_1k_tokens": Decimal("0.05"),
            "total_tokens": 600,
            "error_rate": 0.5,
            "unpriced_count": 0,
        },
    }


def test_days_whose_spans_go_are_none(writer: Writer, tmp_path: Path) -> None:
    for number in range(1, 5):
        writer.insert(calls(NOON - number * DAY))
    add(writer)

    perform_on(writer, tmp_path, "retention", spans_before=(MIDNIGHT - 3 * DAY + HOUR).isoformat())

    assert days(writer) == (stored(MIDNIGHT - 2 * DAY), stored(MIDNIGHT))
    assert len(rows(writer)) == 2
    assert wrong_rows(writer) == 0
    assert choose(writer, by_user()) == FROM_CALLS
    rolled, told = both(writer, by_user(start=MIDNIGHT - 3 * DAY + HOUR))
    assert rolled == told


@pytest.mark.parametrize("is_kept_answer", [False, True])
def test_days_that_go_between_plan_and_answer_are_asked_of_the_calls(
    is_kept_answer: bool, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.insert([*calls(NOON - 2 * DAY), *calls(NOON - DAY)])
    add(writer)
    plan = choose(writer, by_user())
    assert plan.rollup is USER_DAYS
    # As whoever remembers for some seconds what days there are.
    monkeypatch.setattr("llmtrace.store.metrics.choose", lambda *_: plan)

    writer.transaction(rebuild)
    if is_kept_answer:
        add(writer)

    assert run_metrics(writer, by_user()).column("requests").to_pylist() == [8]


@pytest.mark.parametrize("is_delete", [False, True])
def test_a_forgotten_user_is_in_none_of_them(
    is_delete: bool, writer: Writer, tmp_path: Path
) -> None:
    writer.insert([*calls(NOON - DAY), *calls(NOON - DAY, "bob")])
    add(writer)

    perform_on(writer, tmp_path, "forget", user="ann", delete=is_delete)

    named = writer.transaction(
        lambda transaction: transaction.execute("select user_id from rollup_user_days")
    )
    assert "ann" not in named.column("user_id").to_pylist()
    assert wrong_rows(writer) == 0


def test_rollups_that_are_built_anew_have_the_days_again(writer: Writer) -> None:
    writer.insert(calls(NOON - DAY))
    add(writer)
    writer.transaction(
        lambda transaction: transaction.execute("update rollup_user_days set errors = 7")
    )
    assert wrong_rows(writer) == 2  # what is there, and what should be

    writer.transaction(rebuild)
    assert (days(writer), wrong_rows(writer)) == (None, 0)
    add(writer)

    assert len(rows(writer)) == 1
    assert wrong_rows(writer) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"by": ("tenant",)},
        {"by": ("user", "feature")},
        {"grain": "day"},
        {"measures": ("requests", "latency_p95")},
        {"measures": ("active_users",)},
        {"measures": ("retries",)},
        {"filters": {"session": ["s"]}},
        {"start": MIDNIGHT - DAY + HOUR},  # no whole day that is over
        {"start": MIDNIGHT + HOUR},
    ],
)
def test_what_the_days_do_not_know_comes_from_the_calls(
    changes: dict[str, Any], writer: Writer
) -> None:
    writer.insert(calls(NOON - 2 * DAY))
    writer.insert(calls(NOON - DAY))
    add(writer)

    assert choose(writer, by_user(**changes)) == FROM_CALLS
    assert choose(writer, by_user()) != FROM_CALLS


def test_few_calls_are_counted_themselves(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.insert(calls(NOON - DAY))
    add(writer)

    monkeypatch.setattr(metric_plan, "FEW_CALLS", 4)

    assert choose(writer, by_user()) == FROM_CALLS


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    draw = Random(7)
    path = tmp_path_factory.mktemp("days") / "llmtrace.duckdb"
    with Writer(path) as writer:
        writer.insert([some_call(draw) for _ in range(400)])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(user_days, "_WORTH_IT", 0)
            add(writer)
        writer.insert([some_call(draw) for _ in range(100)])
        yield writer


def some_call(draw: Random) -> SpanRow:
    known = draw.random() < 0.8
    columns: dict[str, Any] = {
        "user_id": draw.choice(["ann", "bob", "cy", None]),
        "provider": draw.choice(["openai", "anthropic", None]),
        "request_model": draw.choice(["a", "b", None]),
        "response_model": draw.choice(["b", None]),
        "environment": draw.choice(["prod", "dev", None]),
        "output_tokens": draw.choice([None, 0, draw.randrange(10**6)]),
        "cost_usd": Decimal(draw.randrange(10**13)) / 10**12 if known else None,
        "cache_savings_usd": draw.choice([None, Decimal("-0.01"), Decimal("0.000000000001")]),
    }
    if draw.random() < 0.8:
        columns["input_tokens"] = draw.choice([None, draw.randrange(10**6)])
    at = NOON - timedelta(microseconds=draw.randrange(5 * 86_400_000_000))
    return (failed if draw.random() < 0.1 else call)(at, **columns)


@st.composite
def questions(draw: st.DrawFn) -> MetricQuery:
    def names(pool: list[str], fewest: int) -> tuple[str, ...]:
        return tuple(
            draw(st.lists(st.sampled_from(pool), min_size=fewest, max_size=3, unique=True))
        )

    values = st.lists(st.sampled_from(["ann", "bob", "openai", "a", "b", "prod", None]), max_size=3)
    by = names(NAMES, 0)
    return MetricQuery(
        measures=names(TOLD, 1),
        by=by,
        start=MIDNIGHT - DAY - timedelta(seconds=draw(st.integers(0, 4 * 86_400))),
        end=NOON - timedelta(seconds=draw(st.integers(0, 43_200))),
        filters={name: draw(values) for name in names(NAMES, 0)},
        top=draw(st.none() | st.integers(1, 2)) if len(by) == 1 else None,
    )


@settings(max_examples=60, deadline=None)
@given(query=questions())
def test_the_days_say_what_the_calls_say(query: MetricQuery, some: Writer) -> None:
    known = days(some)
    assert known is not None
    whole = tuple(
        each.replace(tzinfo=UTC) for each in (max(known[0], stored(query.start)), known[1])
    )
    plan = metric_plan.Plan(whole=(ceiled(whole[0]), whole[1]), rollup=USER_DAYS)

    rolled, told = (
        some.sql(*compile_metrics(query, each)).to_pylist() for each in (plan, FROM_CALLS)
    )

    assert rolled == told


def ceiled(moment: datetime) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == moment else midnight + DAY


def test_the_days_answer_what_the_hours_cannot(some: Writer) -> None:
    for query in (by_user(), by_user(by=(), measures=("cost_per_1k_tokens",))):
        rolled, told = both(some, query)
        assert rolled == told
    assert choose(some, by_user(by=("model",))).rollup is not USER_DAYS
    assert run_metrics(some, by_user()).column_names == [
        "user",
        "requests",
        "cost",
        "unpriced_count",
    ]


def perform_on(writer: Writer, home: Path, operation: str, **arguments: object) -> None:
    place = Workplace(
        settings=load_settings({}, home=home),
        writer=writer,
        clock=FixedClock(NOON),
        refresh=lambda: None,
    )
    perform(place, operation, arguments)
