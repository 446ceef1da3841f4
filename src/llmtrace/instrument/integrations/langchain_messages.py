"""LangChain's messages and results, read for a model call that LangChain alone has seen. Pure.

Nothing of LangChain is imported: its objects are read by the names of their public attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.instrument.integrations.framework_calls import Told
from llmtrace.instrument.integrations.frameworks import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ROLES: Final = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}
_REASONS: Final = ("finish_reason", "stop_reason", "done_reason")
_OWN_IDS: Final = ("run-", "lc_")
"""How the ids begin that LangChain makes up for messages without one."""
_CACHE_MARK: Final = "total_cost"
"""LangChain puts it, as 0, into the usage of an answer from its cache; no provider tells it."""


def plain_message(message: Any) -> dict[str, Any]:
    """Return a message in the shape of OpenAI's chat."""
    if isinstance(message, str):
        return {"role": "user", "content": message}
    kind = str(getattr(message, "type", "user"))
    found: dict[str, Any] = {
        "role": getattr(message, "role", None) or _ROLES.get(kind, kind),
        "content": getattr(message, "content", None),
    }
    if call_id := getattr(message, "tool_call_id", None):
        found["tool_call_id"] = call_id
    calls = getattr(message, "tool_calls", None)
    if calls:
        found["tool_calls"] = [
            {
                "id": call.get("id"),
                "type": "function",
                "function": {"name": call.get("name"), "arguments": as_text(call.get("args"))},
            }
            for call in calls
        ]
    return found


def told_by(
    response: Any, messages: Iterable[Mapping[str, Any]], metadata: Mapping[str, Any]
) -> Told:
    """Return what an ``LLMResult`` (None: there is none) tells of the call that gave it."""
    generation = _first(_first(getattr(response, "generations", None)))
    message = getattr(generation, "message", None)
    more: dict[str, Any] = {
        **(getattr(generation, "generation_info", None) or {}),
        **(getattr(message, "response_metadata", None) or {}),
    }
    output: Any = getattr(response, "llm_output", None) or {}
    usage: Any = getattr(message, "usage_metadata", None) or output.get("token_usage")
    told = cast("dict[str, Any]", usage) if isinstance(usage, dict) else None
    is_cached = told is not None and told.get(_CACHE_MARK) == 0
    answered: Any = message if message is not None else getattr(generation, "text", None)
    return Told(
        model=_text(more.get("model_name") or more.get("model") or output.get("model_name")),
        response_id=_response_id(message, more),
        finish_reason=_text(next((more[key] for key in _REASONS if more.get(key)), None)),
        usage=told,
        request={
            key: value
            for key, value in (
                ("temperature", metadata.get("ls_temperature")),
                ("max_tokens", metadata.get("ls_max_tokens")),
                ("stop", metadata.get("ls_stop")),
            )
            if value is not None
        },
        messages=list(messages),
        answer=None if answered is None else {**plain_message(answered), "role": "assistant"},
        cache="langchain" if is_cached else None,
    )


def _response_id(message: Any, more: Mapping[str, Any]) -> str | None:
    told = _text(more.get("id")) or _text(getattr(message, "id", None))
    return None if told is None or told.startswith(_OWN_IDS) else told


def _first(items: Any) -> Any:
    return items[0] if items else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
