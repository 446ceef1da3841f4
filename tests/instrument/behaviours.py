"""What a provider may do, good and bad: the replies that a run of the harness gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import Answer, Reply, faults
from llmtrace.testing.provider.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Behaviour:
    """Replies to use up first; after them the provider answers naturally."""

    replies: tuple[Reply, ...] = ()
    max_retries: int = 0


def _cut_at(share: float) -> Callable[[bytes], int]:
    return lambda body: int(len(body) * share)


def _edited(change: Callable[[list[Event], str], list[Event]]) -> Behaviour:
    return Behaviour((Reply(edit=change),))


def _unknown_blocks(events: list[Event], api: str) -> list[Event]:
    """Put content of a kind that no SDK knows into a body, or among the events."""
    if len(events) > 1:
        kind = {"messages": "content_block_start", "responses": "response.output_item.added"}
        block = {"type": "hologram", "id": "h1", "x": [1]}
        if api == "messages":
            strange: dict[str, Any] = {"type": kind[api], "index": 7, "content_block": block}
        elif api == "responses":
            strange = {"type": kind[api], "output_index": 7, "item": block, "sequence_number": 1}
        else:
            strange = {"id": "x", "choices": [{"index": 9, "delta": {"hologram": block}}]}
        return [*events[:2], Event(strange, name=kind.get(api)), *events[2:]]
    body: Any = events[0].data
    changed = dict(body)
    for field in ("content", "output"):
        if isinstance(body.get(field), list):
            changed[field] = [*body[field], {"type": "hologram", "x": [1]}]
    return [Event(changed)]


def _swapped(events: list[Event], _api: str) -> list[Event]:
    return [*events[:1], *events[:0:-1]]


def _halved(events: list[Event], _api: str) -> list[Event]:
    return events[: max(1, len(events) // 2)]


def _with_empty_event(events: list[Event], _api: str) -> list[Event]:
    return [*events, Event("")]


BEHAVIOURS: dict[str, Behaviour] = {
    "normal": Behaviour(),
    "429_then_ok": Behaviour((faults.rate_limited(times=2),), max_retries=3),
    "429_for_good": Behaviour((faults.rate_limited(times=2),), max_retries=1),
    "dropped_then_ok": Behaviour((faults.dropped(),), max_retries=1),
    "dropped": Behaviour((faults.dropped(),)),
    "400": Behaviour((faults.refused(400),)),
    "401": Behaviour((faults.refused(401),)),
    "403": Behaviour((faults.refused(403),)),
    "404": Behaviour((faults.refused(404),)),
    "500": Behaviour((faults.refused(500),)),
    "529": Behaviour((faults.overloaded(),)),
    "500_html": Behaviour((faults.html_page(500),)),
    "200_html": Behaviour((faults.html_page(200),)),
    "401_empty": Behaviour((Reply(status=401, body=b""),)),
    "cut_at_once": Behaviour((Reply(cut=_cut_at(0.0)),)),
    "cut_in_the_middle": Behaviour((Reply(cut=_cut_at(0.5)),)),
    "cut_near_the_end": Behaviour((Reply(cut=_cut_at(0.95)),)),
    "cut_inside_character": Behaviour((faults.cut_inside_character(),)),
    "split_everywhere": Behaviour((faults.split_everywhere(7),)),
    "garbage": Behaviour((faults.garbage(),)),
    "truncated_json": Behaviour((faults.truncated_json(),)),
    "empty": Behaviour((faults.empty_body(),)),
    "json_list": Behaviour((Reply(json=[1, {"a": None}]),)),
    "json_null": Behaviour((Reply(body=b"null"),)),
    "json_string": Behaviour((Reply(json="hello"),)),
    "wrong_content_type": Behaviour((Reply(content_type="text/plain"),)),
    "choices_null": Behaviour((faults.choices(None),)),
    "choices_empty": Behaviour((faults.choices([]),)),
    "choices_text": Behaviour((faults.choices("none"),)),
    "tool_function_null": Behaviour((faults.tool_call_without_function(),)),
    "usage_null": Behaviour((faults.usage(None),)),
    "usage_missing": Behaviour((faults.usage_missing(),)),
    "usage_partial": Behaviour((faults.usage({"prompt_tokens": 3, "input_tokens": 3}),)),
    "usage_text": Behaviour(
        (faults.usage({"prompt_tokens": "many", "input_tokens": "7", "output_tokens": [1]}),)
    ),
    "usage_negative": Behaviour((faults.usage({"prompt_tokens": -3, "input_tokens": -3}),)),
    "usage_list": Behaviour((faults.usage([1, 2]),)),
    "usage_on_every_chunk": Behaviour((faults.usage_on_every_chunk(),)),
    "unknown_events": Behaviour((faults.unknown_events(),)),
    "unknown_blocks": _edited(_unknown_blocks),
    "events_out_of_order": _edited(_swapped),
    "stream_without_end": _edited(_halved),
    "empty_event": _edited(_with_empty_event),
    "lone_surrogate": Behaviour((faults.lone_surrogate(),)),
    "long_answer": Behaviour((Reply(answer=Answer(text="word " * 300)),)),
    "no_text": Behaviour((Reply(answer=Answer(text="")),)),
    "refusal": Behaviour((Reply(answer=Answer(refusal="No.")),)),
    "gzip": Behaviour((faults.gzipped(),)),
    "error_inside_stream": Behaviour((faults.error_inside_stream(),)),
    "odd_headers": Behaviour(
        (
            Reply(
                headers={
                    "x-request-id": "caf\xe9",
                    "request-id": "",
                    "retry-after": "soon",
                    "x-ratelimit-remaining-tokens": "9" * 40,
                }
            ),
        )
    ),
}
EVERYWHERE = ("normal", "error_inside_stream", "cut_in_the_middle", "garbage", "429_then_ok")
"""Behaviours that meet every shape, the first two of them also where time is short; the others meet
one shape of each kind."""
SOME = (*EVERYWHERE, "400", "dropped", "200_html", "usage_null", "unknown_events", "gzip")
"""Behaviours that meet one shape of each kind where time is short."""
STREAMED = ("normal", "cut_in_the_middle", "error_inside_stream")
"""Behaviours that meet every ending of every stream."""
CONTENT = frozenset(
    {
        "401",
        "403",
        "404",
        "529",
        "500_html",
        "401_empty",
        "json_list",
        "json_null",
        "json_string",
        "wrong_content_type",
        "choices_null",
        "choices_empty",
        "choices_text",
        "tool_function_null",
        "usage_missing",
        "usage_partial",
        "usage_text",
        "usage_negative",
        "usage_list",
        "usage_on_every_chunk",
        "unknown_blocks",
        "lone_surrogate",
        "long_answer",
        "no_text",
        "refusal",
        "odd_headers",
    }
)
"""Behaviours that arrive whole and only say something else, which functions read that know of no
client. A shape meets each with its sync client or its async one, the next shape the other way."""
