"""What goes wrong at providers, as ready-made replies; narrow one with ``.only(path=, model=)``.

Each was seen at a real provider or gateway. Those that change an answer leave the rest natural.
"""

from __future__ import annotations

import copy

from llmtrace.testing.provider.events import Event, as_list, as_object, encode_json
from llmtrace.testing.provider.records import Answer, ToolCall, UsageFrom
from llmtrace.testing.provider.script import Reply
from llmtrace.wire.aws_eventstream import EXCEPTION

_BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>gateway</center>\r\n"
    b"</body>\r\n</html>\r\n"
)


def rate_limited(*, retry_after_s: float = 0.01, times: int = 1) -> Reply:
    """Answer 429 with ``Retry-After`` (and its millisecond form, which SDKs read first)."""
    headers = {
        "retry-after": f"{retry_after_s:g}",
        "retry-after-ms": f"{retry_after_s * 1000:g}",
    }
    return Reply(status=429, headers=headers, times=times)


def refused(status: int, message: str | None = None) -> Reply:
    """Answer an error status (400, 401, 403, 404, 500, 503, 529) with the provider's own body."""
    return Reply(status=status, message=message)


def overloaded() -> Reply:
    """Answer 529, as Anthropic does under load."""
    return refused(529)


def html_page(status: int = 502) -> Reply:
    """Answer with a gateway's HTML page instead of JSON."""
    return Reply(status=status, body=_BAD_GATEWAY, content_type="text/html")


def dropped() -> Reply:
    """Close the connection before a single byte of the answer."""
    return Reply(is_dropped=True)


def cut_inside_event(*, after_events: int = 2) -> Reply:
    """Cut a stream in the middle of an event, after so many whole ones."""

    def position(body: bytes) -> int:
        start = 0
        for _ in range(after_events):
            start = body.find(b"\n\n", start) + 2
        end = body.find(b"\n\n", start)
        return (start + end) // 2

    return Reply(cut=position)


def cut_inside_character(text: str = "Grüße, 世界 🌍") -> Reply:
    """Cut the connection between two bytes of one UTF-8 character."""
    return Reply(answer=Answer(text=text), cut=_first_multibyte)


def stalled(*, stall_s: float = 2.0, after_events: int = 2) -> Reply:
    """Let a stream fall silent after some whole events, then cut it."""

    def position(body: bytes) -> int:
        end = 0
        for _ in range(after_events):
            end = body.find(b"\n\n", end) + 2
        return end

    return Reply(cut=position, stall_s=stall_s)


def split_everywhere(chunk_bytes: int = 1) -> Reply:
    """Send a whole answer in tiny chunks, with borders inside events and inside characters."""
    return Reply(chunk_bytes=chunk_bytes)


def garbage() -> Reply:
    """Answer 200 with a body that is no JSON, though it says so."""
    return Reply(body=b"\x00\xff{not json\xfe")


