"""Whatever stands in a field, a reader makes a span that can be stored or says why it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmtrace.otlp.imports.fields import UnreadableError
from tests.otlp.imports import (
    test_anthropic_usage,
    test_helicone,
    test_langfuse,
    test_langsmith,
    test_litellm,
    test_openai_usage,
)
from tests.otlp.imports.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmtrace.otlp.rows import SpanRow

RECORDS = {
    "langfuse": [test_langfuse.BLOB, test_langfuse.API],
    "langsmith": [test_langsmith.RUN],
    "helicone": [test_helicone.REQUEST],
    "litellm": [test_litellm.PAYLOAD, test_litellm.SPEND],
    "openai-usage": [test_openai_usage.USAGE, test_openai_usage.PAGE_OF_COSTS],
    "anthropic-usage": [test_anthropic_usage.USAGE, test_anthropic_usage.BUCKET],
}
DEEP: list[Any] = []
for _ in range(5_000):
    DEEP = [DEEP]
HOSTILE: list[Any] = [
    None,
    "",
    "=1+1",
    "\ud800\x00",
    "{",
    '{"a":1}',
    "9" * 400,
    True,
    -1,
    0,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    [],
    [[None]],
    {},
    {"": {"a": [1]}},
    [{"total": "x", "value": -1}],
    DEEP,
]


def changed(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the record with each field, also those within, in every hostile form."""
    for name, value in record.items():
        for bad in HOSTILE:
            yield {**record, name: bad}
        if isinstance(value, dict):
            for inner in changed(value):
                yield {**record, name: inner}
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for inner in changed(value[0]):
                yield {**record, name: [inner]}
    yield {}
    yield dict.fromkeys(record, DEEP)


def readable(form: str, record: dict[str, Any]) -> list[SpanRow]:
    """Return the rows of a record; none if its reader says why there are none."""
    try:
        return rows_of(form, record)
    except UnreadableError:
        return []


@pytest.mark.parametrize("form", RECORDS)
def test_no_value_in_any_field_is_a_surprise(form: str) -> None:
    made = 0
    for record in RECORDS[form]:
        for hostile in changed(record):
            for row in readable(form, hostile):
                made += 1
                counts = (row.input_tokens, row.output_tokens, row.cost_usd)
                assert all(count is None or count >= 0 for count in counts)
                assert not (row.is_inference and form.endswith("usage"))

    assert made > 0
