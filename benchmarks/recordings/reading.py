"""One recorded exchange all the way: bytes → wire format → usage → tier → price.

As in an instrumented app, with two things taken from the recording where the bytes have no reader
here (websockets, gRPC, hosts without an integration): the usage object and the models.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from benchmarks.recordings.apis import api_of
from llmtrace import wire
from llmtrace.instrument.money import is_form_of
from llmtrace.instrument.providers import local_program, provider_of
from llmtrace.pricing import region_of
from llmtrace.usage import read_reported_cost, read_service_tier, read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from benchmarks.recordings.exchanges import Exchange
    from llmtrace.pricing import PriceBook
    from llmtrace.records import Cost, TokenUsage

_UNDATED: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""When a call was made that the recording does not date."""

_SDKS_OWN: Final = (
    # wire format → the provider that its SDK is made for, which a host nobody knows counts as
    ("openai.", "openai"),
    ("anthropic.", "anthropic"),
    ("gemini.", "gcp.gemini"),
    ("cohere.", "cohere"),
    ("mistral.", "mistral_ai"),
    ("bedrock.", "aws.bedrock"),
    ("ollama.", "ollama"),
    ("xai.", "x_ai"),
)
SENDERS: Final[dict[str, str]] = {
    name: provider
    for group in yaml.safe_load(Path(__file__).with_name("senders.yaml").read_text("utf-8"))
    for provider, names in group["providers"].items()
    for name in names
}
"""Exchanges whose recording lost who answered → the provider, as an instrumented call has it."""

_MODEL_IN_PATH: Final = re.compile(r"/(?:models|ai/run)/(@?[^:]+?)(?::\w+)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What llmtrace makes of an exchange."""

    row: Exchange
    api: str
    provider: str
    model: str | None
    tier: str | None
    """The service tier that served the call."""
    at: datetime
    usage: TokenUsage | None
    is_from_bytes: bool
    """Our wire format read the usage out of the recorded bytes, not the recording's reader."""
    cost: Cost
    """By published prices, whatever the provider stated."""
    stated_usd: Decimal | None
    """What the provider said the call cost."""

    @property
    def is_priced(self) -> bool:
        """Whether the call has a cost, stated or listed."""
        return self.stated_usd is not None or self.cost.total_usd is not None


def read(row: Exchange, book: PriceBook) -> Reading:
    """Read an exchange that has a usage object."""
    api = api_of(row) or ""
    body, fields = _answer(api, row)
    is_from_bytes = fields is not None and fields.usage is not None
    raw: Mapping[str, object] = row["truth"]["usage"]
    if fields is not None and fields.usage is not None:
        raw = fields.usage
    usage = read_usage(api, raw, response=body)
    provider = _provider(row, api, body)
    at = _time(row)
    tier = read_service_tier(body) or row["truth"]["service_tier"]
    models = [name for name in _models(row, provider) if name] or [None]
    region = region_of(provider, host=row["host"], path=row["path"], usage=raw)
    costs = [
        book.price(provider, model, at, usage, service_tier=tier, region=region)
        for model in models
        if usage
    ]
    chosen = next((n for n, cost in enumerate(costs) if cost.total_usd is not None), 0)
    return Reading(
        row=row,
        api=api,
        provider=provider,
        model=models[chosen],
        tier=tier,
        at=at,
        usage=usage,
        is_from_bytes=is_from_bytes,
        cost=costs[chosen],
        stated_usd=read_reported_cost(raw),
    )


def _answer(api: str, row: Exchange) -> tuple[dict[str, Any] | None, wire.ResponseFields | None]:
    """Return the body of an answer over HTTP, and what our wire format reads in it."""
    if row["transport"] != "http" or api not in wire.SUPPORTED_APIS:
        return None, None
    text = row["response_body"]
    is_bytes = row.get("response_body_encoding") == "base64"
    data = base64.b64decode(text) if is_bytes else text.encode()
    if wire.looks_streamed(api, data):
        merged = wire.merge_stream(api, data)
        return dict(merged.body), merged.fields
    try:
        body = json.loads(data)
    except ValueError:
        return None, None
    if not isinstance(body, dict):
        return None, None
    return body, wire.response_fields(api, body)


def _provider(row: Exchange, api: str, body: dict[str, Any] | None) -> str:
    if row["id"] in SENDERS:
        return SENDERS[row["id"]]
    host = row["host"] and row["host"].partition(":")[0]  # some recordings have the port in it
    known = provider_of(host, path=row["path"]) or local_program(host, body)
    if known is not None:
        return known
    if host is None:  # the recording's word for who answered
        return row["provider"].replace("azure-voicelive", "azure.ai.openai")
    return next((name for prefix, name in _SDKS_OWN if api.startswith(prefix)), row["provider"])


def _time(row: Exchange) -> datetime:
    told = row["truth"]["recorded"]
    return _UNDATED if told is None else datetime.fromisoformat(told)


def _models(row: Exchange, provider: str) -> list[str | None]:
    """Return the model that answered, then the one asked for, in the path, in the session.

    As in an instrumented call: what was asked for has no say if quite another model answered, but
    at Bedrock, whose ids tell more than the vendor's name in the answer.
    """
    in_path = _MODEL_IN_PATH.search(row["path"])
    answered, asked = row["truth"]["resp_model"], row["truth"]["req_model"]
    if provider == "aws.bedrock":
        answered, asked = asked, answered
    elif asked and not is_form_of(answered, asked):
        asked = None
    return [
        answered,
        asked,
        in_path.group(1) if in_path else None,
        _model_of_session(row) if row["transport"] == "websocket" else None,
    ]


def _model_of_session(row: Exchange) -> str | None:
    """Return the model that a websocket's first messages name, on either side."""
    sent = row["request_body"] if isinstance(row["request_body"], list) else []
    received = [json.loads(line) for line in row["response_body"].splitlines() if line.strip()]
    for message in (*sent, *received):
        for part in ("setup", "session", "response"):
            found = message.get(part)
            if isinstance(found, dict) and isinstance(found.get("model"), str):
                return found["model"]
    return None
