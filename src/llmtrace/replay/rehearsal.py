"""Would the stored calls of a trace answer a program that makes them again, and with what? Pure.

The same matching and the same served bytes as inside ``with llmtrace.replay(trace_id):``, without
a program: a free and deterministic check before tests rely on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace import wire
from llmtrace.errors import ReplayError
from llmtrace.replay.compare import answer_text
from llmtrace.replay.offline import ReplaySession
from llmtrace.replay.served import ServedAnswer, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmtrace.replay.stored import JsonObject, StoredCall

_HTTP_ERROR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a program that makes a call again gets offline."""

    call: StoredCall
    text: str | None = None
    """The answer as the program would read it; None if there is none."""
    is_same: bool = False
    """That answer is the stored one, or the failure is the one that was recorded."""
    told: str = ""
    """What is served in a few words, or why nothing is."""


def rehearse(calls: Sequence[StoredCall]) -> list[Rehearsed]:
    """Make each call again, in their order, against all of them; never raises for one."""
    session = ReplaySession(calls)
    return [_rehearsed(session, call) for call in calls]


def _rehearsed(session: ReplaySession, call: StoredCall) -> Rehearsed:
    request = call.request()
    if request is None:
        return Rehearsed(call=call, told=f"the request of {call.span_id} was not captured whole")
    try:
        served = serve(session.take(call.api, request), request)
    except ReplayError as error:
        return Rehearsed(call=call, told=str(error))
    if not isinstance(served, ServedAnswer):
        return Rehearsed(call=call, is_same=True, told=served.message)
    if served.status >= _HTTP_ERROR:
        return Rehearsed(call=call, is_same=True, told=f"HTTP {served.status}, as recorded")
    text = answer_text(call.api, _read(call.api, request, served))
    is_same = text is not None and text == answer_text(call.api, call.response())
    how = "streamed" if request.get("stream") is True else "whole"
    return Rehearsed(
        call=call,
        text=text,
        is_same=is_same,
        told=f"served {how}, {len(served.content):,} bytes",
    )


def _read(api: str, request: JsonObject, served: ServedAnswer) -> JsonObject:
    if request.get("stream") is True:
        return wire.merge_stream(api, served.content).body
    return json.loads(served.content)
