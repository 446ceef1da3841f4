"""LiteLLM's OpenTelemetry callback, in the SDK and in its proxy.

Its names are Traceloop's, its own metadata are texts (``metadata.*``, ``hidden_params``). The proxy
writes the attributes of the call onto its server span too, and a span of the raw request below:
only the span of the request counts, the server's only where it stands for it. An answer from
LiteLLM's cache costs nothing, though the callback tells tokens and costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmtrace import semconv
from llmtrace.otlp.dialects import traceloop
from llmtrace.otlp.dialects.draft import parsed
from llmtrace.usage.counts import as_mapping

if TYPE_CHECKING:
    from llmtrace.otlp.decode import PlainSpan
    from llmtrace.otlp.dialects.draft import Draft

_RAW_REQUEST: Final = "raw_gen_ai_request"
_TYPES: Final = {
    "completion": semconv.OP_CHAT,  # litellm.completion is the chat
    "acompletion": semconv.OP_CHAT,
    "text_completion": semconv.OP_TEXT_COMPLETION,
    "atext_completion": semconv.OP_TEXT_COMPLETION,
    "responses": semconv.OP_CHAT,
    "aresponses": semconv.OP_CHAT,
    "anthropic_messages": semconv.OP_CHAT,
    "generate_content": semconv.OP_GENERATE_CONTENT,
    "agenerate_content": semconv.OP_GENERATE_CONTENT,
    "embedding": semconv.OP_EMBEDDINGS,
    "aembedding": semconv.OP_EMBEDDINGS,
    "rerank": semconv.OP_RERANK,
    "arerank": semconv.OP_RERANK,
    "image_generation": semconv.OP_IMAGE_GENERATION,
    "aimage_generation": semconv.OP_IMAGE_GENERATION,
    "transcription": semconv.OP_TRANSCRIPTION,
    "atranscription": semconv.OP_TRANSCRIPTION,
    "speech": semconv.OP_SPEECH,
    "aspeech": semconv.OP_SPEECH,
    "moderation": semconv.OP_MODERATION,
    "amoderation": semconv.OP_MODERATION,
}
_NAMES: Final = {
    semconv.USER_ID: (
        "metadata.user_api_key_end_user_id",
        "metadata.user_api_key_user_id",
        "llm.user",
    ),
    semconv.TENANT: ("metadata.user_api_key_team_id",),
}


def knows(span: PlainSpan) -> bool:
    """Say whether LiteLLM made the span."""
    return span.scope_name.startswith("litellm") or (
        "hidden_params" in span.attributes and "llm.request.type" in span.attributes
    )


def read(draft: Draft) -> None:
    """Read a request, the server's span around it, or the raw request below it."""
    if draft.span.name == _RAW_REQUEST:
        draft.leave_uncounted()
    named = draft.text("llm.request.type", semconv.OPERATION_NAME) or ""
    if named in _TYPES:
        draft.overrule(semconv.OPERATION_NAME, _TYPES[named])
    draft.rename_all(_NAMES)
    streams = draft.text("llm.is_streaming")
    if streams is not None:
        draft.take("llm.is_streaming")
        draft.say(semconv.REQUEST_STREAM, streams.lower() == "true")
    traceloop.read_call(draft)
    model, provider = draft.text(semconv.RESPONSE_MODEL), draft.text(semconv.SYSTEM_OLD)
    if model and provider and model.startswith(provider + "/"):
        draft.overrule(semconv.RESPONSE_MODEL, model.removeprefix(provider + "/"))
    hidden = as_mapping(parsed(draft.look("hidden_params")))
    if str(draft.look("metadata.cache_hit")).lower() == "true" or (hidden.get("cache_hit") is True):
        _read_cached(draft)


def _read_cached(draft: Draft) -> None:
    draft.say(semconv.CACHE_STATUS, "hit")
    draft.say(semconv.CACHE_NAME, "litellm")
    draft.overrule(semconv.COST_TOTAL, 0.0)
    draft.overrule(semconv.COST_SOURCE, "provider")
