"""The Slack sink keeps what Slack would take and refuses what Slack would refuse."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from llmtrace.testing.provider import Reply
from llmtrace.testing.provider.slack import find_problems

if TYPE_CHECKING:
    from llmtrace.testing.provider import SlackSink


def _post(url: str, body: bytes, kind: str = "application/json") -> tuple[int, str, str | None]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("POST", parts.path, body, {"content-type": kind})
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers["retry-after"]
    finally:
        connection.close()


def _section(**fields: Any) -> dict[str, Any]:
    return {"type": "section", **fields}


def _text(length: int, kind: str = "mrkdwn") -> dict[str, str]:
    return {"type": kind, "text": "x" * length}


FITTING: dict[str, Any] = {
    "text": "fallback",
    "blocks": [
        {"type": "header", "text": _text(150, "plain_text")},
        _section(text=_text(3000), fields=[_text(2000)] * 10),
        *[{"type": "divider"}] * 48,
    ],
}


def test_a_message_at_every_limit_is_kept(sink: SlackSink) -> None:
    answer = _post(sink.url, json.dumps(FITTING).encode())

    assert answer == (200, "ok", None)
    assert sink.messages == [FITTING]


def test_a_form_payload_is_kept(sink: SlackSink) -> None:
    body = b"payload=" + quote('{"text":"hi"}').encode()

    _post(sink.url, body, "application/x-www-form-urlencoded")

    assert sink.messages == [{"text": "hi"}]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": _text(151, "plain_text")}]}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": _text(5)}]}, "invalid_blocks"),
        ({"blocks": [_section(text=_text(3001))]}, "invalid_blocks"),
        ({"blocks": [_section(text=_text(0))]}, "invalid_blocks"),
        ({"blocks": [_section(fields=[_text(1)] * 11)]}, "invalid_blocks"),
        ({"blocks": [_section(fields=[_text(2001)])]}, "invalid_blocks"),
        ({"blocks": [_section()]}, "invalid_blocks"),
        ({"blocks": [{"type": "context", "elements": []}]}, "invalid_blocks"),
        ({"attachments": [{"blocks": [_section(text=_text(3001))]}]}, "invalid_blocks"),
    ],
)
def test_a_message_past_a_limit_is_refused(
    sink: SlackSink, payload: dict[str, Any], code: str
) -> None:
    status, text, _ = _post(sink.url, json.dumps(payload).encode())

    assert (status, text) == (400, code)
    assert sink.messages == []
    assert sink.problems == find_problems(payload)


def test_garbage_is_an_invalid_payload(sink: SlackSink) -> None:
    assert _post(sink.url, b"{no")[:2] == (400, "invalid_payload")


def test_an_unknown_webhook_is_no_service(sink: SlackSink) -> None:
    assert _post(f"{sink.base_url}/other", b'{"text":"x"}')[:2] == (404, "no_service")


def test_a_scripted_refusal_says_when_to_come_back_and_keeps_nothing(sink: SlackSink) -> None:
    sink.enqueue(Reply(status=429, headers={"Retry-After": "7"}), Reply(status=500))

    answers = [_post(sink.url, b'{"text":"x"}') for _ in range(3)]

    assert answers == [(429, "rate_limited", "7"), (500, "rollup_error", None), (200, "ok", None)]
    assert len(sink.messages) == 1
