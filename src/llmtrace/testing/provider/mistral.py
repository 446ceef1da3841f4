"""Mistral's API below ``/mistral/v1``: chat, FIM, agents and conversations; errors and headers.

Shapes follow https://docs.mistral.ai/api, the SDK's models and recorded traffic. Pure. Its paths
are OpenAI's, so that it has a prefix here. OCR, sound and the rest are in ``mistral_lookups``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmtrace.testing.provider import chat
from llmtrace.testing.provider.events import (
    Event,
    JsonObject,
    as_list,
    as_object,
    as_text,
    text_pieces,
)
from llmtrace.testing.provider.records import Counts, Dialect, Headroom, Prompt, Turn, Vendor

if TYPE_CHECKING:
    from llmtrace.testing.provider.server import Received

ROOT = "/mistral/v1"
_CODES = {400: "3051", 401: "1100", 404: "1500", 429: "1300", 500: "1000"}
_USUAL = {
    400: ("invalid_request_invalid_args", "The request could not be understood."),
    401: ("unauthorized", "Unauthorized"),
    403: ("forbidden", "Forbidden"),
    404: ("invalid_model", "Invalid model: {model}"),
    429: ("rate_limited", "Rate limit exceeded"),
    500: ("internal_server_error", "Service unavailable."),
}


def error_body(status: int, model: str, message: str | None, _token: str) -> JsonObject:
    """Return the body of an error answer; a missing key and bad parameters have their own form."""
    if status == 401 and message is None:
        return {"detail": "Unauthorized"}
    kind, usual = _USUAL.get(status) or _USUAL[500 if status >= 500 else 400]
    text = message if message is not None else usual.format(model=model)
    if status == 422:
        return {"detail": [{"type": "missing", "loc": ["body"], "msg": text, "input": {}}]}
    code = _CODES.get(status, "1000")
    return {"object": "error", "message": text, "type": kind, "param": None, "code": code}


def response_headers(token: str, spent_s: float, headroom: Headroom) -> dict[str, str]:
    """Return the headers that every answer carries."""
    return {
        "mistral-correlation-id": token[:32],
        "x-envoy-upstream-service-time": str(round(spent_s * 1000)),
        "x-ratelimit-limit-req-minute": str(headroom.limit_requests),
        "x-ratelimit-remaining-req-minute": str(headroom.remaining_requests),
        "x-ratelimit-limit-tokens-minute": str(headroom.limit_tokens),
        "x-ratelimit-remaining-tokens-minute": str(headroom.remaining_tokens),
    }


VENDOR = Vendor(error=error_body, headers=response_headers)


def usage_object(counts: Counts) -> JsonObject:
    """Return ``usage``; what came from the cache is inside the prompt tokens."""
    cached = {"prompt_tokens_details": {"cached_tokens": counts.cache_read}}
    return {
        "prompt_tokens": counts.input_all,
        "total_tokens": counts.input_all + counts.output_all,
        "completion_tokens": counts.output_all,
        **(cached if counts.cache_read else {}),
    }


def completion_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a plain answer: OpenAI's without what Mistral does not say."""
    body = chat.completion_body(turn)
    choices = [
        {
            "index": choice["index"],
            "finish_reason": choice["finish_reason"],
            "message": {
                "role": "assistant",
                "tool_calls": choice["message"].get("tool_calls"),
                "content": choice["message"]["content"] or "",
            },
        }
        for choice in body["choices"]
    ]
    head = {key: body[key] for key in ("created", "model")}
    told = turn.usage_field(usage_object(turn.counts))
    return {"id": turn.token[:32], **head, **told, "object": "chat.completion", "choices": choices}


def completion_events(turn: Turn) -> list[Event]:
    """Return the chunks of a streamed answer: calls of tools whole, the usage in the last one."""
    whole = completion_body(turn)
    head = {"id": whole["id"], "object": "chat.completion.chunk"}
    head |= {key: whole[key] for key in ("created", "model")}
    chunks: list[JsonObject] = []
    for choice in whole["choices"]:
        message, index = choice["message"], choice["index"]
        deltas: list[JsonObject] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in text_pieces(message["content"])]
        calls = [
            {"id": call["id"], "function": call["function"], "index": at}
            for at, call in enumerate(message["tool_calls"] or ())
        ]
        deltas.append({"tool_calls": calls} if calls else {"content": ""})
        said = [{"index": index, "delta": delta, "finish_reason": None} for delta in deltas]
        said[-1]["finish_reason"] = choice["finish_reason"]
        chunks += [{**head, "choices": [each]} for each in said]
    chunks[-1] |= {"usage": whole["usage"]} if "usage" in whole else {}
    return [*map(Event, chunks), Event("[DONE]")]


