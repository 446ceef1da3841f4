"""Prices held against recorded traffic: how much is priced, and against what providers stated."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from llmtrace import semconv
from llmtrace.instrument.providers import local_program, provider_of
from llmtrace.pricing import PriceBook, region_of
from llmtrace.usage import read_reported_cost, read_service_tier, read_usage

_ROOT: Final = Path(__file__).parents[2]
_NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
_APIS: Final = (
    ("/chat/completions", semconv.API_OPENAI_CHAT),
    ("responses", semconv.API_OPENAI_RESPONSES),
    ("/messages", semconv.API_ANTHROPIC_MESSAGES),
    ("enerateContent", semconv.API_GEMINI_GENERATE),
    ("mbedContent", semconv.API_GEMINI_EMBED),
    ("interactions", semconv.API_GEMINI_INTERACTIONS),
    ("invoke", semconv.API_BEDROCK_INVOKE),
    ("converse", semconv.API_BEDROCK_CONVERSE),
    ("grpc:", semconv.API_XAI_CHAT),
    ("/embeddings", semconv.API_OPENAI_EMBEDDINGS),
    ("/completions", semconv.API_OPENAI_COMPLETIONS),
)
_COHERE: Final = {"/chat": semconv.API_COHERE_CHAT, "/embed": semconv.API_COHERE_EMBED}
_NAMES: Final = {"mistral": "mistral_ai", "voyage": "voyage", "xai": "x_ai"}
_LOCAL: Final = ("local", "ollama", "vllm", "llamacpp")
_CLOSE: Final = Decimal("0.005")

_LEAST_PRICED: Final = Decimal("0.94")
"""What is priced of the hosted calls as recorded, hand-written ones and all; who answered behind a
router is not in them. docs/accuracy.md has the number of what an instrumented app would see."""


def _recorded(name: str) -> list[dict[str, Any]]:
    for place in (os.environ.get("LLMTRACE_WIRE"), _ROOT.parent / "shared" / "wire"):
        file = Path(place, f"{name}.jsonl.gz") if place else None
        if file is not None and file.is_file():
            with gzip.open(file, "rt", encoding="utf-8") as lines:
                return [json.loads(line) for line in lines]
    return []


_ROWS: Final = _recorded("exchanges")
_TRUTH: Final = _recorded("cost_truth")
_BOOK: Final = PriceBook()
pytestmark = pytest.mark.skipif(
    not _ROWS, reason="recorded traffic not found: set LLMTRACE_WIRE to its folder"
)


def _api(row: dict[str, Any]) -> str:
    endpoint: str = row["endpoint"]
    if row["provider"] == "cohere":
        return _COHERE.get(endpoint, endpoint)
    if row["provider"] == "mistral" and "chat" in endpoint:
        return semconv.API_MISTRAL_CHAT
    return next((api for part, api in _APIS if part in endpoint), endpoint)


def _body(row: dict[str, Any]) -> Any:
    try:
        return json.loads(row["response_body"])
    except (TypeError, ValueError):
        return None


def _provider(row: dict[str, Any], body: Any) -> str:
    named = provider_of(row["host"]) or local_program(
        row["host"], body if isinstance(body, dict) else None
    )
    behind = row["path"].split("/")[1]
    if named == "huggingface" and behind not in {"v1", "router"}:
        return f"huggingface_{behind}"
    if named is None and _api(row).startswith("openai") and row["provider"] != "openai-compatible":
        return "openai"
    return named or _NAMES.get(row["provider"], row["provider"])


def _price(row: dict[str, Any]) -> Any:
    """Price a row by list prices alone, as the instrumented call would be."""
    told, body = row["truth"], _body(row)
    usage = read_usage(_api(row), told["usage"], response=body)
    if usage is None:
        return None
    provider = _provider(row, body)
    recorded = told.get("recorded")
    at = datetime.fromisoformat(recorded) if recorded else _NOON
    in_path = row["path"].partition("/ai/run/")[2]
    found = None
    for model in (told.get("resp_model"), told.get("req_model"), in_path):
        cost = _BOOK.price(
            provider,
            model,
            at,
            usage,
            service_tier=told.get("service_tier") or read_service_tier(body),
            region=region_of(provider, host=row["host"], path=row["path"], usage=told["usage"]),
        )
        found = cost if found is None or cost.total_usd is not None else found
        if found.total_usd is not None:
            return found
    return found


def _hosted() -> list[dict[str, Any]]:
    return [
        row
        for row in _ROWS
        if row["truth"]["usage"]
        and not row["truth"]["error"]
        and row["status"] == 200
        and row["category"] in {"inference", "embeddings"}
        and not row["provider"].startswith(_LOCAL)
        and not {"guardrail", "cachedContents"} & set(row["endpoint"].split("/"))
    ]


def test_nearly_all_hosted_calls_have_a_price() -> None:
    rows = _hosted()

    priced = [
        row
        for row in rows
        if read_reported_cost(row["truth"]["usage"]) is not None
        or getattr(_price(row), "total_usd", None) is not None
    ]

    assert len(rows) > 900
    assert Decimal(len(priced)) / len(rows) >= _LEAST_PRICED


_ROUNDS: Final = "the provider rounds each part to a tenth of a cent"
_PLUG_IN: Final = "a plug-in's fee, which the answer does not name"
_REASONS: Final = {
    "openrouter": "another upstream's price, or one that changed: the list has one, of today",
    "openai": "somebody's proxy: the host says OpenAI, the model is another's",
    "xai": "a fixture, or a price that changed: the list has no history of it",
}


def _why(row: dict[str, Any], cost: Any) -> str | None:
    """Say why list prices cannot give what the provider stated; None if they do, "?" if unknown."""
    stated, told = Decimal(str(row["truth"]["provider_reported_cost_usd"])), row["truth"]["usage"]
    if cost is None or cost.total_usd is None:
        return "unpriced"
    difference = abs(cost.total_usd - stated)
    if difference <= _CLOSE * stated:
        return None
    if row["provider"] == "perplexity":
        return _ROUNDS if difference <= Decimal("0.0015") else "?"
    upstream = (told.get("cost_details") or {}).get("upstream_inference_cost")
    is_more = upstream is not None and stated - Decimal(str(upstream)) >= Decimal("0.0005")
    return _PLUG_IN if is_more else _REASONS.get(row["provider"], "?")


@pytest.mark.parametrize("provider", ["perplexity", "openrouter", "xai", "openai"])
def test_what_providers_state_is_met_or_the_reason_is_known(provider: str) -> None:
    rows = [
        row
        for row in _TRUTH
        if row["provider"] == provider
        and row["truth"].get("provider_reported_cost_usd") is not None
    ]

    reasons = [_why(row, _price(row)) for row in rows]

    assert "?" not in reasons
    met = reasons.count(None)
    assert met >= {"perplexity": 45, "openrouter": 110, "xai": 5, "openai": 0}[provider]


def test_perplexity_is_never_off_by_more_than_its_own_rounding() -> None:
    rows = [row for row in _TRUTH if row["provider"] == "perplexity"]

    reasons = {_why(row, _price(row)) for row in rows}

    assert reasons <= {None, _ROUNDS}