def truncated_json() -> Reply:
    """Answer 200 with JSON that stops in the middle, and a Content-Length that fits."""

    def halve(events: list[Event], _api: str) -> list[Event]:
        text = encode_json(events[-1].data).decode()
        return [*events[:-1], Event(text[: len(text) // 2], name=events[-1].name)]

    return Reply(edit=halve)


def empty_body() -> Reply:
    """Answer 200 with nothing in it."""
    return Reply(body=b"")


def gzipped() -> Reply:
    """Compress the natural answer; a stream event by event."""
    return Reply(is_gzipped=True)


def usage(value: object) -> Reply:
    """Put any JSON value in the place of ``usage``: null, partial, strings, negative."""
    return Reply(usage=value)


def usage_missing() -> Reply:
    """Leave ``usage`` out of the answer."""
    return Reply(usage=UsageFrom.NOWHERE)


def usage_on_every_chunk() -> Reply:
    """Repeat growing usage in each chunk of a chat stream, as some gateways do."""

    def repeat(events: list[Event], api: str) -> list[Event]:
        if api != "chat" or len(events) == 1:
            return events
        changed: list[Event] = []
        for index, event in enumerate(events, start=1):
            data = as_object(event.data)
            total = {"prompt_tokens": 10, "completion_tokens": index, "total_tokens": 10 + index}
            is_bare = bool(data) and not data.get("usage")
            changed.append(Event({**data, "usage": total}) if is_bare else event)
        return changed

    return Reply(edit=repeat)


def choices(value: object) -> Reply:
    """Set ``choices`` to ``value`` (``[]``, null) in chat's body, or in one more chunk."""

    def change(events: list[Event], api: str) -> list[Event]:
        if api != "chat":
            return events
        odd = Event({**as_object(events[0].data), "choices": value})
        return [odd] if len(events) == 1 else [events[0], odd, *events[1:]]

    return Reply(edit=change)


def tool_call_without_function() -> Reply:
    """Call a tool, in chat, with ``function`` null."""

    def blank(events: list[Event], _api: str) -> list[Event]:
        changed = copy.deepcopy(events)
        for event in changed:
            for choice in as_list(as_object(event.data).get("choices")):
                message = as_object(choice.get("message") or choice.get("delta"))
                for call in as_list(message.get("tool_calls")):
                    call["function"] = None
        return changed

    call = ToolCall(name="lookup", arguments='{"id": 1}')
    return Reply(answer=Answer(tool_calls=(call,)), edit=blank)


def error_inside_stream(*, after_events: int = 3, kind: str = "overloaded_error") -> Reply:
    """Answer 200 and some events, then the provider's error event, and no proper end."""

    def fail(events: list[Event], api: str) -> list[Event]:
        if len(events) == 1:
            return events
        return [*events[:after_events], _error_event(api, kind, after_events)]

    return Reply(edit=fail)


def exception_inside_stream(
    kind: str = "modelStreamErrorException", *, after_events: int = 3
) -> Reply:
    """Answer 200 and some events, then one of AWS' exceptions, and no proper end."""

    def fail(events: list[Event], _api: str) -> list[Event]:
        if len(events) == 1:
            return events
        told = {"message": "The model failed while it answered."}
        return [*events[:after_events], Event(told, name=EXCEPTION + kind)]

    return Reply(edit=fail)


def unknown_events() -> Reply:
    """Mix events and fields that no SDK knows yet among the natural ones."""

    def add(events: list[Event], api: str) -> list[Event]:
        if len(events) == 1:
            body = {**as_object(events[0].data), "field_of_tomorrow": {"a": [1]}}
            return [Event(body, name=events[0].name)]
        if api == "chat":
            first = {**as_object(events[0].data), "field_of_tomorrow": 1}
            return [Event(first), *events[1:]]
        kind = "response.tomorrow" if api == "responses" else "tomorrow"
        unknown = Event({"type": kind, "sequence_number": 1, "x": 1}, name=kind)
        return [*events[:2], unknown, *events[2:]]

    return Reply(edit=add)


def lone_surrogate() -> Reply:
    r"""Say half a surrogate pair: ``\ud800`` in the JSON, which UTF-8 cannot hold."""
    return Reply(answer=Answer(text="half a pair: \ud800 and on"))


def _first_multibyte(body: bytes) -> int:
    return next((at + 1 for at, byte in enumerate(body) if byte >= 0x80), len(body))


def _error_event(api: str, kind: str, number: int) -> Event:
    message = "The server had an error while processing your request."
    if api == "messages":
        error = {"type": kind, "message": "Overloaded"}
        return Event({"type": "error", "error": error}, name="error")
    if api == "responses":
        data = {"type": "error", "code": "server_error", "message": message, "param": None}
        return Event({**data, "sequence_number": number}, name="error")
    if api == "generate_content":
        return Event({"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}})
    if api == "interactions":
        told = {"code": "UNAVAILABLE", "message": message}
        return Event({"error": told, "event_type": "error"}, name="error")
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    return Event({"error": error})
