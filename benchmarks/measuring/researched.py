"""The questions that DuckDB was judged by before the product was written, asked of the product.

What they take without the product says ``by_hand``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from llmtrace.errors import QueryMemoryError
from llmtrace.store.behind import prompts_behind
from llmtrace.store.calls import latest_calls
from llmtrace.store.confined import ConfinedQueries
from llmtrace.store.large_queries import LargeQueries
from llmtrace.store.metric_time import period_start
from llmtrace.store.metrics import MetricQuery, run_metrics
from llmtrace.store.queries import Stretch, span_detail, trace_spans
from llmtrace.store.range_counts import RangeCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from llmtrace.store import Writer
    from llmtrace.store.metric_plan import Counted

ZONE: Final = "Europe/Berlin"
_TEXTS: Final = """
    insert into payloads by name
    select
        start_time, trace_id, span_id,
        array_to_string(
            list_transform(
                range(120),
                lambda k: ['order', 'refund', 'please', 'the', 'of', 'invoice', 'total', 'and',
                    'customer', 'when', 'delivery', 'price', 'with', 'for', 'a', 'status'
                ][(hash(span_id, k) % 16)::int + 1] || substr(md5((span_id + k)::varchar), 1, 3)
            ), ' '
        ) as input_messages,
        array_to_string(
            list_transform(
                range(60), lambda k: substr(md5((span_id - k)::varchar), 1, (k % 7) + 1)
            ), ' '
        ) as output_messages
    from spans
    where start_time >= ? and start_time < ?
    order by start_time
"""
_FOUR_DIMENSIONS: Final = """
    select
        model, user_id, feature, date_trunc('day', start_time) as day, sum(cost_usd) as cost
    from llm_calls
    where start_time >= ?
    group by all
    order by cost desc
    limit 1000
"""
_DAY: Final = timedelta(days=1)
_ANSWER_BYTES: Final = 256 * 1024 * 1024


class Collector:
    """Asks a writer as the collector does.

    It remembers how many calls a range has, and what needs more memory gets a process of its own.
    """

    def __init__(self, writer: Writer) -> None:
        """Ask ``writer``."""
        self._writer = writer
        self._counts = RangeCounts(lambda: writer.upkeeps)
        self._confined = ConfinedQueries(writer)
        self._large = LargeQueries()
        self.where = writer.where

    def sql(
        self,
        query: str,
        parameters: Sequence[object] = (),
        *,
        max_rows: int | None = None,
        timeout_s: float = 600.0,
    ) -> pa.Table:
        """Answer a query."""
        limits: dict[str, Any] = {"max_rows": max_rows, "timeout_s": timeout_s}
        if not self._large.has(query, parameters):
            try:
                return self._writer.sql(query, parameters, **limits)
            except QueryMemoryError:
                self._large.note(query, parameters)
        return self._confined.sql(query, parameters, **limits, max_bytes=_ANSWER_BYTES)

    def sql_of_people(self, query: str, parameters: Sequence[object]) -> pa.Table:
        """Answer a query of which nothing is known."""
        limits: dict[str, Any] = {"max_rows": None, "timeout_s": 600.0}
        return self._confined.sql(query, parameters, **limits, max_bytes=_ANSWER_BYTES)

    def counted(self, hours: tuple[datetime, datetime]) -> Counted:
        """Return how many calls some hours have."""
        return self._counts.of(self, hours)

    def refresh(self) -> None:
        """Do nothing, as the writer."""

    def close(self) -> None:
        """End the process, if there is one; the writer is another's."""
        self._confined.close()


def give_texts(writer: Writer, end: datetime, *, days: int) -> None:
    """Store some 1.5 KB of text for every call of the last days."""
    start = _stored(end - days * _DAY)
    for hour in range(24 * days):
        bounds = [start + timedelta(hours=hour), start + timedelta(hours=hour + 1)]
        writer.transaction(lambda transaction, bounds=bounds: transaction.execute(_TEXTS, bounds))


