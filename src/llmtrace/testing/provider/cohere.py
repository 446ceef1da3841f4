"""Cohere's ``/v2/chat`` and ``/v1/chat``: prompts → JSON, events or lines; errors and headers.

Shapes follow https://docs.cohere.com/reference and recorded traffic. Pure. Cohere bills what it is
asked and what it answers; the tokens of its prompt template are only told. Embed and rerank are in
``cohere_lookups``.
"""

from __future__ import annotations

from llmtrace.testing.provider import chat
from llmtrace.testing.provider.events import (
    Event,
    JsonObject,
    as_list,
    as_object,
    as_text,
    encode_json,
    text_pieces,
)
from llmtrace.testing.provider.records import (
    Answer,
    Counts,
    Dialect,
    Headroom,
    Prompt,
    Turn,
    Vendor,
)

_TEMPLATE_TOKENS = 200
"""Tokens of Cohere's own prompt, which are told and not billed."""
MISSING = "invalid request: {} must be specified"
_USUAL = {
    400: "invalid request: the request could not be understood.",
    401: "invalid api token",
    403: "access denied",
    404: "model '{model}' not found, make sure the correct model ID was used.",
    422: "No valid response generated. Try updating messages",
    429: "You are past the per minute request limit, please wait and try again later.",
    500: "internal server error, this has been reported to our developers.",
}


def error_body(status: int, model: str, message: str | None, token: str) -> JsonObject:
    """Return the body of an error answer: an id and a text."""
    usual = _USUAL.get(status) or _USUAL[500 if status >= 500 else 400]
    text = message if message is not None else usual.format(model=model)
    return {"id": uuid_of(token), "message": text}


def response_headers(_token: str, spent_s: float, headroom: Headroom) -> dict[str, str]:
    """Return the headers that every answer carries."""
    return {
        "x-envoy-upstream-service-time": str(round(spent_s * 1000)),
        "x-endpoint-monthly-call-limit": str(headroom.limit_requests),
    }


VENDOR = Vendor(error=error_body, headers=response_headers)


def uuid_of(token: str) -> str:
    """Return an id in the form of Cohere's."""
    return "-".join((token[:8], token[8:12], token[12:16], token[16:20], token[20:32]))


def find_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what the second API answers 400 to; None if nothing."""
    for name in ("model", "messages"):
        if not request.get(name):
            return name, MISSING.format(name)
    return None


def read_prompt(request: JsonObject) -> Prompt:
    """Reduce a request to what decides the answer and its token counts."""
    wants = as_object(request.get("response_format"))
    as_chat = {**request, "response_format": wants}
    schema = wants.get("json_schema") or wants.get("schema")
    if isinstance(schema, dict):
        as_chat["response_format"] = {"json_schema": {"schema": schema}}
    choice = as_text(request.get("tool_choice"))
    as_chat["tool_choice"] = choice.lower() if choice else None
    return chat.read_prompt(as_chat)


def find_v1_problem(request: JsonObject) -> tuple[str, str] | None:
    """Return (parameter, message) of what the first API answers 400 to; None if nothing."""
    return None if request.get("message") else ("message", MISSING.format("message"))


def read_v1_prompt(request: JsonObject) -> Prompt:
    """Reduce a request of the first API to the same."""
    history = [as_object(item) for item in as_list(request.get("chat_history"))]
    messages = [{"role": as_text(i.get("role")), "content": i.get("message")} for i in history]
    if preamble := request.get("preamble"):
        messages.insert(0, {"role": "system", "content": preamble})
    messages.append({"role": "user", "content": request.get("message")})
    tools = [
        {"function": {"name": tool["name"], "parameters": _schema_of(tool)}}
        for tool in map(as_object, as_list(request.get("tools")))
        if "name" in tool
    ]
    limit = {"max_tokens": request.get("max_tokens")}
    return chat.read_prompt({"messages": messages, "tools": tools, **limit})


def _schema_of(tool: JsonObject) -> JsonObject:
    names = as_object(tool.get("parameter_definitions"))
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def usage_object(counts: Counts) -> JsonObject:
    """Return ``usage``: what is billed, and what was read and written, template included."""
    return {
        "billed_units": {
            "input_tokens": counts.input_all,
            "output_tokens": counts.output_all,
        },
        "tokens": {
            "input_tokens": counts.input_all + _TEMPLATE_TOKENS,
            "output_tokens": counts.output_all + 2,
        },
        **({"cached_tokens": counts.cache_read} if counts.cache_read else {}),
    }


def _finish_reason(answer: Answer) -> str:
    if answer.is_truncated:
        return "MAX_TOKENS"
    return "TOOL_CALL" if answer.tool_calls else "COMPLETE"


def _calls(turn: Turn) -> list[JsonObject]:
    return [
        {
            "id": f"{call.name}_{turn.token[:10]}{index}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for index, call in enumerate(turn.answers[0].tool_calls)
    ]


def chat_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a plain answer."""
    answer = turn.answers[0]
    message: JsonObject = {"role": "assistant"}
    if answer.tool_calls:
        message["tool_plan"] = answer.text or "I will use the tool."
        message["tool_calls"] = _calls(turn)
    else:
        message["content"] = [{"type": "text", "text": answer.text}]
    return {
        "id": uuid_of(turn.token),
        "message": message,
        "finish_reason": _finish_reason(answer),
        **turn.usage_field(usage_object(turn.counts)),
    }


