"""A framework's model call: counted by what the framework tells, if nobody below it counted.

Inside one, calls of SDKs count themselves in ``InnerCalls``. If one did, its span stands and this
makes none. If none did (the framework answered from its cache, the model is a class of the app's
own, the SDK is one that we do not know or that is switched off), one span is made of what the
framework tells. A call whose inside we never ran makes none either: what we have not seen may have
been counted below, and nothing is counted twice.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context

from llmtrace import semconv
from llmtrace.clock import wall_ns
from llmtrace.instrument import runtime
from llmtrace.instrument.attribution import current_attribution
from llmtrace.instrument.call import Call
from llmtrace.instrument.integrations._base import Endpoint
from llmtrace.instrument.integrations.frameworks import as_text
from llmtrace.instrument.invocation import InnerCalls
from llmtrace.instrument.spans import OwnSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context

    from llmtrace.instrument.integrations._base import Integration

_ENDPOINTS: Final = {
    operation: Endpoint(api=semconv.API_FRAMEWORK, operation=operation)
    for operation in (semconv.OP_CHAT, semconv.OP_TEXT_COMPLETION)
}

_PROVIDERS: Final = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "google": "gcp.gemini",
    "google-gla": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "perplexity": "perplexity",
    "xai": "x_ai",
}
"""Frameworks' names of providers, where OpenTelemetry has another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a framework tells of one model call. Everything may be missing."""

    model: str | None = None
    """The model that answered."""
    response_id: str | None = None
    finish_reason: str | None = None
    usage: Mapping[str, object] | None = None
    """The framework's own object, kept raw; ``usage.framework`` reads it."""
    request: Mapping[str, object] = field(default_factory=dict[str, object])
    """Parameters under OpenAI's names: ``temperature``, ``max_tokens``, ``stream``, …"""
    messages: Sequence[Mapping[str, object]] = ()
    """The conversation sent, each a message of OpenAI's chat; content."""
    answer: Mapping[str, object] | None = None
    """The message answered, in the same shape; content."""
    cache: str | None = None
    """Name of the framework's response cache, if the answer came from there."""


class ModelCall:
    """One model call of a framework, from its start to its end."""

    __slots__ = (
        "_integration",
        "_is_open",
        "_parent",
        "_start_mono_ns",
        "_start_ns",
        "asked",
        "context",
        "inner",
        "model",
        "operation",
        "provider",
        "was_entered",
    )

    def __init__(
        self, integration: Integration, model: str | None, provider: str | None, parent: Context
    ) -> None:
        """Start one below ``parent``; whichever call of a framework is around answers no more."""
        above = parent.get(semconv.INNER_CALLS_KEY)
        if type(above) is InnerCalls:
            above.count += 1
        self.inner = InnerCalls()
        self.context = context.set_value(semconv.INNER_CALLS_KEY, self.inner, parent)
        self.was_entered = False
        """Whether its inside ran in ``context``, so that ``inner`` has seen what there is."""
        self.model = model
        self.provider = provider
        self._integration = integration
        self._parent = parent
        self._start_ns = wall_ns()
        self._start_mono_ns = time.monotonic_ns()
        self._is_open = True
        self.operation = semconv.OP_CHAT
        self.asked: Any = None
        """What the framework sent, as the integration left it here; let go with the call."""

    def end(self, tells: Callable[[], Told], error: BaseException | None = None) -> None:
        """End it, once; ``tells`` is asked only if this call is to be counted here."""
        was_open, self._is_open = self._is_open, False
        recorder = runtime.active
        if not was_open or recorder is None or not self.was_entered or self.inner.count:
            return
        endpoint = _ENDPOINTS[self.operation]
        provider = _PROVIDERS.get(self.provider or "", self.provider)
        span = recorder.start_call(
            self._integration, endpoint, self.model, provider, self._parent, self._start_ns
        )
        if span is None:
            return
        if type(span) is OwnSpan:
            span.start_ns = self._start_ns
            span.start_mono_ns = self._start_mono_ns
        attribution = current_attribution(self._parent)
        call = Call(self._integration, endpoint, span, attribution, recorder.submit)
        call.start_mono_ns = self._start_mono_ns
        call.model = self.model
        call.provider_hint = provider
        if error is not None:
            call.fail(error)
        _write(call, tells(), keeps_content=recorder.settings.capture_content != "none")
        call.end()


def open_model_call(
    integration: Integration, model: object, provider: object, parent: Context
) -> ModelCall | None:
    """Start a model call below ``parent``; None if nothing records."""
    recorder = runtime.active
    if recorder is None or integration.name not in recorder.integrations:
        return None
    if parent.get(semconv.OFFLINE_KEY):
        return None
    named = model if isinstance(model, str) and model else None
    return ModelCall(
        integration, named, provider if isinstance(provider, str) and provider else None, parent
    )


def _write(call: Call, told: Told, *, keeps_content: bool) -> None:
    """Write what was told as the bodies of a call, for the background thread to read."""
    request: dict[str, Any] = {**told.request}
    if call.model:
        request["model"] = call.model
    choice: dict[str, Any] = {"index": 0}
    if told.finish_reason:
        choice["finish_reason"] = told.finish_reason
    if keeps_content:
        if told.messages:
            request["messages"] = list(told.messages)
        if told.answer:
            choice["message"] = told.answer
    response = {
        "id": told.response_id,
        "model": told.model,
        "choices": [choice],
        "usage": told.usage,
        "cache": told.cache,
    }
    call.request_body = _body(request)
    call.response_body = _body({k: v for k, v in response.items() if v is not None})
    call.has_body = True


def _body(fields: dict[str, Any]) -> bytes:
    text = as_text(fields)
    if text is None:  # something in it has no JSON: what can be written is
        text = json.dumps({k: v for k, v in fields.items() if as_text(v) is not None}, default=str)
    return text.encode("utf-8", "replace")
