"""Whatever a stranger sends through whichever door: a clear answer, a counter, and no harm.

One collector takes it all, so that what one request breaks, the next test sees.
"""

from __future__ import annotations

import gzip
import itertools
import json
import queue
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.clock import unix_ns
from llmtrace.collector import Collector
from llmtrace.config import load_settings
from llmtrace.otlp.decode import MAX_SPANS, MAX_VALUE_CHARACTERS
from llmtrace.otlp.weight import MAX_PARTS
from llmtrace.store import Writer, open_store
from llmtrace.store.metric_definitions import MEASURES
from llmtrace.store.metrics import MetricQuery, run_metrics
from tests.collector.clients import PROTOBUF, call
from tests.faults.doors import DOORS, JSON, Door, Said, Watched, as_json, send, send_raw
from tests.otlp.otlp_requests import START_NS, request, span

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACES = itertools.count(1_000)
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
}
NEVER = {"protobuf": "400", "json": "400", "grpc": "INVALID_ARGUMENT"}
REFUSED = "llmtrace_requests_refused_total"

every_door = pytest.mark.parametrize("door", DOORS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad-input")


@pytest.fixture(scope="module")
def watched(home: Path) -> Iterator[Watched]:
    writers: queue.Queue[Writer] = queue.Queue()

    def lend(writer: Writer, _: threading.Event) -> None:
        writers.put(writer)

    with Collector(load_settings({}, home=home), port=0, grpc_port=0, tasks=[lend]) as running:
        yield Watched(running, home, writers.get(timeout=20))


class Change:
    """What the figures rise by while something is done."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._before = watched.figures()

    def __getitem__(self, name: str) -> float:
        return self._watched.figures().get(name, 0) - self._before.get(name, 0)


def one(watched: Watched, trace: int, columns: str) -> list[Any]:
    """Return columns of the one span of a trace."""
    (row,) = watched.rows(
        f"select {columns} from llm_calls where trace_id = ?",  # noqa: S608  # a test's own columns
        f"{trace:032x}",
    )
    return row


# --- what is no request ------------------------------------------------------------------------


def mutants(payload: bytes, count: int) -> Iterator[bytes]:
    chance = random.Random(11)
    for _ in range(count):
        mutant = bytearray(payload)
        for _ in range(chance.randrange(1, 8)):
            place = chance.randrange(len(mutant))
            match chance.randrange(4):
                case 0:
                    del mutant[place : place + chance.randrange(1, 9)]
                case 1:
                    mutant[place:place] = chance.randbytes(chance.randrange(1, 9))
                case _:
                    mutant[place] = chance.randrange(256)
        yield bytes(mutant)


@every_door
def test_of_fuzzed_requests_each_is_taken_or_refused_and_every_span_accounted_for(
    door: Door, watched: Watched
) -> None:
    change = Change(watched)
    valid = request(span(1, {"a": [1, {"b": 2.5}], "c": "é"}, trace=next(TRACES)), span(2))
    body = as_json_bytes(valid) if door == "json" else valid

    said = [send_raw(watched.collector, door, mutant) for mutant in mutants(body, 120)]

    assert {each.verdict for each in said} == {"taken", "never"}
    refused = sum(each.verdict == "never" for each in said)
    assert change[f"{REFUSED}{{{NEVER[door]}}}"] == refused
    assert_books_balance(watched)


def as_json_bytes(payload: bytes) -> bytes:
    return json.dumps(as_json(ExportTraceServiceRequest.FromString(payload))).encode()


def assert_books_balance(watched: Watched) -> None:
    told = watched.figures()

    def total(name: str) -> float:
        return sum(value for key, value in told.items() if key.partition("{")[0] == name)

    assert total("llmtrace_spans_received_total") == (
        total("llmtrace_spans_stored_total")
        + total("llmtrace_spans_duplicate_total")
        + total("llmtrace_spans_dropped_total")
    )
    assert told["llmtrace_drain_failing"] == 0
    assert told["llmtrace_lag_bytes"] == 0
    assert told["llmtrace_dead_letter_files"] == 0


def nested(depth: int) -> bytes:
    value: Any = "bottom"
    for level in range(depth):
        value = {"k": value} if level % 2 else [value]
    return request(span(1, {**CHAT, "deep": value}, trace=next(TRACES)))


@pytest.mark.parametrize("door", ["protobuf", "grpc"])
def test_a_value_that_nests_too_deep_is_refused(door: Door, watched: Watched) -> None:
    change = Change(watched)

    said = send_raw(watched.collector, door, deeper_than_protobuf_reads())

    assert said.status == NEVER[door]
    assert "not an ExportTraceServiceRequest" in said.words
    assert change[f"{REFUSED}{{{NEVER[door]}}}"] == 1


def deeper_than_protobuf_reads() -> bytes:
    """Return a request with 5 000 arrays in one another; protobuf's own classes cannot make it."""
    value = b""
    for _ in range(5_000):
        value = field(5, field(1, value))
    pair = field(1, b"deep") + field(2, value)
    return field(1, field(2, field(2, field(9, pair))))


def field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    length, digits = len(content), bytearray()
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *digits, length]) + content


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"resourceSpans":' + b'[{"a":' * 50_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":'
        + b'{"arrayValue":{"values":[' * 300 + b"{}" + b"]}}" * 300 + b"}]}]}]}]}",
    ],
)  # fmt: skip
def test_json_that_nests_too_deep_is_refused_or_holds_nothing(
    body: bytes, watched: Watched
) -> None:
    change = Change(watched)

    said = send_raw(watched.collector, "json", body)

    assert said.verdict in {"never", "taken"}
    assert change[f"{REFUSED}{{400}}"] == (said.verdict == "never")
    assert change["llmtrace_spans_stored_total"] == 0


