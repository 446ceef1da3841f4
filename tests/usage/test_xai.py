"""xAI's gRPC messages: reasoning beside the completion, tools by name."""

from __future__ import annotations

from llmtrace.records import TokenUsage
from llmtrace.usage import xai


def test_reasoning_is_beside_the_completion_and_images_inside_the_prompt() -> None:
    usage = xai.read(
        {
            "prompt_tokens": 1314,
            "prompt_text_tokens": 799,
            "prompt_image_tokens": 515,
            "cached_prompt_text_tokens": 128,
            "completion_tokens": 12,
            "reasoning_tokens": 396,
            "total_tokens": 1722,
        }
    )

    assert usage == TokenUsage(
        input_uncached=671, cache_read=128, input_image=515, output_text=12, output_reasoning=396
    )


def test_every_call_of_a_known_tool_is_a_fee() -> None:
    used = [
        *("SERVER_SIDE_TOOL_WEB_SEARCH", "SERVER_SIDE_TOOL_WEB_SEARCH"),
        *("SERVER_SIDE_TOOL_CODE_EXECUTION", "SERVER_SIDE_TOOL_OF_TOMORROW", 7),
    ]

    usage = xai.read({"prompt_tokens": 1, "completion_tokens": 1, "server_side_tools_used": used})

    assert usage is not None
    assert usage.requests == {"web_search": 2, "code_execution": 1}


def test_a_message_without_counts_is_unknown() -> None:
    assert xai.read({"server_side_tools_used": []}) is None