def read_fim(request: JsonObject) -> Prompt:
    """Reduce a request to fill a gap: what stands before and after it is the prompt."""
    text = as_text(request.get("prompt")) + as_text(request.get("suffix"))
    limit = {"max_tokens": request.get("max_tokens")}
    return chat.read_prompt({"messages": [{"role": "user", "content": text}], **limit})


def find_fim_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what is answered 400 to; None if there is nothing."""
    return None if request.get("prompt") else ("prompt", "Field required: prompt")


def find_agent_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what is answered 400 to; None if there is nothing."""
    return None if request.get("agent_id") else ("agent_id", "Field required: agent_id")


def find_conversation_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what is answered 400 to; None if there is nothing."""
    return None if request.get("inputs") else ("inputs", "Field required: inputs")


def read_conversation(request: JsonObject) -> Prompt:
    """Reduce the entries of a conversation to what decides the answer."""
    given = request.get("inputs")
    entries = [{"role": "user", "content": given}] if isinstance(given, str) else as_list(given)
    messages = [_as_message(as_object(entry)) for entry in entries]
    args = as_object(request.get("completion_args"))
    as_chat: JsonObject = {"messages": messages, "tools": request.get("tools")}
    return chat.read_prompt({**as_chat, "max_tokens": args.get("max_tokens")})


def _as_message(entry: JsonObject) -> JsonObject:
    if entry.get("type") == "function.result":
        return {"role": "tool", "content": entry.get("result")}
    return {"role": entry.get("role") or "assistant", "content": entry.get("content")}


def _entries(turn: Turn) -> list[JsonObject]:
    answer = turn.answers[0]
    head = {"object": "entry", "model": turn.model, "created_at": "2026-01-15T09:30:00Z"}
    calls: list[JsonObject] = [
        {
            **head,
            "type": "function.call",
            "id": f"fc_{turn.token[:20]}{index}",
            "tool_call_id": turn.token[:8] + str(index),
            "name": call.name,
            "arguments": call.arguments,
        }
        for index, call in enumerate(answer.tool_calls)
    ]
    message: JsonObject = {
        **head,
        "type": "message.output",
        "id": f"msg_{turn.token[:24]}",
        "role": "assistant",
        "content": answer.text,
    }
    return calls or [message]


def conversation_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a plain answer."""
    return {
        "object": "conversation.response",
        "conversation_id": f"conv_{turn.token[:24]}",
        "outputs": _entries(turn),
        **turn.usage_field({**usage_object(turn.counts), "connector_tokens": None}),
    }


def conversation_events(turn: Turn) -> list[Event]:
    """Return the events of a streamed answer."""
    body = conversation_body(turn)
    events = [_event("conversation.response.started", conversation_id=body["conversation_id"])]
    for index, entry in enumerate(body["outputs"]):
        kind, growing = as_text(entry["type"]), "content"
        if kind == "function.call":
            growing = "arguments"
        rest = {key: value for key, value in entry.items() if key not in {"type", "object"}}
        whole = as_text(rest.pop(growing))
        grown = chat.argument_pieces(whole) if growing == "arguments" else text_pieces(whole)
        events += [
            _event(f"{kind}.delta", **rest, **{growing: piece}, output_index=index)
            for piece in grown
        ]
    told = {"usage": body["usage"]} if "usage" in body else {}
    return [*events, _event("conversation.response.done", **told)]


def _event(kind: str, **fields: object) -> Event:
    return Event({"type": kind, **fields}, kind)


def _of_agent(received: Received) -> str:
    return as_text(received.json_object().get("model")) or "mistral-medium-2508"


CHAT = Dialect(
    name="mistral.chat",
    problem=chat.find_problem,
    read=chat.read_prompt,
    body=completion_body,
    events=completion_events,
    choices=lambda request: request.get("n") or 1,
)
FIM = replace(CHAT, problem=find_fim_problem, read=read_fim)
AGENTS = replace(CHAT, problem=find_agent_problem, model=_of_agent)
CONVERSATIONS = Dialect(
    name="mistral.conversations",
    problem=find_conversation_problem,
    read=read_conversation,
    body=conversation_body,
    events=conversation_events,
    model=_of_agent,
)