@every_door
def test_a_value_that_nests_less_deep_is_stored(door: Door, watched: Watched) -> None:
    payload = nested(20)

    assert send(watched.collector, door, payload).verdict == "taken"

    trace = next(TRACES) - 1
    (deep,) = one(watched, trace, "attributes['deep']")
    assert deep.count("[") == 10
    assert "bottom" in deep


@every_door
def test_deep_json_within_a_text_is_only_a_text(door: Door, watched: Watched) -> None:
    trace = next(TRACES)
    deep = "[" * 20_000 + "]" * 20_000
    attributes = {
        **CHAT,
        "gen_ai.input.messages": deep,
        "llm.input_messages": deep,
        "llmtrace.usage.raw": deep,
        "llmtrace.api": "openai.chat",
        "langfuse.observation.input": deep,
    }

    said = send(watched.collector, door, request(span(1, attributes, trace=trace)))

    assert said.verdict == "taken"
    assert one(watched, trace, "model") == ["gpt-5"]
    assert_books_balance(watched)


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_a_bomb_is_refused_for_good_and_counted(kind: str, watched: Watched) -> None:
    change = Change(watched)
    bomb = gzip.compress(b"[" * 25_000_000, 1)

    answer = call(
        watched.collector.url, "POST", "/v1/traces", bomb,
        Content_Type=kind, Content_Encoding="gzip",
    )  # fmt: skip

    assert answer.status == 413
    assert b"send smaller batches" in answer.body
    assert change[f"{REFUSED}{{413}}"] == 1


def test_a_bomb_by_grpc_is_refused_without_a_time_to_try_again(watched: Watched) -> None:
    change = Change(watched)

    said = send_raw(watched.collector, "grpc", bytes(25_000_000), packed=True)

    assert (said.status, said.retry_after) == ("RESOURCE_EXHAUSTED", None)
    assert "over 20971520 bytes; send smaller batches" in said.words
    assert change[f"{REFUSED}{{RESOURCE_EXHAUSTED}}"] == 1
    assert_books_balance(watched)


