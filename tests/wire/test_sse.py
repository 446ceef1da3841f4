"""Server-sent events: framing as the standard says, and as providers do it."""

from __future__ import annotations

import json

import pytest

from llmtrace.wire.sse import encode_event, json_events, parse_sse, pieces


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_in_any_way_the_standard_knows(ending: bytes) -> None:
    data = ending.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])

    assert parse_sse(data) == [("a", b"1"), ("", b"2")]


def test_lines_of_one_event_are_joined_with_newlines() -> None:
    assert parse_sse(b"data: one\ndata: two\n\n") == [("", b"one\ntwo")]


def test_only_the_first_space_after_the_colon_is_left_out() -> None:
    assert parse_sse(b"data:x\n\ndata:  y\n\n") == [("", b"x"), ("", b" y")]


def test_comments_ids_and_retry_times_are_left_out() -> None:
    data = b": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\ndata: x\n\n:\n\n"

    assert parse_sse(data) == [("", b"x")]


def test_an_event_without_data_is_no_event() -> None:
    assert parse_sse(b"event: ping\n\ndata: x\n\n") == [("", b"x")]


def test_a_byte_order_mark_is_left_out() -> None:
    assert parse_sse(b"\xef\xbb\xbfdata: x\n\n") == [("", b"x")]


def test_a_last_event_needs_no_blank_line() -> None:
    assert parse_sse(b"data: x\n\ndata: [DONE]") == [("", b"x"), ("", b"[DONE]")]


def test_several_blank_lines_end_one_event() -> None:
    assert parse_sse(b"data: x\n\n\n\n\ndata: y\n\n") == [("", b"x"), ("", b"y")]


def test_done_is_no_json_and_is_told_apart() -> None:
    parsed = json_events([("", b'{"a": 1}'), ("", b"[DONE]")])

    assert (parsed.objects, parsed.is_done, parsed.problem) == ([{"a": 1}], True, None)


def test_a_bad_event_is_left_out_and_named() -> None:
    parsed = json_events([("", b'{"a": 1}'), ("", b"<html>"), ("", b'{"b": 2}'), ("", b"[DONE]")])

    assert parsed.objects == [{"a": 1}, {"b": 2}]
    assert parsed.problem == "event 2 of 3 is no JSON object"


def test_json_that_is_no_object_is_named_too() -> None:
    parsed = json_events([("", b"[1]"), ("", b"7"), ("", b'{"b": 2}')])

    assert parsed.objects == [{"b": 2}]
    assert parsed.problem == "event 1 of 3 is no JSON object, nor are 1 others"


def test_pieces_that_only_together_are_json_are_not_taken_for_it() -> None:
    parsed = json_events([("", b'{"a":1'), ("", b'"b":2}'), ("", b"{}")])

    assert parsed.objects == [{}]
    assert parsed.problem is not None


def test_an_encoded_event_is_read_back() -> None:
    payload = {"text": "ä\n\n☁", "n": None}

    [(name, data)] = parse_sse(encode_event(payload, "delta"))

    assert (name, json.loads(data)) == ("delta", payload)


def test_pieces_make_the_text_again() -> None:
    assert "".join(pieces("Grüße ☁" * 20)) == "Grüße ☁" * 20
    assert pieces("") == []