def questions(
    store: Collector, now: datetime, *, text_days: int
) -> dict[str, Callable[[], object]]:
    """Return what asks each question, by its name; ``text_days``: whose calls have texts."""
    percentiles = ("latency_p50", "latency_p95", "latency_p99")

    def metric(days: float, *measures: str, **more: Any) -> Callable[[], object]:
        start = more.pop("start", now - timedelta(days=days))
        query = MetricQuery(measures=measures, start=start, end=now, timezone=ZONE, **more)
        return lambda: run_metrics(store, query)

    def sql(text: str, *parameters: object) -> Callable[[], object]:
        return lambda: store.sql(text, parameters)

    (trace,) = store.sql(
        "select trace_id, span_id, start_time from llm_calls where start_time < ? "
        "order by start_time desc limit 1",
        [now - timedelta(hours=3)],
    ).to_pylist()
    ids = (trace["trace_id"], trace["span_id"])
    hour = timedelta(hours=1)
    near = Stretch(trace["start_time"] - hour, trace["start_time"] + hour)
    by_trace = (
        "select trace_id, sum(cost_usd) as cost from spans where is_inference "
        "and start_time >= ? and start_time < ? group by trace_id order by cost desc limit 20"
    )
    said = (
        "select count(*) as calls from llm_calls_full where start_time >= ? and start_time < ? "
        "and input_messages ilike ?"
    )
    day, month = now - _DAY, now - 30 * _DAY
    first_of_month = period_start(now, "month", ZONE)
    last_hour = MetricQuery(measures=("requests",), start=now - hour, end=now)
    return {
        "today's spend": metric(0, "cost", start=period_start(now, "day", ZONE)),
        "month to date": metric(0, "cost", start=first_of_month),
        "cost by model, 30 d": metric(30, "cost", by=("model",)),
        "cost by user, 50 dearest, 30 d": (
            metric(30, "cost", by=("user",), order_by=("-cost",), limit=50)
        ),
        "cost by feature and day, 30 d": metric(30, "cost", by=("feature",), grain="day"),
        "cost by model, user, feature and day, 60 d": (
            lambda: store.sql_of_people(_FOUR_DIMENSIONS, [now - 60 * _DAY])
        ),
        "p50, p95, p99 by hour and model, 7 d": (
            metric(7, *percentiles, by=("model",), grain="hour")
        ),
        "p50, p95, p99 by hour, 24 h": metric(1, *percentiles, grain="hour"),
        "p50, p95, p99 by hour, 60 d": metric(60, *percentiles, grain="hour"),
        "error rate by hour, 7 d": metric(7, "error_rate", grain="hour"),
        "cache hit rate by model, 30 d": metric(30, "cache_hit_rate", by=("model",)),
        "20 dearest traces, 24 h": sql(by_trace, day, now),
        "20 dearest traces, 30 d": sql(by_trace, month, now),
        "a trace by its id": lambda: trace_spans(store, ids[0]),
        "a trace by its id, about when": lambda: trace_spans(store, ids[0], within=near),
        "a call with its texts": lambda: span_detail(store, *ids),
        "a call with its texts, when known": (
            lambda: span_detail(store, *ids, started=trace["start_time"])
        ),
        "50 latest calls": lambda: latest_calls(store, limit=50),
        "50 latest calls with texts": lambda: prompts_behind(store, last_hour, limit=50),
        "50 latest calls of a user, 7 d": sql(
            "select span_id, model, cost_usd from llm_calls where user_id = 'user-7' "
            "and start_time >= ? order by start_time desc limit 50",
            now - 7 * _DAY,
        ),
        **{
            f"a text in the prompts of {name}": sql(said, now - since * _DAY, now, "%refundab%")
            for name, since in (("24 h", 1), ("60 d", 60))
            if since <= text_days
        },
    }


def _stored(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
