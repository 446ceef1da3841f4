"""OTLP requests for load: encoded once, made distinct by a stamp that costs next to nothing.

Spans as OpenTelemetry's own GenAI instrumentation sends them, without a cost: a trace is an agent,
three calls of a model and a tool. Texts, models, users and counts come from a fixed seed; ids and
times are written into the bytes at the moment of sending, so that no span is ever sent twice.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from llmtrace import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

SPANS: Final = 500
"""Of a request; OpenTelemetry's batch processor sends 512 at most."""
CALLS_OF_A_TRACE: Final = 3
SPANS_OF_A_TRACE: Final = 5
PROJECTS: Final = ("shop", "search", "support", "research")
MODELS: Final = (
    ("openai", "gpt-5", "api.openai.com"),
    ("openai", "gpt-5-mini", "api.openai.com"),
    ("openai", "gpt-4o", "api.openai.com"),
    ("openai", "gpt-4o-mini", "api.openai.com"),
    ("anthropic", "claude-sonnet-4-5", "api.anthropic.com"),
    ("anthropic", "claude-haiku-4-5", "api.anthropic.com"),
    ("anthropic", "claude-opus-4-1", "api.anthropic.com"),
    ("gcp.gemini", "gemini-2.5-pro", "generativelanguage.googleapis.com"),
    ("gcp.gemini", "gemini-2.5-flash", "generativelanguage.googleapis.com"),
    ("mistral_ai", "mistral-large-latest", "api.mistral.ai"),
    ("groq", "llama-3.3-70b-versatile", "api.groq.com"),
    ("deepseek", "deepseek-chat", "api.deepseek.com"),
)
_SCOPE: Final = "opentelemetry.instrumentation.openai_v2"
_START_NS: Final = 1_790_000_000_000_000_000
_WORDS: Final = 8_000
_PROMPTS: Final = 30
_USERS: Final = 2_000
_PERSONAL_IN: Final = 10
"""One prompt in so many names an address, a card and a phone number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where in a request 8 bytes stand, and what stood there at first."""

    rows: NDArray[np.intp]
    values: NDArray[np.uint64]

    @classmethod
    def found(cls, data: NDArray[np.uint8], offsets: list[int]) -> _Places:
        rows = np.asarray(offsets)[:, None] + np.arange(8)
        values = np.ascontiguousarray(data[rows]).view("<u8").reshape(-1)
        return cls(rows=rows, values=values)

    def write(self, data: NDArray[np.uint8], values: NDArray[np.uint64]) -> None:
        data[self.rows] = values.view(np.uint8).reshape(-1, 8)


class Template:
    """One encoded request, sent again and again with other ids and times."""

    def __init__(self, request: ExportTraceServiceRequest) -> None:
        """Encode it and find its ids and times. They must be random: they are searched for."""
        self.payload = bytearray(request.SerializeToString())
        self._data: NDArray[np.uint8] = np.frombuffer(self.payload, np.uint8)
        ids: list[int] = []
        times: list[int] = []
        place = 0
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    place = self.payload.index(span.trace_id, place)
                    ids.append(place)
                    ids.append(place := self.payload.index(span.span_id, place))
                    if span.parent_span_id:
                        ids.append(place := self.payload.index(span.parent_span_id, place))
                    for moment in (span.start_time_unix_nano, span.end_time_unix_nano):
                        place = self.payload.index(moment.to_bytes(8, "little"), place)
                        times.append(place)
        self.spans = len(times) // 2
        self._ids = _Places.found(self._data, ids)
        self._times = _Places.found(self._data, times)

    def stamp(self, salt: int, now_ns: int) -> bytearray:
        """Give all spans other ids, by ``salt`` (64 random bits), and let them end about now."""
        self._ids.write(self._data, self._ids.values ^ np.uint64(salt))
        self._times.write(self._data, self._times.values + np.uint64(now_ns - _START_NS))
        return self.payload


