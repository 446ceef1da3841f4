"""Calls priced in groups cost what they cost one by one, at every price they are held against."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.clock import from_unix_ns
from llmtrace.errors import QueryError
from llmtrace.pricing import PriceBook
from llmtrace.store import Writer
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.pricing import book_pricer, row_usage
from llmtrace.store.savings import groups as grouped
from llmtrace.store.savings.batch import find_batchable
from llmtrace.store.savings.groups import band_starts, call_groups, is_reproduced
from llmtrace.store.savings.sizes import candidates, find_cheaper
from tests.store.calls import NOON, call, minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow
    from llmtrace.store.savings.groups import Group

BOOK = PriceBook()
QUERY = MetricQuery(
    measures=("cost",), start=NOON - timedelta(days=3), end=NOON + timedelta(minutes=1)
)
MODELS = (
    ("openai", "gpt-5"), ("openai", "gpt-5.6"), ("anthropic", "claude-sonnet-4-5"),
    ("gcp.gemini", "gemini-2.5-pro"), ("deepseek", "deepseek-reasoner"),
)  # fmt: skip


def some_call(draw: Random) -> SpanRow:
    provider, model = draw.choice(MODELS)
    whole = draw.choice([draw.randrange(1, 3_000), draw.randrange(190_000, 290_000), 200_000])
    read = draw.choice([None, 0, draw.randrange(whole)])
    written = draw.randrange(whole - (read or 0)) if provider == "anthropic" else None
    row = call(
        NOON - minutes(draw.randrange(4_000)), provider=provider, request_model=model,
        feature=draw.choice(["search", "extract", None]), input_tokens=whole,
        cache_read_tokens=read, cache_write_tokens=written,
        cache_write_5m_tokens=None if written is None else written // 2,
        cache_write_1h_tokens=None if written is None else written - written // 2,
        output_tokens=draw.randrange(900), reasoning_tokens=draw.choice([None, draw.randrange(99)]),
        is_stream=draw.choice([None, False, True]),
        service_tier=draw.choice([None, "default", "batch", "flex"]),
        cost_usd=None, cost_source=None,
    )  # fmt: skip
    return book_pricer(BOOK)(row)


@pytest.fixture(scope="module")
def rows() -> list[SpanRow]:
    draw = Random(11)
    return [some_call(draw) for _ in range(250)]


@pytest.fixture(scope="module")
def groups(rows: list[SpanRow], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Group]]:
    with Writer(tmp_path_factory.mktemp("groups") / "llmtrace.duckdb") as writer:
        writer.insert(rows)
        others = candidates(MODELS, BOOK, NOON)
        names = [(provider, name) for (provider, _), more in others.items() for name in more]
        yield call_groups(writer, QUERY, band_starts(BOOK, [*MODELS, *names], NOON))


def one_by_one(
    rows: Sequence[SpanRow], *, model: str | None = None, batch: bool = False
) -> Decimal:
    """Return what calls cost, each priced by itself."""
    total = Decimal(0)
    for row in rows:
        usage = row_usage(row)
        assert usage is not None
        cost = BOOK.price(
            row.provider or "", model or row.request_model,
            from_unix_ns(row.start_time_us * 1_000), usage,
            service_tier=None if batch else row.service_tier, batch=batch,
        ).total_usd  # fmt: skip
        assert cost is not None
        total += cost
    return total


def test_every_priced_call_is_in_one_group_and_the_book_gives_its_cost(
    rows: list[SpanRow], groups: list[Group]
) -> None:
    priced = [row for row in rows if row.cost_usd is not None]

    assert sum(group.calls for group in groups) == len(priced) > 150
    assert sum(group.cost_usd for group in groups) == sum(row.cost_usd or 0 for row in priced)
    # DeepSeek's price was another at night: a day's calls have not one price, and none is said.
    assert {group.provider for group in groups if not is_reproduced(group, BOOK)} == {"deepseek"}


def test_a_batch_would_have_cost_what_each_call_would_have(
    rows: list[SpanRow], groups: list[Group]
) -> None:
    found = find_batchable(groups, BOOK)

    assert {each.provider for each in found} == {"openai", "anthropic", "gcp.gemini"}
    for each in found:
        same = [
            row
            for row in rows
            if (row.feature, row.request_model) == (each.feature, each.model)
            and row.cost_usd is not None
        ]
        plain = [row for row in same if not row.is_stream and row.service_tier in (None, "default")]
        assert each.calls == len(plain)
        assert each.left_out == len(same) - len(plain)
        assert each.cost_usd == sum(row.cost_usd or 0 for row in plain)
        assert each.batch_usd == one_by_one(plain, batch=True)
        assert each.saving.lower_usd == each.saving.upper_usd == each.cost_usd - each.batch_usd > 0


def test_another_model_would_have_cost_what_each_call_would_have(
    rows: list[SpanRow], groups: list[Group]
) -> None:
    kept = [group for group in groups if group.service_tier in (None, "default")]

    found = find_cheaper(kept, candidates(MODELS, BOOK, NOON), BOOK)

    assert {(each.model, each.candidate) for each in found} >= {
        ("gpt-5", "gpt-5-mini"), ("gpt-5", "gpt-5-nano"), ("claude-sonnet-4-5", "claude-haiku-4-5"),
        ("gemini-2.5-pro", "gemini-2.5-flash"), ("gpt-5.6", "gpt-5"),
    }  # fmt: skip
    for each in found:
        same = [row for row in rows if row.request_model == each.model
                and row.cost_usd is not None and row.service_tier in (None, "default")]  # fmt: skip
        assert each.calls == len(same)
        assert each.candidate_usd == one_by_one(same, model=each.candidate)
        assert each.saving.lower_usd == 0
        assert each.saving.upper_usd == each.cost_usd - each.candidate_usd > 0
        window = BOOK.context_window(each.provider, each.candidate)
        assert window is not None
        assert each.too_long == sum((row.input_tokens or 0) > window for row in same)
        assert each.is_used is ((each.provider, each.candidate) in MODELS)


def test_of_calls_priced_otherwise_nothing_is_said(tmp_path: Path) -> None:
    plain: dict[str, Any] = {"cost_usd": Decimal("0.000325"), "cost_source": "list"}
    others: list[dict[str, Any]] = [
        {"cost_usd": Decimal("0.0003250001")},
        {"cost_source": "provider"},
        {"cost_source": "estimated"},
        {"request_model": "nobody-knows"},
    ]
    rows = [call(**{**plain, **other}, feature=f"b{place}") for place, other in enumerate(others)]
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert([call(**plain, feature="a"), *rows])
        found = call_groups(writer, QUERY, ())

    assert len(found) == 5
    assert [each.feature for each in find_batchable(found, BOOK)] == ["a"]
    cheaper = find_cheaper(found, candidates({("openai", "gpt-5")}, BOOK, NOON), BOOK)
    assert {(each.calls, each.unsaid, each.features) for each in cheaper} == {(1, 3, ("a",))}


def test_too_many_groups_are_refused_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouped, "MAX_GROUPS", 2)
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert([call(feature=f"f{number}") for number in range(3)])

        with pytest.raises(QueryError, match="choose a shorter range"):
            call_groups(writer, QUERY, ())
