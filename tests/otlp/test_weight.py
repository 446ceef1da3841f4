"""A few bytes that stand for millions of objects are refused before the objects are there."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from llmtrace.otlp import weight
from llmtrace.otlp.weight import MAX_BRACKETS, TooManyPartsError, check_brackets, check_weight
from tests.otlp.otlp_requests import request, span

IDS = b"\x0a\x10" + bytes([1] * 16) + b"\x12\x08" + bytes([1] * 8)
MANY = 300_000


def field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    length, digits = len(content), bytearray()
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *digits, length]) + content


def of_span(content: bytes) -> bytes:
    return field(1, field(2, field(2, IDS + content)))


BOMBS = {
    "attributes": of_span(field(9, b"") * MANY),
    "attributes without a value": of_span(field(9, field(1, b"")) * MANY),
    "events": of_span(field(11, b"") * MANY),
    "links": of_span(field(13, b"") * MANY),
    "items of a list": of_span(field(9, field(2, field(5, field(1, b"") * MANY)))),
    "attributes of a resource": field(1, field(1, field(1, b"") * MANY)),
    "empty resources": field(1, b"") * MANY,
}


@pytest.fixture
def _fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight, "MAX_PARTS", 10_000)


@pytest.mark.usefixtures("_fewer")
@pytest.mark.parametrize("what", BOMBS)
def test_many_empty_parts_are_refused(what: str) -> None:
    with pytest.raises(TooManyPartsError, match="send smaller batches"):
        check_weight(BOMBS[what])


@pytest.mark.usefixtures("_fewer")
def test_of_other_signals_too() -> None:
    records = field(1, field(2, field(2, b"") * MANY))

    with pytest.raises(TooManyPartsError):
        check_weight(records, ExportLogsServiceRequest.DESCRIPTOR)


@pytest.mark.parametrize(
    "attributes",
    [
        {"text": "x" * 1_000_000},
        {"zeros": bytes(1_000_000)},
        {f"float{number}": 1.0 for number in range(200)} | {"text": "x" * 600_000},
        {f"none{number}": None for number in range(250)} | {"empty": [""] * 140_000},
    ],
)
def test_what_is_only_large_is_not(attributes: dict[str, object]) -> None:
    check_weight(request(span(1, attributes)))


def test_json_of_nothing_but_brackets_is_refused_and_large_texts_are_not() -> None:
    with pytest.raises(TooManyPartsError):
        check_brackets(b"[" + b"{}," * MAX_BRACKETS + b"{}]")
    check_brackets(b'{"a":"' + b"x" * 4_000_000 + b'"}')
