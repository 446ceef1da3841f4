"""A store of some tenants answers as one that holds nothing but their calls, or refuses."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.errors import QueryError
from llmtrace.otlp.rows import EventRow, LinkRow
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.behind import calls_behind, prompts_behind
from llmtrace.store.cost_steps import cost_distribution
from llmtrace.store.metrics import MetricQuery, run_metrics
from llmtrace.store.queries import (
    Scope,
    first_call_at,
    known_tags,
    latest_errors,
    span_detail,
    store_summary,
    trace_spans,
    trace_summary,
    unpriced_calls,
)
from llmtrace.store.restricted import RestrictedStore, _definitions, _whole, restricted
from tests.store.calls import NOON, call, failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.otlp.rows import SpanRow
    from llmtrace.store.reading import Store

TENANTS = ("acme", "o'brien ? $1 {tenants}")
SHARED = b"\x05" * 16
RANGE = (NOON - timedelta(days=1), NOON + timedelta(days=1))
VIEWS = (
    "llm_calls", "llm_calls_full", "traces", "sessions", "daily_cost", "errors", "unpriced",
    "spans", "payloads", "events", "links", "resources", "_calls", "rollup_spans",
)  # fmt: skip


def shop() -> list[SpanRow]:
    """Return calls of three tenants and of none, one trace of all of them together."""
    rows: list[SpanRow] = []
    for number, tenant in enumerate((*TENANTS, "globex", None) * 3):
        at = NOON - timedelta(minutes=number)
        common: dict[str, Any] = {
            "tenant": tenant, "user_id": f"user {number % 3}", "session_id": f"session {number}",
            "tags": {"team": f"team {number}"}, "feature": "search",
            "resource": {"host.name": f"host of {tenant}"},
            "cost_usd": Decimal("0.0001") * (number + 1), "api": "openai.chat",
            "request_body": f'{{"of": "{number}"}}',
            "events": (EventRow(time_us=1_000, name="exception"),),
            "links": (LinkRow(trace_id=SHARED, span_id=number + 100),),
        }  # fmt: skip
        rows.append(call(at, **common, trace_id=bytes([16 + number]) * 16, span_id=number + 1))
        rows.append(call(at, **common, trace_id=SHARED, span_id=number + 100))
        rows.append(failed(at, tenant=tenant, request_model=f"model of {tenant}"))
        rows.append(call(at, tenant=tenant, cost_usd=None, cost_source="unpriced",
                         request_model=f"unpriced of {tenant}"))  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Writer, Writer]]:
    """Give a store of everything, and one of the calls of two tenants alone."""
    folder = tmp_path_factory.mktemp("stores")
    with Writer(folder / f"all {DATABASE_FILE}") as everything, \
            Writer(folder / f"some {DATABASE_FILE}") as some:  # fmt: skip
        rows = shop()
        everything.insert(rows)
        some.insert([row for row in rows if row.tenant in TENANTS])
        yield everything, some


def same(stores: tuple[Writer, Writer], question: Any) -> None:
    """Assert that the restricted store answers as the one that holds nothing else."""
    everything, some = stores
    expected = question(some)
    assert expected
    assert question(RestrictedStore(everything, TENANTS)) == expected
    assert question(everything) != expected


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_holds_their_rows_alone(stores: tuple[Writer, Writer], view: str) -> None:
    everything, some = stores
    query = f"select count(*) as n from {view} having $1 = 1"  # noqa: S608  # a view of ours
    (mine,) = RestrictedStore(everything, TENANTS).sql(query, [1]).to_pylist()
    (theirs,) = some.sql(query, [1]).to_pylist()

    assert mine == theirs
    assert theirs["n"] > 0
    assert everything.sql(query, [1]).to_pylist() != [theirs]


def test_every_named_question_is_answered_as_if_there_were_no_others(
    stores: tuple[Writer, Writer],
) -> None:
    scope = Scope(start=RANGE[0], end=RANGE[1])
    query = MetricQuery(measures=("requests",), start=RANGE[0], end=RANGE[1])
    shared = SHARED.hex()

    same(stores, lambda store: trace_summary(store, shared))
    same(stores, lambda store: trace_spans(store, shared).to_pylist())
    same(stores, lambda store: latest_errors(store, scope, limit=50).to_pylist())
    same(stores, lambda store: cost_distribution(store, query).to_pylist())
    same(stores, lambda store: known_tags(store, RANGE[0], limit=50).to_pylist())
    same(stores, store_summary)
    same(stores, lambda store: unpriced_calls(store).to_pylist())
    same(stores, lambda store: calls_behind(store, query, limit=100).to_pylist())
    same(stores, lambda store: prompts_behind(store, query, limit=100).to_pylist())
    assert first_call_at(RestrictedStore(stores[0], ["nobody"])) is None


def test_a_span_of_others_is_not_found(stores: tuple[Writer, Writer]) -> None:
    mine = RestrictedStore(stores[0], TENANTS)

    def detail(number: int) -> dict[str, Any] | None:
        return span_detail(mine, (bytes([16 + number]) * 16).hex(), f"{number + 1:016x}")

    assert trace_summary(mine, (bytes([18]) * 16).hex()) is None
    assert detail(2) is None
    assert detail(3) is None
    found = detail(0)
    assert found is not None
    assert found["request_body"] == '{"of": "0"}'
    assert found["resource"] == {"host.name": "host of acme"}


def test_the_metric_layer_counts_theirs_alone(stores: tuple[Writer, Writer]) -> None:
    def count(store: Store, **filters: tuple[str | None, ...]) -> int:
        query = MetricQuery(
            measures=("requests",), start=RANGE[0], end=RANGE[1], filters=filters
        )  # fmt: skip
        (row,) = run_metrics(store, query).to_pylist()
        return row["requests"]

    everything, some = stores
    mine = RestrictedStore(everything, TENANTS)
    assert count(mine) == count(some) > 0
    assert count(mine, tenant=("acme",)) == count(some, tenant=("acme",)) > 0
    assert count(mine, tenant=("globex",)) == 0
    assert count(mine, tenant=(None,)) == 0
    assert count(RestrictedStore(everything, [])) == 0


@pytest.mark.parametrize(
    "query",
    [
        "from audit", 'select * from "audit"', "select 1 from spans, alert_history",
        "from main.spans", "from llmtrace.main.spans", 'from "llmtrace".spans', "from rollup_calls",
        "select * from duckdb_columns()", "from information_schema.tables", "show tables",
        "describe spans", "from _meta", "with spans as (from main.spans) from spans",
    ],
)  # fmt: skip
def test_what_reaches_beyond_them_is_refused(stores: tuple[Writer, Writer], query: str) -> None:
    with pytest.raises(QueryError, match="of all tenants together"):
        RestrictedStore(stores[0], TENANTS).sql(query)


@pytest.mark.parametrize(
    "query",
    [
        "from 'audit'", "from e'audit'", "from $$audit$$", "from $x$AUDIT$x$", "from e'\\x61udit'",
        "select 1 from llm_calls, 'audit'", "from (describe 'audit')", "from 'llmtrace'.spans",
        "from spans union all by name from 'audit'", 'from "main"."spans"',
    ],
)  # fmt: skip
def test_a_name_in_quotes_of_any_kind_is_a_name(stores: tuple[Writer, Writer], query: str) -> None:
    with pytest.raises(QueryError, match="of all tenants together"):
        RestrictedStore(stores[0], TENANTS).sql(query)


@pytest.mark.parametrize("name", ["'spans'", "e'spans'", "$$spans$$", '"SPANS"', "(from 'spans')"])
def test_a_table_in_quotes_is_restricted_too(stores: tuple[Writer, Writer], name: str) -> None:
    query = f"select count(*) as n from {name}"  # noqa: S608  # names of ours

    mine = RestrictedStore(stores[0], TENANTS).sql(query)

    assert mine.to_pylist() == stores[1].sql(query).to_pylist()


def test_a_name_in_a_text_or_comment_is_no_table(stores: tuple[Writer, Writer]) -> None:
    rows = RestrictedStore(stores[0], TENANTS).sql("select 'from audit' as said -- from audit")

    assert rows.to_pylist() == [{"said": "from audit"}]


def test_every_table_is_restricted_or_refused(stores: tuple[Writer, Writer]) -> None:
    tables = stores[0].sql(
        "select table_name as name from duckdb_tables() union all "
        "select view_name from duckdb_views() where not internal"
    )

    names = {row["name"] for row in tables.to_pylist()} - {"incoming"}
    assert names == {*_definitions(), *_whole()}


@pytest.mark.parametrize(
    "name",
    [
        file.name
        for file in resources.files("llmtrace.store").joinpath("sql").iterdir()
        if file.name.endswith(".sql")
    ],
)
def test_each_file_of_sql_is_restricted_or_refused_for_what_it_reads(name: str) -> None:
    text = resources.files("llmtrace.store").joinpath("sql", name).read_text("utf-8")

    try:
        query, values = restricted(text, [], TENANTS)
    except QueryError as error:
        refused = re.match("'(\\w+)' tells of all tenants", str(error))
        assert refused
        assert refused[1] in _whole() or refused[1].startswith("duckdb_")
    else:
        assert "main.spans" in query
        assert list(TENANTS) in values
