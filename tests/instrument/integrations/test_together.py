"""The together SDK where it differs from the others made by Stainless."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import together

from tests.instrument.contract.apis_together import CHAT

if TYPE_CHECKING:
    from tests.instrument.recording import Recorded

ANSWER = json.dumps(
    {
        "id": "o1",
        "object": "chat.completion",
        "created": 1,
        "model": CHAT.model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "It is on its way."},
            }
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
    }
).encode()


def test_chat_with_the_sdks_own_base_url_is_recorded(recorded: Recorded) -> None:
    # given: no base_url: the SDK then writes whole URLs, of a host for chat alone
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(200, headers={"content-type": "application/json"}, content=ANSWER)

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = together.Together(api_key="any", http_client=http)

    CHAT.create(client)

    attributes = recorded.attributes()
    assert attributes["gen_ai.provider.name"] == "together"
    assert attributes["server.address"] == hosts[0]
    assert attributes["gen_ai.usage.input_tokens"] == 12
