"""One call, as each tool and each of its versions tells it: the same columns."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from tests.otlp.dialects.reading import counts, row_of


class Case(NamedTuple):
    dialect: str
    attributes: dict[str, Any]
    counts: tuple[int | None, ...]
    """Input, output, cache read, cache write, reasoning."""
    scope: str = "some.tool"
    provider: str = "anthropic"
    operation: str = "chat"
    anomaly: str | None = None
    name: str = "call"


GEN_AI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
}
OLD_GEN_AI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
}
OI = {
    "openinference.span.kind": "LLM",
    "llm.provider": "anthropic",
    "llm.model_name": "claude-sonnet-4-5",
}
TRACELOOP = {
    "llm.request.type": "chat",
    "gen_ai.system": "Anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
}
VERCEL = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.id": "claude-sonnet-4-5",
    "ai.model.provider": "anthropic.messages",
}
LANGFUSE = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "claude-sonnet-4-5",
}
MLFLOW = {
    "mlflow.spanType": '"CHAT_MODEL"',
    "mlflow.llm.model": '"claude-sonnet-4-5"',
    "mlflow.llm.provider": '"anthropic"',
}
ADDED = "cached tokens (90) are not in the input (10): added"
ANTHROPIC_USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 90,
    "cache_creation_input_tokens": 0,
    "output_tokens": 7,
}

CASES = {
    "otel, released": Case(
        "otel",
        {
            **GEN_AI,
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.cache_read.input_tokens": 60,
            "gen_ai.usage.cache_creation.input_tokens": 30,
        },
        (100, 7, 60, 30, None),
    ),
    "otel, coming": Case(
        "otel",
        {
            **GEN_AI,
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.cache_write.input_tokens": 30,
            "gen_ai.usage.reasoning.output_tokens": 5,
        },
        (100, 7, None, 30, 5),
    ),
    "otel, first": Case(
        "otel",
        {**OLD_GEN_AI, "gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 7},
        (100, 7, None, None, None),
    ),
    "otel, cache that cannot be in the input": Case(
        "otel",
        {
            **GEN_AI,
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.cache_read.input_tokens": 90,
        },
        (100, 7, 90, None, None),
        anomaly=ADDED,
    ),
    "otel, a total that proves the cache is beside": Case(
        "otel",
        {
            **GEN_AI,
            "gen_ai.usage.input_tokens": 95,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.total_tokens": 190,
            "gen_ai.usage.cache_read.input_tokens": 90,
        },
        (185, 5, 90, None, None),
        anomaly="cached tokens (90) are not in the input (95): added",
    ),
    "openinference": Case(
        "openinference",
        {
            **OI,
            "llm.token_count.prompt": 100,
            "llm.token_count.completion": 7,
            "llm.token_count.total": 107,
            "llm.token_count.prompt_details.cache_read": 60,
            "llm.token_count.prompt_details.cache_write": 30,
            "llm.token_count.completion_details.reasoning": 3,
        },
        (100, 7, 60, 30, 3),
    ),
    "openinference, before it put Anthropic's cache in the prompt": Case(
        "openinference",
        {
            **OI,
            "llm.token_count.prompt": 10,
            "llm.token_count.completion": 7,
            "llm.token_count.prompt_details.cache_read": 90,
        },
        (100, 7, 90, None, None),
        anomaly=ADDED,
    ),
    "openinference, the same with the answer": Case(
        "openinference",
        {
            **OI,
            "llm.token_count.prompt": 10,
            "llm.token_count.completion": 7,
            "output.value": json.dumps({"id": "msg_1", "usage": ANTHROPIC_USAGE}),
        },
        (100, 7, 90, None, None),
    ),
    "openinference, oldest names": Case(
        "openinference",
        {
            "openinference.span.kind": "LLM",
            "llm.system": "anthropic",
            "llm.model_name": "claude-sonnet-4-5",
            "llm.token_count.prompt": 100,
            "llm.token_count.completion": 7,
        },
        (100, 7, None, None, None),
    ),
    "traceloop, old": Case(
        "traceloop",
        {
            **TRACELOOP,
            "gen_ai.usage.prompt_tokens": 100,
            "gen_ai.usage.completion_tokens": 7,
            "llm.usage.total_tokens": 107,
            "gen_ai.usage.cache_read_input_tokens": 60,
            "gen_ai.usage.cache_creation_input_tokens": 30,
        },
        (100, 7, 60, 30, None),
    ),
    "traceloop, oldest": Case(
        "traceloop",
        {
            "llm.request.type": "chat",
            "gen_ai.system": "Anthropic",
            "llm.request.model": "claude-sonnet-4-5",
            "llm.usage.prompt_tokens": 100,
            "llm.usage.completion_tokens": 7,
        },
        (100, 7, None, None, None),
    ),
    "traceloop, new": Case(
        "traceloop",
        {
            **GEN_AI,
            "gen_ai.is_streaming": False,
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.total_tokens": 107,
            "gen_ai.usage.reasoning_tokens": 3,
        },
        (100, 7, None, None, 3),
        scope="opentelemetry.instrumentation.anthropic",
    ),
    "logfire": Case(
        "logfire",
        {
            **GEN_AI,
            "logfire.span_type": "span",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.raw": json.dumps(ANTHROPIC_USAGE),
            "gen_ai.response.id": "msg_1",
        },
        (100, 7, 90, None, None),
        scope="logfire.anthropic",
    ),
    "pydantic-ai": Case(
        "logfire",
        {
            **GEN_AI,
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.details.cache_read_tokens": 60,
            "gen_ai.usage.details.cache_write_tokens": 30,
            "gen_ai.usage.details.reasoning_tokens": 3,
        },
        (100, 7, 60, 30, 3),
        scope="pydantic-ai",
    ),
    "vercel 3 and 4": Case(
        "vercel",
        {
            **VERCEL,
            "ai.usage.promptTokens": 10,
            "ai.usage.completionTokens": 7,
            "ai.response.providerMetadata": json.dumps(
                {"anthropic": {"cacheCreationInputTokens": 30, "cacheReadInputTokens": 60}}
            ),
        },
        (100, 7, 60, 30, None),
    ),
    "vercel 5": Case(
        "vercel",
        {
            **VERCEL,
            "ai.usage.inputTokens": 10,
            "ai.usage.outputTokens": 7,
            "ai.usage.totalTokens": 17,
            "ai.usage.cachedInputTokens": 60,
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.system": "anthropic.messages",
        },
        (70, 7, 60, None, None),
    ),
    "vercel 7": Case(
        "vercel",
        {
            "operation.name": "gen_ai.client my-feature",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.response.model": "claude-sonnet-4-5-20250929",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.cache_read.input_tokens": 60,
            "gen_ai.usage.cache_creation.input_tokens": 30,
            "ai.usage.outputTokenDetails.reasoningTokens": 3,
        },
        (100, 7, 60, 30, 3),
        scope="gen_ai",
    ),
    "vercel 5 at OpenAI": Case(
        "vercel",
        {
            **VERCEL,
            "ai.model.id": "gpt-4o-mini",
            "ai.model.provider": "openai.responses",
            "ai.usage.inputTokens": 100,
            "ai.usage.outputTokens": 7,
            "ai.usage.cachedInputTokens": 60,
            "ai.usage.reasoningTokens": 3,
        },
        (100, 7, 60, None, 3),
        provider="openai",
    ),
    "vercel 6": Case(
        "vercel",
        {
            **VERCEL,
            "ai.usage.inputTokens": 100,
            "ai.usage.outputTokens": 7,
            "ai.usage.cachedInputTokens": 60,
            "ai.usage.inputTokenDetails.noCacheTokens": 10,
            "ai.usage.inputTokenDetails.cacheReadTokens": 60,
            "ai.usage.inputTokenDetails.cacheWriteTokens": 30,
            "ai.usage.outputTokenDetails.reasoningTokens": 3,
        },
        (100, 7, 60, 30, 3),
    ),
    "vercel, embedding": Case(
        "vercel",
        {
            "ai.operationId": "ai.embed.doEmbed",
            "ai.model.id": "text-embedding-3-small",
            "ai.model.provider": "openai.embedding",
            "ai.usage.tokens": 9,
        },
        (9, None, None, None, None),
        provider="openai",
        operation="embeddings",
    ),
    "langfuse, its own details": Case(
        "langfuse",
        {
            **LANGFUSE,
            "langfuse.observation.usage_details": json.dumps(
                {"input": 10, "input_cached_tokens": 90, "output": 4, "output_reasoning_tokens": 3}
            ),
        },
        (100, 7, 90, None, 3),
    ),
    "langfuse, of LangChain": Case(
        "langfuse",
        {
            **LANGFUSE,
            "langfuse.observation.metadata.ls_provider": '"anthropic"',
            "langfuse.observation.usage_details": json.dumps(
                {
                    "input": 10,
                    "output": 7,
                    "cache_creation_input_tokens": 90,
                    "cache_creation_ephemeral_5m_input_tokens": 90,
                    "cache_creation_ephemeral_1h_input_tokens": 0,
                }
            ),
        },
        (100, 7, None, 90, None),
    ),
    "langfuse, of LiteLLM's callback, which leaves writes in the input": Case(
        "langfuse",
        {
            **LANGFUSE,
            "langfuse.observation.usage_details": json.dumps(
                {
                    "input": 30,
                    "output": 7,
                    "cache_read_input_tokens": 70,
                    "cache_creation_input_tokens": 20,
                    "total": 107,
                }
            ),
        },
        (100, 7, 70, 20, None),
        anomaly="input (30) holds 20 cached tokens too, by the total: counted once",
    ),
    "langfuse, the provider's object": Case(
        "langfuse",
        {
            **LANGFUSE,
            "langfuse.observation.model.name": "gpt-4o-mini",
            "langfuse.observation.usage_details": json.dumps(
                {
                    "prompt_tokens": 100,
                    "completion_tokens": 7,
                    "total_tokens": 107,
                    "prompt_tokens_details": {"cached_tokens": 60},
                }
            ),
        },
        (100, 7, 60, None, None),
        provider="openai",
    ),
    "mlflow": Case(
        "mlflow",
        {
            **MLFLOW,
            "mlflow.chat.tokenUsage": json.dumps(
                {
                    "input_tokens": 100,
                    "output_tokens": 7,
                    "total_tokens": 107,
                    "cache_read_input_tokens": 60,
                    "cache_creation_input_tokens": 30,
                }
            ),
        },
        (100, 7, 60, 30, None),
    ),
    "mlflow, before it counted the cache": Case(
        "mlflow",
        {
            **MLFLOW,
            "mlflow.chat.tokenUsage": '{"input_tokens":10,"output_tokens":7,"total_tokens":17}',
            "mlflow.spanOutputs": json.dumps({"id": "msg_1", "usage": ANTHROPIC_USAGE}),
        },
        (100, 7, 90, None, None),
    ),
    "strands at Bedrock": Case(
        "strands",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "strands-agents",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.completion_tokens": 7,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.total_tokens": 107,
            "gen_ai.usage.cache_read_input_tokens": 60,
            "gen_ai.usage.cache_write_input_tokens": 30,
        },
        (100, 7, 60, 30, None),
        scope="strands.telemetry.tracer",
    ),
    "litellm": Case(
        "litellm",
        {
            "llm.request.type": "acompletion",
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.response.model": "anthropic/claude-sonnet-4-5",
            "gen_ai.usage.prompt_tokens": 100,
            "gen_ai.usage.completion_tokens": 7,
            "llm.usage.total_tokens": 107,
            "gen_ai.cost.total_cost": 0.5,
            "llm.is_streaming": "True",
        },
        (100, 7, None, None, None),
        scope="litellm",
        name="litellm_request",
    ),
    "langsmith": Case(
        "langsmith",
        {
            "langsmith.span.kind": "llm",
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7,
        },
        (100, 7, None, None, None),
    ),
    "anthropic's SDK": Case(
        "native",
        {
            **GEN_AI,
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.cache_write.input_tokens": 90,
            "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 0,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 90,
        },
        (100, 7, None, 90, None),
        scope="com.anthropic.sdk.python",
    ),
    "xAI's SDK": Case(
        "native",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "xai",
            "gen_ai.request.model": "grok-4",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.total_tokens": 127,
            "gen_ai.usage.reasoning_tokens": 20,
            "gen_ai.usage.cached_prompt_text_tokens": 60,
        },
        (100, 27, 60, None, 20),
        scope="xai_sdk.sync.chat",
        provider="x_ai",
        anomaly="reasoning tokens are not in the output but in the total: added",
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_a_call_has_the_columns_that_all_calls_have(case: Case) -> None:
    row = row_of(case.attributes, scope=case.scope, name=case.name)

    assert row.is_inference
    assert counts(row) == case.counts
    assert row.usage_anomaly == case.anomaly
    assert (row.operation, row.origin) == (case.operation, case.scope)
    assert row.attributes["llmtrace.dialect"] == case.dialect
    assert row.request_model
    if case.dialect != "strands":  # names itself as the system, and no one else
        assert row.provider == case.provider


def test_a_cost_that_a_tool_estimates_is_no_cost(case: Case) -> None:
    estimates: dict[str, Any] = {
        "operation.cost": 0.25,
        "llm.cost.total": 0.25,
        "langfuse.observation.cost_details": '{"total": 0.25}',
        "mlflow.llm.cost": '{"total_cost": 0.25}',
        "gen_ai.cost.total_cost": 0.25,
        "gen_ai.usage.cost": 0.25,
    }

    row = row_of({**case.attributes, **estimates}, scope=case.scope, name=case.name)

    assert (row.cost_usd, row.cost_source) == (None, "unpriced")
    assert estimates.keys() <= row.attributes.keys()


def test_what_a_dialect_does_not_know_is_kept(case: Case) -> None:
    row = row_of({**case.attributes, "shop.order": "o-17"}, scope=case.scope, name=case.name)

    assert row.attributes["shop.order"] == "o-17"


@pytest.mark.parametrize(
    ("attributes", "scope"),
    [
        ({"gen_ai.usage.cost_in_usd_ticks": 25_000_000_000}, "xai_sdk.sync.chat"),
        (
            {
                **VERCEL,
                "ai.response.providerMetadata": '{"gateway": {"cost": "2.5"}}',
            },
            "ai",
        ),
    ],
    ids=["xAI's ticks", "Vercel's gateway"],
)
def test_a_cost_that_the_seller_states_is_the_cost(attributes: dict[str, Any], scope: str) -> None:
    row = row_of({**GEN_AI, **attributes}, scope=scope)

    assert (row.cost_usd, row.cost_source) == (pytest.approx(2.5), "provider")


def test_lifetimes_of_cache_writes_are_told_apart_where_anyone_tells_them() -> None:
    native = CASES["anthropic's SDK"]
    langfuse = CASES["langfuse, of LangChain"]

    assert row_of(native.attributes, scope=native.scope).cache_write_1h_tokens == 90
    assert row_of(langfuse.attributes).cache_write_5m_tokens == 90


def test_a_provider_that_no_one_named_is_inferred_from_its_own_model_and_marked() -> None:
    case = CASES["langfuse, its own details"]

    row = row_of(case.attributes)

    assert row.provider == "anthropic"
    assert row.attributes["llmtrace.provider.inferred"] == "true"
    assert (
        row_of({**case.attributes, "langfuse.observation.model.name": "my-model"}).provider is None
    )
