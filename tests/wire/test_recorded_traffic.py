"""What real providers sent is read as the recordings say it must be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llmtrace import wire
from tests.wire.recorded import (
    Exchange,
    exchanges,
    is_event_stream,
    needs_recordings,
    streams,
    without_nulls,
)

if TYPE_CHECKING:
    from llmtrace.wire import ResponseFields

pytestmark = needs_recordings


def _fields(row: Exchange) -> ResponseFields | None:
    if is_event_stream(row):
        return wire.merge_stream(row["api"], row["response_body"].encode()).fields
    try:
        return wire.response_fields(row["api"], json.loads(row["response_body"]))
    except ValueError:  # an error page in HTML
        return None


def _read() -> list[tuple[Exchange, ResponseFields]]:
    read = [(row, _fields(row)) for row in exchanges()]
    return [(row, fields) for row, fields in read if fields is not None]


def test_every_stream_merges_whole_and_without_a_problem() -> None:
    rows = streams()

    merged = [
        (row["id"], wire.merge_stream(row["api"], row["response_body"].encode())) for row in rows
    ]

    assert len(merged) > 200
    assert [(name, m.problem) for name, m in merged if m.problem or not m.fields.is_complete] == []


def test_usage_is_what_the_provider_stated() -> None:
    read = _read()

    wrong = [
        (row["id"], fields.usage)
        for row, fields in read
        if without_nulls(dict(fields.usage or {}))
        != {k: v for k, v in without_nulls(row["truth"]["usage"] or {}).items() if k != "_from"}
    ]

    assert wrong == []


def test_finish_reasons_are_the_providers_own_words() -> None:
    read = _read()

    wrong = [
        (row["id"], fields.finish_reasons)
        for row, fields in read
        if list(fields.finish_reasons) != row["truth"]["finish_reasons"]
    ]

    assert wrong == []


def test_the_answering_model_is_read() -> None:
    wrong = [
        (row["id"], fields.model)
        for row, fields in _read()
        if (fields.model or "") != (row["truth"]["resp_model"] or "")
    ]

    assert wrong == []


def test_every_answer_with_text_gives_an_assistant_message() -> None:
    rows = [row for row in streams("openai", "anthropic") if row["api"] != "openai.embeddings"]

    merged = [(row, wire.merge_stream(row["api"], row["response_body"].encode())) for row in rows]
    silent = [
        row["id"]
        for row, m in merged
        if m.fields.output_text_chars and not wire.output_messages(row["api"], m.body)[0].parts
    ]

    assert silent == []


def test_every_conversation_sent_is_read_as_messages() -> None:
    rows = [row for row in exchanges() if isinstance(row["request_body"], dict)]
    rows = [row for row in rows if row["request_body"].get("messages") and row["status"] == 200]

    lost = [
        row["id"]
        for row in rows
        if len(wire.input_messages(row["api"], row["request_body"])[0])
        != len(row["request_body"]["messages"])
    ]

    assert len(rows) > 300
    assert lost == []
