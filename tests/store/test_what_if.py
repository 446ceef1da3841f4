"""Traffic on other models: what sums say is what pricing call by call says, exactly."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import pytest

import llmtrace.usage
from llmtrace.errors import QueryError
from llmtrace.pricing import PriceBook, load_overrides
from llmtrace.pricing.what_if import Assumptions, Candidate, uncached
from llmtrace.semconv import USAGE_REQUESTS_PREFIX, USAGE_UNITS_PREFIX
from llmtrace.store import DATABASE_FILE, Writer, open_store
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.pricing import row_usage
from llmtrace.store.restricted import RestrictedStore
from llmtrace.store.what_if import BEYOND_COLUMNS, WhatIf, what_if
from llmtrace.usage import read_usage
from llmtrace.usage.shape import Shape
from tests.store.calls import NOON, call, failed

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUERY = MetricQuery(
    measures=("requests",), start=NOON - timedelta(days=2), end=NOON + timedelta(days=1)
)
CANDIDATES = (
    Candidate(provider="openai", model="gpt-5-mini"),
    Candidate(provider="anthropic", model="claude-sonnet-4-5"),  # dearer beyond 200,000
    Candidate(provider="google", model="gemini-2.5-pro"),  # the same, audio and storage besides
    Candidate(provider="deepseek", model="deepseek-chat"),  # by the time of day
    Candidate(provider="perplexity", model="sonar"),  # a fee a request
    Candidate(provider="ours", model="by-the-call"),
    Candidate(provider="ollama", model="llama4"),
    Candidate(provider="nobody", model="knows"),
)
OWN = """
prices:
  - provider: ours
    model: by-the-call
    usd_per_mtok: {input: 0.3, output: 0.7, reasoning: 0.7}
    usd_per_request: {request: 0.0001}
"""


def usages(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """Return what some API tells of a call, small or long, cached or with parts or fees or not."""
    given = chance.choice((chance.randrange(2_000), chance.randrange(150_000, 300_000), 200_000))
    cached, made = chance.choice((0, given // 3)), chance.randrange(1, 900)
    audio = chance.choice((0, 0, 0, given // 5))
    thought = chance.choice((0, made // 2))
    openai = {
        "prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": audio},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }  # fmt: skip
    anthropic: dict[str, Any] = {
        "input_tokens": given - cached, "output_tokens": made, "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": audio,
        "cache_creation": {"ephemeral_5m_input_tokens": audio, "ephemeral_1h_input_tokens": 0},
    }  # fmt: skip
    if chance.random() < 0.2:
        anthropic["server_tool_use"] = {"web_search_requests": chance.randrange(3)}
    gemini = {
        "promptTokenCount": given, "candidatesTokenCount": made, "totalTokenCount": given + made,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": given - audio},
            *([{"modality": "VIDEO", "tokenCount": audio}] if audio else []),
        ],
    }  # fmt: skip
    speech = {"type": "duration", "seconds": round(chance.random() * 60, 3)}
    return chance.choice(
        (
            ("openai.chat", openai),
            ("openai.chat", openai),
            ("anthropic.messages", anthropic),
            ("gemini.generate_content", gemini),
            ("openai.transcription", speech),
        )
    )


def told(chance: random.Random) -> SpanRow:
    """Return a call as the app's side stores it: columns, and what they lack as attributes."""
    api, raw = usages(chance)
    counted = read_usage(api, raw)
    assert counted is not None
    columns: dict[str, Any] = {
        "cache_read_tokens": counted.cached_tokens, "cache_write_tokens": counted.cache_write,
        "cache_write_5m_tokens": counted.cache_write_5m or None,
        "cache_write_1h_tokens": counted.cache_write_1h or None,
        "reasoning_tokens": counted.output_reasoning,
        "audio_input_tokens": counted.input_audio or None,
        "image_input_tokens": counted.input_image or None,
        "audio_output_tokens": counted.output_audio or None,
    }  # fmt: skip
    attributes = {USAGE_REQUESTS_PREFIX + kind: str(n) for kind, n in counted.requests.items()}
    attributes |= {USAGE_UNITS_PREFIX + kind: str(n) for kind, n in counted.units.items()}
    cost = chance.choice((None, Decimal(chance.randrange(10**9)).scaleb(-12)))
    return call(
        NOON - timedelta(minutes=chance.randrange(1_000)), api=api, usage_raw=json.dumps(raw),
        input_tokens=counted.input_tokens, output_tokens=counted.output_tokens,
        service_tier=chance.choice((None, "default", "flex")), usage_source="provider",
        attributes=attributes, cost_usd=cost, cost_source="list" if cost else "unpriced",
        feature=chance.choice(("a", "b")), **columns,
    )  # fmt: skip


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> PriceBook:
    path = tmp_path_factory.mktemp("prices") / "prices.yaml"
    path.write_text(OWN)
    return PriceBook(load_overrides(path))