@pytest.mark.parametrize(
    ("door", "status"), [("protobuf", "413"), ("json", "413"), ("grpc", "INVALID_ARGUMENT")]
)
def test_two_million_empty_spans_are_refused_with_the_limit(
    door: Door, status: str, watched: Watched
) -> None:
    change = Change(watched)
    if door == "json":
        spans = b",".join([b"{}"] * 2_000_000)
        body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + spans + b"]}]}]}"
    else:
        body = field(1, field(2, b"\x12\x00" * 2_000_000))

    said = send_raw(watched.collector, door, body)

    assert said.status == status
    assert f"at most {MAX_SPANS} are taken; send smaller batches" in said.words
    assert change[f"{REFUSED}{{{status}}}"] == 1


@pytest.mark.parametrize(("door", "status"), [("protobuf", "413"), ("grpc", "INVALID_ARGUMENT")])
def test_a_million_empty_attributes_in_one_span_are_refused_with_the_limit(
    door: Door, status: str, watched: Watched
) -> None:
    change = Change(watched)
    ids = field(1, bytes([1] * 16)) + field(2, bytes([1] * 8))

    said = send_raw(
        watched.collector, door, field(1, field(2, field(2, ids + b"\x4a\x00" * 1_000_000)))
    )

    assert said.status == status
    assert f"over {MAX_PARTS} attributes" in said.words
    assert change[f"{REFUSED}{{{status}}}"] == 1


@every_door
def test_one_text_that_is_no_utf_8_costs_its_characters_and_not_its_batch(
    door: Door, watched: Watched
) -> None:
    change = Change(watched)
    trace = next(TRACES)
    good = request(
        span(1, {**CHAT, "a": "MARK"}, trace=trace), span(2, {**CHAT, "a": "b"}, trace=trace)
    )
    body = as_json_bytes(good) if door == "json" else good

    said = send_raw(watched.collector, door, body.replace(b"MARK", b"\xff\xfe\xc3\x28"))

    assert (said.verdict, said.rejected) == ("taken", 0)
    assert said.words == "text that is not UTF-8 was replaced by U+FFFD, 3 times"
    texts = watched.rows(
        "select attributes['a'] from llm_calls where trace_id = ? order by span_id", f"{trace:032x}"
    )
    assert texts == [["\ufffd\ufffd\ufffd("], ["b"]]
    assert change["llmtrace_characters_replaced_total"] == 3
    assert change["llmtrace_spans_stored_total"] == 2
    assert_books_balance(watched)


def test_half_a_character_in_json_costs_no_more(watched: Watched) -> None:
    trace = next(TRACES)
    body = as_json_bytes(request(span(1, {**CHAT, "a": "MARK"}, trace=trace)))

    said = send_raw(watched.collector, "json", body.replace(b"MARK", b"cut \\ud83d"))

    assert said.verdict == "taken"
    assert one(watched, trace, "attributes['a']") == ["cut \ufffd"]


# --- spans that cannot be true -----------------------------------------------------------------

