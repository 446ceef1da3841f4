"""How long the Overview asks over ten million calls: from the rollups, and from the calls.

    python benchmarks/metrics.py [--quick] [--calls 10000000] [--days 60] [--arriving 2000]
        [--texts 1]

Makes a store of its own (about 110 bytes a call; 1.1 GB for ten million) in a temporary folder,
filled inside DuckDB, builds the rollups as a migration does, then asks each question as a page does
(``run_metrics``) and once more from the calls alone. The last hours are ragged, as ranges that end
now are. Both answers are compared. Then it asks what DuckDB was judged by before the product was
written (``measuring/researched.py``), and holds that against the same asked by hand in this run
(``measuring/by_hand.py``). ``--arriving N``: N spans a second are stored while the product is
asked. ``--texts D``: the calls of so many days have texts, 1.5 KB each; sixty take ten minutes
more and twelve gigabytes, and are searched once each way.
Nothing is left behind.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from llmtrace.clock import unix_ns
from llmtrace.errors import StoreUnreachableError
from llmtrace.otlp.rows import SpanRow
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.memory import give_memory_back
from llmtrace.store.metric_plan import FROM_CALLS, choose
from llmtrace.store.metric_time import period_start
from llmtrace.store.metrics import MetricQuery, compile_metrics, run_metrics
from llmtrace.store.rollups import differences

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that this file can be run by its name

from benchmarks.measuring import by_hand, researched  # noqa: E402  # needs the path above
from benchmarks.measuring.many_calls import Course, fill, roll_up  # noqa: E402  # needs the path above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW: Final = datetime(2026, 11, 18, 12, 34, 50, tzinfo=UTC)
ZONE: Final = "Europe/Berlin"
_REPEATS: Final = 7
_SLOW_S: Final = 3.0
_PATIENCE_S: Final = 600.0


def questions() -> dict[str, MetricQuery]:
    """Return what the Overview asks, for 30 and 7 days, as its data module asks it."""
    head = ("requests", "error_rate", "latency_p95", "cache_hit_rate", "cache_savings", "cost")

    def of(days: float, *measures: str, **more: Any) -> MetricQuery:
        start = more.pop("start", NOW - timedelta(days=days))
        return MetricQuery(measures=measures, start=start, end=NOW, timezone=ZONE, **more)

    by_cost = {"order_by": ("-cost",)}
    spender = ("cost", "requests", "cost_per_request")
    return {
        "today's spend": of(0, "cost", start=period_start(NOW, "day", ZONE)),
        "spend by hour, 24 h": of(1, "cost", grain="hour"),
        "month to date": of(0, "cost", start=period_start(NOW, "month", ZONE)),
        "spend by day, 30 d": of(30, "cost", grain="day"),
        "six figures, 24 h": of(1, *head),
        "six figures, 7 d": of(7, *head),
        "six figures, 30 d": of(30, *head),
        "six figures by hour, 7 d": of(7, *head, grain="hour"),
        "six figures by day, 30 d": of(30, *head, grain="day"),
        "cost by model and day, top 6, 30 d": of(30, "cost", by=("model",), top=6, grain="day"),
        "cost by model and hour, top 6, 7 d": of(7, "cost", by=("model",), top=6, grain="hour"),
        "ten dearest features, 30 d": of(30, *spender, by=("feature",), limit=10, **by_cost),
        "ten dearest tenants, 30 d": of(30, *spender, by=("tenant",), limit=10, **by_cost),
        "ten dearest users, 30 d": of(30, *spender, by=("user",), limit=10, **by_cost),
        "unpriced models, 30 d": of(30, "unpriced_count", by=("model",)),
        "p50, p95, p99 by hour and model, 7 d": of(
            7, "latency_p50", "latency_p95", "latency_p99", by=("model",), grain="hour"
        ),
        "model × feature × tenant × day, 60 d": of(
            60, "cost", by=("model", "feature", "tenant"), grain="day", limit=50_000
        ),
        "of one feature and model, by day, 30 d": of(
            30, "cost", "requests", grain="day",
            filters={"feature": ["feature-3"], "model": ["model-2"]},
        ),
    }  # fmt: skip


def median_ms(ask: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the medians of time and of CPU time of some runs, after one that is not counted.

    What takes longer than three seconds is asked once.
    """
    times: list[tuple[float, float]] = []
    for _ in range(repeats + 1):
        started, burnt = time.perf_counter(), time.process_time()
        ask()
        times.append((time.perf_counter() - started, time.process_time() - burnt))
        if times[0][0] > _SLOW_S:
            break
    wall, cpu = zip(*(times[1:] or times), strict=True)
    return statistics.median(wall) * 1e3, statistics.median(cpu) * 1e3


