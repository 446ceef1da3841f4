"""Output limits against what was used of them, as plain Python counts it."""

from __future__ import annotations

from math import ceil
from random import Random
from typing import TYPE_CHECKING

from llmtrace.semconv import REQUEST_MAX_TOKENS
from llmtrace.store import Writer
from llmtrace.store.metrics import MetricQuery
from llmtrace.store.savings.limits import FEWEST, find_oversized, limited_calls
from tests.store.calls import NOON, call, failed, minutes

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.otlp.rows import SpanRow

QUERY = MetricQuery(measures=("requests",), start=NOON - minutes(60), end=NOON + minutes(60))


def limited(asked: object, used: int | None, feature: str = "a") -> SpanRow:
    return call(feature=feature, output_tokens=used, attributes={REQUEST_MAX_TOKENS: str(asked)})


def test_a_limit_of_which_no_call_used_half_is_told_with_what_it_leaves(tmp_path: Path) -> None:
    draw = Random(3)
    used = [draw.randrange(1, 401) for _ in range(150)]
    rows = [limited(1_000 if number % 2 else 4_096, each) for number, each in enumerate(used)]
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert([*rows, call(feature="a"), failed(feature="a")])

        (row,) = limited_calls(writer, QUERY).to_pylist()

    (found,) = find_oversized([row])
    assert (found.calls, found.lowest, found.highest) == (150, 1_000, 4_096)
    assert found.used_most == max(used)
    assert found.used_p99 == sorted(used)[ceil(0.99 * len(used)) - 1]
    assert found.unused == 75 * (1_000 + 4_096) - sum(used)
    assert (row["without_limit"], row["looked_at"]) == (1, 151)


def test_a_limit_that_was_needed_once_seldom_used_or_is_nonsense_is_not_told(
    tmp_path: Path,
) -> None:
    rows = [
        *(limited(1_000, 10, "needed") for _ in range(50)), limited(1_000, 501, "needed"),
        *(limited(1_000, 10, "seldom") for _ in range(FEWEST - 1)),
        *(limited(text, 10, "odd") for text in ("-1", "0", "many", "1e3", "9" * 30)
          for _ in range(30)),
    ]  # fmt: skip
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert(rows)

        told = limited_calls(writer, QUERY).to_pylist()

    assert {row["feature"]: row["calls"] for row in told} == {
        "needed": 51, "seldom": FEWEST - 1, "odd": 30,
    }  # fmt: skip
    assert [each.feature for each in find_oversized(told)] == ["odd"]  # 1e3 is a number