REPAIRED = "llmtrace_values_repaired_total"
LIMITED = "llmtrace_values_limited_total"
LONG = "".join(f"{number:x} " for number in range(1_620_000))
"""Ten megabytes, which pack to two, as texts do: more would be a bomb."""
YEAR_2262_NS = 2**63 - 1
UNBELIEVABLE: dict[str, tuple[dict[str, Any], dict[str, Any], str, list[Any], str]] = {
    "an end before the start": (
        {}, {"end_ns": START_NS - 1}, "end_time = start_time, latency_ms",
        [True, None], f"{REPAIRED}{{end_time}}",
    ),
    "no end": (
        {}, {"end_ns": 0}, "end_time = start_time, latency_ms",
        [True, None], f"{REPAIRED}{{end_time}}",
    ),
    "a start beyond the year 2262": (
        {}, {"start_ns": 2**64 - 1, "end_ns": START_NS}, "year(start_time), latency_ms",
        [2026, None], f"{REPAIRED}{{start_time}}",
    ),
    "a start in the year 2262": (
        {}, {"start_ns": YEAR_2262_NS, "end_ns": YEAR_2262_NS}, "year(start_time)",
        [2262], "llmtrace_spans_from_the_future_total",
    ),
    "a clock a year ahead": (
        {}, {"start_ns": unix_ns(datetime.now(UTC) + timedelta(days=365)),
             "end_ns": unix_ns(datetime.now(UTC) + timedelta(days=365, seconds=1))},
        "start_time > now()::timestamp, latency_ms > 900",
        [True, True], "llmtrace_spans_from_the_future_total",
    ),
    "negative tokens": (
        {"gen_ai.usage.input_tokens": -5}, {}, "input_tokens", [None],
        f"{REPAIRED}{{input_tokens}}",
    ),
    "tokens that are not a number": (
        {"gen_ai.usage.input_tokens": float("nan")}, {}, "input_tokens", [None],
        f"{REPAIRED}{{input_tokens}}",
    ),
    "tokens near the end of 64 bits": (
        {"gen_ai.usage.input_tokens": 2**63 - 1, "gen_ai.usage.output_tokens": 2**62}, {},
        "input_tokens, output_tokens, cost_usd", [None, None, None],
        f"{REPAIRED}{{input_tokens}}",
    ),
    "a negative cost": (
        {"llmtrace.cost.source": "list", "llmtrace.cost.total_usd": -0.5}, {},
        "cost_usd, is_unpriced", [None, True], f"{REPAIRED}{{cost_usd}}",
    ),
    "a cost that is not a number": (
        {"llmtrace.cost.source": "list", "llmtrace.cost.total_usd": float("nan")}, {},
        "cost_usd, is_unpriced", [None, True], f"{REPAIRED}{{cost_usd}}",
    ),
    "an endless cost": (
        {"llmtrace.cost.source": "list", "llmtrace.cost.total_usd": float("inf")}, {},
        "cost_usd, is_unpriced", [None, True], f"{REPAIRED}{{cost_usd}}",
    ),
    "a wait that is not a number": (
        {"gen_ai.response.time_to_first_chunk": float("nan")}, {}, "ttfc_ms", [None],
        f"{REPAIRED}{{ttfc_ns}}",
    ),
    "a name of ten million characters": (
        {}, {"name": LONG}, "is_error", [False], f"{LIMITED}{{names_shortened}}",
    ),
    "more attributes than are taken": (
        {f"key{number}": number for number in range(254)}, {}, "cardinality(attributes) < 257",
        [True], f"{LIMITED}{{attributes_over_limit}}",
    ),
}  # fmt: skip


@every_door
@pytest.mark.parametrize("case", UNBELIEVABLE)
def test_what_cannot_be_true_is_unknown_and_counted_and_the_span_is_there(
    case: str, door: Door, watched: Watched
) -> None:
    attributes, fields, columns, expected, counter = UNBELIEVABLE[case]
    change = Change(watched)
    trace = next(TRACES)
    payload = request(span(1, {**CHAT, **attributes}, trace=trace, **fields))

    said = send(watched.collector, door, payload, packed=case.startswith("a name of"))

    assert said == Said("OK" if door == "grpc" else "200", "")
    assert one(watched, trace, columns) == expected
    assert change[counter] == 1


@every_door
def test_an_attribute_of_ten_megabytes_is_cut_said_and_counted(
    door: Door, watched: Watched
) -> None:
    change = Change(watched)
    trace = next(TRACES)

    said = send(
        watched.collector, door, request(span(1, {**CHAT, "long": LONG}, trace=trace)), packed=True
    )

    assert len(LONG) > 10_000_000
    assert said.verdict == "taken"
    assert one(watched, trace, "length(attributes['long'])") == [MAX_VALUE_CHARACTERS]
    assert change[f"{LIMITED}{{values_shortened}}"] == 1


def test_ten_megabytes_that_are_not_packed_are_refused_by_http(watched: Watched) -> None:
    said = send(watched.collector, "protobuf", request(span(1, {**CHAT, "l": "x" * 10_000_000})))

    assert (said.status, "send smaller batches" in said.words) == ("413", True)


@every_door
def test_every_character_there_is_comes_back(door: Door, watched: Watched) -> None:
    trace = next(TRACES)
    text = "nul \x00 bell \a \u202e right to left \U0001f642 \uffff ' \" \\ ; drop table spans"

    send(watched.collector, door, request(span(1, {**CHAT, "text": text}, trace=trace)))

    assert one(watched, trace, "attributes['text']") == [text]


