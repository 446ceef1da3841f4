"""Results of batches, from the real SDKs to the store: one span a result, at batch price, once."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import llmtrace
from llmtrace import semconv
from llmtrace.instrument import finish
from llmtrace.instrument.batch_results import KnownBatches
from llmtrace.store.connect import connect
from llmtrace.testing.provider import LocalProvider, Reply
from tests.instrument import scripts
from tests.instrument.recording import payloads_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.instrument.recording import Recorded

ASK = [{"role": "user", "content": "Hello, how are you?"}]


def openai_client(provider: LocalProvider) -> openai.OpenAI:
    return openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)


def anthropic_client(provider: LocalProvider) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=provider.anthropic_url, api_key="k", max_retries=0)


def lines(*models: str, endpoint: str = "/v1/chat/completions") -> bytes:
    content = {"input": "Hello"} if endpoint == "/v1/embeddings" else {"messages": ASK}
    return b"".join(
        json.dumps(
            {
                "custom_id": f"r{at}",
                "method": "POST",
                "url": endpoint,
                "body": {"model": model, **content},
            }
        ).encode()
        + b"\n"
        for at, model in enumerate(models)
    )


def submit(
    provider: LocalProvider, *models: str, endpoint: Any = "/v1/chat/completions"
) -> openai.types.Batch:
    client = openai_client(provider)
    content = lines(*models, endpoint=endpoint)
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")


def submit_messages(provider: LocalProvider, *models: str) -> Any:
    requests: Any = [
        {
            "custom_id": f"r{at}",
            "params": {"model": model, "max_tokens": 64, "messages": ASK},
        }
        for at, model in enumerate(models)
    ]
    return anthropic_client(provider).messages.batches.create(requests=requests)


def results(recorded: Recorded) -> list[dict[str, Any]]:
    return [s for s in recorded.spans() if semconv.BATCH_CUSTOM_ID in s["attributes"]]


def links(recorded: Recorded) -> list[tuple[str, str]]:
    """Return (span, linked span) of all links, as hex."""
    found: list[tuple[str, str]] = []
    for payload in payloads_in(recorded.spool):
        for resource in ExportTraceServiceRequest.FromString(payload).resource_spans:
            for span in resource.scope_spans[0].spans:
                found += [(span.span_id.hex(), link.span_id.hex()) for link in span.links]
    return found


def stored(home: Path, what: str = "llm_calls") -> list[dict[str, Any]]:
    assert llmtrace.flush(10)
    with connect(home) as db:
        return list(db.sql(f"select * from {what}").rows())  # noqa: S608  # names of our own


# --- what a result says ----------------------------------------------------------------------


def test_each_result_of_openai_is_an_inference_at_half_the_price(
    provider: LocalProvider, recorded: Recorded
) -> None:
    batch = submit(provider, "gpt-4o-mini", "gpt-4o-mini")
    client = openai_client(provider)

    done = client.batches.retrieve(batch.id)
    client.files.content(str(done.output_file_id))

    found = results(recorded)
    assert [s["attributes"][semconv.BATCH_CUSTOM_ID] for s in found] == ["r0", "r1"]
    attributes = found[0]["attributes"]
    given, made = attributes[semconv.USAGE_INPUT_TOKENS], attributes[semconv.USAGE_OUTPUT_TOKENS]
    # gpt-4o-mini is 0.15 in and 0.60 out a million; half of each in a batch
    assert attributes[semconv.COST_TOTAL] == pytest.approx((given * 0.075 + made * 0.3) / 1e6)
    assert attributes[semconv.SERVICE_TIER] == "batch"
    assert attributes[semconv.BATCH_ID] == batch.id
    assert attributes[semconv.OPERATION_NAME] == "chat"
    assert attributes[semconv.RESPONSE_MODEL] == "gpt-4o-mini-2024-07-18"
    assert "choices" in json.loads(attributes[semconv.RESPONSE_BODY])


def test_each_result_of_anthropic_is_an_inference(
    provider: LocalProvider, recorded: Recorded
) -> None:
    batch = submit_messages(provider, "claude-sonnet-4-5", "claude-haiku-4-5")

    list(anthropic_client(provider).messages.batches.results(batch.id))

    found = results(recorded)
    assert [s["attributes"][semconv.RESPONSE_MODEL] for s in found] == [
        "claude-sonnet-4-5-20250929",
        "claude-haiku-4-5-20251001",
    ]
    assert {s["attributes"][semconv.BATCH_ID] for s in found} == {batch.id}
    attributes = found[0]["attributes"]
    given, made = attributes[semconv.USAGE_INPUT_TOKENS], attributes[semconv.USAGE_OUTPUT_TOKENS]
    # claude-sonnet-4-5 is 3 in and 15 out a million; half of each in a batch
    assert attributes[semconv.COST_TOTAL] == pytest.approx((given * 1.5 + made * 7.5) / 1e6)


def test_async_clients_are_the_same(provider: LocalProvider, recorded: Recorded) -> None:
    batch, messages = submit(provider, "gpt-4o-mini"), submit_messages(provider, "claude-opus-4-5")

    async def fetch() -> None:
        async with openai.AsyncOpenAI(base_url=provider.openai_url, api_key="k") as client:
            done = await client.batches.retrieve(batch.id)
            await client.files.content(str(done.output_file_id))
        async with anthropic.AsyncAnthropic(base_url=provider.url, api_key="k") as claude:
            async for _ in await claude.beta.messages.batches.results(messages.id):
                pass

    asyncio.run(fetch())

    assert len(results(recorded)) == 2


def test_failed_results_are_errors_without_a_cost(
    provider: LocalProvider, recorded: Recorded
) -> None:
    batch = submit(provider, "gpt-4o-mini", "nonexistent")
    client = openai_client(provider)
    done = client.batches.retrieve(batch.id)
    client.files.content(str(done.error_file_id))
    messages = submit_messages(provider, "nonexistent")
    list(anthropic_client(provider).messages.batches.results(messages.id))

    found = results(recorded)

    assert [(s["status"], s["attributes"][semconv.ERROR_TYPE]) for s in found] == [
        ("error", "model_not_found"),
        ("error", "not_found_error"),
    ]
    assert not any(semconv.COST_TOTAL in s["attributes"] for s in found)


@pytest.mark.parametrize(
    ("line", "error_type"),
    [
        (
            {
                "id": "q",
                "custom_id": "a",
                "response": None,
                "error": {"code": "batch_expired", "message": "late"},
            },
            "batch_expired",
        ),
        ({"custom_id": "a", "result": {"type": "expired"}}, "expired"),
        ({"custom_id": "a", "result": {"type": "canceled"}}, "canceled"),
        (
            {"custom_id": "a", "response": {"status_code": 503, "body": {}}, "error": None},
            "503",
        ),
    ],
)
def test_expired_and_cancelled_results_say_so(
    provider: LocalProvider, recorded: Recorded, line: dict[str, Any], error_type: str
) -> None:
    provider.enqueue(Reply(body=json.dumps(line).encode(), content_type="application/octet-stream"))

    openai_client(provider).files.content("file-1")

    (span,) = results(recorded)
    assert span["attributes"][semconv.ERROR_TYPE] == error_type
    assert semconv.COST_TOTAL not in span["attributes"]


def test_the_submission_is_no_inference(provider: LocalProvider, recorded: Recorded) -> None:
    batch = submit(provider, "gpt-4o-mini")
    openai_client(provider).batches.cancel(batch.id)
    list(openai_client(provider).batches.list())

    found = [s["attributes"] for s in recorded.spans()]

    assert {a[semconv.OPERATION_NAME] for a in found} == {"batch"}
    assert not any(semconv.USAGE_INPUT_TOKENS in a or semconv.COST_SOURCE in a for a in found)
    assert found[0][semconv.BATCH_ID] == batch.id


def test_results_are_linked_to_their_submission_and_carry_its_attribution(
    provider: LocalProvider, recorded: Recorded
) -> None:
    with llmtrace.attribute(user="ada", feature="nightly"):
        batch = submit(provider, "gpt-4o-mini")
    client = openai_client(provider)
    client.files.content(str(client.batches.retrieve(batch.id).output_file_id))

    (result,) = results(recorded)
    submission = recorded.spans()[0]

    assert links(recorded) == [(result["span_id"], submission["span_id"])]
    assert result["trace_id"] != submission["trace_id"]
    assert result["attributes"][semconv.USER_ID] == "ada"
    assert result["attributes"][semconv.FEATURE] == "nightly"


def test_embeddings_leave_their_vectors_out(provider: LocalProvider, recorded: Recorded) -> None:
    batch = submit(provider, "text-embedding-3-small", endpoint="/v1/embeddings")
    client = openai_client(provider)
    client.files.content(str(client.batches.retrieve(batch.id).output_file_id))

    (result,) = results(recorded)

    assert result["attributes"][semconv.OPERATION_NAME] == "embeddings"
    (item,) = json.loads(result["attributes"][semconv.RESPONSE_BODY])["data"]
    assert item["embedding"] == {"dimensions": 1536, "encoding": "float"}


# --- once, in the store ------------------------------------------------------------------------


def test_results_fetched_twice_are_stored_once(provider: LocalProvider, recorded: Recorded) -> None:
    batch = submit(provider, "gpt-4o-mini", "gpt-4o-mini")
    client = openai_client(provider)
    done = client.batches.retrieve(batch.id)

    for _ in range(2):
        client.files.content(str(done.output_file_id))
        assert len(stored(recorded.home)) == 2  # also between the fetches
    with client.files.with_streaming_response.content(str(done.output_file_id)) as response:
        response.read()

    rows = stored(recorded.home)
    assert len(rows) == 2
    assert {row["service_tier"] for row in rows} == {"batch"}
    assert all(row["cost_usd"] > Decimal(0) for row in rows)
    assert {row["latency_ms"] for row in rows} == {None}  # nobody knows how long it took
    assert len(stored(recorded.home, "links")) == 2


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/embeddings"])
def test_another_process_that_knows_nothing_of_the_batch_stores_nothing_twice(
    provider: LocalProvider, tmp_path: Path, endpoint: str
) -> None:
    llmtrace.instrument(home=tmp_path)
    batch = submit(provider, "text-embedding-3-small", endpoint=endpoint)
    client = openai_client(provider)
    done = client.batches.retrieve(batch.id)
    client.files.content(str(done.output_file_id))
    assert len(stored(tmp_path)) == 1
    llmtrace.uninstrument()  # what it knew of batches goes with it

    llmtrace.instrument(home=tmp_path)
    openai_client(provider).files.content(str(done.output_file_id))

    assert len(stored(tmp_path)) == 1


def test_anthropic_results_read_again_days_later_are_stored_once(
    provider: LocalProvider, tmp_path: Path
) -> None:
    batch = submit_messages(provider, "claude-sonnet-4-5")
    provider_batch = anthropic_client(provider).messages.batches.retrieve(batch.id)

    for _ in range(2):
        llmtrace.instrument(home=tmp_path)
        list(anthropic_client(provider).messages.batches.results(batch.id))
        assert len(stored(tmp_path)) == 1
        llmtrace.uninstrument()

    (row,) = stored(tmp_path)
    ended = provider_batch.ended_at
    assert ended is not None
    assert row["start_time"].replace(tzinfo=None) == ended.replace(tzinfo=None)


# --- what is broken, or not whole ----------------------------------------------------------------


def test_a_stream_of_results_left_early_gives_those_that_came(
    provider: LocalProvider, recorded: Recorded
) -> None:
    batch = submit_messages(provider, *["claude-sonnet-4-5"] * 5)
    whole = list(anthropic_client(provider).messages.batches.results(batch.id))
    assert len(whole) == 5
    body = json.dumps({"custom_id": "x", "result": {"type": "succeeded", "message": {}}}).encode()
    provider.enqueue(
        Reply(pieces=(body + b"\n", body[:30]), content_type="application/x-jsonl").only(
            path="/results"
        )
    )
    stream = anthropic_client(provider).messages.batches.results(batch.id)
    next(iter(stream))
    stream.close()

    found = results(recorded)

    assert len(found) == 6
    assert found[-1]["attributes"][semconv.ERROR_TYPE] == "invalid_response"


@pytest.mark.parametrize(
    "usage", [None, "seven", -3, {"prompt_tokens": -1}, {"prompt_tokens": 10**30}, {"a": {}}]
)
def test_usage_that_makes_no_sense_harms_nobody(
    provider: LocalProvider, recorded: Recorded, usage: object
) -> None:
    bodies = [
        {"object": "chat.completion", "created": "soon", "model": 7, "usage": usage},
        {"object": 5, "created": -1, "usage": usage},
        {"object": "response", "created_at": 1e30, "output": None, "usage": usage},
    ]
    told = [
        {"id": f"q{at}", "custom_id": f"c{at}", "response": {"status_code": 200, "body": body}}
        for at, body in enumerate(bodies)
    ]
    odd: list[object] = [3, None, {"custom_id": 4, "response": {}}, {"custom_id": "n"}]
    data = b"\n".join(json.dumps(each).encode() for each in (told[0], *odd, *told[1:]))
    provider.enqueue(Reply(body=data + b'\n{"custom_id": "cut', content_type="text/plain"))

    openai_client(provider).files.content("file-1")

    found = results(recorded)
    assert [s["attributes"][semconv.BATCH_CUSTOM_ID] for s in found] == ["c0", "c1", "c2"]
    assert all(s["start_unix_ns"] > 10**18 for s in found)


def test_many_results_are_written_in_requests_of_bounded_size(
    provider: LocalProvider, recorded: Recorded
) -> None:
    body = {"object": "chat.completion", "model": "gpt-4o-mini", "choices": []}
    data = b"".join(
        json.dumps({"id": f"q{at}", "custom_id": f"c{at}", "response": {"body": body}}).encode()
        + b"\n"
        for at in range(1_500)
    )
    provider.enqueue(Reply(body=data, content_type="application/octet-stream"))

    openai_client(provider).files.content("file-1")

    assert len(results(recorded)) == 1_500
    assert len(payloads_in(recorded.spool)) == 1 + 3


def test_what_is_known_of_batches_is_bounded(
    provider: LocalProvider, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KnownBatches()
    monkeypatch.setattr(finish, "KnownBatches", lambda: known)
    listed = [
        {"id": f"batch_{at}", "object": "batch", "output_file_id": f"file-{at}"}
        for at in range(900)
    ]
    client = openai_client(provider)
    for start in range(4):
        data = [{**each, "id": f"{each['id']}_{start}"} for each in listed]
        provider.enqueue(Reply(json={"object": "list", "data": data, "has_more": False}))
        client.batches.list()

    assert len(recorded.spans()) == 4
    assert known.of("batch_1_0") is None
    assert known.of("file-1") == known.of("batch_1_3")
    assert known.of("batch_899_3") is not None


def test_a_spans_content_switch_holds_for_results(provider: LocalProvider, tmp_path: Path) -> None:
    llmtrace.instrument(home=tmp_path, capture_content="none")
    batch = submit(provider, "gpt-4o-mini")
    client = openai_client(provider)
    client.files.content(str(client.batches.retrieve(batch.id).output_file_id))

    (row,) = stored(tmp_path, "llm_calls_full")

    assert row["response_body"] is None
    assert row["cost_usd"] > 0


# --- beside the tracing of the app itself -----------------------------------------------------


def test_with_a_provider_of_the_apps_own_results_go_to_our_store_and_files_nowhere(
    provider: LocalProvider, tmp_path: Path
) -> None:
    script = f"""
import openai, llmtrace, json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
seen = InMemorySpanExporter()
users = TracerProvider()
users.add_span_processor(SimpleSpanProcessor(seen))
trace.set_tracer_provider(users)
llmtrace.instrument(home={str(tmp_path)!r})
client = openai.OpenAI(base_url={provider.openai_url!r}, api_key="k")
content = {lines("gpt-4o-mini")!r}
file = client.files.create(file=("q.jsonl", content), purpose="batch")
batch = client.batches.create(
    input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
)
client.files.content(file.id)
client.files.content(client.batches.retrieve(batch.id).output_file_id)
print(json.dumps([span.name for span in seen.get_finished_spans()]))
"""

    told = json.loads(scripts.finish(scripts.start(script)))

    assert told == ["batch", "batch", "batch"]  # submitted, looked at, fetched
    (row,) = stored(tmp_path)
    assert row["service_tier"] == "batch"