def templates(count: int, *, seed: int = 7) -> list[Template]:
    """Make ``count`` different requests; the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311  # figures, not secrets
    words = [_word(draw) for _ in range(_WORDS)]
    prompts = [_text(draw, words, 60) for _ in range(_PROMPTS)]
    return [Template(_request(draw, words, prompts, number)) for number in range(count)]


def _request(
    draw: random.Random, words: list[str], prompts: list[str], number: int
) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    _set(
        resource.resource.attributes,
        {
            "service.name": PROJECTS[number % len(PROJECTS)],
            "service.instance.id": f"pod-{number % 8}",
            "deployment.environment.name": "prod",
            "telemetry.sdk.language": "python",
        },
    )
    scope = resource.scope_spans.add()
    scope.scope.name = _SCOPE
    scope.scope.version = "2.3.0"
    for trace in range(SPANS // SPANS_OF_A_TRACE):
        _trace(draw, words, prompts, scope.spans, _START_NS - trace * 20_000_000)
    return request


def _trace(
    draw: random.Random, words: list[str], prompts: list[str], spans: object, end_ns: int
) -> None:
    trace_id, root_id = draw.randbytes(16), draw.randbytes(8)
    user = f"user-{draw.randrange(_USERS)}"
    session = {semconv.CONVERSATION_ID: trace_id.hex()[:16], semconv.USER_ID: user}
    for place in range(SPANS_OF_A_TRACE):
        span: Span = spans.add()  # type: ignore[attr-defined]  # a repeated field has no public type
        span.trace_id = trace_id
        span.span_id = draw.randbytes(8) if place else root_id
        span.parent_span_id = root_id if place else b""
        took = draw.randrange(200_000_000, 9_000_000_000)
        span.start_time_unix_nano = end_ns - took
        span.end_time_unix_nano = end_ns - draw.randrange(1_000_000)
        if place == 0:
            _agent(span, session)
        elif place <= CALLS_OF_A_TRACE:
            _call(draw, words, prompts, span, session)
        else:
            _tool(draw, words, span, session)


def _agent(span: Span, session: Mapping[str, object]) -> None:
    span.name, span.kind = "invoke_agent planner", Span.SPAN_KIND_INTERNAL
    _set(
        span.attributes,
        {
            semconv.OPERATION_NAME: semconv.OP_INVOKE_AGENT,
            semconv.AGENT_NAME: "planner",
            **session,
        },
    )


def _call(
    draw: random.Random,
    words: list[str],
    prompts: list[str],
    span: Span,
    session: Mapping[str, object],
) -> None:
    provider, model, host = draw.choice(MODELS)
    asked = _text(draw, words, draw.randrange(20, 240))
    if draw.randrange(_PERSONAL_IN) == 0:
        asked += " Write to jane.doe@example.com or +44 20 7946 0958; card 4111 1111 1111 1111."
    answered = _text(draw, words, draw.randrange(15, 90))
    read = draw.randrange(200, 9_000)
    cached = draw.choice((0, 0, read // 2))
    written = draw.randrange(5, 900)
    span.name, span.kind = f"chat {model}", Span.SPAN_KIND_CLIENT
    if draw.randrange(50) == 0:
        span.status.code = Status.STATUS_CODE_ERROR
    _set(
        span.attributes,
        {
            semconv.OPERATION_NAME: semconv.OP_CHAT,
            semconv.PROVIDER_NAME: provider,
            semconv.REQUEST_MODEL: model,
            semconv.RESPONSE_MODEL: model,
            semconv.RESPONSE_ID: f"chatcmpl-{draw.getrandbits(96):024x}",
            semconv.RESPONSE_FINISH_REASONS: ["stop"],
            semconv.REQUEST_TEMPERATURE: draw.choice((0.0, 0.2, 0.7)),
            semconv.REQUEST_TOP_P: 1.0,
            semconv.REQUEST_MAX_TOKENS: 2_048,
            semconv.OUTPUT_TYPE: "text",
            semconv.USAGE_INPUT_TOKENS: read,
            semconv.USAGE_OUTPUT_TOKENS: written,
            semconv.USAGE_CACHE_READ: cached,
            semconv.USAGE_REASONING: written // 3,
            semconv.RESPONSE_TIME_TO_FIRST_CHUNK: draw.randrange(90, 900) / 1_000,
            semconv.SERVER_ADDRESS: host,
            semconv.SERVER_PORT: 443,
            semconv.SYSTEM_INSTRUCTIONS: _messages("system", draw.choice(prompts)),
            semconv.INPUT_MESSAGES: _messages("user", asked),
            semconv.OUTPUT_MESSAGES: _messages("assistant", answered),
            **session,
        },
    )


def _tool(draw: random.Random, words: list[str], span: Span, session: Mapping[str, object]) -> None:
    span.name, span.kind = "execute_tool search", Span.SPAN_KIND_INTERNAL
    _set(
        span.attributes,
        {
            semconv.OPERATION_NAME: semconv.OP_EXECUTE_TOOL,
            semconv.TOOL_NAME: "search",
            semconv.TOOL_TYPE: "function",
            semconv.TOOL_CALL_ID: f"call_{draw.getrandbits(64):016x}",
            semconv.TOOL_CALL_ARGUMENTS: json.dumps({"query": _text(draw, words, 5)}),
            semconv.TOOL_CALL_RESULT: _text(draw, words, 40),
            **session,
        },
    )


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def _text(draw: random.Random, words: list[str], count: int) -> str:
    """Draw words as often as a language does: a few all the time, most of them seldom."""
    return " ".join(words[int(len(words) * draw.random() ** 4)] for _ in range(count))


def _word(draw: random.Random) -> str:
    return "".join(draw.choices("etaoinshrdlucmfwyp", k=draw.randrange(2, 11)))


def _set(attributes: object, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        pair: KeyValue = attributes.add(key=name)  # type: ignore[attr-defined]  # as above
        if isinstance(value, list):
            for item in value:
                pair.value.array_value.values.add(string_value=str(item))
        elif isinstance(value, int):
            pair.value.int_value = value
        elif isinstance(value, float):
            pair.value.double_value = value
        else:
            pair.value.string_value = str(value)