@every_door
def test_a_span_without_ids_is_rejected_counted_and_its_neighbour_stored(
    door: Door, watched: Watched
) -> None:
    change = Change(watched)
    trace = next(TRACES)

    said = send(
        watched.collector, door,
        request(span(0, CHAT, trace=trace), span(5, CHAT, trace=0), span(7, CHAT, trace=trace)),
    )  # fmt: skip

    assert said.rejected == 2
    assert "2 of 3 spans have no valid trace or span id" in said.words
    assert one(watched, trace, "span_id") == [f"{7:016x}"]
    assert change["llmtrace_spans_dropped_total{no_valid_id}"] == 2


def test_numbers_beyond_64_bits_in_json_are_refused_in_words(watched: Watched) -> None:
    body = as_json_bytes(request(span(1, {**CHAT, "n": 4242}, trace=next(TRACES))))

    said = send_raw(watched.collector, "json", body.replace(b"4242", b"9223372036854775808"))

    assert said.status == "400"
    assert "9223372036854775808" in said.words


# --- the wrong order, the wrong sender ---------------------------------------------------------


def test_batches_shuffled_and_repeated_through_all_doors_are_each_span_once(
    watched: Watched,
) -> None:
    change = Change(watched)
    trace = next(TRACES)
    spans = [
        span(
            number, CHAT, trace=trace, start_ns=START_NS + number * 1_000_000,
            parent_span_id=(number - 1).to_bytes(8, "big") if number > 1 else b"",
        )
        for number in range(1, 41)
    ]  # fmt: skip
    batches = [spans[first : first + 8] for first in range(0, 40, 4)]
    sent: list[tuple[Door, list[Span]]] = [
        (door, batch[::step]) for door in DOORS for step in (1, -1) for batch in batches
    ]
    random.Random(3).shuffle(sent)

    for door, batch in sent:
        assert send(watched.collector, door, request(*batch)).verdict == "taken"

    rows = watched.rows(
        "select span_id, parent_span_id, start_time from llm_calls where trace_id = ? "
        "order by start_time",
        f"{trace:032x}",
    )
    assert [row[0] for row in rows] == [f"{number:016x}" for number in range(1, 41)]
    assert [row[1] for row in rows] == [None, *(row[0] for row in rows[:-1])]
    assert change["llmtrace_spans_stored_total"] == 40
    assert change["llmtrace_spans_duplicate_total"] == sum(len(batch) for _, batch in sent) - 40


@every_door
def test_a_wrong_token_is_refused_where_anybody_may_send_and_counted(
    door: Door, watched: Watched
) -> None:
    change = Change(watched)
    status = "UNAUTHENTICATED" if door == "grpc" else "401"

    said = send_raw(watched.collector, door, request(span(1)), token="llmt_wrong_token")

    assert said.status == status
    assert "bearer token" in said.words
    assert change[f"{REFUSED}{{{status}}}"] == 1


# --- and afterwards ----------------------------------------------------------------------------


def test_after_all_of_it_every_view_and_every_measure_still_answers(
    home: Path, watched: Watched
) -> None:
    for attributes, fields, *_ in UNBELIEVABLE.values():
        for twice in (1, 2):
            extra = {} if "name" in fields else fields
            made = span(twice, {**CHAT, **attributes}, trace=next(TRACES), **extra)
            assert send(watched.collector, "protobuf", request(made)).verdict == "taken"

    for view in ("llm_calls", "llm_calls_full", "traces", "sessions", "daily_cost", "errors"):
        watched.rows(f"select count(*) from (select * from {view})")  # noqa: S608  # names above
    watched.rows("select * from unpriced")
    with open_store(home) as store:
        for grain in (None, "month"):
            table = run_metrics(
                store,
                MetricQuery(
                    measures=tuple(MEASURES),
                    start=datetime(1970, 1, 1, tzinfo=UTC),
                    end=datetime(2263, 1, 1, tzinfo=UTC),
                    grain=grain,
                ),
            )
            assert table.num_rows > 0
    assert_books_balance(watched)