def stored(home: Path, rows: list[SpanRow]) -> Path:
    with Writer(home / DATABASE_FILE) as writer:
        writer.insert(rows)
    return home


def asked(home: Path, book: PriceBook, query: MetricQuery = QUERY, **assumed: Any) -> WhatIf:
    return what_if(
        open_store(home), query, book, CANDIDATES, at=AT, assumptions=Assumptions(**assumed)
    )


def of_its_time(row: SpanRow) -> datetime:
    began = datetime.fromtimestamp(row.start_time_us / 1e6, UTC)
    return AT.replace(hour=began.hour, minute=began.minute)


@pytest.mark.parametrize(
    ("caching", "tiers"), [("measured", "measured"), ("none", "measured"), ("none", "standard")]
)
def test_sums_are_priced_as_the_calls_one_by_one(
    tmp_path: Path, book: PriceBook, caching: str, tiers: str
) -> None:
    chance = random.Random(f"{caching} {tiers}")
    rows = [told(chance) for _ in range(150)]
    stored(tmp_path, rows)

    found = asked(tmp_path, book, caching=caching, tiers=tiers)

    assert (found.calls, found.silent_calls, found.unread_calls) == (150, 0, 0)
    assert found.charged_usd == sum(row.cost_usd or 0 for row in rows)
    assert found.uncharged_calls == sum(row.cost_usd is None for row in rows)
    for result in found.candidates:
        each = result.candidate
        total, before, after, compared = Decimal(0), Decimal(0), Decimal(0), 0
        unpriced, priced, too_long = Counter[str](), 0, 0
        window = book.context_window(each.provider, each.model)
        for row in rows:
            usage = row_usage(row)
            assert usage is not None
            cost = book.price(
                each.provider, each.model, of_its_time(row),
                uncached(usage) if caching == "none" else usage,
                service_tier=row.service_tier if tiers == "measured" else None,
            )  # fmt: skip
            too_long += window is not None and usage.input_tokens > window
            if cost.total_usd is None:
                unpriced[cost.reason or ""] += 1
                continue
            priced, total = priced + 1, total + cost.total_usd
            if row.cost_usd is not None:
                compared += 1
                before, after = before + row.cost_usd, after + cost.total_usd
        assert result.cost_usd == (total if priced else None)
        assert (result.priced_calls, result.unpriced) == (priced, unpriced)
        assert (result.compared_calls, result.before_usd, result.after_usd) == (
            compared, before, after,
        )  # fmt: skip
        assert result.too_long_calls == (None if window is None else too_long)
        assert result.calls == 150


def test_filters_choose_the_traffic(tmp_path: Path, book: PriceBook) -> None:
    stored(tmp_path, [call(feature="a"), call(feature="a"), call(feature="b"), failed(feature="a")])

    found = asked(tmp_path, book, MetricQuery(
        measures=("requests",), start=QUERY.start, end=QUERY.end, filters={"feature": ("a",)}
    ))  # fmt: skip

    assert (found.calls, found.silent_calls) == (3, 1)
    assert found.candidates[0].calls == 2
    assert found.candidates[0].before_usd == Decimal("0.02")


def test_who_sees_one_tenant_is_told_of_its_calls_alone(tmp_path: Path, book: PriceBook) -> None:
    fee = {USAGE_REQUESTS_PREFIX + "web_search": "1"}
    stored(tmp_path, [call(tenant="acme"), call(tenant="acme", attributes=fee), call(tenant="b"),
                      call(tenant="b", attributes=fee), call()])  # fmt: skip
    own = RestrictedStore(open_store(tmp_path), ["acme"])

    found = what_if(own, QUERY, book, CANDIDATES, at=AT, assumptions=Assumptions())

    assert (found.calls, found.charged_usd) == (2, Decimal("0.02"))
    assert found.candidates[0].calls == 2