def compare(writer: Writer, repeats: int) -> None:
    """Ask everything both ways and print a row for each; fail if a sum differs."""
    print("| question | from | ms (CPU) | from the calls, ms (CPU) | CPU times |")
    print("|---|---|---:|---:|---:|")
    for name, query in questions().items():
        plan = choose(writer, query)
        sql, parameters = compile_metrics(query, FROM_CALLS)
        chosen = median_ms(lambda query=query: run_metrics(writer, query), repeats)
        raw = median_ms(
            lambda sql=sql, parameters=parameters: writer.sql(
                sql, parameters, max_rows=None, timeout_s=_PATIENCE_S
            ),
            repeats,
        )
        source = "calls" if plan.whole is None else f"rollups by {plan.rollup.unit}"
        print(
            f"| {name} | {source}{' and histogram' * plan.from_histogram} "
            f"| {chosen[0]:,.1f} ({chosen[1]:,.1f}) | {raw[0]:,.1f} ({raw[1]:,.1f}) "
            f"| {raw[1] / chosen[1]:.1f} |",
            flush=True,
        )


def measured_by_hand(store: Path, repeats: int) -> dict[str, float]:
    """Return how many ms each question takes by hand, in DuckDB alone."""
    day, month = (_stored(period_start(NOW, period, ZONE)) for period in ("day", "month"))
    with by_hand.plain_store(store, store.with_name("plain.duckdb")) as connection:
        asks = by_hand.questions(connection, _stored(NOW), day=day, month=month)
        return {name: median_ms(ask, repeats)[0] for name, ask in asks.items()}


def compare_with_by_hand(
    writer: Writer, before_ms: dict[str, float], repeats: int, *, text_days: int
) -> None:
    """Ask the product what was asked of DuckDB by hand, and print a row for each."""
    print("\n| question | by hand, two threads, nothing arriving, ms | ms (CPU) | times |")
    print("|---|---:|---:|---:|")
    with closing(researched.Collector(writer)) as store:
        for name, ask in researched.questions(store, NOW, text_days=text_days).items():
            wall, cpu = median_ms(ask, repeats)
            before = before_ms[name]
            print(
                f"| {name} | {before:,.1f} | {wall:,.1f} ({cpu:,.1f}) | {wall / before:.2f} |",
                flush=True,
            )


