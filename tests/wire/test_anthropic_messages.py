"""Requests and plain answers of Anthropic messages."""

from __future__ import annotations

from llmtrace import wire

API = "anthropic.messages"


def test_system_stands_apart_from_the_conversation() -> None:
    body = {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "Hi"}],
    }

    messages, system = wire.input_messages(API, body)

    assert system == [{"type": "text", "content": "Be brief."}]
    assert [m.role for m in messages] == ["user"]


def test_a_message_of_tool_results_alone_speaks_for_the_tool() -> None:
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [{"type": "text", "text": "42"}],
    }
    body = {"messages": [{"role": "user", "content": [result]}]}

    [message], _ = wire.input_messages(API, body)

    assert message.role == "tool"
    assert message.parts == ({"type": "tool_call_response", "id": "t", "response": "42"},)


def test_blocks_of_every_kind_are_read() -> None:
    body = {
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "s"},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "QQ"},
            },
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "text", "text": "42"},
        ],
        "stop_reason": "end_turn",
    }

    [message] = wire.output_messages(API, body)

    assert [part["type"] for part in message.parts] == [
        "reasoning",
        "server_tool_call",
        "server_tool_call_response",
        "blob",
        "redacted_thinking",
        "text",
    ]
    assert message.finish_reason == "end_turn"


def test_tools_of_the_application_are_functions() -> None:
    body = {
        "tools": [
            {"name": "f", "input_schema": {"type": "object"}},
            {"type": "web_search_20250305", "name": "web_search"},
        ]
    }

    assert [tool["type"] for tool in wire.tool_definitions(API, body)] == [
        "function",
        "web_search_20250305",
    ]
