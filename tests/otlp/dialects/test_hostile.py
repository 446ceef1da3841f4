"""Whatever a stranger sends in whatever dialect, a row comes out that a store can take."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmtrace.otlp.dialects.content import as_messages
from llmtrace.otlp.rows import SpanRow
from llmtrace.store import arrow
from tests.otlp.dialects.reading import row_of
from tests.otlp.dialects.test_calls import CASES
from tests.otlp.dialects.test_content import CASES as CONTENT

NAMES = sorted(
    {name for case in CASES.values() for name in case.attributes}
    | {name for attributes in CONTENT.values() for name in attributes}
    | {"gen_ai.prompt.0", "gen_ai.prompt.0.role.x", "llm.input_messages.99999999999999.message"}
    | {"ai.response.providerMetadata", "request_data", "hidden_params", "duration"}
    | {"output.mime_type", "metadata.cache_hit", "logfire.span_type", "traceloop.span.kind"}
)
SCOPES = sorted({case.scope for case in CASES.values()})

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats() | st.booleans()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["role", "type", "content", "tool_calls", "usage", "id", "input", "messages"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
VALUES = NUMBERS | TEXT | JSON.map(json.dumps) | st.lists(TEXT, max_size=3)


@given(
    attributes=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12),
    scope=st.sampled_from(SCOPES),
)
def test_any_values_under_known_names_make_a_row_that_can_be_stored(
    attributes: dict[str, Any], scope: str
) -> None:
    row = row_of(attributes, scope=scope)

    assert isinstance(row, SpanRow)
    assert arrow.tables([row]).spans.num_rows == 1
    for count in (row.input_tokens, row.output_tokens, row.cache_read_tokens):
        assert count is None or 0 <= count < 2**63


@given(JSON)
def test_any_content_makes_messages(value: object) -> None:
    for given_as in (value, json.dumps(value)):
        messages = json.loads(as_messages(given_as, "user"))

        assert all(isinstance(each["role"], str) for each in messages)
        assert all(isinstance(each["parts"], list) for each in messages)
