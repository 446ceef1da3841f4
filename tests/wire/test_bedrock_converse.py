"""Converse: requests, answers, tools, as Bedrock defines them."""

from __future__ import annotations

from llmtrace import wire

API = "bedrock.converse"
TOOL = {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": {"type": "object"}}}}


def test_the_parameters_of_a_request_are_read() -> None:
    fields = wire.request_fields(
        API,
        {
            "messages": [],
            "inferenceConfig": {
                "maxTokens": 7,
                "temperature": 0.5,
                "topP": 0.9,
                "stopSequences": ["|"],
            },
            "additionalModelRequestFields": {"top_k": 5},
            "serviceTier": {"type": "flex"},
            "outputConfig": {"textFormat": {"type": "json_schema"}},
        },
    )

    assert (fields.max_tokens, fields.temperature, fields.top_p, fields.top_k) == (7, 0.5, 0.9, 5)
    assert fields.stop_sequences == ("|",)
    assert (fields.service_tier, fields.output_type) == ("flex", "json")


def test_an_answer_tells_its_usage_its_reason_and_the_tier_it_was_served_at() -> None:
    usage = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}
    fields = wire.response_fields(
        API,
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "four"}]}},
            "stopReason": "end_turn",
            "usage": usage,
            "serviceTier": {"type": "priority"},
            "performanceConfig": {"latency": "optimized"},
        },
    )

    assert fields.usage == usage
    assert fields.finish_reasons == ("end_turn",)
    assert fields.service_tier == "priority"
    assert fields.output_text_chars == 4


def test_latency_optimised_inference_is_a_tier_where_no_other_is_told() -> None:
    body = {"output": {}, "performanceConfig": {"latency": "optimized"}}

    assert wire.response_fields(API, body).service_tier == "optimized"
    body["performanceConfig"] = {"latency": "standard"}
    assert wire.response_fields(API, body).service_tier is None


def test_a_refusal_is_an_error_though_its_type_is_in_a_header() -> None:
    fields = wire.response_fields(API, {"message": "Too many requests"})

    assert (fields.error_type, fields.error_message) == ("error", "Too many requests")


def test_a_conversation_is_read_with_its_media_tools_and_reasoning() -> None:
    messages, system = wire.input_messages(
        API,
        {
            "system": [{"text": "be brief"}, {"cachePoint": {"type": "default"}}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"text": "look"},
                        {"image": {"format": "png", "source": {"bytes": "aGk="}}},
                        {
                            "document": {
                                "format": "pdf",
                                "name": "d",
                                "source": {"s3Location": {"uri": "s3://b/d.pdf"}},
                            }
                        },
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"toolResult": {"toolUseId": "t", "content": [{"json": {"b": 2}}]}}
                    ],
                },
            ],
        },
    )

    asked, called, answered = messages
    assert [part["type"] for part in asked.parts] == ["text", "blob", "uri"]
    assert asked.parts[1]["mime_type"] == "image/png"
    assert asked.parts[2]["uri"] == "s3://b/d.pdf"
    assert called.parts[0] == {"type": "reasoning", "content": "hm"}
    assert called.parts[1]["arguments"] == {"a": 1}
    assert (answered.role, answered.parts[0]["response"]) == ("tool", {"b": 2})
    assert [part["type"] for part in system] == ["text", "cachePoint"]


def test_tools_are_flattened_and_cache_points_are_none() -> None:
    body = {
        "toolConfig": {
            "tools": [TOOL, {"cachePoint": {"type": "default"}}, {"systemTool": {"name": "web"}}]
        }
    }

    assert wire.tool_definitions(API, body) == [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
        {"type": "system_tool", "name": "web"},
    ]
