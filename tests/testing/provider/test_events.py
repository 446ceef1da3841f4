"""Framing of JSON and server-sent events."""

from __future__ import annotations

import json

import pytest

from llmtrace.testing.provider.events import Event, encode_event, encode_json, text_pieces


def test_text_is_sent_as_utf8_and_half_a_pair_as_an_escape() -> None:
    assert encode_json({"a": "é"}) == '{"a":"é"}'.encode()
    assert encode_json({"a": "\ud800"}) == b'{"a":"\\ud800"}'
    assert json.loads(encode_json("\ud800é")) == "\ud800é"


def test_an_event_has_its_name_only_if_it_has_one() -> None:
    assert encode_event(Event({"a": 1}, name="ping")) == b'event: ping\ndata: {"a":1}\n\n'
    assert encode_event(Event("[DONE]")) == b"data: [DONE]\n\n"


@pytest.mark.parametrize("text", ["", " ", "one", " two  words\n", "line\n\nline "])
def test_pieces_make_the_text_again(text: str) -> None:
    assert "".join(text_pieces(text)) == text