def _stored(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def check(writer: Writer) -> None:
    """Fail unless both ways give the same sums."""
    for name, query in questions().items():
        sums = tuple(each for each in query.measures if not each.startswith("latency"))
        if sums and "latency_p95" not in query.order_by:
            asked = MetricQuery(measures=sums, start=query.start, end=query.end, by=query.by)
            sql, parameters = compile_metrics(asked, FROM_CALLS)
            told = writer.sql(sql, parameters, max_rows=None).rename_columns(
                [*query.by, *_rest(asked)]
            )
            if run_metrics(writer, asked).to_pylist() != told.to_pylist():
                sys.exit(f"{name}: the rollups differ from the calls")


def _rest(query: MetricQuery) -> list[str]:
    has_money = {"cost", "cost_per_request", "cache_savings"} & set(query.measures)
    return [*query.measures, *(["unpriced_count"] if has_money else [])]


@contextmanager
def arriving(writer: Writer, per_s: int) -> Iterator[list[int]]:
    """Store so many calls a second meanwhile, in batches of half a second, as the drain does."""
    stored = [0]
    ended = threading.Event()

    def work() -> None:
        number = 0
        due = time.monotonic()
        while per_s and not ended.wait(max(0.0, due - time.monotonic())):
            due += 0.5
            batch = [_row(number + place) for place in range(per_s // 2)]
            try:
                writer.insert(batch)
            except StoreUnreachableError:  # no memory for it just now: again, as the drain does
                continue
            number += len(batch)
            stored[0] = number

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield stored
    finally:
        ended.set()
        thread.join()


def _row(number: int) -> SpanRow:
    start_us = unix_ns(NOW) // 1_000 + number * 500
    return SpanRow(
        trace_id=number.to_bytes(16, "big"), span_id=number + 1, start_time_us=start_us,
        end_time_us=start_us + 900_000, duration_ns=900_000_000 + number * 1_000, name="chat",
        kind="client", service="service-1", environment="prod", is_inference=True,
        origin="llmtrace", operation="chat", provider=f"provider-{number % 4}",
        request_model=f"model-{number % 12}", user_id=f"user-{number % 2_000}", tenant="tenant-1",
        feature=f"feature-{number % 8}", input_tokens=700, output_tokens=90,
        cost_usd=Decimal(number % 900) / 10**5, cost_source="list",
    )  # fmt: skip


def main() -> None:
    """Make the store, ask, and delete it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--arriving", type=int, default=0, help="spans a second, meanwhile")
    parser.add_argument("--texts", type=int, default=1, help="days whose calls have texts")
    parser.add_argument("--quick", action="store_true", help="200 000 calls, three runs each")
    chosen = parser.parse_args()
    calls: int = 200_000 if chosen.quick else chosen.calls
    repeats = 3 if chosen.quick else _REPEATS
    give_memory_back()  # as the collector does
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, DATABASE_FILE)
        with Writer(path) as writer:
            make(writer, path, calls=calls, days=chosen.days, texts=chosen.texts)
            check(writer)
            if chosen.quick and writer.transaction(differences):
                sys.exit("the rollups are not what the spans say")
        before_ms = measured_by_hand(path, repeats)
        with Writer(path) as writer:
            started = time.perf_counter()
            with arriving(writer, chosen.arriving) as stored:
                compare(writer, repeats)
                compare_with_by_hand(writer, before_ms, repeats, text_days=chosen.texts)
            took_s = time.perf_counter() - started
        if chosen.arriving:
            print(f"{stored[0] / took_s:,.0f} spans a second were stored")


def make(writer: Writer, path: Path, *, calls: int, days: int, texts: int) -> None:
    """Fill the store, and say how it went."""
    load = os.getloadavg()[0]
    started = time.perf_counter()
    fill(writer, Course.until(NOW, calls=calls, days=days), 0, calls)
    filled = time.perf_counter()
    roll_up(writer, NOW)
    built = time.perf_counter()
    (rows,) = writer.sql(
        "select (select count(*) from rollup_calls) as sums, "
        "(select count(*) from rollup_latency) as buckets, "
        "(select count(*) from rollup_user_days) as user_days"
    ).to_pylist()
    size = path.stat().st_size
    print(
        f"{platform.python_implementation()} {platform.python_version()}, DuckDB "
        f"{duckdb.__version__}, {os.cpu_count()} CPUs, load average {load:.1f} at the start"
    )
    print(
        f"{calls:,} calls over {days} days in {filled - started:.0f} s; rollups of "
        f"{rows['sums']:,}, {rows['buckets']:,} and {rows['user_days']:,} rows in "
        f"{built - filled:.1f} s; {size / 1e9:.2f} GB"
    )
    started = time.perf_counter()
    researched.give_texts(writer, NOW, days=texts)
    print(
        f"texts for {texts} days in {time.perf_counter() - started:.0f} s; "
        f"{path.stat().st_size / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    main()
