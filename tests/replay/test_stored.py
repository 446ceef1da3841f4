"""Rows of the store, read as stored calls."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmtrace.errors import ReplayError
from llmtrace.replay.stored import stored_call
from tests.replay.rows import CHAT, row


def test_a_row_as_arrow_gives_it_is_read() -> None:
    call = stored_call(
        row(
            "openai.chat",
            '{"model": "m"}',
            '{"id": "x"}',
            attributes=[("server.address", "api.x.test")],
            cost_usd=Decimal("0.000012"),
            finish_reasons=["stop"],
            model="m-2026",
        )
    )

    assert call.request() == {"model": "m"}
    assert call.response() == {"id": "x"}
    assert call.server_address == "api.x.test"
    assert call.cost_usd == Decimal("0.000012")
    assert (call.model, call.finish_reasons) == ("m-2026", ("stop",))


def test_bodies_may_be_given_as_objects() -> None:
    assert stored_call(row("openai.chat", CHAT, None)).request() == CHAT


@pytest.mark.parametrize("text", [None, "", "[1]", '{"a":', "nonsense", "[" * 100_000])
def test_a_body_that_is_no_whole_object_is_none(text: str | None) -> None:
    call = stored_call(row("openai.chat", text, text))

    assert call.request() is None
    assert call.response() is None


@pytest.mark.parametrize(
    ("value", "is_truncated"), [(None, False), ("false", False), ("true", True), (True, True)]
)
def test_the_mark_of_a_shortened_body_is_read(value: object, is_truncated: bool) -> None:
    assert stored_call(row("openai.chat", CHAT, {}, truncated=value)).is_truncated is is_truncated


def test_redaction_of_the_request_is_told_apart_from_that_of_the_answer() -> None:
    marked = {"messages": [{"content": "[REDACTED:email]"}]}

    assert stored_call(row("openai.chat", marked, {}, redacted="email=1")).is_request_redacted
    assert stored_call(row("openai.chat", CHAT, {}, redacted="custom=1")).is_request_redacted
    assert not stored_call(row("openai.chat", CHAT, marked, redacted="email=1")).is_request_redacted
    # a prompt that speaks about the mark was not redacted
    assert not stored_call(row("openai.chat", marked, {})).is_request_redacted


def test_a_row_without_a_trace_id_is_refused() -> None:
    with pytest.raises(ReplayError, match="needs 'trace_id'"):
        stored_call({"span_id": "0" * 16})
