"""The hourly rollups are what the spans say, whatever was stored, changed, removed or forgotten."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtrace.clock import FixedClock
from llmtrace.config import load_settings
from llmtrace.store import Writer, user_days
from llmtrace.store import rollups as module
from llmtrace.store.maintenance.operations import perform
from llmtrace.store.maintenance.workplace import Workplace
from llmtrace.store.metrics import MetricQuery, run_metrics
from llmtrace.store.rollups import bring_up_to_date, differences, fold, rebuild
from tests.store.calls import NOON, call, failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.otlp.rows import SpanRow
    from llmtrace.store.writer import Transaction

SAMPLES = Path(__file__).parent.parent / "sample_stores"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer(tmp_path / "llmtrace.duckdb", clock=FixedClock(NOON + DAY)) as opened:
        yield opened


def perform_on(writer: Writer, home: Path, operation: str, **arguments: object) -> dict[str, Any]:
    place = Workplace(
        settings=load_settings({}, home=home),
        writer=writer,
        clock=FixedClock(NOON + DAY),
        refresh=lambda: None,
    )
    return perform(place, operation, {name: str(v) if name != "delete" else v
                                      for name, v in arguments.items()})  # fmt: skip


def add_days(transaction: Transaction) -> bool:
    return user_days.add_next_days(transaction, (NOON + DAY).replace(tzinfo=None))


def wrong_rows(writer: Writer) -> int:
    return writer.transaction(differences)


def rolled(writer: Writer) -> dict[str, Any]:
    (row,) = writer.sql(
        "select coalesce(sum(call_count), 0)::bigint as calls, sum(cost_usd) as cost, "
        "count(*) as rows from rollup_calls"
    ).to_pylist()
    return row


def asked(writer: Writer, *measures: str, **changes: object) -> dict[str, Any]:
    chosen: dict[str, Any] = {"start": NOON - DAY, "end": NOON + DAY, **changes}
    (row,) = run_metrics(writer, MetricQuery(measures=measures, **chosen)).to_pylist()
    return row


def test_what_is_stored_is_added_in_the_same_transaction(writer: Writer) -> None:
    writer.insert([call(), failed(), call(NOON + HOUR, is_inference=False)])

    assert rolled(writer)["calls"] == 2
    assert wrong_rows(writer) == 0


def test_a_transaction_that_fails_adds_nothing(writer: Writer) -> None:
    writer.insert([call()])

    with pytest.raises(ValueError, match="not bytes"):
        writer.insert([call()], batch_hashes=["not bytes"])  # pyright: ignore[reportArgumentType]

    assert rolled(writer)["calls"] == 1


def test_a_span_that_comes_again_or_late_counts_once(writer: Writer) -> None:
    early, late = call(NOON), call(NOON - 20 * HOUR)

    for batch in ([early], [early, late], [late]):
        writer.insert(batch)

    assert rolled(writer)["calls"] == 2
    assert wrong_rows(writer) == 0


def test_a_call_that_another_tool_tells_of_better_leaves_the_sums(writer: Writer) -> None:
    trace = bytes([7]) * 16
    theirs = call(trace_id=trace, origin="openinference", response_id="r", cost_usd=Decimal(9))
    ours = call(trace_id=trace, origin="llmtrace", response_id="r", cost_usd=Decimal(1))

    writer.insert([theirs])
    writer.insert([ours])

    assert (rolled(writer)["calls"], rolled(writer)["cost"]) == (1, 1)
    assert wrong_rows(writer) == 0


def test_repricing_changes_the_sums_by_what_it_changes(writer: Writer, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("- {model: house, usd_per_mtok: {input: 2, output: 4}}\n")
    columns = {"request_model": "house", "cost_usd": None, "cost_source": "unpriced"}
    writer.insert([call(**columns), call(**columns), call()])

    done = perform_on(writer, tmp_path, "reprice", model="house")

    assert done["changed"] == 2
    assert asked(writer, "cost", by=(), filters={"model": ["house"]}) == {
        "cost": Decimal("0.00056"),
        "unpriced_count": 0,
    }
    assert wrong_rows(writer) == 0


def test_retention_deletes_spans_and_their_hours_stay_counted(
    writer: Writer, tmp_path: Path
) -> None:
    writer.insert([call(NOON - 9 * HOUR, latency_ms=100), call(NOON, latency_ms=900)])

    perform_on(writer, tmp_path, "retention", spans_before=NOON - HOUR)

    assert writer.sql("select count(*) as n from llm_calls").to_pylist() == [{"n": 1}]
    assert asked(writer, "requests", "cost") == {
        "requests": 2, "cost": Decimal("0.02"), "unpriced_count": 0,
    }  # fmt: skip
    assert asked(writer, "requests", filters={"user": [None]}) == {"requests": 1}
    assert asked(writer, "latency_p50")["latency_p50"] == pytest.approx(100, rel=0.022)
    assert wrong_rows(writer) == 0


@pytest.mark.parametrize(("is_delete", "calls"), [(False, 2), (True, 1)])
def test_a_forgotten_user_is_in_no_row(
    is_delete: bool, calls: int, writer: Writer, tmp_path: Path
) -> None:
    writer.insert([call(user_id="ann", feature="ann"), call(user_id="bob", feature="chat")])

    perform_on(writer, tmp_path, "forget", user="ann", delete=is_delete)

    features = writer.sql("select distinct feature from rollup_calls order by all").to_pylist()
    assert features == [{"feature": "chat"}, *([] if is_delete else [{"feature": None}])]
    assert rolled(writer)["calls"] == calls
    assert wrong_rows(writer) == 0


def test_a_forgotten_user_is_in_no_row_whose_spans_are_gone(writer: Writer, tmp_path: Path) -> None:
    old = call(NOON - 9 * HOUR, user_id="ann", feature="ann")
    writer.insert([old, call(user_id="bob", feature="ann")])
    perform_on(writer, tmp_path, "retention", spans_before=NOON - HOUR)

    perform_on(writer, tmp_path, "forget", user="ann")

    found = writer.sql("select feature, call_count from rollup_calls order by hour").to_pylist()
    assert found == [{"feature": None, "call_count": 1}, {"feature": "ann", "call_count": 1}]


def test_folding_joins_the_rows_of_an_hour_and_changes_no_number(writer: Writer) -> None:
    for minute in range(6):
        writer.insert([call(NOON + timedelta(minutes=minute))])
    before = asked(writer, "requests", "cost", "input_tokens")

    writer.transaction(fold)

    assert rolled(writer)["rows"] == 1
    assert asked(writer, "requests", "cost", "input_tokens") == before
    assert wrong_rows(writer) == 0


def test_what_one_transaction_has_no_room_for_is_folded_by_the_next(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 4)
    for _ in range(2):
        writer.insert([call(NOON + HOUR * hour) for hour in range(5)])
    before = asked(writer, "requests", "cost", "input_tokens")

    assert not writer.transaction(lambda transaction: fold(transaction, everything=True))

    assert rolled(writer)["rows"] == 8  # two hours of five
    assert wrong_rows(writer) == 0
    perform_on(writer, tmp_path, "compact")
    assert rolled(writer)["rows"] == 5
    assert asked(writer, "requests", "cost", "input_tokens") == before
    assert wrong_rows(writer) == 0


def test_a_late_call_does_not_make_a_large_hour_be_written_anew(writer: Writer) -> None:
    writer.insert([call(feature=f"f{number}") for number in range(40)])
    writer.transaction(fold)
    writer.insert([call(feature="late")])

    writer.transaction(fold)

    loose = "select count(*) as n from rollup_calls where is_delta"
    assert writer.sql(loose).to_pylist() == [{"n": 1}]
    assert wrong_rows(writer) == 0


def test_the_writer_folds_by_itself_when_much_was_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.store.writer.FOLD_ROWS", 10)
    for _ in range(3):  # each opened anew, as by commands
        with Writer(tmp_path / "llmtrace.duckdb") as writer:
            for _ in range(2):
                writer.insert([call()])

    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        assert rolled(writer)["rows"] < 5
        assert wrong_rows(writer) == 0


def test_a_store_of_an_older_schema_has_its_calls_in_the_rollups(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "v0001.duckdb", tmp_path / "llmtrace.duckdb")

    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        assert rolled(writer)["calls"] == 2
        assert wrong_rows(writer) == 0


def test_rollups_that_mean_something_else_are_built_anew(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.insert([call()])
    writer.transaction(lambda t: t.execute("update rollup_calls set errors = 7"))
    assert wrong_rows(writer) == 2  # what is there, and what should be

    writer.transaction(bring_up_to_date)
    assert wrong_rows(writer) == 2  # nobody looks at each opening
    monkeypatch.setattr(module, "_DEFINITION", "another")
    writer.transaction(bring_up_to_date)

    assert wrong_rows(writer) == 0


def test_rebuilding_keeps_the_hours_whose_spans_are_gone(writer: Writer, tmp_path: Path) -> None:
    writer.insert([call(NOON - 9 * HOUR), call(NOON - HOUR / 2), call(NOON)])
    perform_on(writer, tmp_path, "retention", spans_before=NOON - HOUR / 4)

    writer.transaction(rebuild)

    assert asked(writer, "requests") == {"requests": 3}
    assert wrong_rows(writer) == 0


def test_compacting_takes_the_rollups_along(writer: Writer, tmp_path: Path) -> None:
    writer.insert([call(NOON - 9 * HOUR), call(NOON)])
    perform_on(writer, tmp_path, "retention", spans_before=NOON - HOUR)

    perform_on(writer, tmp_path, "compact")
    writer.insert([call(NOON)])

    assert asked(writer, "requests") == {"requests": 3}
    assert wrong_rows(writer) == 0


CALLS = st.builds(
    lambda hour, minute, model, user, feature, cost, latency: call(
        NOON - timedelta(hours=hour, minutes=minute),
        request_model=model,
        user_id=user,
        feature=feature,
        cost_usd=None if cost is None else Decimal(cost) / 10**12,
        cost_source="unpriced" if cost is None else "list",
        latency_ms=latency,
    ),
    st.integers(0, 40),
    st.integers(0, 59),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["ann", "bob", None]),
    st.sampled_from(["ann", "chat", None]),
    st.none() | st.integers(0, 10**14),
    st.none() | st.integers(0, 10**5),
)
FORGET = st.sampled_from([("forget", {"user": "ann"}), ("forget", {"user": "bob", "delete": True})])
RETAIN = st.integers(0, 40).map(
    lambda hours: ("retention", {"spans_before": NOON - timedelta(hours=hours, minutes=20)})
)
DAYS: tuple[str, dict[str, object]] = ("the next days by user", {})
STEPS = st.lists(CALLS, max_size=6) | FORGET | RETAIN | st.just(("reprice", {})) | st.just(DAYS)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=2, max_size=6), folded=st.booleans())
def test_after_any_history_the_rollups_are_what_the_spans_say(
    steps: list[list[SpanRow] | tuple[str, dict[str, object]]],
    folded: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("home")
    with ExitStack() as stack:
        writer = stack.enter_context(Writer(home / "llmtrace.duckdb", clock=FixedClock(NOON + DAY)))
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(user_days, "_WORTH_IT", 0)
        for step in steps:
            if step == DAYS:
                writer.transaction(add_days)
            elif isinstance(step, tuple):
                perform_on(writer, home, step[0], **step[1])
            else:
                writer.insert(step)
            if folded:
                writer.transaction(fold)

        assert wrong_rows(writer) == 0
