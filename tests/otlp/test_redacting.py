"""Other tools' rows hold no secret anywhere; ours, and what has none, stay as they are."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from llmtrace.otlp.decode import decode
from llmtrace.otlp.normalize import normalize
from llmtrace.otlp.redacting import RowRedactor
from tests.otlp.dialects.reading import row_of
from tests.otlp.dialects.test_calls import CASES
from tests.otlp.dialects.test_content import CASES as CONTENT
from tests.otlp.secrets_everywhere import (
    CANARIES,
    KEY_CANARIES,
    KEYS,
    KEYS_ONLY,
    PERSONAL,
    POISON,
    requests_with_secrets,
    texts,
)

if TYPE_CHECKING:
    from llmtrace.otlp.rows import SpanRow

NAMES = {"user_id", "tenant", "session_id", "feature", "tags", "resource", "service", "environment"}
"""Columns in which an address or a long number is a name."""
NAMES |= {"sdk", "origin", "api", "operation", "provider", "request_model", "response_model"}
NAMES |= {"agent_name", "tool_name", "response_id", "request_id", "service_tier", "finish_reasons"}
NAMES |= {"stream_outcome", "usage_raw", "usage_source", "cache_status", "price_version"}


def rows_of(*requests: bytes) -> list[SpanRow]:
    return [normalize(span).row for payload in requests for span in decode(payload).spans]


def test_no_place_of_any_dialect_lets_a_secret_through() -> None:
    rows = rows_of(*requests_with_secrets())
    counts: Counter[str] = Counter()

    redacted = RowRedactor()(rows, counts)

    assert len(redacted) > 250
    assert all(
        KEYS["jwt"] in text for row in rows[:-1] for text in (row.name, row.status_message or "")
    )
    for row in redacted:
        for column, value in row._asdict().items():
            unwanted = KEY_CANARIES if column in NAMES else CANARIES
            for text in texts(value):
                assert not [each for each in unwanted if each in text], (column, text)
    named = {kind: counts[f"redacted.{kind}"] for kind in (*KEYS, *PERSONAL)}
    del named["stripe_key"]  # which is an api_key, too
    assert min(named.values()) > 1_000
    assert "redacted.dropped" not in counts


@pytest.mark.parametrize("fixture", [*CASES, *CONTENT])
def test_what_has_no_secret_stays_the_very_row(fixture: str) -> None:
    row = row_of(CASES[fixture].attributes if fixture in CASES else CONTENT[fixture])
    counts: Counter[str] = Counter()

    (redacted,) = RowRedactor()([row], counts)

    assert redacted is row
    assert not counts


def test_our_own_rows_were_redacted_in_the_app_and_stay() -> None:
    row = row_of({"llmtrace.request.body": POISON}, scope="llmtrace")

    assert RowRedactor()([row], Counter())[0] is row


def test_json_stays_json_and_the_row_says_what_went() -> None:
    body = {
        "id": 4111111111111111,
        "said": "write to bob@example.com",
        "deep": '{"a": "+49 170 1"}',
    }
    row = row_of({"openinference.span.kind": "LLM", "output.value": json.dumps(body)})

    (redacted,) = RowRedactor()([row], Counter())

    assert json.loads(redacted.response_body or "") == {
        **body, "id": "[REDACTED:card]", "said": "write to [REDACTED:email]",
    }  # fmt: skip
    assert redacted.redacted == "card=1,email=1"


def test_an_address_that_names_a_user_stays_and_a_key_does_not() -> None:
    row = row_of(
        {"gen_ai.operation.name": "chat", "user.id": "bob@example.com",
         "llmtrace.tag.owner": "bob@example.com", "session.id": KEYS["api_key"]}
    )  # fmt: skip

    (redacted,) = RowRedactor()([row], Counter())

    assert (redacted.user_id, redacted.tags) == ("bob@example.com", {"owner": "bob@example.com"})
    assert redacted.session_id == "[REDACTED:api_key]"


def test_a_resource_that_rows_have_in_common_stays_one_object() -> None:
    rows = rows_of(*requests_with_secrets())[:20]
    rows = [row._replace(resource=rows[0].resource) for row in rows]

    redacted = RowRedactor()(rows, Counter())

    assert len({id(row.resource) for row in redacted}) == 1
    assert KEYS_ONLY not in redacted[0].resource.values()


def test_full_keeps_addresses_and_none_keeps_nothing_that_was_said() -> None:
    row = row_of(
        {**CONTENT["openinference"], "gen_ai.tool.call.arguments": "said", "note": POISON},
        events=[],
    )

    (full,) = RowRedactor("full")([row], Counter())
    (none,) = RowRedactor("none")([row], Counter())

    assert PERSONAL["email"] in full.attributes["note"]
    assert KEYS["api_key"] not in full.attributes["note"]
    assert full.input_messages == row.input_messages is not None
    assert (none.input_messages, none.output_messages) == (None, None)
    assert not [text for text in texts(none.attributes) for each in CANARIES if each in text]
    assert "gen_ai.tool.call.arguments" not in none.attributes


def test_what_cannot_be_redacted_is_left_out_and_said() -> None:
    # given: JSON that nests deeper than can be read, with a number that must go
    deep = "[" * 200_000 + "4111111111111111" + "]" * 200_000
    row = row_of({"gen_ai.operation.name": "chat", "deep": deep[:200_000], "well": "as it is"})
    row = row._replace(attributes={**row.attributes, "deep": deep})
    counts: Counter[str] = Counter()

    (redacted,) = RowRedactor()([row], counts)

    assert "deep" not in redacted.attributes
    assert redacted.attributes["well"] == "as it is"
    assert counts["redacted.dropped"] == 1
    assert "dropped=1" in (redacted.redacted or "")
