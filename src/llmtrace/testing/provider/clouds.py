"""Anthropic's messages at a cloud's own path: Vertex' ``:rawPredict`` and ``:streamRawPredict``.

The model is in the path and not in the body; all else is as at Anthropic, with plain server-sent
events. (Bedrock frames its streams: ``bedrock``. Foundry has Anthropic's own paths.)
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from llmtrace.testing.provider.anthropic import (
    MESSAGES,
    find_problem,
    message_body,
    message_events,
)

if TYPE_CHECKING:
    from llmtrace.testing.provider.events import Event, JsonObject
    from llmtrace.testing.provider.records import Turn
    from llmtrace.testing.provider.server import Received

VERTEX_PATH = (
    r"(?:/v\d\w*)?/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/"
    r"(?!count-tokens)[^/:]+:(?:rawPredict|streamRawPredict)"
)
COUNT_PATH = (
    r"(?:/v\d\w*)?/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/"
    r"count-tokens:rawPredict"
)
_MODEL = re.compile(r"/models/([^/:]+):")


def _model(received: Received) -> str:
    found = _MODEL.search(received.path)
    return unquote(found[1]) if found else ""


def _find_problem(request: JsonObject) -> tuple[str, str] | None:
    return find_problem({**request, "model": "in the path"})


def _named_as_answers_do(turn: Turn) -> Turn:
    """``claude-haiku-4-5@20251001`` is asked for, ``claude-haiku-4-5-20251001`` answers."""
    return replace(turn, model=turn.model.replace("@", "-"))


def _body(turn: Turn) -> JsonObject:
    return message_body(_named_as_answers_do(turn))


def _events(turn: Turn) -> list[Event]:
    return message_events(_named_as_answers_do(turn))


VERTEX_MESSAGES = replace(MESSAGES, problem=_find_problem, model=_model, body=_body, events=_events)
