"""Anthropic's messages at Vertex' paths, as the real client sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anthropic.lib.vertex import AnthropicVertex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.testing.provider import LocalProvider

QUESTION: list[Any] = [{"role": "user", "content": "Where is my parcel?"}]
ASKED: dict[str, Any] = {"model": "claude-haiku-4-5@20251001", "messages": QUESTION}


@pytest.fixture
def vertex(provider: LocalProvider) -> Iterator[AnthropicVertex]:
    """Return an unmodified client that never retries."""
    with AnthropicVertex(
        base_url=f"{provider.url}/v1",
        project_id="acme",
        region="us-east5",
        access_token="any",
        max_retries=0,
    ) as client:
        yield client


def test_the_model_in_the_path_answers_by_its_dated_name(
    provider: LocalProvider, vertex: AnthropicVertex
) -> None:
    message = vertex.messages.create(max_tokens=99, **ASKED)

    assert provider.requests[0].path.endswith("claude-haiku-4-5@20251001:rawPredict")
    assert message.model == "claude-haiku-4-5-20251001"
    assert message.usage.output_tokens > 0


def test_a_stream_is_one_of_server_sent_events(vertex: AnthropicVertex) -> None:
    plain = vertex.messages.create(max_tokens=99, **ASKED)
    with vertex.messages.stream(max_tokens=99, **ASKED) as stream:
        message = stream.get_final_message()

    assert [getattr(b, "text", "") for b in message.content] == [
        getattr(b, "text", "") for b in plain.content
    ]
    assert message.usage.output_tokens == plain.usage.output_tokens


def test_tokens_are_counted(vertex: AnthropicVertex) -> None:
    assert vertex.messages.count_tokens(**ASKED).input_tokens > 0