def chat_events(turn: Turn) -> list[Event]:
    """Return the events of a streamed answer, ``[DONE]`` last."""
    answer = turn.answers[0]
    empty: JsonObject = {
        "role": "assistant",
        "content": [],
        "tool_plan": "",
        "tool_calls": [],
        "citations": [],
    }
    events = [_event("message-start", empty, id=uuid_of(turn.token))]
    if answer.tool_calls:
        plan = answer.text or "I will use the tool."
        events += [_event("tool-plan-delta", {"tool_plan": piece}) for piece in text_pieces(plan)]
        for index, call in enumerate(_calls(turn)):
            events += _call_events(index, call)
    else:
        start = {"content": {"type": "text", "text": ""}}
        events.append(_event("content-start", start, index=0))
        events += [
            _event("content-delta", {"content": {"text": piece}}, index=0)
            for piece in text_pieces(answer.text)
        ]
        events.append(_event("content-end", None, index=0))
    usage = turn.usage_field(usage_object(turn.counts))
    end = {"finish_reason": _finish_reason(answer), **usage}
    events.append(Event({"type": "message-end", "delta": end}, "message-end"))
    return [*events, Event("[DONE]")]


def _event(kind: str, message: object, **more: object) -> Event:
    delta = {} if message is None else {"delta": {"message": message}}
    return Event({"type": kind, **more, **delta}, kind)


def _call_events(index: int, call: JsonObject) -> list[Event]:
    function = as_object(call["function"])
    first = {**call, "function": {**function, "arguments": ""}}
    pieces = [
        _event("tool-call-delta", {"tool_calls": {"function": {"arguments": piece}}}, index=index)
        for piece in chat.argument_pieces(as_text(function["arguments"]))
    ]
    start = _event("tool-call-start", {"tool_calls": first}, index=index)
    return [start, *pieces, _event("tool-call-end", None, index=index)]


def v1_body(turn: Turn) -> JsonObject:
    """Return the JSON body of a plain answer of the first API, without its echo of the question."""
    answer = turn.answers[0]
    meta: JsonObject = {"api_version": {"version": "1"}}
    told = turn.usage_field(usage_object(turn.counts)).get("usage")
    calls = [
        {"name": call.name, "parameters": {"value": call.arguments}} for call in answer.tool_calls
    ]
    return {
        "response_id": uuid_of(turn.token),
        "text": answer.text,
        "generation_id": uuid_of(turn.token[::-1]),
        "finish_reason": "MAX_TOKENS" if answer.is_truncated else "COMPLETE",
        **({"tool_calls": calls} if calls else {}),
        "meta": {**meta, **(told if isinstance(told, dict) else {})},
    }


def v1_lines(turn: Turn) -> list[Event]:
    """Return the lines of a streamed answer of the first API; the last has all of it."""
    whole = v1_body(turn)
    said = text_pieces(turn.answers[0].text)
    start = {"event_type": "stream-start", "generation_id": whole["generation_id"]}
    lines = [start, *({"event_type": "text-generation", "text": piece} for piece in said)]
    if calls := whole.get("tool_calls"):
        lines.append({"event_type": "tool-calls-generation", "tool_calls": calls})
    end = {"event_type": "stream-end", "response": whole, "finish_reason": whole["finish_reason"]}
    return [
        *(Event({"is_finished": False, **line}) for line in lines),
        Event({"is_finished": True, **end}),
    ]


def _encode_line(event: Event) -> bytes:
    data = event.data.encode() if isinstance(event.data, str) else encode_json(event.data)
    return data + b"\n"


CHAT = Dialect(
    name="cohere.chat",
    problem=find_problem,
    read=read_prompt,
    body=chat_body,
    events=chat_events,
)
CHAT_V1 = Dialect(
    name="cohere.chat_v1",
    problem=find_v1_problem,
    read=read_v1_prompt,
    body=v1_body,
    events=v1_lines,
    encode=_encode_line,
    stream_type="application/stream+json",
)
