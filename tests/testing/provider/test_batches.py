"""Files and batches, as the real SDKs see them: submitted, looked at, done, fetched."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from llmtrace.testing.provider import LocalProvider
from llmtrace.testing.provider.batches import answer_one
from llmtrace.testing.provider.chat import CHAT

MESSAGES: Any = [{"role": "user", "content": "Hello"}]


def question(model: str, custom_id: str = "a") -> bytes:
    body = {"model": model, "messages": MESSAGES}
    return json.dumps({"custom_id": custom_id, "method": "POST", "body": body}).encode() + b"\n"


def submit(client: openai.OpenAI, content: bytes) -> Any:
    file = client.files.create(file=("q.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )


def test_a_batch_is_done_after_so_many_looks() -> None:
    with LocalProvider(batch_polls=2) as provider:
        client = openai.OpenAI(base_url=provider.openai_url, api_key="k")
        batch = submit(client, question("gpt-4o-mini"))

        looks = [client.batches.retrieve(batch.id) for _ in range(4)]

    assert [look.status for look in looks] == [
        "validating",
        "validating",
        "completed",
        "completed",
    ]
    assert looks[2].output_file_id == looks[3].output_file_id is not None


def test_every_request_of_a_batch_is_answered(openai_client: Any) -> None:
    content = question("gpt-4o-mini", "good") + question("nonexistent", "bad")
    done = openai_client.batches.retrieve(submit(openai_client, content).id)

    (good,) = openai_client.files.content(done.output_file_id).text.splitlines()
    (bad,) = openai_client.files.content(done.error_file_id).text.splitlines()

    assert json.loads(good)["custom_id"] == "good"
    assert json.loads(good)["response"]["body"]["object"] == "chat.completion"
    assert json.loads(bad)["response"]["status_code"] == 404
    assert done.request_counts.failed == 1


def test_the_same_file_is_the_same_bytes(openai_client: Any) -> None:
    file = openai_client.files.create(file=("x", b"\x00\r\n\xff" * 9), purpose="batch")

    assert openai_client.files.content(file.id).content == b"\x00\r\n\xff" * 9


def test_what_is_not_there_is_not_found(openai_client: Any) -> None:
    for ask in (
        lambda: openai_client.batches.retrieve("batch_x"),
        lambda: openai_client.batches.cancel("batch_x"),
        lambda: openai_client.files.content("file-x"),
    ):
        with pytest.raises(openai.NotFoundError):
            ask()


def test_a_batch_can_be_cancelled_and_listed(openai_client: Any) -> None:
    batch = submit(openai_client, question("gpt-4o-mini"))

    assert openai_client.batches.cancel(batch.id).status == "cancelled"
    assert [each.id for each in openai_client.batches.list()] == [batch.id]


def test_message_batches_have_their_results(anthropic_client: Any) -> None:
    requests = [
        {
            "custom_id": model,
            "params": {"model": model, "max_tokens": 50, "messages": MESSAGES},
        }
        for model in ("claude-haiku-4-5", "nonexistent")
    ]
    batches = anthropic_client.messages.batches
    batch = batches.create(requests=requests)

    good, bad = list(batches.results(batch.id))

    assert good.result.message.usage.service_tier == "batch"
    assert bad.result.error.error.type == "not_found_error"
    assert batches.retrieve(batch.id).request_counts.errored == 1
    assert [each.id for each in batches.list()] == [batch.id]
    assert batches.cancel(batch.id).processing_status == "ended"


def test_an_answer_depends_on_the_request_alone() -> None:
    request = {"model": "gpt-4o-mini", "messages": MESSAGES}

    assert answer_one(CHAT, request, "t" * 40, 1) == answer_one(CHAT, request, "t" * 40, 1)
