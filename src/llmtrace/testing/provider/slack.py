"""``SlackSink``: Slack's incoming webhook on a loopback port, with Slack's limits.

It checks what Slack checks (https://api.slack.com/reference/block-kit/blocks) and answers as Slack
does, so that a message that arrives here would arrive there. It renders nothing.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from llmtrace.testing.provider.events import JsonObject, as_list, as_object, as_text
from llmtrace.testing.provider.script import Reply, Script, ScriptSource
from llmtrace.testing.provider.server import LoopbackServer, Received, Sending

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_BLOCKS = 50
_MAX_TEXT = 40_000
_MAX_HEADER = 150
_MAX_SECTION = 3_000
_MAX_FIELDS = 10
_MAX_FIELD = 2_000
_MAX_ELEMENTS = 10
_USUAL_TEXTS = {
    400: b"invalid_payload",
    403: b"action_prohibited",
    404: b"no_service",
    410: b"channel_is_archived",
    429: b"rate_limited",
    500: b"rollup_error",
}


class SlackSink(LoopbackServer):
    """Takes webhook messages and keeps those that Slack would accept; a context manager."""

    def __init__(self, *, port: int = 0, script: ScriptSource = None) -> None:
        """Bind ``port`` (0: any free one); OSError if it is taken. Serve after ``start``."""
        super().__init__(self._respond, port=port)
        self._script = Script(script)
        self._messages_lock = threading.Lock()
        self._messages: list[JsonObject] = []
        self._problems: list[str] = []

    @property
    def url(self) -> str:
        """The webhook to post to; its last part plays the secret of a real webhook."""
        return f"{self.base_url}/services/T00000000/B00000000/LOCALSECRET"

    @property
    def messages(self) -> list[JsonObject]:
        """Payloads accepted so far, oldest first; a copy."""
        with self._messages_lock:
            return list(self._messages)

    @property
    def problems(self) -> list[str]:
        """Why payloads were refused, one line each; a copy."""
        with self._messages_lock:
            return list(self._problems)

    def enqueue(self, *replies: Reply) -> None:
        """Answer the next messages with ``replies`` (status and headers) and do not keep them."""
        self._script.enqueue(*replies)

    def _respond(self, received: Received) -> Sending:
        reply = self._script.take(received)
        if reply is not None:
            body = reply.body if reply.body is not None else _USUAL_TEXTS.get(reply.status, b"ok")
            return _sending(reply.status, body, reply)
        if received.method != "POST" or not received.path.startswith("/services/"):
            return _sending(404, b"no_service")
        payload = _payload(received)
        problems = ["invalid_payload: not a JSON object"] if payload is None else []
        problems += find_problems(payload or {})
        with self._messages_lock:
            if payload is None or problems:
                self._problems += problems
                return _sending(400, problems[0].split(":")[0].encode())
            self._messages.append(payload)
        return _sending(200, b"ok")


def find_problems(payload: JsonObject) -> list[str]:
    """Return every limit of Slack that ``payload`` breaks, as ``code: text``; [] if none."""
    return list(_problems(payload))


def _problems(payload: JsonObject) -> Iterator[str]:
    attachments = [as_object(item) for item in as_list(payload.get("attachments"))]
    if not payload.get("text") and not payload.get("blocks") and not attachments:
        yield "no_text: neither text, blocks nor attachments"
    if len(as_text(payload.get("text"))) > _MAX_TEXT:
        yield f"msg_too_long: text has more than {_MAX_TEXT} characters"
    for holder in (payload, *attachments):
        blocks = [as_object(block) for block in as_list(holder.get("blocks"))]
        if len(blocks) > _MAX_BLOCKS:
            yield f"invalid_blocks: {len(blocks)} blocks, at most {_MAX_BLOCKS}"
        for index, block in enumerate(blocks):
            for problem in _block_problems(block):
                yield f"invalid_blocks: blocks[{index}]: {problem}"


def _block_problems(block: JsonObject) -> Iterator[str]:
    kind = block.get("type")
    if not isinstance(kind, str):
        yield "no type"
    elif kind == "header":
        yield from _text_problems("header text", block.get("text"), _MAX_HEADER)
    elif kind == "section":
        fields = as_list(block.get("fields"))
        if "text" in block:
            yield from _text_problems("section text", block["text"], _MAX_SECTION)
        elif not fields:
            yield "a section needs text or fields"
        if len(fields) > _MAX_FIELDS:
            yield f"{len(fields)} fields, at most {_MAX_FIELDS}"
        for field in fields:
            yield from _text_problems("field", field, _MAX_FIELD)
    elif kind in ("context", "actions"):
        count = len(as_list(block.get("elements")))
        if not 1 <= count <= (_MAX_ELEMENTS if kind == "context" else 25):
            yield f"{kind} with {count} elements"


def _text_problems(name: str, value: object, limit: int) -> Iterator[str]:
    text = as_object(value)
    length = len(as_text(text.get("text")))
    if text.get("type") not in ("plain_text", "mrkdwn"):
        yield f"{name} is no text object"
    elif name == "header text" and text["type"] != "plain_text":
        yield "header text must be plain_text"
    elif not 1 <= length <= limit:
        yield f"{name} has {length} characters, 1 to {limit} allowed"


def _payload(received: Received) -> JsonObject | None:
    """Return the message: a JSON body, or a form's ``payload`` field."""
    value: object = received.json
    if value is None and received.headers.get("content-type", "").startswith(
        "application/x-www-form-urlencoded"
    ):
        form = parse_qs(received.body.decode("utf-8", "replace"))
        try:
            value = json.loads(form.get("payload", [""])[0])
        except ValueError:
            value = None
    fields = as_object(value)
    return fields if fields or value == {} else None


def _sending(status: int, body: bytes, reply: Reply | None = None) -> Sending:
    reply = reply or Reply()
    headers = {"content-type": reply.content_type or "text/html"}
    return Sending(
        status=status,
        headers=headers | {name.lower(): value for name, value in reply.headers.items()},
        pieces=(body,),
        is_chunked=False,
        delay_s=reply.delay_s,
        is_dropped=reply.is_dropped,
        stall_s=reply.stall_s,
        cut_after_bytes=reply.cut(body) if reply.cut else None,
    )
