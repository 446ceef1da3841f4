"""What the contract does not ask of the mistralai SDK: other endpoints, clouds, its own spans."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import pytest
from mistralai.client import Mistral, errors, httpclient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

import llmtrace
from llmtrace.instrument.integrations import mistralai
from llmtrace.testing.provider import Answer, Reply
from tests.instrument.contract.apis_mistralai import client_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

http: Any = vars(httpclient)["httpx"]
"""httpx2, or httpx with version 2 of the SDK."""
HI: Any = [{"role": "user", "content": "Hi"}]
SOUND: Any = {"file_name": "a.mp3", "content": b"ID3"}
PAGE: Any = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
CALLS: dict[str, tuple[Callable[[Any], object], str, str, dict[str, object]]] = {
    "agents": (
        lambda c: c.agents.complete(agent_id="ag_1", messages=HI),
        "chat",
        "mistral.chat",
        {"gen_ai.response.model": "mistral-medium-2508"},
    ),
    "append": (
        lambda c: c.beta.conversations.append(conversation_id="conv_1", inputs="Hi"),
        "chat",
        "mistral.conversations",
        {"gen_ai.response.model": "mistral-medium-2508"},
    ),
    "restart": (
        lambda c: c.beta.conversations.restart(
            conversation_id="conv_1", from_entry_id="e", inputs="Hi"
        ),
        "chat",
        "mistral.conversations",
        {},
    ),
    "append, streamed": (
        lambda c: list(c.beta.conversations.append_stream(conversation_id="conv_1", inputs="Hi")),
        "chat",
        "mistral.conversations",
        {"llmtrace.stream.outcome": "completed"},
    ),
    "ocr": (
        lambda c: c.ocr.process(model="mistral-ocr-latest", document=PAGE),
        "ocr",
        "mistral.ocr",
        {"llmtrace.usage.units.pages": 1, "gen_ai.request.model": "mistral-ocr-latest"},
    ),
    "transcription": (
        lambda c: c.audio.transcriptions.complete(model="voxtral-mini-latest", file=SOUND),
        "transcription",
        "mistral.transcription",
        {
            "llmtrace.usage.units.audio_seconds": 4,
            "gen_ai.response.model": "voxtral-mini-latest",
        },
    ),
    "transcription, streamed": (
        lambda c: list(c.audio.transcriptions.stream(model="voxtral-mini-latest", file=SOUND)),
        "transcription",
        "mistral.transcription",
        {"llmtrace.stream.outcome": "completed", "llmtrace.usage.units.audio_seconds": 4},
    ),
    "speech": (
        lambda c: c.audio.speech.complete(model="voxtral-tts", input="Ahoy", voice_id="v"),
        "text_to_speech",
        "openai.speech",
        {"llmtrace.usage.units.characters": 4},
    ),
    "moderation": (
        lambda c: c.classifiers.moderate(model="mistral-moderation-latest", inputs=["a"]),
        "moderation",
        "openai.moderations",
        {},
    ),
    "moderation of a chat": (
        lambda c: c.classifiers.moderate_chat(model="mistral-moderation-latest", inputs=HI),
        "moderation",
        "openai.moderations",
        {},
    ),
    "classification": (
        lambda c: c.classifiers.classify(model="mine", inputs=["a"]),
        "classification",
        "openai.moderations",
        {},
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_other_inference_is_one_call_with_what_is_billed(
    provider: LocalProvider, recorded: Recorded, name: str
) -> None:
    call, operation, api, told = CALLS[name]

    call(client_of(provider))

    span = recorded.span()
    attributes = span["attributes"]
    assert span["status"] == "unset"
    assert attributes["gen_ai.operation.name"] == operation
    assert attributes["llmtrace.api"] == api
    assert attributes["gen_ai.provider.name"] == "mistral_ai"
    assert {key: attributes.get(key) for key in told} == told


def test_spoken_sound_and_pictures_of_pages_are_not_kept(
    provider: LocalProvider, recorded: Recorded
) -> None:
    client: Any = client_of(provider)
    client.audio.speech.complete(model="voxtral-tts", input="Ahoy", voice_id="v")
    client.ocr.process(model="mistral-ocr-latest", document=PAGE)

    bodies = [span["attributes"]["llmtrace.response.body"] for span in recorded.spans()]
    assert all('"left_out":"base64"' in body and len(body) < 1_000 for body in bodies)


def test_parse_and_its_stream_are_one_call_each(
    provider: LocalProvider, recorded: Recorded
) -> None:
    class Parcel(BaseModel):
        number: str

    client: Any = client_of(provider)
    provider.enqueue(Reply(answer=Answer(text='{"number": "7"}')))
    parsed = client.chat.parse(Parcel, model="mistral-small-2506", messages=HI)
    list(client.chat.parse_stream(Parcel, model="mistral-small-2506", messages=HI))

    plain, streamed = recorded.spans()
    assert parsed.choices[0].message.parsed.number == "7"
    assert plain["attributes"]["gen_ai.output.type"] == "json"
    assert streamed["attributes"]["llmtrace.stream.outcome"] == "completed"


def test_a_validation_error_names_its_own_class(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(status=422, message="Field required"))

    with pytest.raises(errors.HTTPValidationError):
        client_of(provider).chat.complete(model="m", messages=HI)

    span = recorded.span()
    assert span["attributes"]["error.type"] == "mistralai.HTTPValidationError"
    assert "Field required" in span["status_message"]


def test_a_refusal_that_nobody_makes_an_exception_of_ends_with_its_response(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(Reply(status=400))
    client: Any = client_of(provider)
    request = client.chat._build_request(
        "POST", "/v1/chat/completions", None, None, None, False, False, False, "user-agent", "*/*"
    )
    held = mistralai._request(lambda **k: client.sdk_configuration.client.send(k["request"]),
                              client.chat, (), {"request": request})  # fmt: skip
    assert recorded.spans() == []

    del held
    gc.collect()

    assert recorded.attributes()["error.type"] == "3051"


# --- clouds ---------------------------------------------------------------------------------------


def _answering(sent: list[Any], status: int = 200) -> Any:
    def answer(request: Any) -> Any:
        sent.append(request)
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        message = {"role": "assistant", "content": "Ahoy"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        head = {"id": "1", "object": "chat.completion", "created": 1, "model": "mistral-small"}
        if status != 200:
            return http.Response(status, json={"message": "no", "code": "1"})
        return http.Response(200, json={**head, "choices": [choice], "usage": usage})

    return http.Client(transport=http.MockTransport(answer))


def _azure(client: Any) -> Any:
    from mistralai.azure.client import MistralAzure

    return MistralAzure(api_key="any", server_url="https://me.services.ai.azure.com", client=client)


def _google(client: Any) -> Any:
    from mistralai.gcp.client import MistralGCP

    return MistralGCP(project_id="p", access_token="any", client=client)


@pytest.mark.parametrize(
    ("make", "provider_name", "error"),
    [
        (_azure, "azure.ai.inference", "mistralai.SDKError"),
        (_google, "gcp.vertex_ai", "mistralai.SDKError"),
    ],
    ids=["azure", "google"],
)
def test_clients_of_clouds_are_watched_under_their_own_names(
    recorded: Recorded, make: Callable[[Any], Any], provider_name: str, error: str
) -> None:
    pytest.importorskip("google.auth")
    sent: list[Any] = []
    make(_answering(sent)).chat.complete(model="mistral-small-2503", messages=HI)
    with pytest.raises(Exception, match=r"no|Status"):
        make(_answering(sent, 400)).chat.complete(model="mistral-small-2503", messages=HI)

    good, bad = (span["attributes"] for span in recorded.spans())
    assert len(sent) == 2
    assert good["gen_ai.provider.name"] == bad["gen_ai.provider.name"] == provider_name
    assert good["gen_ai.usage.input_tokens"] == 5
    assert good["gen_ai.response.model"] == "mistral-small"
    assert bad["error.type"] == error


# --- the SDK's own spans --------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_where_the_sdks_span_would_be_beside_ours_it_is_not_started(
    provider: LocalProvider, tmp_path: Path, stream: bool
) -> None:
    from mistralai.extra.observability.telemetry import configure_telemetry

    # given: the SDK's telemetry goes to the provider that ours goes to
    spans = InMemorySpanExporter()
    ours = TracerProvider()
    ours.add_span_processor(SimpleSpanProcessor(spans))
    client: Mistral = client_of(provider)
    configure_telemetry(client, ours)
    call(client, stream=stream)
    alone = [span.name for span in spans.get_finished_spans()]
    spans.clear()

    # when
    llmtrace.instrument(home=tmp_path, tracer_provider=ours)
    call(client, stream=stream)
    assert llmtrace.flush(10)
    together = [(span.name, dict(span.attributes or {})) for span in spans.get_finished_spans()]
    llmtrace.uninstrument()
    spans.clear()
    call(client, stream=stream)

    # then
    assert len(alone) == 1
    ((name, attributes),) = together
    assert name == "chat mistral-small-2506"
    assert attributes["llmtrace.usage.source"] == "provider"
    assert [span.name for span in spans.get_finished_spans()] == alone


def test_spans_for_another_provider_are_left_alone(
    provider: LocalProvider, recorded: Recorded
) -> None:
    from mistralai.extra.observability.telemetry import configure_telemetry

    spans = InMemorySpanExporter()
    theirs = TracerProvider()
    theirs.add_span_processor(SimpleSpanProcessor(spans))
    client: Mistral = client_of(provider)
    configure_telemetry(client, theirs)

    call(client)

    assert len(spans.get_finished_spans()) == 1
    assert recorded.attributes()["gen_ai.usage.input_tokens"] > 0


def call(client: Mistral, *, stream: bool = False) -> None:
    if stream:
        list(client.chat.stream(model="mistral-small-2506", messages=HI))
    else:
        client.chat.complete(model="mistral-small-2506", messages=HI)


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/v1/chat/completions", True),
        ("/a/gateway/v1/fim/completions", True),
        ("/v1/conversations", True),
        ("/v1/conversations/c/restart", True),
        ("/v1/conversations/c/history", False),
        ("/v1/projects/p/locations/l/publishers/mistralai/models/m:streamRawPredict", True),
        ("/v1/batch/jobs", False),
        ("/v1/files", False),
        ("/v1/agents", False),
    ],
)
def test_inferences_are_told_by_their_path(path: str, is_ours: bool) -> None:
    assert (mistralai.find_endpoint("post", path) is not None) is is_ours
    assert mistralai.find_endpoint("get", path) is None


def test_usage_of_connectors_is_kept_as_it_came(
    provider: LocalProvider, recorded: Recorded
) -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "total_tokens": 7,
        "connectors": {"web_search": 2},
    }
    provider.enqueue(Reply(usage=usage))

    client_of(provider).beta.conversations.start(model="mistral-small-2506", inputs="Hi")

    attributes = recorded.attributes()
    assert json.loads(attributes["llmtrace.usage.raw"]) == usage
    assert attributes["llmtrace.usage.requests.web_search"] == 2
