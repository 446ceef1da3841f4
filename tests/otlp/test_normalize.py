"""Plain spans → rows: the right column for each name, and nothing that cannot be true."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmtrace import semconv
from llmtrace.otlp.decode import decode
from llmtrace.otlp.normalize import Normalized, normalize
from tests.otlp.otlp_requests import START_NS, failed, pairs, request, span

if TYPE_CHECKING:
    from llmtrace.otlp.rows import SpanRow


def normalized(attributes: dict[str, Any], **fields: Any) -> Normalized:
    resource = fields.pop("resource", None)
    (plain,) = decode(request(span(1, attributes, **fields), resource=resource)).spans
    return normalize(plain)


def row_of(attributes: dict[str, Any], **fields: Any) -> SpanRow:
    return normalized(attributes, **fields).row


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        (semconv.OPERATION_NAME, "operation", "chat"),
        (semconv.PROVIDER_NAME, "provider", "openai"),
        (semconv.SYSTEM_OLD, "provider", "openai"),
        (semconv.REQUEST_MODEL, "request_model", "gpt-5"),
        (semconv.RESPONSE_MODEL, "response_model", "gpt-5-2026"),
        (semconv.RESPONSE_ID, "response_id", "resp_1"),
        (semconv.USER_ID, "user_id", "u1"),
        (semconv.TENANT, "tenant", "acme"),
        (semconv.CONVERSATION_ID, "session_id", "s1"),
        (semconv.FEATURE, "feature", "search"),
        (semconv.SERVICE_TIER, "service_tier", "flex"),
        (semconv.OPENAI_RESPONSE_SERVICE_TIER, "service_tier", "flex"),
        (semconv.ERROR_TYPE, "error_type", "timeout"),
        (semconv.USAGE_SOURCE, "usage_source", "partial"),
        (semconv.CACHE_STATUS, "cache_status", "hit"),
        (semconv.SDK, "sdk", "openai"),
        (semconv.API, "api", "openai.chat"),
        (semconv.REQUEST_BODY, "request_body", "{}"),
        (semconv.OUTPUT_MESSAGES, "output_messages", "[]"),
        (semconv.HTTP_STATUS_CODE, "http_status", 429),
        (semconv.RETRY_COUNT, "retry_count", 2),
        (semconv.USAGE_INPUT_TOKENS, "input_tokens", 11),
        (semconv.USAGE_PROMPT_OLD, "input_tokens", 11),
        (semconv.USAGE_OUTPUT_TOKENS, "output_tokens", 12),
        (semconv.USAGE_COMPLETION_OLD, "output_tokens", 12),
        (semconv.USAGE_CACHE_READ, "cache_read_tokens", 13),
        (semconv.USAGE_CACHE_READ_OLD, "cache_read_tokens", 13),
        (semconv.USAGE_CACHE_CREATION, "cache_write_tokens", 14),
        (semconv.USAGE_CACHE_WRITE, "cache_write_tokens", 14),
        (semconv.USAGE_CACHE_WRITE_5M, "cache_write_5m_tokens", 15),
        (semconv.USAGE_REASONING, "reasoning_tokens", 16),
        (semconv.RATE_LIMIT_REMAINING_TOKENS, "rate_limit_remaining_tokens", 0),
    ],
)
def test_each_name_has_its_column_and_leaves_the_attributes(
    name: str, column: str, value: object
) -> None:
    row = row_of({name: value})

    assert getattr(row, column) == value
    assert row.attributes == {}


def test_the_new_name_wins_and_the_old_one_stays_visible() -> None:
    row = row_of({semconv.SYSTEM_OLD: "old", semconv.PROVIDER_NAME: "new"})

    assert row.provider == "new"
    assert row.attributes == {semconv.SYSTEM_OLD: "old"}


def test_the_resource_tells_service_and_environment() -> None:
    row = row_of(
        {}, resource={"service.name": "shop", "deployment.environment": "prod", "host.cpus": 4}
    )

    assert (row.service, row.environment) == ("shop", "prod")
    assert row.resource["host.cpus"] == "4"


def test_tags_are_collected_by_their_keys() -> None:
    row = row_of({"llmtrace.tag.team": "search", "llmtrace.tag.build": 7, "llmtrace.tag.": "x"})

    assert row.tags == {"team": "search", "build": "7"}
    assert row.attributes == {"llmtrace.tag.": "x"}


def test_attributes_without_a_column_are_kept_as_text_or_json() -> None:
    row = row_of({"a": "text", "b": [1, "x"], "c": {"d": None}, "e": 1.5, "f": True})

    assert row.attributes == {
        "a": "text",
        "b": '[1,"x"]',
        "c": '{"d":null}',
        "e": "1.5",
        "f": "true",
    }


@pytest.mark.parametrize("operation", ["chat", "text_completion", "generate_content", "embeddings"])
def test_inference_operations_are_billed_calls(operation: str) -> None:
    assert row_of({semconv.OPERATION_NAME: operation}).is_inference


@pytest.mark.parametrize(
    "operation", ["execute_tool", "invoke_agent", "fetch_response", "", "CHAT"]
)
def test_other_operations_are_not(operation: str) -> None:
    assert not row_of({semconv.OPERATION_NAME: operation}).is_inference


def test_an_error_status_or_an_error_type_makes_an_error() -> None:
    assert row_of({}, status=failed("boom")).status == "error"
    assert row_of({}, status=failed("boom")).status_message == "boom"
    assert row_of({semconv.ERROR_TYPE: "timeout"}).status == "error"
    assert row_of({}).status == "ok"


def test_finish_reasons_are_a_list_even_of_one() -> None:
    name = semconv.RESPONSE_FINISH_REASONS

    assert row_of({name: ["stop", "length"]}).finish_reasons == ("stop", "length")
    assert row_of({name: "stop"}).finish_reasons == ("stop",)
    assert row_of({}).finish_reasons is None


def test_time_to_the_first_chunk_comes_in_seconds_and_is_kept_in_nanoseconds() -> None:
    assert row_of({semconv.RESPONSE_TIME_TO_FIRST_CHUNK: 0.25}).ttfc_ns == 250_000_000


@pytest.mark.parametrize(
    "value", [-1, "12", "many", True, float("nan"), float("inf"), 1.5, [1], 2.0**63]
)
def test_a_token_count_that_cannot_be_true_is_unknown_named_and_kept_for_people(
    value: object,
) -> None:
    row, repaired = normalized({semconv.USAGE_INPUT_TOKENS: value})

    assert row.input_tokens is None
    assert repaired == ("input_tokens",)
    assert semconv.USAGE_INPUT_TOKENS in row.attributes


def test_a_whole_number_sent_as_a_double_is_a_count() -> None:
    assert row_of({semconv.USAGE_INPUT_TOKENS: 12.0}).input_tokens == 12


def test_a_count_of_tokens_is_believed_up_to_a_billion_so_that_sums_cannot_overflow() -> None:
    assert row_of({semconv.USAGE_INPUT_TOKENS: 10**9}).input_tokens == 10**9
    assert row_of({semconv.USAGE_INPUT_TOKENS: 10**9 + 1}).input_tokens is None


def test_a_limit_that_nobody_adds_up_may_be_as_large_as_it_likes() -> None:
    row = row_of({semconv.RATE_LIMIT_REMAINING_TOKENS: 2**63 - 1})

    assert row.rate_limit_remaining_tokens == 2**63 - 1


@pytest.mark.parametrize(
    ("name", "value", "column"),
    [
        (semconv.HTTP_STATUS_CODE, 70_000, "http_status"),
        (semconv.RESPONSE_TIME_TO_FIRST_CHUNK, -0.5, "ttfc_ns"),
        (semconv.RESPONSE_TIME_TO_FIRST_CHUNK, float("nan"), "ttfc_ns"),
        (semconv.REQUEST_STREAM, "yes", "is_stream"),
        (semconv.RETRY_COUNT, -2, "retry_count"),
    ],
)
def test_other_values_that_cannot_be_true_are_unknown_and_named(
    name: str, value: object, column: str
) -> None:
    row, repaired = normalized({name: value})

    assert getattr(row, column) is None
    assert repaired == (column,)


PRICED = {
    semconv.OPERATION_NAME: "chat",
    semconv.COST_SOURCE: "list",
    semconv.PRICE_VERSION: "genai-prices 1",
    semconv.COST_TOTAL: 0.1 + 0.2,
    semconv.COST_INPUT: 0.1,
    semconv.COST_OUTPUT: 1e-12,
    semconv.CACHE_SAVINGS: -0.00000025,
}


def test_a_cost_on_the_span_is_taken_to_the_last_decimal() -> None:
    row = row_of(PRICED)

    assert row.cost_usd == Decimal("0.300000000000")
    assert row.cost_input_usd == Decimal("0.1")
    assert row.cost_output_usd == Decimal("0.000000000001")
    assert row.cache_savings_usd == Decimal("-0.00000025")
    assert (row.cost_source, row.price_version) == ("list", "genai-prices 1")


@pytest.mark.parametrize("source", [None, "unpriced"])
def test_a_cost_without_a_source_is_not_believed(source: str | None) -> None:
    row = row_of({**PRICED, semconv.COST_SOURCE: source})

    assert row.cost_usd is None
    assert row.cost_source == "unpriced"


@pytest.mark.parametrize("amount", [-0.01, float("nan"), float("inf"), 1e6, "0.5", True])
def test_an_amount_that_cannot_be_true_makes_the_call_unpriced(amount: object) -> None:
    row, repaired = normalized({**PRICED, semconv.COST_TOTAL: amount})

    assert (row.cost_usd, row.cost_input_usd, row.cost_source) == (None, None, "unpriced")
    assert "cost_usd" in repaired


def test_a_free_call_costs_zero_and_is_priced() -> None:
    row = row_of({**PRICED, semconv.COST_TOTAL: 0.0})

    assert (row.cost_usd, row.cost_source) == (Decimal(0), "list")


def test_a_span_that_is_no_call_has_no_cost_source() -> None:
    assert row_of({semconv.OPERATION_NAME: "execute_tool"}).cost_source is None


def test_times_are_microseconds_and_the_duration_is_exact() -> None:
    row = row_of({}, start_ns=START_NS + 1_999, end_ns=START_NS + 5_001)

    assert row.start_time_us == START_NS // 1_000 + 1
    assert row.end_time_us == START_NS // 1_000 + 5
    assert row.duration_ns == 3_002


@pytest.mark.parametrize("end_ns", [0, START_NS - 1, 2**64 - 1])
def test_an_end_that_cannot_be_true_leaves_the_duration_unknown(end_ns: int) -> None:
    row, repaired = normalized({}, end_ns=end_ns)

    assert row.end_time_us == row.start_time_us == START_NS // 1_000
    assert row.duration_ns is None
    assert repaired == ("end_time",)


@pytest.mark.parametrize("start_ns", [0, 2**63])
def test_a_start_that_cannot_be_true_is_replaced_by_the_end_every_time_alike(start_ns: int) -> None:
    first, repaired = normalized({}, start_ns=start_ns, end_ns=START_NS)
    again, _ = normalized({}, start_ns=start_ns, end_ns=START_NS)

    assert first.start_time_us == again.start_time_us == START_NS // 1_000
    assert first.duration_ns is None
    assert "start_time" in repaired


def test_without_any_time_a_span_is_of_1970() -> None:
    row = row_of({}, start_ns=0, end_ns=0)

    assert (row.start_time_us, row.end_time_us, row.duration_ns) == (0, 0, None)


def test_a_value_that_the_receiver_cut_is_marked_truncated() -> None:
    row = row_of({"long": "x" * 300_000})

    assert row.truncated == "long"


def test_events_become_rows_with_text_attributes() -> None:
    event = Span.Event(
        time_unix_nano=START_NS, name="exception", attributes=pairs({"exception.type": "E", "n": 1})
    )

    row = row_of({}, events=[event])

    assert [(item.time_us, item.name, item.attributes) for item in row.events] == [
        (START_NS // 1_000, "exception", {"exception.type": "E", "n": "1"})
    ]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from(
    sorted(
        value
        for name, value in vars(semconv).items()
        if name.isupper() and isinstance(value, str) and "." in value
    )
) | st.text(max_size=12)


@given(
    st.dictionaries(NAMES, VALUES, max_size=12),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
)
def test_whatever_is_sent_a_believable_row_comes_out(
    attributes: dict[str, Any], start_ns: int, end_ns: int
) -> None:
    row = row_of(attributes, start_ns=start_ns, end_ns=end_ns)

    assert row.end_time_us >= row.start_time_us >= 0
    assert row.duration_ns is None or row.duration_ns >= 0
    assert row.input_tokens is None or 0 <= row.input_tokens < 2**63
    assert row.cost_usd is None or row.cost_usd >= 0
    assert all(isinstance(value, str) for value in row.attributes.values())


def test_a_call_that_was_refused_and_told_no_tokens_lacks_no_price() -> None:
    refused = row_of({semconv.OPERATION_NAME: "chat"}, status=failed("429"))
    counted = row_of(
        {semconv.OPERATION_NAME: "chat", semconv.USAGE_INPUT_TOKENS: 5}, status=failed("cut")
    )

    assert refused.cost_source is None
    assert counted.cost_source == "unpriced"


def test_a_plain_call_of_our_own_is_known_not_to_stream() -> None:
    ours = row_of({semconv.OPERATION_NAME: "chat", semconv.API: semconv.API_OPENAI_CHAT})
    foreign = row_of({semconv.OPERATION_NAME: "chat"})

    assert ours.is_stream is False
    assert foreign.is_stream is None
