"""Which of a tool's spans are calls, and which only repeat what calls below them tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmtrace import semconv
from tests.otlp.dialects.reading import row_of
from tests.otlp.otlp_requests import START_NS, failed

SUMS = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 7,
    "llm.token_count.prompt": 100,
    "llm.token_count.completion": 7,
}
AGGREGATES: dict[str, tuple[str, dict[str, Any], str]] = {
    "openinference agent": ("some.tool", {"openinference.span.kind": "AGENT"}, "invoke_agent"),
    "openinference chain": ("some.tool", {"openinference.span.kind": "CHAIN"}, "invoke_workflow"),
    "openinference chain that says chat": (
        "some.tool",
        {"openinference.span.kind": "CHAIN", "gen_ai.operation.name": "chat"},
        "chat",
    ),
    "vercel generateText": ("ai", {"ai.operationId": "ai.generateText"}, "invoke_agent"),
    "vercel streamObject": ("ai", {"ai.operationId": "ai.streamObject"}, "invoke_agent"),
    "vercel embed": ("ai", {"ai.operationId": "ai.embed"}, "embeddings"),
    "vercel generateText with a kind": (
        "ai",
        {"ai.operationId": "ai.generateText", "openinference.span.kind": "LLM"},
        "invoke_agent",
    ),
    "langfuse agent": (
        "langfuse-sdk",
        {
            "langfuse.observation.type": "agent",
            "langfuse.observation.usage_details": '{"input": 100, "output": 7}',
        },
        "invoke_agent",
    ),
    "mlflow agent": (
        "mlflow",
        {
            "mlflow.spanType": '"AGENT"',
            "mlflow.chat.tokenUsage": '{"input_tokens": 100, "output_tokens": 7}',
        },
        "invoke_agent",
    ),
    "traceloop workflow": ("traceloop", {"traceloop.span.kind": "workflow"}, "invoke_workflow"),
    "pydantic-ai agent": (
        "pydantic-ai",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.aggregated_usage.input_tokens": 100},
        "invoke_agent",
    ),
    "strands agent": (
        "strands.telemetry.tracer",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "strands-agents"},
        "invoke_agent",
    ),
    "strands turn": (
        "strands.telemetry.tracer",
        {"gen_ai.operation.name": "execute_event_loop_cycle"},
        "execute_event_loop_cycle",
    ),
    "langsmith chain": ("langsmith", {"langsmith.span.kind": "chain"}, "invoke_workflow"),
    "otel agent": ("any", {"gen_ai.operation.name": "invoke_agent"}, "invoke_agent"),
}


@pytest.mark.parametrize("name", AGGREGATES)
def test_a_span_that_repeats_sums_is_no_call(name: str) -> None:
    scope, attributes, operation = AGGREGATES[name]

    row = row_of({**SUMS, **attributes}, scope=scope)

    assert not row.is_inference
    assert row.operation == operation
    assert row.cost_source is None


@pytest.mark.parametrize(
    ("attributes", "operation"),
    [
        ({"openinference.span.kind": "TOOL", "tool.name": "f"}, "execute_tool"),
        ({"ai.operationId": "ai.toolCall", "ai.toolCall.name": "f"}, "execute_tool"),
        ({"traceloop.span.kind": "tool", "traceloop.entity.name": "f"}, "execute_tool"),
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"}, "execute_tool"),
    ],
)
def test_a_tool_call_has_its_name_in_every_dialect(
    attributes: dict[str, Any], operation: str
) -> None:
    row = row_of(attributes)

    assert (row.operation, row.tool_name, row.is_inference) == (operation, "f", False)


LOGFIRE = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
}


def test_a_streamed_call_of_logfire_counts_in_the_log_of_its_answer() -> None:
    request = row_of({**LOGFIRE, "logfire.span_type": "span"}, scope="logfire.openai")
    log = row_of(
        {**LOGFIRE, "logfire.span_type": "log", "gen_ai.usage.input_tokens": 9, "duration": 2.0},
        scope="logfire.openai",
        end_ns=START_NS + 5_000_000_000,
    )

    assert (request.is_inference, log.is_inference) == (False, True)
    assert log.duration_ns == 2_000_000_000
    assert (request.is_stream, log.is_stream) == (True, True)


def test_a_call_of_logfire_that_failed_before_it_streamed_counts() -> None:
    row = row_of(
        {**LOGFIRE, "logfire.span_type": "span", "request_data": '{"stream": true}'},
        scope="logfire.openai",
        status=failed("refused"),
    )

    assert (row.is_inference, row.status) == (True, "error")


def test_the_announcement_of_a_span_is_no_call() -> None:
    attributes = {**LOGFIRE, "logfire.span_type": "pending_span", "gen_ai.usage.input_tokens": 9}

    assert not row_of(attributes, scope="logfire.openai").is_inference


def test_an_answer_from_litellm_s_cache_costs_nothing() -> None:
    row = row_of(
        {
            "llm.request.type": "completion",
            "gen_ai.system": "openai",
            "gen_ai.usage.prompt_tokens": 9,
            "metadata.cache_hit": "True",
            "gen_ai.cost.total_cost": 0.5,
        },
        scope="litellm",
    )

    assert (row.is_inference, row.cost_usd, row.cache_status) == (True, 0, "hit")


def test_litellm_s_raw_request_is_no_second_call() -> None:
    row = row_of({"gen_ai.operation.name": "chat"}, scope="litellm", name="raw_gen_ai_request")

    assert not row.is_inference


def test_our_own_spans_are_in_no_dialect() -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "bedrock",
        "openinference.span.kind": "CHAIN",
    }

    row = row_of(attributes, scope=semconv.SCOPE_NAME)

    assert (row.is_inference, row.provider) == (True, "bedrock")
    assert semconv.DIALECT not in row.attributes


def test_a_span_of_no_dialect_stays_as_it_came() -> None:
    row = row_of({"http.request.method": "GET", "session.id": "s"}, scope="http")

    assert row.attributes == {"http.request.method": "GET", "session.id": "s"}


def test_the_answer_in_an_openinference_span_names_itself_and_its_tier() -> None:
    answer = {"id": "chatcmpl-1", "service_tier": "flex", "usage": {"prompt_tokens": 1}}

    row = row_of(
        {"openinference.span.kind": "LLM", "output.value": json.dumps(answer)},
    )

    assert (row.response_id, row.service_tier) == ("chatcmpl-1", "flex")
    assert row.response_body == json.dumps(answer)


@pytest.mark.parametrize(
    ("attributes", "user", "session"),
    [
        ({"openinference.span.kind": "LLM", "user.id": "u", "session.id": "s"}, "u", "s"),
        (
            {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.telemetry.metadata.userId": "u",
                "ai.telemetry.metadata.sessionId": "s",
            },
            "u",
            "s",
        ),
        (
            {
                "llm.request.type": "chat",
                "traceloop.association.properties.user_id": "u",
                "traceloop.association.properties.session_id": "s",
            },
            "u",
            "s",
        ),
        ({"langfuse.observation.type": "span", "user.id": "u", "session.id": "s"}, "u", "s"),
        (
            {
                "mlflow.spanType": '"LLM"',
                "mlflow.trace.user": '"u"',
                "mlflow.trace.session": '"s"',
            },
            "u",
            "s",
        ),
    ],
    ids=["openinference", "vercel", "traceloop", "langfuse", "mlflow"],
)
def test_user_and_session_are_known_in_every_dialect(
    attributes: dict[str, Any], user: str, session: str
) -> None:
    row = row_of(attributes)

    assert (row.user_id, row.session_id) == (user, session)


@pytest.mark.parametrize(
    ("told", "status", "is_call"),
    [
        ({"gen_ai.usage.input_tokens": 3}, {}, True),
        ({}, {}, False),
        ({}, {"status": {"code": 2}}, True),
    ],
)
def test_of_vercel_7_s_two_spans_of_an_embedding_the_one_with_tokens_counts(
    told: dict[str, Any], status: dict[str, Any], is_call: bool
) -> None:
    named = {
        "operation.name": "gen_ai.client",
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small",
    }

    row = row_of({**named, **told}, scope="gen_ai", **status)

    assert row.is_inference is is_call