def test_the_newest_particular_calls_are_read_and_the_others_counted(
    tmp_path: Path, book: PriceBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.store.what_if.MAX_READ", 2)
    fee = {USAGE_REQUESTS_PREFIX + "web_search": "1"}
    stored(tmp_path, [call(attributes=fee) for _ in range(5)])

    found = asked(tmp_path, book)

    assert (found.unread_calls, found.candidates[0].calls, found.silent_calls) == (3, 2, 0)


def test_a_share_moves_that_much_of_what_can_be_compared(tmp_path: Path, book: PriceBook) -> None:
    stored(tmp_path, [call(cost_usd=Decimal("0.03")), call(cost_usd=None)])

    found = asked(tmp_path, book)

    ours, nobodys = found.candidates[5], found.candidates[7]
    usage = row_usage(call())
    assert usage is not None
    there = book.price("ours", "by-the-call", AT, usage).total_usd
    assert there is not None
    assert found.bill_usd(ours, Decimal("0.25")) == Decimal("0.03") * 3 / 4 + there / 4
    assert found.bill_usd(ours, Decimal(0)) == Decimal("0.03")
    assert found.bill_usd(nobodys, Decimal(1)) is None


def test_a_garbage_count_has_no_price_and_takes_no_other_call_along(
    tmp_path: Path, book: PriceBook
) -> None:
    stored(tmp_path, [call(), call(input_tokens=10**9, output_tokens=2**63 - 1)])

    found = asked(tmp_path, book).candidates[0]

    assert (found.priced_calls, found.calls) == (1, 2)
    assert next(iter(found.unpriced)).endswith("the counts cannot be right")


def test_nothing_selected_is_nothing_and_unknown(tmp_path: Path, book: PriceBook) -> None:
    stored(tmp_path, [call(NOON - timedelta(days=30))])

    found = asked(tmp_path, book)

    assert (found.calls, found.charged_usd) == (0, None)
    assert found.candidates[0].cost_usd is None
    assert found.candidates[0].delta_usd is None


def test_an_unknown_filter_is_told(tmp_path: Path, book: PriceBook) -> None:
    query = MetricQuery(
        measures=("requests",), start=QUERY.start, end=QUERY.end, filters={"colour": ("red",)}
    )

    with pytest.raises(QueryError, match="colour"):
        asked(tmp_path, book, query)


def _places() -> list[str]:
    """Return every place of a usage object that tells what the columns do not."""
    fields = ("cached_audio", "cached_image", "cached_video", "input_video", "output_video")
    found: set[str] = set()
    for module in iter_modules(llmtrace.usage.__path__):
        for value in vars(import_module(f"llmtrace.usage.{module.name}")).values():
            if isinstance(value, Shape):
                found.update(place for field in fields for place in getattr(value, field))
                for kinds in (value.requests, value.units):
                    found.update(place for places in kinds.values() for place in places)
    return sorted(found)


@pytest.mark.parametrize("place", _places())
def test_whatever_the_columns_do_not_tell_is_read_from_the_usage_itself(place: str) -> None:
    name = place.rpartition(".")[2]
    if name.isupper():
        assert re.search(BEYOND_COLUMNS, json.dumps({"modality": name, "tokenCount": 3}))
        return
    parent = place.rpartition(".")[0].rpartition(".")[2]
    if parent and name in {"audio", "image", "video"}:
        assert re.search(BEYOND_COLUMNS, json.dumps({parent: {name: 3}}))
    for number in (7, 0.05, 120):
        assert re.search(BEYOND_COLUMNS, json.dumps({name: number}))
        assert re.search(BEYOND_COLUMNS, json.dumps({name: number}, separators=(",", ":")))
    assert not re.search(BEYOND_COLUMNS, json.dumps({name: 0, "total_tokens": 12}))


def test_plain_usage_needs_no_reading() -> None:
    usage = {
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "service_tier": "default",
        "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0, "image_tokens": None},
        "server_tool_use": {"web_search_requests": 0},
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
    }  # fmt: skip

    assert not re.search(BEYOND_COLUMNS, json.dumps(usage))
